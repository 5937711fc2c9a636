//! Finding partitions: the source's metadata against what is mirrored already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_client::group::CommittedOffset;
use kafka_wire::api::metadata::{MetadataResponse, MetadataTopic};
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_config::{IsolationLevel, NullKeys, Partitioning};
use mirror_core::halt::HaltReason;
use mirror_core::topic_plan::PartitionRule;
use mirror_router::{Isolation, MergeBelow, RouterConfig};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{Flow, KnownTopic, Supervised};
use crate::committer::{commit_to, committed};
use crate::events;
use crate::fetcher::FetcherCommand;
use crate::partition::SourcePartition;
use crate::routing::{CHUNKS, Routing, RoutingOutlets};
use crate::run_error::RunError;
use crate::start_positions::{Start, Starting};
use crate::target_topics::{TargetShape, WantedTopic, count, describe_settings, replication_factor};

// === impl Flow ===

impl Flow {
    /// One look at the source: new leaders, new partitions, new topics, topics that are not what they were.
    pub(super) async fn refresh(&mut self) -> Result<(), RunError> {
        let metadata = self.source.metadata(None).await.map_err(RunError::Client)?;
        self.halt_recreated(&metadata);
        self.halt_lost_targets();
        // What is mirrored already goes on before anything new is looked at: that may take a while.
        self.learn_leaders(&metadata);
        self.assign();
        if self.at_start.is_none() {
            self.at_start = Some(self.matching(&metadata));
        }
        for topic in &metadata.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error_code.is_ok() && self.config.flow.topics.matches(name) {
                self.prepare(name, topic).await?;
            }
        }
        self.start_partitions(&metadata).await?;
        self.assign();
        if self
            .partitions
            .values()
            .any(|supervised| supervised.leader.is_none())
        {
            self.refresh_soon();
        }
        Ok(())
    }

    /// Every partition of a topic that is to be mirrored.
    fn matching(&self, metadata: &MetadataResponse) -> BTreeSet<TopicPartition> {
        let mut matching = BTreeSet::new();
        for topic in &metadata.topics {
            let Some(name) = topic
                .name
                .as_ref()
                .filter(|name| self.config.flow.topics.matches(name))
            else {
                continue;
            };
            let of_topic = topic.partitions.iter().map(|partition| partition.partition_index);
            matching.extend(of_topic.map(|partition| TopicPartition::new(Arc::clone(name), partition)));
        }
        matching
    }

    /// A target topic that was made anew has lost its history: going on would hide that (traps.md 3).
    fn halt_lost_targets(&self) {
        for topic in self.target_topics.recreated() {
            let partitions = self.partitions.values().map(|supervised| &supervised.partition);
            for partition in partitions.filter(|partition| partition.target_topic == topic) {
                partition.withdraw();
                let detail =
                    format!("topic {topic} was deleted and made anew on the target while it was mirrored");
                self.shared.halt(partition, HaltReason::TargetTopic { detail });
            }
        }
    }

    /// A topic with another id is another topic: nothing of it may be mixed into the old one's target.
    fn halt_recreated(&self, metadata: &MetadataResponse) {
        for topic in &metadata.topics {
            let Some((name, known)) = topic
                .name
                .as_ref()
                .and_then(|name| self.topics.get_key_value(name))
            else {
                continue;
            };
            if !is_another(known.topic_id, topic.topic_id) {
                continue;
            }
            for supervised in self
                .partitions
                .values()
                .filter(|supervised| supervised.partition.tp.topic == *name)
            {
                let partition = &supervised.partition;
                let position = partition.acked().offset;
                let (old, new) = (known.topic_id, topic.topic_id);
                self.shared
                    .halt(partition, HaltReason::TopicRecreated { position, old, new });
            }
        }
    }

    /// Makes the target ready for a topic that is new or has grown.
    async fn prepare(&mut self, name: &Arc<str>, topic: &MetadataTopic) -> Result<(), RunError> {
        let partitions = count(topic.partitions.len());
        let known = self.topics.get(name).copied();
        if known.is_some_and(|known| {
            known.source_partitions >= partitions || is_another(known.topic_id, topic.topic_id)
        }) {
            return Ok(());
        }
        let settings = describe_settings(&self.source, name)
            .await
            .map_err(RunError::Client)?;
        let wanted = WantedTopic {
            name,
            partitions,
            replication_factor: self
                .config
                .flow
                .replication_factor
                .unwrap_or_else(|| replication_factor(topic)),
            settings: &settings,
            rule: match self.config.flow.partitioning {
                Partitioning::Preserve => PartitionRule::Preserve,
                // The count is pinned at the first look: growing would move keys to other partitions (traps.md 18).
                Partitioning::ByKey => PartitionRule::ByKey {
                    partitions: known.map(|known| known.target.partitions),
                },
            },
        };
        match self.target_topics.prepare(&wanted).await {
            Ok(target) => {
                let target = match (self.config.flow.partitioning, known) {
                    (Partitioning::ByKey, Some(known)) => known.target,
                    _ => target,
                };
                let known = KnownTopic {
                    topic_id: topic.topic_id,
                    source_partitions: partitions,
                    target,
                };
                self.topics.insert(Arc::clone(name), known);
                self.shared.refresh_target.notify_one();
            }
            Err(reason) => {
                // The next refresh tries again; topics that are ready do not wait for this one.
                events::topic_not_ready(name, &reason);
            }
        }
        Ok(())
    }

    fn learn_leaders(&mut self, metadata: &MetadataResponse) {
        let mut moved = Vec::new();
        for topic in &metadata.topics {
            let Some(name) = &topic.name else { continue };
            for partition in &topic.partitions {
                let tp = TopicPartition {
                    topic: Arc::clone(name),
                    partition: partition.partition_index,
                };
                let Some(supervised) = self.partitions.get_mut(&tp) else {
                    continue;
                };
                let epoch = partition.leader_epoch;
                // A broker that fell behind may answer with an older leader: its epoch gives it away.
                if supervised
                    .leader
                    .is_none_or(|(_, known)| epoch >= known || epoch < 0)
                {
                    supervised.leader = (partition.leader_id.0 >= 0).then_some((partition.leader_id, epoch));
                }
                if let (Some(fetcher), Some((leader, _))) = (supervised.fetcher, supervised.leader)
                    && fetcher != leader
                {
                    moved.push((fetcher, tp));
                }
            }
        }
        // The old leader may be paused or cut off and never say that it leads no more.
        for (fetcher, tp) in moved {
            if self
                .fetcher(fetcher)
                .try_send(FetcherCommand::Release(tp))
                .is_err()
            {
                self.refresh_soon();
            }
        }
    }

    async fn start_partitions(&mut self, metadata: &MetadataResponse) -> Result<(), RunError> {
        let starting = self.starting(metadata);
        if starting.is_empty() {
            return Ok(());
        }
        let starts = self.positions.resolve(&self.source, &starting).await?;
        if starts.len() < starting.len() {
            self.refresh_soon();
        }
        let mut ready: Vec<(Arc<SourcePartition>, Starting, Start)> = Vec::new();
        for partition in starting {
            let Some(start) = starts.get(&partition.tp).cloned() else {
                continue;
            };
            self.next_key += 1;
            let (tp, target_topic) = (partition.tp.clone(), Arc::clone(&partition.tp.topic));
            let shared =
                SourcePartition::new(self.next_key, tp, target_topic, start.topic_id, start.position);
            ready.push((shared, partition, start));
        }
        let to_commit: BTreeMap<TopicPartition, CommittedOffset> = ready
            .iter()
            .filter(|(_, _, start)| start.to_commit)
            .map(|(partition, _, start)| (partition.tp.clone(), committed(partition, start.position)))
            .collect();
        if !to_commit.is_empty() {
            for (tp, code) in commit_to(&self.positions.group, &to_commit).await? {
                events::commit_refused(&tp, code);
                ready.retain(|(partition, _, _)| partition.tp != tp);
                self.refresh_soon();
            }
        }
        for (partition, starting, start) in ready {
            self.start_partition(partition, &starting, &start);
        }
        Ok(())
    }

    /// Partitions of prepared topics that have a leader and are not mirrored yet.
    fn starting(&self, metadata: &MetadataResponse) -> Vec<Starting> {
        let mut starting = Vec::new();
        for topic in &metadata.topics {
            let Some((name, known)) = topic
                .name
                .as_ref()
                .and_then(|name| self.topics.get_key_value(name))
            else {
                continue;
            };
            if is_another(known.topic_id, topic.topic_id) {
                continue;
            }
            let beside_known = self.positions.knows_topic(name);
            for partition in topic
                .partitions
                .iter()
                .filter(|partition| partition.leader_id.0 >= 0)
            {
                let tp = TopicPartition {
                    topic: Arc::clone(name),
                    partition: partition.partition_index,
                };
                if !self.partitions.contains_key(&tp) {
                    let is_new =
                        beside_known || self.at_start.as_ref().is_some_and(|known| !known.contains(&tp));
                    starting.push(Starting {
                        tp,
                        topic_id: topic.topic_id,
                        leader: partition.leader_id,
                        leader_epoch: partition.leader_epoch,
                        is_new,
                    });
                }
            }
        }
        starting
    }

    fn start_partition(&mut self, partition: Arc<SourcePartition>, starting: &Starting, start: &Start) {
        let Some(target) = self.topics.get(&starting.tp.topic).map(|topic| topic.target) else {
            return;
        };
        let (chunks, receiver) = mpsc::channel(CHUNKS);
        let routing = Routing::new(
            Arc::clone(&self.shared),
            Arc::clone(&partition),
            self.router_config(target),
            receiver,
            RoutingOutlets {
                producer: self.to_producer.clone(),
                troubles: self.troubles.0.clone(),
                draining: self.draining.subscribe(),
            },
        );
        match &start.halt {
            Some(reason) => self.shared.halt(&partition, reason.clone()),
            None => events::partition_starts(&partition.tp, start.position.offset, start.why),
        }
        self.committed.add(Arc::clone(&partition));
        let tp = partition.tp.clone();
        let supervised = Supervised {
            partition,
            chunks,
            routing: self.shared.tasks.start("routing", routing.run()),
            leader: Some((starting.leader, starting.leader_epoch)),
            fetcher: None,
            not_before: Instant::now(),
            suspect: None,
            rewind_to: None,
            last_trouble: None,
        };
        self.partitions.insert(tp, supervised);
    }

    fn router_config(&self, target: TargetShape) -> RouterConfig {
        let flow = &self.config.flow;
        RouterConfig {
            partitioning: match flow.partitioning {
                Partitioning::Preserve => mirror_router::Partitioning::Preserve,
                Partitioning::ByKey => mirror_router::Partitioning::ByKey {
                    target_partitions: target.partitions,
                },
            },
            null_keys: match flow.null_keys {
                NullKeys::Preserve => mirror_router::NullKeys::Preserve,
                NullKeys::Spread => mirror_router::NullKeys::Spread,
            },
            target_codec: flow.compression.map(|compression| compression.codec),
            target_level: flow.compression.and_then(|compression| compression.level),
            merge_below: flow
                .produce
                .merge_below_bytes
                .map_or_else(MergeBelow::default, MergeBelow::all),
            merge_max_bytes: flow.produce.merge_max_bytes,
            max_batch_bytes: target.batch_bytes_max,
            isolation: match flow.isolation {
                IsolationLevel::ReadCommitted => Isolation::ReadCommitted,
                IsolationLevel::ReadUncommitted => Isolation::ReadUncommitted,
            },
            decompressed_cap: self.config.memory.decompressed_batch_bytes_max,
            buffered_max_bytes: self.config.memory.in_flight_bytes_max / 16,
        }
    }
}

/// Do both ids name a topic, and not the same one?
fn is_another(known: TopicId, now: TopicId) -> bool {
    !known.is_zero() && !now.is_zero() && known != now
}
