//! Where each partition starts, and why: a committed offset, or the policy for partitions without one.
//!
//! A resolved start is committed before the first fetch (docs/traps.md): only so does a restart with `latest` find the
//! place again where this start stood, instead of skipping what came in between.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_client::group::CommittedOffset;
use kafka_client::offsets::{ListedOffset, OffsetPoint, list_offsets};
use kafka_client::{ClientError, Cluster};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_config::{IsolationLevel, StartPolicy};
use mirror_core::anchor::Anchor;
use mirror_core::halt::{HaltReason, Side};
use mirror_core::position_metadata::PositionMetadata;
use mirror_core::progress::Position;

use crate::events;
use crate::flow::FlowContext;
use crate::ownership::Ownership;
use crate::run_error::RunError;
use crate::zookeeper_group::Judged;

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
    /// Offsets that the partition holds now and that are not mirrored.
    pub(crate) skips_offsets: i64,
    /// The position is not in the group yet.
    pub(crate) to_commit: bool,
    /// It was found in ZooKeeper, where an old consumer left it.
    pub(crate) adopted: bool,
    /// The last mirrored batch, as it was stored with the position.
    pub(crate) anchor: Option<Anchor>,
    pub(crate) halt: Option<HaltReason>,
}

/// The positions that were stored when the generation began.
#[derive(Debug)]
pub(crate) struct StartPositions {
    committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// What is decided about positions in ZooKeeper.
    judged: Judged,
    /// Where they are kept, in words.
    place: String,
    policy: StartPolicy,
    committed_only: bool,
}

// === impl StartPositions ===

impl StartPositions {
    pub(crate) async fn read(flow: &FlowContext, ownership: &Ownership) -> Result<Self, RunError> {
        let committed = flow.store.read(ownership).await?;
        let judged = judged(flow, ownership, &committed).await?;
        Ok(Self {
            committed,
            judged,
            place: flow.store.place(),
            policy: flow.config.start,
            committed_only: flow.config.isolation == IsolationLevel::ReadCommitted,
        })
    }

    /// Does this flow read committed records only?
    pub(crate) fn committed_only(&self) -> bool {
        self.committed_only
    }

    /// Was a position stored for some partition of this topic?
    pub(crate) fn knows_topic(&self, topic: &Arc<str>) -> bool {
        self.known().any(|tp| tp.topic == *topic)
    }

    /// Was a position stored for some partition of such a topic?
    pub(crate) fn knows_any(&self, mut of: impl FnMut(&str) -> bool) -> bool {
        self.known().any(|tp| of(&tp.topic))
    }

    fn known(&self) -> impl Iterator<Item = &TopicPartition> {
        self.committed
            .keys()
            .chain(self.judged.adopted.keys())
            .chain(self.judged.halted.keys())
    }

