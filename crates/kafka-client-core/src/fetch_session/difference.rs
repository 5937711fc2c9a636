//! Collects partitions into the topics of a request, in the order given.

use super::FetchTarget;
use kafka_wire::api::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use kafka_wire::ids::{TopicId, TopicPartition};
use std::sync::Arc;

/// The partitions to ask for. Neighbours of one topic share an entry; a topic may have several, so that the order of
/// the partitions, which the broker fills its answer in, is kept.
#[derive(Debug, Default)]
pub(super) struct FetchTopics(Vec<FetchTopic>);

/// The partitions to forget. Their order tells nothing.
#[derive(Debug, Default)]
pub(super) struct ForgottenTopics(Vec<ForgottenTopic>);

// === impl FetchTopics ===

impl FetchTopics {
    pub(super) fn push(&mut self, tp: &TopicPartition, target: &FetchTarget) {
        let partition = FetchPartition {
            partition: tp.partition,
            current_leader_epoch: target.current_leader_epoch,
            fetch_offset: target.fetch_offset,
            last_fetched_epoch: target.last_fetched_epoch,
            log_start_offset: -1,
            partition_max_bytes: target.partition_max_bytes,
        };
        match self.0.last_mut() {
            Some(last) if last.topic == tp.topic && last.topic_id == target.topic_id => {
                last.partitions.push(partition);
            }
            _ => self.0.push(FetchTopic {
                topic: Arc::clone(&tp.topic),
                topic_id: target.topic_id,
                partitions: vec![partition],
            }),
        }
    }

    pub(super) fn into_topics(self) -> Vec<FetchTopic> {
        self.0
    }
}

// === impl ForgottenTopics ===

impl ForgottenTopics {
    pub(super) fn push(&mut self, tp: &TopicPartition, topic_id: TopicId) {
        match self.0.last_mut() {
            Some(last) if last.topic == tp.topic && last.topic_id == topic_id => {
                last.partitions.push(tp.partition);
            }
            _ => self.0.push(ForgottenTopic {
                topic: Arc::clone(&tp.topic),
                topic_id,
                partitions: vec![tp.partition],
            }),
        }
    }

    pub(super) fn into_topics(self) -> Vec<ForgottenTopic> {
        self.0
    }
}
