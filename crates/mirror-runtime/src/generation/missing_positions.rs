//! A partition without a stored position, where this flow has positions of others: is it new, or was its position lost?
//!
//! | its target | so |
//! |---|---|
//! | never held a record | it is new and starts as the policy says: nothing of it can be passed over or doubled |
//! | holds records, or did | its position expired or was deleted: it halts. Under `latest` a start would pass over what came since, under `earliest` it would double what is there (traps.md 5) |
//! | does not answer | it waits |
//!
//! By key nobody can tell which source partition the records on the target came from. There a partition beside others of
//! its topic that have positions is taken for one that was added while we were away, and read from its beginning.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_client::{ClientError, Cluster};
use kafka_wire::ids::{NodeId, TopicPartition};
use mirror_config::Partitioning;
use mirror_core::halt::HaltReason;

use super::Generation;
use crate::events;
use crate::run_error::RunError;
use crate::start_positions::{Start, StartPositions};

/// Whether records were ever written to a target partition; absent where that cannot be told now.
type Written = BTreeMap<TopicPartition, bool>;

// === impl Generation ===

impl Generation {
    /// Turns starts without a position into halts where the position was lost, and takes those out that have to wait.
    pub(super) async fn judge_missing(
        &self,
        starts: &mut BTreeMap<TopicPartition, Start>,
    ) -> Result<(), RunError> {
        let flow = &self.flow;
        self.judge_recreated(starts);
        for (tp, _) in starts.iter().filter(|(_, start)| !start.is_decided()) {
            flow.shared.forget_position_missing(tp);
        }
        let has_positions = self
            .positions
            .knows_any(|topic| flow.config.topics.matches(topic));
        let mut suspects: BTreeSet<TopicPartition> = starts
            .iter()
            .filter(|(tp, start)| {
                let was_missing = flow.shared.is_position_missing(tp);
                let may_be_missing =
                    has_positions && !flow.topics.appeared_while_running(tp) && !self.stands_beside_known(tp);
                start.is_decided() && (was_missing || may_be_missing)
            })
            .map(|(tp, _)| tp.clone())
            .collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let asked = suspects.iter().flat_map(|tp| self.targets_of(tp)).collect();
        let written = match ever_written(&flow.target, &asked).await {
            Ok(written) => written,
            Err(error) => {
                events::metadata_unavailable(flow.target.alias(), &error);
                Written::new()
            }
        };
        let mut missing = BTreeSet::new();
        for tp in std::mem::take(&mut suspects) {
            let targets = self.targets_of(&tp);
            if targets.iter().any(|target| written.get(target) == Some(&true)) {
                missing.insert(tp);
            } else if targets.iter().any(|target| !written.contains_key(target)) {
                starts.remove(&tp);
            }
        }
        if !missing.is_empty() && flow.config.partitioning == Partitioning::ByKey {
            // A member of another process may have begun with the topic just now: its positions were stored before its
            // first record was written.
            let now = StartPositions::read(flow, &self.ownership).await?;
            missing.retain(|tp| flow.shared.is_position_missing(tp) || !now.knows_topic(&tp.topic));
        }
        for tp in missing {
            let Some(start) = starts.get_mut(&tp) else {
                continue;
            };
            let place = flow.store.place();
            *start = Start::halted(start.topic_id, HaltReason::PositionMissing { place });
            flow.shared.note_position_missing(tp);
        }
        Ok(())
    }

    /// A topic that was deleted took its positions along, and came back under another id.
    fn judge_recreated(&self, starts: &mut BTreeMap<TopicPartition, Start>) {
        for (tp, start) in starts.iter_mut().filter(|(_, start)| start.is_decided()) {
            if let Some((old, position)) = self.flow.shared.mirrored_before(tp)
                && !start.topic_id.is_zero()
                && start.topic_id != old
            {
                *start = Start::recreated(position, old, start.topic_id);
            }
        }
    }

    /// By key, where a partition of a known topic says nothing.
    fn stands_beside_known(&self, tp: &TopicPartition) -> bool {
        self.flow.config.partitioning == Partitioning::ByKey && self.positions.knows_topic(&tp.topic)
    }

    /// Where records of a source partition may lie.
    fn targets_of(&self, tp: &TopicPartition) -> Vec<TopicPartition> {
        let topic = self.flow.config.rename.target_name(&tp.topic);
        let partitions = match self.flow.config.partitioning {
            Partitioning::Preserve => tp.partition..tp.partition.saturating_add(1),
            Partitioning::ByKey => {
                0..self
                    .topics
                    .get(&tp.topic)
                    .map_or(0, |known| known.target.partitions)
            }
        };
        let target = |partition| TopicPartition {
            topic: Arc::clone(&topic),
            partition,
        };
        partitions.map(target).collect()
    }
}

/// The end of a log stays where it is when its records are deleted.
async fn ever_written(cluster: &Cluster, asked: &BTreeSet<TopicPartition>) -> Result<Written, ClientError> {
    let topics: BTreeSet<Arc<str>> = asked.iter().map(|tp| Arc::clone(&tp.topic)).collect();
    let metadata = cluster.metadata(Some(topics.into_iter().collect())).await?;
    let mut by_leader: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
    for topic in &metadata.topics {
        let Some(name) = &topic.name else { continue };
        for partition in topic
            .partitions
            .iter()
            .filter(|partition| partition.leader_id.0 >= 0)
        {
            let tp = TopicPartition {
                topic: Arc::clone(name),
                partition: partition.partition_index,
            };
            if asked.contains(&tp) {
                by_leader.entry(partition.leader_id).or_default().push(tp);
            }
        }
    }
    let mut written = Written::new();
    for (leader, partitions) in by_leader {
        // What one leader does not answer is asked again; the others need not wait for it.
        let Ok(ends) = list_offsets(cluster, leader, &partitions, OffsetPoint::Latest, false).await else {
            continue;
        };
        let known = ends
            .into_iter()
            .filter(|(_, end)| end.error_code.is_ok() && end.offset >= 0);
        written.extend(known.map(|(tp, end)| (tp, end.offset > 0)));
    }
    Ok(written)
}
