//! Where a flow's positions live: in its consumer group on the source, as MirrorMaker keeps them, or in a compacted
//! topic of ours on the target.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_config::Rename;
use mirror_positions::{MirroredPartition, PositionToWrite, PositionTopic, StoredPositions};

use tokio::time::{Instant, timeout};

use crate::events;
use crate::ownership::Ownership;
use crate::run_error::RunError;
use crate::zookeeper_group::{Stored, ZooKeeperGroup};

/// How long a group for lag tools may take to be told.
const TELL_GROUP_MAX: Duration = Duration::from_secs(1);

/// Positions as they are stored outside of this process.
pub(crate) enum PositionStore {
    SourceGroup(SourcePositions),
    TargetTopic(TargetPositions),
}

/// Positions in the consumer group on the source.
pub(crate) struct SourcePositions {
    pub(crate) group: GroupClient,
    /// The same group as old consumers have it, which is told the positions as well.
    pub(crate) zookeeper: Option<Arc<ZooKeeperGroup>>,
}

/// Positions in a topic of ours on the target.
pub(crate) struct TargetPositions {
    pub(crate) topic: Arc<PositionTopic>,
    /// Names the source in the records.
    pub(crate) source_cluster_id: String,
    /// A position counts on one target topic only: the one that this makes of the source's name.
    pub(crate) rename: Rename,
    /// Told once that positions of ours are of another target topic.
    pub(crate) told_renamed: AtomicBool,
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
            Self::SourceGroup(positions) => format!("group \"{}\"", positions.group.group_id()),
            Self::TargetTopic(positions) => format!("topic \"{}\" on the target", positions.topic.name()),
        }
    }

    /// The group as old consumers have it, where there is one.
    pub(crate) fn zookeeper(&self) -> Option<&Arc<ZooKeeperGroup>> {
        match self {
            Self::SourceGroup(positions) => positions.zookeeper.as_ref(),
            Self::TargetTopic(_) => None,
        }
    }

    /// These partitions are ours from now on.
    pub(crate) fn own(&self, ownership: &Arc<Ownership>) {
        if let Some(zookeeper) = self.zookeeper() {
            zookeeper.own(ownership);
        }
    }

    /// The partitions were given up in good order, and the last positions stored.
    pub(crate) async fn hand_over(&self, deadline: Instant) {
        if let Some(zookeeper) = self.zookeeper() {
            zookeeper.hand_over(deadline).await;
        }
    }

    /// The partitions are others' already.
    pub(crate) fn let_go(&self) {
        if let Some(zookeeper) = self.zookeeper() {
            zookeeper.let_go();
        }
    }

    /// All positions there are; what is `owned` and absent has none for certain.
    pub(crate) async fn read(
        &self,
        owned: &Ownership,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, RunError> {
        match self {
            Self::SourceGroup(positions) => {
                let owned = owned.partitions().cloned().collect();
                let committed = positions.group.committed_with(&owned).await;
                committed.map_err(RunError::Client)
            }
            Self::TargetTopic(positions) => {
                let stored = positions.topic.read().await.map_err(RunError::Positions)?;
                Ok(positions.of_our_topics(&stored))
            }
        }
    }

    /// Stores positions that were decided: by a policy, by what an old consumer left, by an operator. They count in the topics
    /// of today, whatever was stored for topics of the same names before.
    pub(crate) async fn store_decided(
        &self,
        ownership: &Ownership,
        positions: &[PositionToStore],
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, RunError> {
        let refused = self.store(ownership, positions).await?;
        if let Some(zookeeper) = self.zookeeper() {
            zookeeper.begun(positions.iter().map(|position| position.tp.clone()));
        }
        Ok(refused)
    }

    /// Stores positions on behalf of the members that own them. Partitions that were refused one by one are returned.
    pub(crate) async fn store(
        &self,
        ownership: &Ownership,
        positions: &[PositionToStore],
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, RunError> {
        match self {
            Self::SourceGroup(own) => {
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
                    refused.extend(
                        own.group
                            .commit(&offsets, identity)
                            .await
                            .map_err(RunError::Client)?,
                    );
                }
                if let Some(zookeeper) = &own.zookeeper {
                    let is_stored = |tp: &TopicPartition| !refused.iter().any(|(refused, _)| refused == tp);
                    let stored = positions.iter().filter(|position| is_stored(&position.tp));
                    zookeeper.stored(stored.map(|position| {
                        let topic_id = position.topic_id;
                        let offset = position.committed.offset;
                        (position.tp.clone(), Stored { offset, topic_id })
                    }));
                }
                Ok(refused)
            }
            Self::TargetTopic(own) => {
                let records: Vec<PositionToWrite> = positions
                    .iter()
                    .map(|position| PositionToWrite {
                        partition: own.mirrored(&position.tp),
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
                    // Positions are safe already: a source that hangs must not hold up the next ones.
                    if timeout(TELL_GROUP_MAX, tell_group(group, positions))
                        .await
                        .is_err()
                    {
                        events::commit_group_late(group.group_id());
                    }
                }
                Ok(Vec::new())
            }
        }
    }
}

// === impl TargetPositions ===

impl TargetPositions {
    fn mirrored(&self, tp: &TopicPartition) -> MirroredPartition {
        MirroredPartition {
            cluster_id: self.source_cluster_id.clone(),
            tp: tp.clone(),
            target_topic: self.rename.target_name(&tp.topic),
        }
    }

    /// The positions on the topics that this flow writes to, whichever flow wrote them.
    fn of_our_topics(&self, stored: &StoredPositions) -> BTreeMap<TopicPartition, CommittedOffset> {
        let mut ours = BTreeMap::new();
        let mut others = Vec::new();
        for (whose, position) in stored.of_cluster(&self.source_cluster_id) {
            if *whose == self.mirrored(&whose.tp) {
                let committed = CommittedOffset {
                    offset: position.offset,
                    leader_epoch: position.leader_epoch,
                    metadata: position.metadata.clone(),
                };
                ours.insert(whose.tp.clone(), committed);
            } else if position.flow == self.topic.flow() {
                others.push(whose);
            }
        }
        let former = others.into_iter().find(|former| !ours.contains_key(&former.tp));
        if let Some(former) = former
            && !self.told_renamed.swap(true, Ordering::Relaxed)
        {
            let now = self.rename.target_name(&former.tp.topic);
            events::positions_of_another_target(&former.tp, &former.target_topic, &now);
        }
        ours
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
