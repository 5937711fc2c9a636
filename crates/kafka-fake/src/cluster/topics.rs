//! Topics made, changed and worn from outside: what needs no client.

use bytes::Bytes;
use kafka_wire::{ErrorCode, TopicPartition};

use super::FakeCluster;
use super::brokers::partition_of;
use crate::error::FakeError;
use crate::log::{Tombstones, TransactionMarker};
use crate::settings::{ConfigMap, objection};
use crate::state::{TopicPlan, is_topic_name};
use crate::topic::Topic;

// === impl FakeCluster ===

impl FakeCluster {
    /// Makes a topic with the brokers' default replication factor.
    ///
    /// # Errors
    /// What `CreateTopics` would refuse.
    pub fn create_topic(
        &self,
        topic: &str,
        partitions: i32,
        configs: &[(&str, &str)],
    ) -> Result<(), FakeError> {
        let factor = self.shared.state().broker_setting("default.replication.factor");
        self.create_replicated_topic(topic, partitions, factor.parse().unwrap_or(1), configs)
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// What `CreateTopics` would refuse.
    pub fn create_replicated_topic(
        &self,
        topic: &str,
        partitions: i32,
        replication_factor: i16,
        configs: &[(&str, &str)],
    ) -> Result<(), FakeError> {
        let refused = |code: ErrorCode, reason: &str| FakeError::Refused {
            code,
            reason: reason.to_owned(),
        };
        self.shared.change(|state| {
            if !is_topic_name(topic) {
                return Err(refused(ErrorCode::INVALID_TOPIC_EXCEPTION, "the name"));
            }
            if state.topics.contains_key(topic) {
                return Err(refused(ErrorCode::TOPIC_ALREADY_EXISTS, "the name"));
            }
            let assignment = state
                .spread(0, partitions, replication_factor)
                .map_err(|code| refused(code, "partitions and replicas"))?;
            let configs = owned(configs);
            let release = state.release;
            let fault = configs
                .iter()
                .find_map(|(name, value)| objection(name, value, release));
            if let Some(reason) = fault {
                return Err(refused(ErrorCode::INVALID_CONFIG, &reason));
            }
            state.create(TopicPlan {
                name: topic.to_owned(),
                assignment,
                configs,
            });
            Ok(())
        })
    }

    /// Deletes a topic with its records.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn delete_topic(&self, topic: &str) -> Result<(), FakeError> {
        let deleted = self.shared.change(|state| {
            state.coordinators.groups.forget_topic(topic);
            state.delete(topic)
        });
        deleted.map(|_topic| ()).ok_or_else(|| unknown(topic))
    }

    /// Replaces a topic's own settings.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn set_topic_configs(&self, topic: &str, configs: &[(&str, &str)]) -> Result<(), FakeError> {
        self.shared.change(|state| {
            if !state.topics.contains_key(topic) {
                return Err(unknown(topic));
            }
            state.configure(topic, owned(configs));
            Ok(())
        })
    }

    /// Puts bytes at the end of a log as they are, offsets included: old formats, compacted batches, damage.
    ///
    /// # Errors
    /// There is no such partition, nothing can be made out in the bytes, or their offsets do not follow.
    pub fn append_as_is(&self, topic: &str, partition: i32, bytes: &Bytes) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let log = &mut partition_of(state, topic, partition)?.log;
            log.append_as_is(bytes).map_err(|source| FakeError::Unreadable {
                tp: TopicPartition::new(topic, partition),
                source,
            })
        })
    }

    /// Ends a producer's transaction in one partition, as its coordinator would; answers the marker's offset.
    ///
    /// # Errors
    /// There is no such partition, or the marker's epochs are older than the log's.
    pub fn append_marker(
        &self,
        topic: &str,
        partition: i32,
        marker: TransactionMarker,
    ) -> Result<i64, FakeError> {
        let now_ms = self.shared.clock.wall_ms();
        self.shared.change(|state| {
            let partition = partition_of(state, topic, partition)?;
            partition
                .log
                .append_marker(marker, partition.leader_epoch, now_ms)
                .map_err(|code| FakeError::Refused {
                    code,
                    reason: "the marker's epochs".to_owned(),
                })
        })
    }

    /// Moves the start of a log as `DeleteRecords` does; -1 empties it.
    ///
    /// # Errors
    /// There is no such partition, or the offset is beyond the high watermark.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) -> Result<i64, FakeError> {
        self.shared.change(|state| {
            let log = &mut partition_of(state, topic, partition)?.log;
            log.delete_records(before).map_err(|code| FakeError::Refused {
                code,
                reason: format!("offset {before}"),
            })
        })
    }

    /// Removes what is older or more than the topic keeps, now. Each batch counts as a segment of its own.
    ///
    /// # Errors
    /// There is no such topic.
    pub fn enforce_retention(&self, topic: &str) -> Result<(), FakeError> {
        let now_ms = self.shared.clock.wall_ms();
        self.shared.change(|state| {
            let Topic {
                settings, partitions, ..
            } = state.topics.get_mut(topic).ok_or_else(|| unknown(topic))?;
            for partition in partitions {
                partition.log.enforce_retention(settings, now_ms);
            }
            Ok(())
        })
    }

    /// Compacts a partition before `end`, now, whatever the topic's policy: of each key the newest record stays.
    ///
    /// # Errors
    /// There is no such partition, or a batch cannot be read.
    pub fn compact(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
        tombstones: Tombstones,
    ) -> Result<(), FakeError> {
        self.shared.change(|state| {
            let log = &mut partition_of(state, topic, partition)?.log;
            log.compact(end, tombstones)
                .map_err(|source| FakeError::Unreadable {
                    tp: TopicPartition::new(topic, partition),
                    source,
                })
        })
    }

    /// While held, a partition's high watermark stands still: readers see nothing new, `acks=all` waits.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn hold_replication(&self, topic: &str, partition: i32, is_held: bool) -> Result<(), FakeError> {
        self.shared.change(|state| {
            partition_of(state, topic, partition)?
                .log
                .hold_replication(is_held);
            Ok(())
        })
    }

    /// Makes a partition forget its idempotent producers, as after `producer.id.expiration.ms`.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn forget_producers(&self, topic: &str, partition: i32) -> Result<(), FakeError> {
        self.shared.change(|state| {
            partition_of(state, topic, partition)?.log.forget_producers();
            Ok(())
        })
    }
}

fn unknown(topic: &str) -> FakeError {
    FakeError::UnknownTopic {
        topic: topic.to_owned(),
    }
}

fn owned(configs: &[(&str, &str)]) -> ConfigMap {
    configs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}
