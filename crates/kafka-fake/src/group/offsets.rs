//! The offsets a group has committed: `OffsetCommit`, `OffsetFetch`, `OffsetDelete`.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_wire::{ErrorCode, TopicPartition};

use super::Coordinator;
use super::classic_group::{ClassicGroup, GroupState};

/// An `OffsetCommit`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitRequest {
    pub group_id: String,
    /// -1 from whoever is not a member: an administrator, or a consumer that assigns its partitions itself.
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub offsets: Vec<(TopicPartition, CommittedOffset)>,
}

/// What is stored for a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read. Not checked against the partition.
    pub offset: i64,
    /// Of the record before `offset`; -1 if the client does not know.
    pub leader_epoch: i32,
    /// Free text.
    pub metadata: String,
}

/// One partition's answer to an `OffsetFetch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedOffset {
    pub partition: TopicPartition,
    /// Offset and leader epoch are -1 where nothing is committed, which is no error.
    pub committed: CommittedOffset,
    pub error: ErrorCode,
}

/// All offsets of a group.
#[derive(Debug, Default)]
pub(super) struct GroupOffsets {
    committed: BTreeMap<TopicPartition, StoredOffset>,
    /// By producer id: offsets of transactions that are still open.
    pending: BTreeMap<i64, BTreeMap<TopicPartition, StoredOffset>>,
}

/// An offset and its place among all commits: the later commit wins, whenever its transaction ends.
#[derive(Debug, Clone)]
pub(super) struct StoredOffset {
    pub(super) commit_number: u64,
    pub(super) committed: CommittedOffset,
}

// === impl CommittedOffset ===

impl CommittedOffset {
    /// What a fetch answers for a partition without a committed offset.
    pub const NONE: Self = Self {
        offset: -1,
        leader_epoch: -1,
        metadata: String::new(),
    };
}

// === impl Coordinator ===

impl Coordinator {
    /// Stores offsets. Each partition has its own outcome, in the order of the request.
    ///
    /// # Errors
    /// For all partitions: what [`heartbeat`](Self::heartbeat) checks too, `REBALANCE_IN_PROGRESS` between join and sync
    /// alone, and `GROUP_ID_NOT_FOUND` for a generation of a group that is not there; before version 9 that was
    /// `ILLEGAL_GENERATION`.
    pub fn commit_offsets(
        &mut self,
        now: Instant,
        request: CommitRequest,
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
        let Some(group) = group_to_commit(&mut self.groups, &request.group_id, request.generation_id) else {
            return Err(ErrorCode::GROUP_ID_NOT_FOUND);
        };
        group.validate_commit(&request)?;
        if matches!(
            group.state,
            GroupState::Stable | GroupState::PreparingRebalance(_)
        ) {
            group.heard(now, &request.member_id);
        }
        let metadata_max = self.settings.offset_metadata_max;
        let commits = &mut self.commits;
        Ok(store_each(
            request.offsets,
            metadata_max,
            |partition, committed| {
                *commits += 1;
                let stored = StoredOffset {
                    commit_number: *commits,
                    committed,
                };
                group.offsets.committed.insert(partition, stored);
            },
        ))
    }

    /// The offsets of some partitions, or of all that have one. A group that does not exist has none.
    ///
    /// `require_stable` (KIP-447, from version 7 on): a partition for which an open transaction holds an offset is
    /// answered `UNSTABLE_OFFSET_COMMIT`, so that its reader waits for the outcome.
    pub fn fetch_offsets(
        &self,
        group_id: &str,
        partitions: Option<&[TopicPartition]>,
        require_stable: bool,
    ) -> Vec<FetchedOffset> {
        let none = GroupOffsets::default();
        let offsets = self.groups.get(group_id).map_or(&none, |group| &group.offsets);
        match partitions {
            Some(partitions) => partitions
                .iter()
                .map(|tp| offsets.fetch(tp, require_stable))
                .collect(),
            None => offsets
                .committed
                .keys()
                .map(|tp| offsets.fetch(tp, require_stable))
                .collect(),
        }
    }

    /// Deletes offsets (KIP-496). Each partition has its own outcome, in the order of the request.
    ///
    /// # Errors
    /// For all partitions: `GROUP_ID_NOT_FOUND`; `NON_EMPTY_GROUP` if the group has members that are no consumers.
    pub fn delete_offsets(
        &mut self,
        group_id: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let group = self
            .groups
            .get_mut(group_id)
            .ok_or(ErrorCode::GROUP_ID_NOT_FOUND)?;
        if group.state != GroupState::Empty && !group.is_consumer_group() {
            return Err(ErrorCode::NON_EMPTY_GROUP);
        }
        let outcome = |tp: &TopicPartition| {
            if group.is_subscribed_to(&tp.topic) {
                return (tp.clone(), ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC);
            }
            group.offsets.forget(tp);
            (tp.clone(), ErrorCode::NONE)
        };
        Ok(partitions.iter().map(outcome).collect())
    }