    /// Says which positions came from ZooKeeper, and where there were two.
    pub(crate) fn tell_adopted<'a>(
        &self,
        group_id: &str,
        starting: impl Iterator<Item = &'a TopicPartition>,
    ) {
        for tp in starting {
            if let Some(differ) = self.judged.differ.get(tp) {
                events::positions_differ(tp, *differ);
            }
            if let Some(offset) = self.judged.adopted.get(tp) {
                events::adopted(tp, *offset, group_id);
            }
        }
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
        let mut to_list: BTreeMap<(NodeId, OffsetPoint), Vec<TopicPartition>> = BTreeMap::new();
        for partition in starting {
            if let Some(start) = self.found(partition) {
                starts.insert(partition.tp.clone(), start);
                continue;
            }
            let point = match self.policy {
                // Nothing of a partition is skipped that appeared while we looked.
                _ if partition.is_new => OffsetPoint::Earliest,
                StartPolicy::Earliest => OffsetPoint::Earliest,
                StartPolicy::Latest => OffsetPoint::Latest,
                StartPolicy::Timestamp(timestamp_ms) => OffsetPoint::Timestamp(timestamp_ms),
                StartPolicy::Refuse => {
                    return Err(RunError::NoPosition {
                        place: self.place.clone(),
                        partition: partition.tp.to_string(),
                    });
                }
            };
            to_list
                .entry((partition.leader, point))
                .or_default()
                .push(partition.tp.clone());
        }
        for ((leader, point), partitions) in to_list {
            // A leader that does not answer now is asked again at the next refresh; the others need not wait for it.
            let listed = match self.list(source, leader, &partitions, point).await {
                Ok(listed) => listed,
                Err(ClientError::Encode { .. }) if matches!(point, OffsetPoint::Timestamp(_)) => {
                    return Err(RunError::NoOffsetsByTime {
                        cluster: source.alias().to_owned(),
                    });
                }
                Err(error) => {
                    tracing::debug!(%leader, %error, "start positions not listed yet");
                    continue;
                }
            };
            // Only to say what is skipped: without it the warning has no number, the start is the same.
            let skipped = match point {
                OffsetPoint::Latest => self
                    .list(source, leader, &partitions, OffsetPoint::Earliest)
                    .await
                    .ok(),
                OffsetPoint::Earliest | OffsetPoint::Timestamp(_) => None,
            };
            starts.extend(listed.into_iter().filter_map(|(tp, listed)| {
                let topic_id = topic_ids.get(&tp).copied()?;
                let earliest = skipped.as_ref().and_then(|earliest| earliest.get(&tp));
                let skips_offsets =
                    earliest.map_or(0, |earliest| listed.offset.saturating_sub(earliest.offset));
                let start = from_listed(listed, topic_id, point)?;
                Some((
                    tp,
                    Start {
                        skips_offsets,
                        ..start
                    },
                ))
            }));
        }
        Ok(starts)
    }

    /// A position that is known: what was decided about ZooKeeper's, or what is stored.
    fn found(&self, partition: &Starting) -> Option<Start> {
        let Starting { tp, topic_id, .. } = partition;
        let halted = self.judged.halted.get(tp);
        let halted = halted.map(|reason| Start::halted(*topic_id, reason.clone()));
        let adopted = || {
            let offset = self.judged.adopted.get(tp)?;
            Some(Start::adopted(*offset, *topic_id))
        };
        let committed = || Some(from_committed(self.committed.get(tp)?, *topic_id));
        halted.or_else(adopted).or_else(committed)
    }

    async fn list(
        &self,
        source: &Cluster,
        leader: NodeId,
        partitions: &[TopicPartition],
        point: OffsetPoint,
    ) -> Result<BTreeMap<TopicPartition, ListedOffset>, ClientError> {
        let mut listed = list_offsets(source, leader, partitions, point, self.committed_only).await?;
        // No record is as new as the time that was asked for: what comes next is.
        let behind_all: Vec<_> = listed
            .iter()
            .filter(|(_, listed)| listed.error_code.is_ok() && listed.offset < 0)
            .map(|(tp, _)| tp.clone())
            .collect();
        if matches!(point, OffsetPoint::Timestamp(_)) && !behind_all.is_empty() {
            let point = OffsetPoint::Latest;
            listed.extend(list_offsets(source, leader, &behind_all, point, self.committed_only).await?);
        }
        Ok(listed)
    }
}

// === impl Start ===

impl Start {
    /// Goes on where an old consumer ended. It knew neither leader epochs nor batches.
    fn adopted(offset: i64, topic_id: TopicId) -> Self {
        Self {
            position: Position {
                offset,
                leader_epoch: -1,
            },
            topic_id,
            why: "at the position adopted from ZooKeeper",
            skips_offsets: 0,
            to_commit: true,
            adopted: true,
            anchor: None,
            halt: None,
        }
    }

    /// Was the position neither stored nor found, but decided?
    pub(crate) fn is_decided(&self) -> bool {
        self.to_commit && !self.adopted
    }

    /// Does not start, and has no position. None is stored either, so that the next start halts as well.
    pub(crate) fn halted(topic_id: TopicId, reason: HaltReason) -> Self {
        Self {
            position: Position {
                offset: -1,
                leader_epoch: -1,
            },
            topic_id,
            why: "without a position",
            skips_offsets: 0,
            to_commit: false,
            adopted: false,
            anchor: None,
            halt: Some(reason),
        }
    }

