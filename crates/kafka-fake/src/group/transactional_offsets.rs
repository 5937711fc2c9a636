//! `TxnOffsetCommit`: offsets that become visible when their producer's transaction commits (KIP-98, KIP-447).

use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use super::Coordinator;
use super::classic_group::ClassicGroup;
use super::offsets::{CommittedOffset, StoredOffset, group_to_commit, store_each};
use crate::transaction::TransactionResult;

/// A `TxnOffsetCommit`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionalCommitRequest {
    pub group_id: String,
    pub producer: ProducerIdentity,
    /// -1, an empty member id and no instance id before version 3, which did not know them.
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub offsets: Vec<(TopicPartition, CommittedOffset)>,
}

// === impl Coordinator ===

impl Coordinator {
    /// Holds offsets until the transaction ends. That the group belongs to the transaction is for the caller to check, with
    /// [`verify_group`](crate::transaction::Coordinator::verify_group) if it is to be as strict as Kafka 4.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` from a producer that was fenced; the checks of
    /// [`commit_offsets`](Self::commit_offsets), but that a rebalance is no obstacle, and that a generation of a group that
    /// is not there is `ILLEGAL_GENERATION` in every version.
    pub fn commit_offsets_in_transaction(
        &mut self,
        request: TransactionalCommitRequest,
    ) -> Result<Vec<(TopicPartition, ErrorCode)>, ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::INVALID_GROUP_ID);
        }
        let producer = request.producer;
        if self.newest_epoch(producer.id) > producer.epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        let group = group_to_commit(&mut self.groups, &request.group_id, request.generation_id)
            .ok_or(ErrorCode::ILLEGAL_GENERATION)?;
        group.validate_transactional_commit(&request)?;
        self.producer_epochs.insert(producer.id, producer.epoch);
        let commits = &mut self.commits;
        let metadata_max = self.settings.offset_metadata_max;
        Ok(store_each(
            request.offsets,
            metadata_max,
            |partition, committed| {
                *commits += 1;
                let stored = StoredOffset {
                    commit_number: *commits,
                    committed,
                };
                group.offsets.hold(producer.id, partition, stored);
            },
        ))
    }

    /// The marker of a transaction arrives at the group: what the producer held there becomes visible or is dropped. The
    /// marker's epoch fences older ones.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` for a marker older than the newest epoch seen.
    pub fn end_transaction(
        &mut self,
        group_id: &str,
        producer: ProducerIdentity,
        result: TransactionResult,
    ) -> Result<(), ErrorCode> {
        if self.newest_epoch(producer.id) > producer.epoch {
            return Err(ErrorCode::INVALID_PRODUCER_EPOCH);
        }
        self.producer_epochs.insert(producer.id, producer.epoch);
        if let Some(group) = self.groups.get_mut(group_id) {
            match result {
                TransactionResult::Commit => group.offsets.publish(producer.id),
                TransactionResult::Abort => group.offsets.discard(producer.id),
            }
        }
        Ok(())
    }

    fn newest_epoch(&self, producer_id: i64) -> i16 {
        self.producer_epochs
            .get(&producer_id)
            .copied()
            .unwrap_or(ProducerIdentity::NONE.epoch)
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    /// The group's state does not matter: only a producer that is fenced, or a member that is not of this generation, must
    /// not commit. Clients older than KIP-447 say nothing of a member.
    fn validate_transactional_commit(&self, request: &TransactionalCommitRequest) -> Result<(), ErrorCode> {
        let instance_id = request.group_instance_id.as_deref();
        let names_a_member =
            request.generation_id >= 0 || !request.member_id.is_empty() || instance_id.is_some();
        if !names_a_member || (request.generation_id < 0 && self.members.is_empty()) {
            return Ok(());
        }
        self.validate_member(&request.member_id, instance_id)?;
        if request.generation_id == self.generation_id {
            Ok(())
        } else {
            Err(ErrorCode::ILLEGAL_GENERATION)
        }
    }
}

#[cfg(test)]
mod tests;
