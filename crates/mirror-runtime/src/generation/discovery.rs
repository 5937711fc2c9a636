//! Finding partitions: the source's metadata against what is mirrored already.

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_client::ClientError;
use kafka_wire::api::metadata::{MetadataResponse, MetadataTopic};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_config::{IsolationLevel, NullKeys, Partitioning};
use mirror_core::halt::{HaltReason, Side};
use mirror_core::topic_plan::{PartitionRule, Settings};
use mirror_discovery::TopicSettings;
use mirror_router::{Isolation, MergeBelow, RouterConfig};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::not_started::TopicNotReady;
use super::{Generation, KnownTopic, SupervisedPartition};
use crate::abilities::TargetFormat;
use crate::committer::to_store;
use crate::dead_letter::LetterForm;
use crate::events;
use crate::fetcher::FetcherCommand;
use crate::partition::SourcePartition;
use crate::routing::{CHUNKS, Routing, RoutingOutlets};
use crate::run_error::RunError;
use crate::start_positions::{Start, Starting};
use crate::target_topics::{
    LogFormat, NotReady, SourceLog, TargetShape, WantedTopic, count, describe_settings, replication_factor,
};

/// How a partition is started.
pub(super) struct StartWith {
    /// Its leader, and the leader's epoch.
    pub(super) leader: (NodeId, i32),
    pub(super) why: &'static str,
    /// It is known already that it must not be mirrored.
    pub(super) halt: Option<HaltReason>,
}

/// What is known of a source topic's settings.
#[derive(Debug, Default)]
struct SourceSettings {
    known: Settings,
    complete: bool,
    /// Why they cannot be read at this moment.
    unread: Option<String>,
}

/// Partitions that a line names before it says "and more".
const EXAMPLES_MAX: usize = 8;

// === impl Generation ===

impl Generation {
    /// One look at the source: new leaders, new partitions, new topics, topics that are not what they were.
    pub(super) async fn refresh(&mut self) -> Result<(), RunError> {
        let metadata = self.flow.source.metadata(None).await.map_err(RunError::Client)?;
        self.halt_recreated(&metadata);
        self.halt_lost_targets();
        // What is mirrored already goes on before anything new is looked at: that may take a while.
        self.learn_leaders(&metadata);
        self.assign();
        self.flow.learn_topics(&metadata);
        let source = &self.flow.config.source;
        let mut in_zookeeper = TopicSettings::new(&source.bootstrap, source.connect_timeout);
        for topic in &metadata.topics {
            let Some(name) = &topic.name else { continue };
            if topic.error_code.is_ok() && self.ownership.owns_of(name) {
                self.prepare(name, topic, &mut in_zookeeper).await;
            }
        }
        in_zookeeper.close().await;
        let started = self.start_partitions(&metadata).await;
        self.show_not_started(&metadata);
        started?;
        self.assign();
        let leaderless = self
            .partitions
            .iter()
            .filter(|(_, supervised)| supervised.leader.is_none() && !supervised.partition.is_halted());
        let leaderless = leaderless.map(|(tp, _)| tp.clone()).collect();
        if let Some(pause) = self.elections.next_look(leaderless) {
            self.refresh_due = self.refresh_due.min(Instant::now() + pause);
        }
        Ok(())
    }

    /// A target topic that was made anew has lost its history: going on would hide that (docs/traps.md).
    fn halt_lost_targets(&self) {
        for topic in self.flow.target_topics.recreated() {
            let partitions = self.partitions.values().map(|supervised| &supervised.partition);
            for partition in partitions.filter(|partition| partition.target_topic == topic) {
                partition.withdraw();
                let detail =
                    format!("topic {topic} was deleted and made anew on the target while it was mirrored");
                self.flow
                    .shared
                    .halt(partition, HaltReason::TargetTopic { detail });
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
                self.flow
                    .shared
                    .halt(partition, HaltReason::TopicRecreated { position, old, new });
            }
        }
    }

