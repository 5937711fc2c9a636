//! `AddPartitionsToTxn`, `AddOffsetsToTxn`: what belongs to a transaction; and the question whether something does.

use std::time::Instant;

use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use super::Coordinator;
use super::transactional_id::{Transaction, TransactionState, TransactionalId};

// === impl Coordinator ===

impl Coordinator {
    /// Partitions that the producer is going to write to; the first of them begin the transaction.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_ID_MAPPING` for an id that is not the producer's, `PRODUCER_FENCED` for an old epoch (until
    /// version 1 that was `INVALID_PRODUCER_EPOCH`), `CONCURRENT_TRANSACTIONS` while the last one is being ended.
    pub fn add_partitions(
        &mut self,
        now: Instant,
        transactional_id: &str,
        producer: ProducerIdentity,
        partitions: impl IntoIterator<Item = TopicPartition>,
    ) -> Result<(), ErrorCode> {
        let transaction = self.id_of(transactional_id, producer)?.open(now)?;
        transaction.partitions.extend(partitions);
        Ok(())
    }

    /// A group whose offsets the producer is going to commit.
    ///
    /// # Errors
    /// As [`add_partitions`](Self::add_partitions).
    pub fn add_group(
        &mut self,
        now: Instant,
        transactional_id: &str,
        producer: ProducerIdentity,
        group_id: &str,
    ) -> Result<(), ErrorCode> {
        let transaction = self.id_of(transactional_id, producer)?.open(now)?;
        transaction.groups.insert(group_id.to_owned());
        Ok(())
    }

    /// May the producer write to this partition? Brokers ask since Kafka 3.6, so that a record which comes late does not
    /// hang in a log for ever (KIP-890, part 1).
    ///
    /// # Errors
    /// As [`add_partitions`](Self::add_partitions), and `TRANSACTION_ABORTABLE` if the partition is no part of the
    /// transaction; brokers say `INVALID_TXN_STATE` to clients that do not know that code.
    pub fn verify_partition(
        &mut self,
        transactional_id: &str,
        producer: ProducerIdentity,
        partition: &TopicPartition,
    ) -> Result<(), ErrorCode> {
        self.verify(transactional_id, producer, |transaction| {
            transaction.partitions.contains(partition)
        })
    }

    /// May the producer commit offsets of this group? As [`verify_partition`](Self::verify_partition).
    pub fn verify_group(
        &mut self,
        transactional_id: &str,
        producer: ProducerIdentity,
        group_id: &str,
    ) -> Result<(), ErrorCode> {
        self.verify(transactional_id, producer, |transaction| {
            transaction.groups.contains(group_id)
        })
    }

    fn verify(
        &mut self,
        transactional_id: &str,
        producer: ProducerIdentity,
        contains: impl Fn(&Transaction) -> bool,
    ) -> Result<(), ErrorCode> {
        match &self.id_of(transactional_id, producer)?.state {
            TransactionState::Ongoing(transaction) if contains(transaction) => Ok(()),
            TransactionState::Prepare(..) => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TransactionState::Ongoing(_) | TransactionState::Empty | TransactionState::Complete(_) => {
                Err(ErrorCode::TRANSACTION_ABORTABLE)
            }
        }
    }
}

// === impl TransactionalId ===

impl TransactionalId {
    /// The transaction under way, begun now if there is none.
    fn open(&mut self, now: Instant) -> Result<&mut Transaction, ErrorCode> {
        if matches!(
            self.state,
            TransactionState::Empty | TransactionState::Complete(_)
        ) {
            self.state = TransactionState::Ongoing(Transaction::begun(now));
        }
        match &mut self.state {
            TransactionState::Ongoing(transaction) => Ok(transaction),
            TransactionState::Prepare(..) => Err(ErrorCode::CONCURRENT_TRANSACTIONS),
            TransactionState::Empty | TransactionState::Complete(_) => {
                unreachable!("invariant: both became Ongoing above")
            }
        }
    }
}

#[cfg(test)]
mod tests;
