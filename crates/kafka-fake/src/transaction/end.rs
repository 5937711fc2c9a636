//! `EndTxn`: committing and aborting, retries included; and the abort that fences.

use kafka_wire::{ErrorCode, ProducerIdentity};

use super::transactional_id::{EPOCH_MAX, Transaction, TransactionState, TransactionalId};
use super::{Coordinator, TransactionResult};

/// An `EndTxn`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndRequest {
    pub transactional_id: String,
    pub producer: ProducerIdentity,
    pub result: TransactionResult,
    /// The version is 5 or newer: the producer gets a new epoch with each transaction (KIP-890), so that nothing late can
    /// become part of its next one.
    pub bumps_epoch: bool,
}

/// What a request to end means, given the state.
enum Verdict {
    /// It ends the transaction under way, or an empty one.
    End,
    /// It has happened already.
    Repeated,
}

// === impl Coordinator ===

impl Coordinator {
    /// Ends a transaction. The answer is who the producer is from now on: another epoch if the request says so, another id
    /// when there is no further epoch. Asking for the same result again is no error.
    ///
    /// # Errors
    /// `INVALID_TXN_STATE` without a transaction or for the opposite of what was decided, `CONCURRENT_TRANSACTIONS` while
    /// its markers are being written, `PRODUCER_FENCED` for another epoch, `INVALID_PRODUCER_ID_MAPPING` for another id.
    pub fn end(&mut self, request: &EndRequest) -> Result<ProducerIdentity, ErrorCode> {
        let verdict = if request.bumps_epoch {
            self.verdict_with_new_epoch(request)?
        } else {
            self.id_of(&request.transactional_id, request.producer)?
                .verdict(request.result)?
        };
        let next_producer_id = self.next_producer_id;
        let Some(id) = self.ids.get_mut(&request.transactional_id) else {
            unreachable!("invariant: both verdicts looked it up");
        };
        let producer = match verdict {
            Verdict::Repeated => return Ok(id.producer),
            Verdict::End => id.prepare(request.result, request.bumps_epoch.then_some(next_producer_id)),
        };
        if producer.id == next_producer_id {
            self.next_producer_id += 1;
        }
        self.ask_for_markers(&request.transactional_id);
        Ok(producer)
    }

    /// Aborts an open transaction in the name of an epoch that nobody has, so that its producer can do nothing any more.
    pub(super) fn fence(&mut self, transactional_id: &str) {
        let ends_bump_epoch = self.settings.transaction_version >= 2;
        if let Some(id) = self.ids.get_mut(transactional_id) {
            id.prepare(TransactionResult::Abort, None);
            // One epoch above the highest that a producer can have is always left for this.
            id.producer.epoch += 1;
            id.last_epoch = ProducerIdentity::NONE.epoch;
            id.ends_bump_epoch = ends_bump_epoch;
            self.ask_for_markers(transactional_id);
        }
    }

    /// When every transaction has its epoch, the same epoch means the next transaction, and the one before a retry.
    fn verdict_with_new_epoch(&self, request: &EndRequest) -> Result<Verdict, ErrorCode> {
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let id = self
            .ids
            .get(&request.transactional_id)
            .ok_or(ErrorCode::INVALID_PRODUCER_ID_MAPPING)?;
        let producer = request.producer;
        let is_retry_after_rotation = id.ends_bump_epoch
            && producer.id == id.previous_id
            && producer.epoch == EPOCH_MAX
            && id.producer.epoch == 0;
        if producer.id != id.producer.id && !is_retry_after_rotation {
            return Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        }
        let is_retry = is_retry_after_rotation
            || id.ends_bump_epoch && producer.epoch.checked_add(1) == Some(id.producer.epoch);
        let is_next = producer == id.producer;
        match &id.state {
            TransactionState::Ongoing(_) | TransactionState::Empty if !is_next => {
                Err(ErrorCode::PRODUCER_FENCED)
            }
            TransactionState::Prepare(..) if !is_retry => Err(ErrorCode::PRODUCER_FENCED),
            TransactionState::Complete(_) if !is_retry && !is_next => Err(ErrorCode::PRODUCER_FENCED),
            // A producer that aborts without knowing whether its first partition arrived: that gives it a new epoch, too.
            TransactionState::Empty | TransactionState::Complete(_)
                if is_next && request.result == TransactionResult::Abort =>
            {
                Ok(Verdict::End)
            }
            TransactionState::Complete(_) if is_next => Err(ErrorCode::INVALID_TXN_STATE),
            TransactionState::Empty
            | TransactionState::Ongoing(_)
            | TransactionState::Prepare(..)
            | TransactionState::Complete(_) => id.verdict(request.result),
        }
    }

    /// The markers of a transaction that was just decided; one without partitions is complete at once.
    pub(super) fn ask_for_markers(&mut self, transactional_id: &str) {
        if let Some(id) = self.ids.get_mut(transactional_id)
            && let Some(markers) = id.markers(transactional_id)
        {
            if markers.partitions.is_empty() && markers.groups.is_empty() {
                id.complete();
            } else {
                self.markers.push(markers);
            }
        }
    }
}

// === impl TransactionalId ===

impl TransactionalId {
    /// What a request for `result` means, if the epoch is the right one.
    fn verdict(&self, result: TransactionResult) -> Result<Verdict, ErrorCode> {
        match &self.state {
            TransactionState::Ongoing(_) => Ok(Verdict::End),
            TransactionState::Complete(decided) if *decided == result => Ok(Verdict::Repeated),
            TransactionState::Prepare(decided, _) if *decided == result => {
                Err(ErrorCode::CONCURRENT_TRANSACTIONS)
            }
            TransactionState::Complete(_) | TransactionState::Prepare(..) | TransactionState::Empty => {
                Err(ErrorCode::INVALID_TXN_STATE)
            }
        }
    }

    /// Decides the transaction. With `spare_id` the producer gets the next epoch, or that id if there is none; the answer
    /// is who it is afterwards.
    fn prepare(&mut self, result: TransactionResult, spare_id: Option<i64>) -> ProducerIdentity {
        let mut transaction = match std::mem::replace(&mut self.state, TransactionState::Empty) {
            TransactionState::Ongoing(transaction) => transaction,
            TransactionState::Empty | TransactionState::Prepare(..) | TransactionState::Complete(_) => {
                Transaction::default()
            }
        };
        self.ends_bump_epoch = spare_id.is_some();
        if let Some(spare_id) = spare_id {
            if self.is_epoch_exhausted() {
                transaction.successor = Some(ProducerIdentity {
                    id: spare_id,
                    epoch: 0,
                });
            }
            self.last_epoch = self.producer.epoch;
            self.producer.epoch += 1;
        }
        self.decided += 1;
        let afterwards = transaction.successor.unwrap_or(self.producer);
        self.state = TransactionState::Prepare(result, transaction);
        afterwards
    }

    /// All markers are written.
    pub(super) fn complete(&mut self) {
        if let TransactionState::Prepare(result, transaction) = &self.state {
            let result = *result;
            if let Some(successor) = transaction.successor {
                self.previous_id = self.producer.id;
                self.last_epoch = ProducerIdentity::NONE.epoch;
                self.producer = successor;
            }
            self.state = TransactionState::Complete(result);
        }
    }
}

#[cfg(test)]
mod tests;
