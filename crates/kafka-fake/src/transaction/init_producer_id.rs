//! `InitProducerId`: who writes from now on, and that nobody else does.

use std::time::Duration;

use kafka_wire::{ErrorCode, ProducerIdentity};

use super::Coordinator;
use super::transactional_id::{TransactionState, TransactionalId, is_epoch_exhausted};
use crate::clock::from_ms;

/// An `InitProducerId`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// `None` from a producer that is idempotent and nothing more.
    pub transactional_id: Option<String>,
    /// Ignored without a transactional id.
    pub transaction_timeout_ms: i32,
    /// What the producer has and wants to go on with (KIP-360, from version 3 on); [`ProducerIdentity::NONE`] otherwise.
    pub current: ProducerIdentity,
}

// === impl Coordinator ===

impl Coordinator {
    /// Gives a producer its id and epoch. With a transactional id, whoever had that before is fenced.
    ///
    /// # Errors
    /// `CONCURRENT_TRANSACTIONS` while a transaction of the predecessor is being ended; this call begins to abort one that
    /// is open. `PRODUCER_FENCED` if `current` is not current any more, `INVALID_TRANSACTION_TIMEOUT`, and
    /// `INVALID_REQUEST` for an empty id.
    pub fn init_producer_id(
        &mut self,
        request: &InitProducerIdRequest,
    ) -> Result<ProducerIdentity, ErrorCode> {
        let Some(transactional_id) = &request.transactional_id else {
            return Ok(ProducerIdentity {
                id: self.new_producer_id(),
                epoch: 0,
            });
        };
        if transactional_id.is_empty() {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        let timeout = from_ms(request.transaction_timeout_ms);
        if timeout.is_zero() || timeout > self.settings.max_timeout {
            return Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        }
        if !self.ids.contains_key(transactional_id) {
            let created = TransactionalId::created(self.new_producer_id(), timeout);
            self.ids.insert(transactional_id.clone(), created);
        }
        let Some(id) = self.ids.get_mut(transactional_id) else {
            unreachable!("invariant: inserted above");
        };

        let current = Some(request.current).filter(|current| *current != ProducerIdentity::NONE);
        if current.is_some_and(|current| !id.may_go_on_as(current)) {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        match &id.state {
            TransactionState::Prepare(..) => return Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TransactionState::Ongoing(_) => {
                // The producer is to ask again; it gets a later epoch then, so the one that fences is nobody's.
                self.fence(transactional_id);
                return Err(ErrorCode::CONCURRENT_TRANSACTIONS);
            }
            TransactionState::Empty | TransactionState::Complete(_) => {}
        }
        if id.is_epoch_exhausted() && current.is_none_or(|current| current.epoch == id.producer.epoch) {
            id.previous_id = id.producer.id;
            id.last_epoch = current.map_or(ProducerIdentity::NONE.epoch, |_| id.producer.epoch);
            id.producer = ProducerIdentity {
                id: self.next_producer_id,
                epoch: 0,
            };
            self.next_producer_id += 1;
        } else {
            id.bump_epoch(current)?;
        }
        id.timeout = timeout;
        id.state = TransactionState::Empty;
        Ok(id.producer)
    }
}

// === impl TransactionalId ===

impl TransactionalId {
    fn created(producer_id: i64, timeout: Duration) -> Self {
        Self {
            producer: ProducerIdentity {
                id: producer_id,
                epoch: ProducerIdentity::NONE.epoch,
            },
            previous_id: ProducerIdentity::NONE.id,
            last_epoch: ProducerIdentity::NONE.epoch,
            timeout,
            state: TransactionState::Empty,
            ends_bump_epoch: false,
            decided: 0,
            coordinator_epoch: 0,
        }
    }

    fn is_new(&self) -> bool {
        self.producer.epoch == ProducerIdentity::NONE.epoch
    }

    /// Is `current` ours, or did its owner miss that it got a new id because its epochs were used up? Its epoch is looked
    /// at later.
    fn may_go_on_as(&self, current: ProducerIdentity) -> bool {
        self.is_new()
            || current.id == self.producer.id
            || (current.id == self.previous_id && is_epoch_exhausted(current.epoch))
    }

    fn bump_epoch(&mut self, current: Option<ProducerIdentity>) -> Result<(), ErrorCode> {
        let last_epoch = match current {
            None => ProducerIdentity::NONE.epoch,
            Some(current) if self.is_new() || current.epoch == self.producer.epoch => self.producer.epoch,
            // A retry of the request that bumped it. Nobody else came in between, or there would be no last epoch.
            Some(current) if current.epoch == self.last_epoch => return Ok(()),
            Some(_) => return Err(ErrorCode::PRODUCER_FENCED),
        };
        if self.is_epoch_exhausted() {
            return Err(ErrorCode::PRODUCER_FENCED);
        }
        self.producer.epoch += 1;
        self.last_epoch = last_epoch;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
