//! Where each partition starts, and why: a committed offset, or the policy for partitions without one.
//!
//! A resolved start is committed before the first fetch (traps.md 6): only so does a restart with `latest` find the
//! place again where this start stood, instead of skipping what came in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_client::offsets::{ListedOffset, OffsetPoint, list_offsets};
use kafka_client::{ClientError, Cluster};
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_config::StartPolicy;
use mirror_core::halt::HaltReason;
use mirror_core::position_metadata::PositionMetadata;
use mirror_core::progress::Position;

use crate::run_error::RunError;

/// A partition that wants to start.
#[derive(Debug, Clone)]
pub(crate) struct Starting {
    pub(crate) tp: TopicPartition,
    pub(crate) topic_id: TopicId,
    pub(crate) leader: NodeId,
    pub(crate) leader_epoch: i32,
    /// It appeared while we ran, or beside partitions that have positions: nothing of it may be skipped.
    pub(crate) is_new: bool,
}

/// Where a partition starts, or why it does not.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) position: Position,
    /// The topic that the position counts in. Where that is not the topic of today, its id goes on being committed:
    /// the next start has to halt as well.
    pub(crate) topic_id: TopicId,
    pub(crate) why: &'static str,
    /// The position is not in the group yet.
    pub(crate) to_commit: bool,
    pub(crate) halt: Option<HaltReason>,
}

/// What the group had committed when we started.
#[derive(Debug)]
pub(crate) struct StartPositions {
    pub(crate) group: Arc<GroupClient>,
    pub(crate) committed: BTreeMap<TopicPartition, CommittedOffset>,
    pub(crate) policy: StartPolicy,
    pub(crate) committed_only: bool,
}

// === impl StartPositions ===

impl StartPositions {
    /// Reads the group. It must have no members: a single process without membership cannot share it.
    pub(crate) async fn read(
        group: Arc<GroupClient>,
        policy: StartPolicy,
        committed_only: bool,
    ) -> Result<Self, RunError> {
        let members = group.members().await.map_err(RunError::Client)?;
        if !members.is_empty() {
            let members = members
                .into_iter()
                .map(|member| format!("{} at {}", member.client_id, member.client_host))
                .collect();
            return Err(RunError::GroupInUse {
                group: group.group_id().to_owned(),
                members,
            });
        }
        let committed = group.committed().await.map_err(RunError::Client)?;
        Ok(Self {
            group,
            committed,
            policy,
            committed_only,
        })
    }

    /// Did the group have a position for some partition of this topic?
    pub(crate) fn knows_topic(&self, topic: &Arc<str>) -> bool {
        self.committed.keys().any(|tp| tp.topic == *topic)
    }

    /// Resolves where partitions start. Those that could not be asked about are absent from the answer: ask again.
    pub(crate) async fn resolve(
        &self,
        source: &Cluster,
        starting: &[Starting],
    ) -> Result<BTreeMap<TopicPartition, Start>, RunError> {
        let topic_ids: BTreeMap<_, _> = starting
            .iter()
            .map(|starting| (starting.tp.clone(), starting.topic_id))
            .collect();
        let mut starts = BTreeMap::new();
        let mut to_list: BTreeMap<(NodeId, bool), Vec<TopicPartition>> = BTreeMap::new();
        for partition in starting {
            if let Some(committed) = self.committed.get(&partition.tp) {
                starts.insert(
                    partition.tp.clone(),
                    from_committed(committed, partition.topic_id),
                );
                continue;
            }
            let earliest = match self.policy {
                StartPolicy::Earliest => true,
                StartPolicy::Latest => partition.is_new,
                StartPolicy::Refuse if partition.is_new => true,
                StartPolicy::Refuse => {
                    return Err(RunError::NoPosition {
                        group: self.group.group_id().to_owned(),
                        partition: partition.tp.to_string(),
                    });
                }
            };
            to_list
                .entry((partition.leader, earliest))
                .or_default()
                .push(partition.tp.clone());
        }
        for ((leader, earliest), partitions) in to_list {
            let point = if earliest {
                OffsetPoint::Earliest
            } else {
                OffsetPoint::Latest
            };
            // A leader that does not answer now is asked again at the next refresh; the others need not wait for it.
            let listed = match list_offsets(source, leader, &partitions, point, self.committed_only).await {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::debug!(%leader, %error, "start positions not listed yet");
                    continue;
                }
            };
            starts.extend(listed.into_iter().filter_map(|(tp, listed)| {
                let topic_id = topic_ids.get(&tp).copied()?;
                Some((tp, from_listed(listed, topic_id, earliest)?))
            }));
        }
        Ok(starts)
    }
}