    /// Makes the target ready for a topic that is new or has grown.
    async fn prepare(&mut self, name: &Arc<str>, topic: &MetadataTopic, in_zookeeper: &mut TopicSettings) {
        let partitions = count(topic.partitions.len());
        let known = self.topics.get(name).copied();
        if known.is_some_and(|known| {
            known.source_partitions >= partitions || is_another(known.topic_id, topic.topic_id)
        }) {
            return;
        }
        let settings = match self.source_settings(name, in_zookeeper).await {
            Ok(settings) => settings,
            Err(error) => {
                // As below: the next refresh tries again, and topics that are ready do not wait for this one.
                let waiting = TopicNotReady::passing(format!("its settings on the source: {error}"));
                self.flow.target_topics.tell(name, Some(&NotReady::Client(error)));
                self.not_ready.insert(Arc::clone(name), waiting);
                return;
            }
        };
        let target_name = self.flow.config.rename.target_name(name);
        let wanted = WantedTopic {
            name: &target_name,
            partitions,
            replication_factor: replication_factor(topic),
            configured_replication_factor: self.flow.config.replication_factor,
            settings: &settings.known,
            settings_complete: settings.complete,
            settings_unread: settings.unread.as_deref(),
            rule: match self.flow.config.partitioning {
                Partitioning::Preserve => PartitionRule::Preserve,
                // The count is pinned at the first look: growing would move keys to other partitions (docs/traps.md).
                Partitioning::ByKey => PartitionRule::ByKey {
                    partitions: known.map(|known| known.target.partitions),
                },
            },
            refuse_short_retention: self.flow.config.refuse_short_retention,
        };
        let log = SourceLog {
            cluster: &self.flow.source,
            tasks: &self.flow.shared.tasks,
            topic,
        };
        let prepared = self.flow.target_topics.prepare(&wanted, log).await;
        // A topic that is not ready is tried again at the next refresh; those that are do not wait for it.
        self.flow.target_topics.tell(name, prepared.as_ref().err());
        match prepared {
            Ok(target) => {
                let formats = self.flow.abilities.target_formats;
                if known.is_none() && formats.of_topic(target.log_format) != formats.usual() {
                    events::old_log_format(&target_name, target.log_format == LogFormat::MessageSetV0);
                }
                let target = match (self.flow.config.partitioning, known) {
                    (Partitioning::ByKey, Some(known)) => known.target,
                    _ => target,
                };
                let known = KnownTopic {
                    topic_id: topic.topic_id,
                    source_partitions: partitions,
                    target,
                };
                self.topics.insert(Arc::clone(name), known);
                self.not_ready.remove(name);
                self.flow.shared.refresh_target.notify_one();
            }
            Err(reason) => {
                self.not_ready
                    .insert(Arc::clone(name), TopicNotReady::new(&target_name, &reason));
            }
        }
    }

