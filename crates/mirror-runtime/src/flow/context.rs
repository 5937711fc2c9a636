//! What all generations of a flow share: its configuration, its clusters, and what is remembered from one to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use kafka_client::Cluster;
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::TopicPartition;
use mirror_config::{FlowConfig, MemoryConfig};
use mirror_positions::PositionTopicError;
use tokio::sync::watch;

use crate::abilities::Abilities;
use crate::flow::source_topics::SourceTopics;
use crate::position_store::PositionStore;
use crate::shared::FlowShared;
use crate::target_topics::TargetTopics;

/// What all generations of a flow use.
pub(crate) struct FlowContext {
    pub(crate) config: FlowConfig,
    pub(crate) memory: MemoryConfig,
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) source: Arc<Cluster>,
    pub(crate) target: Arc<Cluster>,
    pub(crate) abilities: Abilities,
    pub(crate) store: Arc<PositionStore>,
    pub(crate) target_topics: Arc<TargetTopics>,
    pub(crate) topics: SourceTopics,
    /// Why positions cannot be claimed for any generation, once that is known.
    pub(crate) unclaimable: Arc<watch::Sender<Option<PositionTopicError>>>,
    pub(super) keys: Arc<AtomicU32>,
    /// Records that an operator wants left out, until their partition has passed them.
    pub(super) skipped: Mutex<BTreeMap<TopicPartition, BTreeSet<i64>>>,
}

// === impl FlowContext ===

impl FlowContext {
    /// A name for one more partition.
    pub(crate) fn next_key(&self) -> u32 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes in what the source has of the flow's topics.
    pub(crate) fn learn_topics(&self, metadata: &MetadataResponse) {
        let mut matching = BTreeMap::new();
        for topic in &metadata.topics {
            if let Some(name) = &topic.name
                && topic.error_code.is_ok()
                && self.config.topics.matches(name)
            {
                let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                matching.insert(Arc::clone(name), count);
            }
        }
        if let Some(catch_up) = &self.shared.catch_up {
            catch_up.learn_topics(&matching);
        }
        self.topics.learn(matching);
    }

    /// Ready with the reason when positions cannot be claimed, however often it is tried. Cancel safe.
    pub(super) async fn positions_unclaimable(&self) -> PositionTopicError {
        let mut reasons = self.unclaimable.subscribe();
        loop {
            let reason = reasons.borrow_and_update().clone();
            if let Some(reason) = reason {
                return reason;
            }
            // The sender is ours, so waiting cannot fail.
            let _changed = reasons.changed().await;
        }
    }

    /// The record is left out from the next start of its partition on.
    pub(crate) fn skip_record(&self, tp: &TopicPartition, offset: i64) {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.entry(tp.clone()).or_default().insert(offset);
    }

    /// The records to leave out of a partition that starts at `position`; those before it are forgotten.
    pub(crate) fn skipped_records(&self, tp: &TopicPartition, position: i64) -> BTreeSet<i64> {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(offsets) = skipped.get_mut(tp) else {
            return BTreeSet::new();
        };
        *offsets = offsets.split_off(&position);
        offsets.clone()
    }
}
