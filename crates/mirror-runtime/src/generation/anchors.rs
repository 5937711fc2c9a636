//! Before a partition goes on from a stored position: is the last mirrored batch still there, on both sides?
//!
//! A partition whose anchor cannot be read back yet waits, alone. One whose log is another one by now starts halted, and
//! its stored position stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_client::offsets::{ListedOffset, OffsetPoint, list_offsets};
use kafka_wire::ids::{NodeId, TopicPartition};
use mirror_config::Partitioning;
use mirror_core::anchor::Anchor;
use tokio::time::timeout;

use super::Generation;
use super::discovery::StartWith;
use crate::anchors::{AnchorCheck, AnchorChecks, AnchorHalf, CheckOutcome, Checked};
use crate::events;
use crate::partition::SourcePartition;

/// A warning is worth no longer wait than this.
const TARGET_LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Partitions that start when their anchors were looked at.
pub(super) struct Waiting {
    pub(super) checks: AnchorChecks,
    partitions: BTreeMap<TopicPartition, WaitingPartition>,
}

struct WaitingPartition {
    partition: Arc<SourcePartition>,
    with: StartWith,
    /// Outcomes that are still to come.
    open: usize,
}

// === impl Waiting ===

impl Waiting {
    pub(super) fn new() -> Self {
        Self {
            checks: AnchorChecks::new(),
            partitions: BTreeMap::new(),
        }
    }

    pub(super) fn contains(&self, tp: &TopicPartition) -> bool {
        self.partitions.contains_key(tp)
    }

    /// Takes one outcome. Gives the partition back when nothing more has to be known.
    fn judge(&mut self, Checked { check, outcome }: Checked) -> Option<(Arc<SourcePartition>, StartWith)> {
        let waiting = self.partitions.get_mut(&check.about)?; // halted already, by its other side
        let side = check.half.side();
        waiting.open -= 1;
        match outcome {
            CheckOutcome::Judged(verdict) => {
                tracing::debug!(tp = %check.about, %side, ?verdict, "read back");
                waiting.with.halt = verdict.halt_reason(side);
            }
            CheckOutcome::Unreadable(reason) => self.checks.tell_unreadable(&check.tp, side, &reason),
            CheckOutcome::GivenUp => {}
        }
        if waiting.open > 0 && waiting.with.halt.is_none() {
            return None;
        }
        let WaitingPartition { partition, with, .. } = self.partitions.remove(&check.about)?;
        Some((partition, with))
    }
}

// === impl Generation ===

impl Generation {
    /// Starts partitions; those that have an anchor after it was read back.
    pub(super) fn start_anchored(&mut self, starting: Vec<(Arc<SourcePartition>, StartWith)>) {
        let (mut on_source, mut on_target) = (Vec::new(), Vec::new());
        for (partition, with) in starting {
            let Some(anchor) = partition.anchor().filter(|_| with.halt.is_none()) else {
                self.start_partition(partition, with);
                continue;
            };
            let [source, target] = checks_of(&partition, anchor);
            on_source.push(source);
            on_target.push(target);
            let tp = partition.tp.clone();
            let waiting = WaitingPartition {
                partition,
                with,
                open: 2,
            };
            self.waiting.partitions.insert(tp, waiting);
        }
        let flow = &self.flow;
        let checks = &mut self.waiting.checks;
        checks.start(&flow.shared, &flow.source, on_source, None);
        checks.start(&flow.shared, &flow.target, on_target, None);
    }

    /// Starts what this outcome, and others that are there by now, let start.
    pub(super) fn handle_checked(&mut self, checked: Checked) {
        let mut next = Some(checked);
        while let Some(checked) = next {
            if let Some((partition, with)) = self.waiting.judge(checked) {
                self.start_partition(partition, with);
            }
            next = self.waiting.checks.try_next();
        }
        self.assign();
    }

    /// A topic of which the positions know nothing, and the target does: they were lost (a topic that was deleted takes its
    /// group's positions along), or this is another mirror's work. What is there may be written a second time, so it is
    /// said.
    pub(super) async fn tell_held(&self, starting: &[(Arc<SourcePartition>, &'static str)]) {
        let is_mirrored = |topic: &Arc<str>| self.partitions.keys().any(|tp| tp.topic == *topic);
        let unknown: Vec<_> = starting
            .iter()
            .filter(|(partition, _)| {
                let topic = &partition.tp.topic;
                !self.positions.knows_topic(topic) && !is_mirrored(topic)
            })
            .collect();
        if unknown.is_empty() {
            return;
        }
        let targets = unknown
            .iter()
            .map(|(partition, _)| Arc::clone(&partition.target_topic));
        let held = timeout(
            TARGET_LOOK_TIMEOUT,
            held_offsets(&self.flow.target, targets.collect()),
        )
        .await;
        let held = held.unwrap_or_default();
        let mut told = BTreeSet::new();
        for (partition, why) in &unknown {
            let (topic, target) = (&partition.tp.topic, &partition.target_topic);
            if !told.insert(topic) {
                continue;
            }
            // Under `preserve` another process may be writing the other partitions by now.
            let is_ours = |number: i32| match self.flow.config.partitioning {
                Partitioning::ByKey => true,
                Partitioning::Preserve => unknown
                    .iter()
                    .any(|(partition, _)| partition.tp.topic == *topic && partition.tp.partition == number),
            };
            let held = held
                .iter()
                .filter(|(tp, _)| tp.topic == *target && is_ours(tp.partition));
            let held: i64 = held.map(|(_, offsets)| offsets).sum();
            if held > 0 {
                events::target_holds(topic, target, held, why);
            }
        }
    }
}

fn checks_of(partition: &SourcePartition, anchor: Anchor) -> [AnchorCheck; 2] {
    let target = TopicPartition {
        topic: Arc::clone(&partition.target_topic),
        partition: anchor.target.partition,
    };
    [
        (partition.tp.clone(), AnchorHalf::Source(anchor.source)),
        (target, AnchorHalf::Target(anchor.target)),
    ]
    .map(|(tp, half)| AnchorCheck {
        about: partition.tp.clone(),
        tp,
        half,
    })
}

/// Offsets between the ends of each log; what cannot be found out is left out.
async fn held_offsets(cluster: &Cluster, topics: BTreeSet<Arc<str>>) -> BTreeMap<TopicPartition, i64> {
    let mut held = BTreeMap::new();
    let Ok(metadata) = cluster.metadata(Some(topics.into_iter().collect())).await else {
        return held;
    };
    let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for topic in &metadata.topics {
        let Some(name) = &topic.name else { continue };
        let led = topic
            .partitions
            .iter()
            .filter(|partition| partition.leader_id.0 >= 0);
        for partition in led {
            let of_leader = by_leader.entry(partition.leader_id).or_default();
            of_leader.push(TopicPartition {
                topic: Arc::clone(name),
                partition: partition.partition_index,
            });
        }
    }
    for (leader, partitions) in by_leader {
        let earliest = list_offsets(cluster, leader, &partitions, OffsetPoint::Earliest, false).await;
        let latest = list_offsets(cluster, leader, &partitions, OffsetPoint::Latest, false).await;
        let (Ok(earliest), Ok(latest)) = (earliest, latest) else {
            continue;
        };
        let known = |listed: &ListedOffset| {
            (listed.error_code.is_ok() && listed.offset >= 0).then_some(listed.offset)
        };
        for (tp, latest) in latest {
            if let (Some(end), Some(start)) = (known(&latest), earliest.get(&tp).and_then(known)) {
                held.insert(tp, end.saturating_sub(start));
            }
        }
    }
    held
}
