//! The markers that end a transaction in each partition and group it touched.

use kafka_wire::{ProducerIdentity, TopicPartition};

use super::transactional_id::{TransactionState, TransactionalId};
use super::{Coordinator, TransactionResult};

/// What is to be written for one transaction. Whoever writes them calls [`Coordinator::markers_written`] when all are; a
/// partition that was deleted meanwhile counts as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markers {
    pub transactional_id: String,
    /// Which of the id's transactions this is, counted from 1.
    pub transaction: u64,
    /// The epoch fences: the partition's log accepts no older one behind the marker.
    pub producer: ProducerIdentity,
    pub coordinator_epoch: i32,
    pub result: TransactionResult,
    /// Each gets a control batch.
    pub partitions: Vec<TopicPartition>,
    /// Each is told by [`end_transaction`](crate::group::Coordinator::end_transaction).
    pub groups: Vec<String>,
}

// === impl Coordinator ===

impl Coordinator {
    /// What is to be written since the last call.
    pub fn take_markers(&mut self) -> Vec<Markers> {
        std::mem::take(&mut self.markers)
    }

    /// All of `markers` are written: the producer may begin its next transaction. Markers of an
    /// earlier transaction, or from before a fail-over, change nothing.
    pub fn markers_written(&mut self, markers: &Markers) {
        if let Some(id) = self.ids.get_mut(&markers.transactional_id)
            && id.decided == markers.transaction
            && id.coordinator_epoch == markers.coordinator_epoch
        {
            id.complete();
        }
    }
}

// === impl TransactionalId ===

impl TransactionalId {
    /// The markers that are due, if the transaction is decided.
    pub(super) fn markers(&self, transactional_id: &str) -> Option<Markers> {
        match &self.state {
            TransactionState::Prepare(result, transaction) => Some(Markers {
                transactional_id: transactional_id.to_owned(),
                transaction: self.decided,
                producer: self.producer,
                coordinator_epoch: self.coordinator_epoch,
                result: *result,
                partitions: transaction.partitions.iter().cloned().collect(),
                groups: transaction.groups.iter().cloned().collect(),
            }),
            TransactionState::Empty | TransactionState::Ongoing(_) | TransactionState::Complete(_) => None,
        }
    }
}