    /// Forgets one offset, as a broker does when `offsets.retention.minutes` have passed. Was there one?
    ///
    /// Before Kafka 2.1 that happened to single partitions of a group at work, when nothing had been committed for them
    /// for a day (KIP-211); hence it is a call, for tests that want it to happen.
    pub fn expire_offset(&mut self, group_id: &str, partition: &TopicPartition) -> bool {
        self.groups
            .get_mut(group_id)
            .is_some_and(|group| group.offsets.committed.remove(partition).is_some())
    }

    /// Forgets all offsets of a topic that was deleted, in all groups.
    pub fn forget_topic(&mut self, topic: &str) {
        for group in self.groups.values_mut() {
            group.offsets.forget_topic(topic);
        }
    }
}

/// The group that a commit belongs to. Whoever is not a member may commit to a group that is not there yet, and creates
/// it.
pub(super) fn group_to_commit<'a>(
    groups: &'a mut BTreeMap<String, ClassicGroup>,
    group_id: &str,
    generation_id: i32,
) -> Option<&'a mut ClassicGroup> {
    if generation_id < 0 {
        Some(groups.entry(group_id.to_owned()).or_default())
    } else {
        groups.get_mut(group_id)
    }
}

/// Stores every offset whose text is not too long, and says so for each.
pub(super) fn store_each(
    offsets: Vec<(TopicPartition, CommittedOffset)>,
    metadata_max: usize,
    mut store: impl FnMut(TopicPartition, CommittedOffset),
) -> Vec<(TopicPartition, ErrorCode)> {
    offsets
        .into_iter()
        .map(|(partition, committed)| {
            if committed.metadata.encode_utf16().count() > metadata_max {
                return (partition, ErrorCode::OFFSET_METADATA_TOO_LARGE);
            }
            store(partition.clone(), committed);
            (partition, ErrorCode::NONE)
        })
        .collect()
}

// === impl ClassicGroup ===

impl ClassicGroup {
    fn validate_commit(&self, request: &CommitRequest) -> Result<(), ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        if request.generation_id < 0 && self.state == GroupState::Empty {
            return Ok(());
        }
        if request.generation_id < 0 && request.member_id.is_empty() && instance_id.is_none() {
            // Somebody who is no member commits to a group at work.
            return Err(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        self.validate_member(&request.member_id, instance_id)?;
        if request.generation_id != self.generation_id {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        if self.state == GroupState::CompletingRebalance {
            // The member has joined this generation, but what it commits it owned in the last one.
            return Err(ErrorCode::REBALANCE_IN_PROGRESS);
        }
        Ok(())
    }
}

// === impl GroupOffsets ===

impl GroupOffsets {
    /// Keeps an offset until the producer's transaction ends.
    pub(super) fn hold(&mut self, producer_id: i64, partition: TopicPartition, offset: StoredOffset) {
        self.pending
            .entry(producer_id)
            .or_default()
            .insert(partition, offset);
    }

    /// The producer's transaction committed. An offset that was committed later without a transaction stays.
    pub(super) fn publish(&mut self, producer_id: i64) {
        for (partition, offset) in self.pending.remove(&producer_id).unwrap_or_default() {
            let is_newer = |existing: &StoredOffset| existing.commit_number > offset.commit_number;
            if !self.committed.get(&partition).is_some_and(is_newer) {
                self.committed.insert(partition, offset);
            }
        }
    }

    /// The producer's transaction aborted.
    pub(super) fn discard(&mut self, producer_id: i64) {
        self.pending.remove(&producer_id);
    }

    fn fetch(&self, partition: &TopicPartition, require_stable: bool) -> FetchedOffset {
        let is_unstable = require_stable && self.pending.values().any(|held| held.contains_key(partition));
        let stored = self.committed.get(partition);
        let (committed, error) = match stored {
            _ if is_unstable => (CommittedOffset::NONE, ErrorCode::UNSTABLE_OFFSET_COMMIT),
            Some(stored) => (stored.committed.clone(), ErrorCode::NONE),
            None => (CommittedOffset::NONE, ErrorCode::NONE),
        };
        FetchedOffset {
            partition: partition.clone(),
            committed,
            error,
        }
    }

    fn forget(&mut self, partition: &TopicPartition) {
        self.committed.remove(partition);
        for held in self.pending.values_mut() {
            held.remove(partition);
        }
    }

    fn forget_topic(&mut self, topic: &str) {
        self.committed.retain(|tp, _| &*tp.topic != topic);
        for held in self.pending.values_mut() {
            held.retain(|tp, _| &*tp.topic != topic);
        }
    }
}

#[cfg(test)]
mod tests;
