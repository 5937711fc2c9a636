//! `DescribeTransactions`, `ListTransactions`: what an administrator sees of transactions (KIP-664).

use std::time::{Duration, Instant};

use kafka_wire::{ProducerIdentity, TopicPartition};

use super::Coordinator;
use super::transactional_id::TransactionState;

/// A transactional id as `DescribeTransactions` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedTransaction {
    /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`.
    pub state: &'static str,
    pub timeout: Duration,
    /// `None` while no transaction is open.
    pub started: Option<Instant>,
    pub producer: ProducerIdentity,
    pub partitions: Vec<TopicPartition>,
}

/// A transactional id as `ListTransactions` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTransaction {
    pub transactional_id: String,
    pub producer_id: i64,
    /// As in [`DescribedTransaction::state`].
    pub state: &'static str,
}

// === impl Coordinator ===

impl Coordinator {
    /// One transactional id; `None` if nobody used it (`TRANSACTIONAL_ID_NOT_FOUND`).
    pub fn describe(&self, transactional_id: &str) -> Option<DescribedTransaction> {
        let id = self.ids.get(transactional_id)?;
        let (started, partitions) = match &id.state {
            TransactionState::Ongoing(transaction) | TransactionState::Prepare(_, transaction) => (
                transaction.started,
                transaction.partitions.iter().cloned().collect(),
            ),
            TransactionState::Empty | TransactionState::Complete(_) => (None, Vec::new()),
        };
        Some(DescribedTransaction {
            state: id.state.name(),
            timeout: id.timeout,
            started,
            producer: id.producer,
            partitions,
        })
    }

    /// All transactional ids, by name.
    pub fn list(&self) -> Vec<ListedTransaction> {
        self.ids
            .iter()
            .map(|(transactional_id, id)| ListedTransaction {
                transactional_id: transactional_id.clone(),
                producer_id: id.producer.id,
                state: id.state.name(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::transaction::testing::{Bench, ID, TIMEOUT, partition};

    #[test]
    fn a_transaction_is_shown_with_its_start_and_its_partitions() {
        let mut bench = Bench::new();
        assert_eq!(bench.coordinator.describe(ID), None);
        let producer = bench.begun();
        let shown = bench.coordinator.describe(ID).expect("used");
        assert_eq!((shown.state, shown.started), ("Ongoing", Some(bench.now)));
        assert_eq!((shown.producer, shown.timeout), (producer, TIMEOUT));
        assert_eq!(shown.partitions, [partition(0)]);
        let listed = bench.coordinator.list();
        assert_eq!(listed.len(), 1);
        assert_eq!(
            (listed[0].transactional_id.as_str(), listed[0].state),
            (ID, "Ongoing")
        );
    }
}