    /// Does not start: its topic was made anew. The position is stored under the old id again, so that the next start
    /// halts as well.
    pub(crate) fn recreated(offset: i64, old: TopicId, new: TopicId) -> Self {
        Self {
            position: Position {
                offset,
                leader_epoch: -1,
            },
            topic_id: old,
            why: "where it stood",
            skips_offsets: 0,
            to_commit: false,
            adopted: false,
            anchor: None,
            halt: Some(HaltReason::TopicRecreated {
                position: offset,
                old,
                new,
            }),
        }
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
        why: "at the stored position",
        skips_offsets: 0,
        to_commit: false,
        adopted: false,
        anchor: metadata.and_then(|metadata| metadata.anchor),
        halt,
    }
}

fn from_listed(listed: ListedOffset, topic_id: TopicId, point: OffsetPoint) -> Option<Start> {
    if listed.error_code == ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT {
        let detail = "an offset by time was asked for, and the topic's messages have no timestamps: its message format is \
                      older than Kafka 0.10";
        let reason = HaltReason::Unexpected {
            side: Side::Source,
            position: -1,
            detail: detail.to_owned(),
        };
        return Some(Start::halted(topic_id, reason));
    }
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
        why: match point {
            OffsetPoint::Earliest => "at the oldest record (no stored position)",
            OffsetPoint::Latest => "behind the newest record (no stored position, auto.offset.reset=latest)",
            OffsetPoint::Timestamp(_) => "at the first record of the configured time (no stored position)",
        },
        skips_offsets: 0,
        to_commit: true,
        adopted: false,
        anchor: None,
        halt: None,
    })
}

/// What ZooKeeper has, where old consumers kept their positions there. While every partition has a position on the brokers, a
/// ZooKeeper that stays away stops nobody, and that is told: an old mirror may have gone further in the meantime.
async fn judged(
    flow: &FlowContext,
    ownership: &Ownership,
    committed: &BTreeMap<TopicPartition, CommittedOffset>,
) -> Result<Judged, RunError> {
    let Some(zookeeper) = flow.store.zookeeper() else {
        return Ok(Judged::default());
    };
    let wanted = |topic: &str| flow.config.topics.matches(topic);
    match zookeeper.judge(ownership, committed, wanted).await {
        Ok(judged) => Ok(judged),
        Err(error) if flow.topics.are_known_to(committed) => {
            events::not_judged(&flow.store.place(), &error);
            Ok(Judged::default())
        }
        Err(error) => Err(RunError::ZooKeeper(error)),
    }
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
    use mirror_core::anchor::{SourceAnchor, TargetAnchor};

    use super::*;
    use crate::committer::to_store;
    use crate::partition::SourcePartition;

    const OLD: TopicId = TopicId([1; 16]);
    const NEW: TopicId = TopicId([2; 16]);

    const ANCHOR: Anchor = Anchor {
        source: SourceAnchor {
            base_offset: 4990,
            last_offset: 4999,
            crc: 0x8bad_f00d,
        },
        target: TargetAnchor {
            partition: 0,
            base_offset: 4990,
            record_count: 10,
            crc: 0x0bad_cafe,
            topic_id: OLD,
        },
    };

    fn commit_of(start: &Start) -> CommittedOffset {
        let tp = TopicPartition::new("t", 0);
        let partition = SourcePartition::new(1, tp, "t".into(), start.topic_id, start.position, None);
        if let Some(anchor) = start.anchor {
            partition.set_anchor(anchor);
        }
        to_store(&partition, partition.acked()).committed
    }

    /// Found by reading: the first start after a re-creation halted, and committed the old offset under the new id; the
    /// second start then went on from there and skipped what the new topic holds below it.
    #[test]
    fn a_recreated_topic_halts_at_every_start_not_at_the_first_only() {
        let text = PositionMetadata {
            topic_id: OLD,
            leader_epoch: 3,
            anchor: Some(ANCHOR),
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
            assert_eq!(
                resolved.anchor,
                Some(ANCHOR),
                "kept until a batch takes its place"
            );
            in_group = commit_of(&resolved);
        }
    }

    #[test]
    fn a_commit_of_ours_and_one_of_another_tool_are_both_gone_on_from() {
        let ours = PositionMetadata {
            topic_id: NEW,
            leader_epoch: 4,
            anchor: None,
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
