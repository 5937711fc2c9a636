//! Where a flow's positions live: in its consumer group on the source, as MirrorMaker keeps them, or in a compacted
//! topic of ours on the target.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_positions::{PositionToWrite, PositionTopic};

use crate::events;
use crate::ownership::Ownership;
use crate::run_error::RunError;

/// Positions as they are stored outside of this process.
pub(crate) enum PositionStore {
    SourceGroup(GroupClient),
    TargetTopic(TargetPositions),
}

/// Positions in a topic of ours on the target.
pub(crate) struct TargetPositions {
    pub(crate) topic: Arc<PositionTopic>,
    /// Names the source in the records.
    pub(crate) source_cluster_id: String,
    /// A group on the source that the positions are told to as well, for lag tools.
    pub(crate) commit_group: Option<GroupClient>,
}

/// A position to be stored.
#[derive(Debug, Clone)]
pub(crate) struct PositionToStore {
    pub(crate) tp: TopicPartition,
    pub(crate) topic_id: kafka_wire::ids::TopicId,
    pub(crate) committed: CommittedOffset,
}

// === impl PositionStore ===

impl PositionStore {
    /// What a start without a position names as the place where it was looked for.
    pub(crate) fn place(&self) -> String {
        match self {
            Self::SourceGroup(group) => format!("group \"{}\"", group.group_id()),
            Self::TargetTopic(positions) => format!("topic \"{}\" on the target", positions.topic.name()),
        }
    }

    /// All positions there are.
    pub(crate) async fn read(&self) -> Result<BTreeMap<TopicPartition, CommittedOffset>, RunError> {
        match self {
            Self::SourceGroup(group) => group.committed().await.map_err(RunError::Client),
            Self::TargetTopic(positions) => {
                let stored = positions.topic.read().await.map_err(RunError::Positions)?;
                Ok(stored
                    .of_cluster(&positions.source_cluster_id)
                    .map(|(tp, stored)| {
                        let committed = CommittedOffset {
                            offset: stored.offset,
                            leader_epoch: stored.leader_epoch,
                            metadata: stored.metadata.clone(),
                        };
                        (tp.clone(), committed)
                    })
                    .collect())
            }
        }
    }

    /// Stores positions on behalf of the members that own them. Partitions that were refused one by one are returned.
    pub(crate) async fn store(
        &self,
        ownership: &Ownership,
        positions: &[PositionToStore],
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, RunError> {
        match self {
            Self::SourceGroup(group) => {
                let mut by_member: BTreeMap<usize, BTreeMap<TopicPartition, CommittedOffset>> =
                    BTreeMap::new();
                for position in positions {
                    if let Some(member) = ownership.member_of(&position.tp) {
                        let of_member = by_member.entry(member).or_default();
                        of_member.insert(position.tp.clone(), position.committed.clone());
                    }
                }
                let mut refused = Vec::new();
                for (member, offsets) in by_member {
                    let identity = ownership.identity(member);
                    refused.extend(group.commit(&offsets, identity).await.map_err(RunError::Client)?);
                }
                Ok(refused)
            }
            Self::TargetTopic(own) => {
                let records: Vec<PositionToWrite> = positions
                    .iter()
                    .map(|position| PositionToWrite {
                        cluster_id: own.source_cluster_id.clone(),
                        tp: position.tp.clone(),
                        topic_id: position.topic_id,
                        offset: position.committed.offset,
                        leader_epoch: position.committed.leader_epoch,
                        metadata: position.committed.metadata.clone(),
                    })
                    .collect();
                own.topic
                    .write(ownership.fence(), &records)
                    .await
                    .map_err(RunError::Positions)?;
                if let Some(group) = &own.commit_group {
                    tell_group(group, positions).await;
                }
                Ok(Vec::new())
            }
        }
    }
}

/// Lag tools look at the group; the positions themselves are safe already, so a failure is only told.
async fn tell_group(group: &GroupClient, positions: &[PositionToStore]) {
    let offsets = positions
        .iter()
        .map(|position| (position.tp.clone(), position.committed.clone()))
        .collect();
    match group.commit(&offsets, None).await {
        Ok(refused) => {
            for (tp, code) in refused {
                events::commit_refused(&tp, code);
            }
        }
        Err(error) => events::commit_group_failed(group.group_id(), &error),
    }
}
