//! What one metadata answer changed.

use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{TopicId, TopicPartition};
use std::sync::Arc;

/// The difference that one answer made. All lists are in the order of topic and partition.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataChanges {
    /// Topics never seen before.
    pub new_topics: Vec<Arc<str>>,
    /// Partitions never seen before, those of new and re-created topics included.
    pub new_partitions: Vec<TopicPartition>,
    /// Partitions whose leader or leader epoch is another one now, or that lost or regained a leader. Not new ones.
    pub changed_leaders: Vec<TopicPartition>,
    /// Topics that the cluster no longer names.
    pub gone_topics: Vec<Arc<str>>,
    /// Topics that were gone and are back under the same id (or, on brokers without topic ids, with no sign of a
    /// re-creation).
    pub returned_topics: Vec<Arc<str>>,
    /// Topics that were deleted and created again under the same name: nothing known of them holds any more.
    pub recreated_topics: Vec<RecreatedTopic>,
    /// Topics that the cluster did not describe, and why. What was known of them is kept.
    pub errors: Vec<(Arc<str>, ErrorCode)>,
    /// A broker came, went or moved to another address.
    pub brokers_changed: bool,
}

/// A topic that is not the one it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecreatedTopic {
    /// Its name.
    pub topic: Arc<str>,
    /// The id it had; [`TopicId::ZERO`] on brokers without topic ids, where leader epochs that start over give it away
    /// (and before Metadata v7 nothing does).
    pub old_id: TopicId,
    /// The id it has.
    pub new_id: TopicId,
}

// === impl MetadataChanges ===

impl MetadataChanges {
    /// Did the answer change nothing and name no error?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