fn from_committed(committed: &CommittedOffset, topic_id: TopicId) -> Start {
    let metadata = PositionMetadata::decode(&committed.metadata);
    let leader_epoch = metadata
        .map_or(-1, |metadata| metadata.leader_epoch)
        .max(committed.leader_epoch);
    let halt = metadata
        .filter(|was| !was.topic_id.is_zero() && !topic_id.is_zero() && was.topic_id != topic_id)
        .map(|was| HaltReason::TopicRecreated {
            position: committed.offset,
            old: was.topic_id,
            new: topic_id,
        });
    let old = halt.as_ref().and(metadata).map(|was| was.topic_id);
    Start {
        topic_id: old.unwrap_or(topic_id),
        position: Position {
            offset: committed.offset,
            leader_epoch,
        },
        why: "at the group's committed offset",
        to_commit: false,
        halt,
    }
}

fn from_listed(listed: ListedOffset, topic_id: TopicId, earliest: bool) -> Option<Start> {
    if !listed.error_code.is_ok() || listed.offset < 0 {
        return None;
    }
    Some(Start {
        topic_id,
        // The epoch of the log's start or end says nothing about a batch that we have read.
        position: Position {
            offset: listed.offset,
            leader_epoch: -1,
        },
        why: if earliest {
            "at the oldest record (no committed offset)"
        } else {
            "behind the newest record (no committed offset, auto.offset.reset=latest): what is there now is SKIPPED"
        },
        to_commit: true,
        halt: None,
    })
}

/// Offsets of both ends of a partition, asked of its leader now.
pub(crate) async fn log_range(
    source: &Cluster,
    leader: NodeId,
    tp: &TopicPartition,
) -> Result<Option<(i64, i64)>, ClientError> {
    let only = std::slice::from_ref(tp);
    let earliest = list_offsets(source, leader, only, OffsetPoint::Earliest, false).await?;
    let latest = list_offsets(source, leader, only, OffsetPoint::Latest, false).await?;
    let known = |listed: Option<&ListedOffset>| {
        listed
            .filter(|listed| listed.error_code.is_ok() && listed.offset >= 0)
            .map(|listed| listed.offset)
    };
    Ok(known(earliest.get(tp)).zip(known(latest.get(tp))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::committer::committed;
    use crate::partition::SourcePartition;

    const OLD: TopicId = TopicId([1; 16]);
    const NEW: TopicId = TopicId([2; 16]);

    fn commit_of(start: &Start) -> CommittedOffset {
        let tp = TopicPartition::new("t", 0);
        let partition = SourcePartition::new(1, tp, "t".into(), start.topic_id, start.position);
        committed(&partition, partition.acked())
    }

    /// Found by reading: the first start after a re-creation halted, and committed the old offset under the new id; the
    /// second start then went on from there and skipped what the new topic holds below it.
    #[test]
    fn a_recreated_topic_halts_at_every_start_not_at_the_first_only() {
        let text = PositionMetadata {
            topic_id: OLD,
            leader_epoch: 3,
        };
        let mut in_group = CommittedOffset {
            offset: 5000,
            leader_epoch: 3,
            metadata: text.to_string(),
        };
        for start in 0..3 {
            let resolved = from_committed(&in_group, NEW);
            assert!(
                matches!(
                    resolved.halt,
                    Some(HaltReason::TopicRecreated {
                        position: 5000,
                        old: OLD,
                        new: NEW
                    })
                ),
                "start {start}: {resolved:?}"
            );
            in_group = commit_of(&resolved);
        }
    }

    #[test]
    fn a_commit_of_ours_and_one_of_another_tool_are_both_gone_on_from() {
        let ours = PositionMetadata {
            topic_id: NEW,
            leader_epoch: 4,
        };
        for (metadata, epoch) in [
            (ours.to_string(), 4),
            (String::new(), -1),
            ("other tool".to_owned(), -1),
        ] {
            let in_group = CommittedOffset {
                offset: 12,
                leader_epoch: -1,
                metadata,
            };
            let start = from_committed(&in_group, NEW);
            assert_eq!((start.position.offset, start.position.leader_epoch), (12, epoch));
            assert!(start.halt.is_none() && !start.to_commit);
        }
    }
}
