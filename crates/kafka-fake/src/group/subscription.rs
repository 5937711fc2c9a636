//! Which topics a consumer group reads, as its members' subscriptions tell: their offsets must not be deleted (KIP-496).

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_wire::primitive::{Encoding, Reader};

use super::classic_group::ClassicGroup;

/// The protocol type whose metadata is a `ConsumerProtocolSubscription`.
const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// Bytes of an empty text: its length.
const TEXT_LEN_MIN: usize = 2;

// === impl ClassicGroup ===

impl ClassicGroup {
    pub(super) fn is_consumer_group(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER_PROTOCOL_TYPE)
    }

    /// A consumer group whose subscriptions cannot be read, or are not complete yet, is taken to read every topic.
    pub(super) fn is_subscribed_to(&self, topic: &str) -> bool {
        if !self.is_consumer_group() {
            return false;
        }
        let mut topics = BTreeSet::new();
        for member in self.members.values() {
            let metadata = member.metadata(self.protocol_name.as_deref());
            match subscribed_topics(metadata) {
                Some(subscribed) => topics.extend(subscribed),
                None => return true,
            }
        }
        topics.contains(topic)
    }
}

/// The topics of a subscription. Every version begins as version 0 does: the version, then the topics.
fn subscribed_topics(metadata: bytes::Bytes) -> Option<Vec<Arc<str>>> {
    let mut reader = Reader::new(metadata, Encoding::Classic);
    reader.i16().ok()?;
    reader.array(TEXT_LEN_MIN, Reader::name).ok()
}