    /// The brokers' word; where they give none, what the topic sets itself by ZooKeeper's.
    async fn source_settings(
        &self,
        name: &Arc<str>,
        in_zookeeper: &mut TopicSettings,
    ) -> Result<SourceSettings, ClientError> {
        let described = describe_settings(&self.flow.source, name).await?;
        if !described.is_empty() {
            return Ok(SourceSettings {
                known: described,
                complete: true,
                unread: None,
            });
        }
        Ok(match in_zookeeper.read(name).await {
            None => SourceSettings::default(),
            Some(Ok(known)) => SourceSettings {
                known,
                ..SourceSettings::default()
            },
            Some(Err(error)) => SourceSettings {
                unread: Some(error.to_string()),
                ..SourceSettings::default()
            },
        })
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
        let mut starts = self.positions.resolve(&self.flow.source, &starting).await?;
        self.judge_missing(&mut starts).await?;
        if starts.len() < starting.len() {
            self.refresh_soon();
        }
        let mut ready: Vec<(Arc<SourcePartition>, Starting, Start)> = Vec::new();
        for partition in starting {
            let Some(start) = starts.get(&partition.tp).cloned() else {
                continue;
            };
            let (tp, target_topic) = (
                partition.tp.clone(),
                self.flow.config.rename.target_name(&partition.tp.topic),
            );
            let key = self.flow.next_key();
            let member = self.ownership.member_of(&tp);
            let shared = SourcePartition::new(key, tp, target_topic, start.topic_id, start.position, member);
            if let Some(anchor) = start.anchor {
                shared.set_anchor(anchor);
            }
            ready.push((shared, partition, start));
        }
        let resolved: Vec<_> = ready
            .iter()
            .filter(|(_, _, start)| start.to_commit)
            .map(|(partition, _, start)| to_store(partition, start.position))
            .collect();
        if !resolved.is_empty() {
            for (tp, code) in self.flow.store.store_decided(&self.ownership, &resolved).await? {
                if code == ErrorCode::TOPIC_AUTHORIZATION_FAILED {
                    // Who may not read a topic may not commit for it, either.
                    let of_partition = ready.iter_mut().filter(|(partition, _, _)| partition.tp == tp);
                    of_partition.for_each(|(_, _, start)| start.halt = Some(may_not_read(&tp, code)));
                    continue;
                }
                events::commit_refused(&tp, code);
                ready.retain(|(partition, _, _)| partition.tp != tp);
                self.refresh_soon();
            }
        }
        tell_skipped(&ready);
        self.positions.tell_adopted(
            &self.flow.config.membership.group_id,
            ready.iter().map(|(partition, _, _)| &partition.tp),
        );
        let without_position: Vec<_> = ready
            .iter()
            .filter(|(_, _, start)| start.is_decided())
            .map(|(partition, _, start)| (Arc::clone(partition), start.why))
            .collect();
        self.tell_held(&without_position).await;
        let starting = ready.into_iter().map(|(partition, starting, start)| {
            let with = StartWith {
                leader: (starting.leader, starting.leader_epoch),
                why: start.why,
                halt: start.halt,
            };
            (partition, with)
        });
        self.start_anchored(starting.collect());
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
                if self.ownership.owns(&tp)
                    && self.owned_by_old_consumer(&tp).is_none()
                    && !self.partitions.contains_key(&tp)
                    && !self.waiting.contains(&tp)
                {
                    let is_new = beside_known || self.flow.topics.appeared_while_running(&tp);
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

    pub(super) fn start_partition(&mut self, partition: Arc<SourcePartition>, with: StartWith) {
        let Some(target) = self.topics.get(&partition.tp.topic).map(|topic| topic.target) else {
            return;
        };
        let (chunks, receiver) = mpsc::channel(CHUNKS);
        let mut routing = Routing::new(
            Arc::clone(&self.flow.shared),
            Arc::clone(&partition),
            self.router_config(target),
            receiver,
            RoutingOutlets {
                producer: self.to_producer.clone(),
                troubles: self.troubles.0.clone(),
                draining: self.draining.subscribe(),
                target: Arc::clone(&self.flow.target),
                letter_form: LetterForm {
                    formats: self.flow.abilities.target_formats,
                    headers: self.flow.config.unsupported_headers,
                },
                decompressed_bytes_max: self.flow.memory.decompressed_batch_bytes_max,
            },
        );
        for offset in self.flow.skipped_records(&partition.tp, partition.acked().offset) {
            routing.skip_record(offset);
        }
        // One may have come while the partition's last mirrored batch was read back.
        match with.halt.or_else(|| self.owned_by_old_consumer(&partition.tp)) {
            Some(reason) => self.flow.shared.halt(&partition, reason),
            None => events::partition_starts(&partition.tp, partition.acked().offset, with.why),
        }
        self.flow.shared.add_partition(Arc::clone(&partition));
        let tp = partition.tp.clone();
        let supervised = SupervisedPartition {
            partition,
            chunks,
            routing: self.flow.shared.tasks.start("routing", routing.run()),
            leader: Some(with.leader),
            fetcher: None,
            not_before: Instant::now(),
            suspects: BTreeSet::new(),
            rewind_to: None,
            last_trouble: None,
        };
        self.partitions.insert(tp, supervised);
    }

    fn router_config(&self, target: TargetShape) -> RouterConfig {
        let flow = &self.flow.config;
        RouterConfig {
            partitioning: match flow.partitioning {
                Partitioning::Preserve => mirror_router::Partitioning::Preserve,
                Partitioning::ByKey => mirror_router::Partitioning::ByKey {
                    target_partitions: target.partitions,
                },
            },
            target_format: match self.flow.abilities.target_formats.of_topic(target.log_format) {
                TargetFormat::RecordBatchV2 => mirror_router::TargetFormat::RecordBatchV2,
                TargetFormat::MessageSetV1 => mirror_router::TargetFormat::MessageSetV1 {
                    headers: flow.unsupported_headers,
                },
            },
            target_knows_zstd: self.flow.abilities.zstd,
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
            decompressed_cap: self.flow.memory.decompressed_batch_bytes_max,
            buffered_max_bytes: self.flow.memory.in_flight_bytes_max / 16,
        }
    }
}

/// One line for all partitions whose present content is left out: it is the setting that loses most (KAFKA-4668).
fn tell_skipped(ready: &[(Arc<SourcePartition>, Starting, Start)]) {
    let skipping: Vec<_> = ready
        .iter()
        .filter(|(_, _, start)| start.skips_offsets > 0)
        .collect();
    if skipping.is_empty() {
        return;
    }
    let offsets = skipping.iter().map(|(_, _, start)| start.skips_offsets).sum();
    let examples: Vec<_> = skipping
        .iter()
        .take(EXAMPLES_MAX)
        .map(|(partition, _, start)| format!("{} below offset {}", partition.tp, start.position.offset))
        .collect();
    let more = if skipping.len() > EXAMPLES_MAX { ", .." } else { "" };
    events::existing_skipped(skipping.len(), offsets, &(examples.join(", ") + more));
}

/// Why a partition halts that the source does not let us read.
pub(super) fn may_not_read(tp: &TopicPartition, code: ErrorCode) -> HaltReason {
    HaltReason::Unauthorized {
        side: Side::Source,
        operation: format!("read topic {}", tp.topic),
        error: code.to_string(),
    }
}

/// Do both ids name a topic, and not the same one?
fn is_another(known: TopicId, now: TopicId) -> bool {
    !known.is_zero() && !now.is_zero() && known != now
}
