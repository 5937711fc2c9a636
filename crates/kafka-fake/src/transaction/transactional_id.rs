//! What the coordinator knows of one transactional id (`TransactionMetadata` in Kafka).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use kafka_wire::{ProducerIdentity, TopicPartition};

use super::TransactionResult;

/// The highest epoch a producer may have. The one above is kept for fencing it.
pub(super) const EPOCH_MAX: i16 = i16::MAX - 1;

/// One transactional id.
#[derive(Debug)]
pub(super) struct TransactionalId {
    /// Whoever may act; the epoch is -1 before the first `InitProducerId` is through.
    pub(super) producer: ProducerIdentity,
    /// The producer id before the present one.
    pub(super) previous_id: i64,
    /// The epoch before the present one, if the same producer had it: what a retry of its request still names.
    pub(super) last_epoch: i16,
    pub(super) timeout: Duration,
    pub(super) state: TransactionState,
    /// The last transaction was ended in the way of KIP-890, so a retry of its end names the epoch before.
    pub(super) ends_bump_epoch: bool,
    /// Counts decided transactions, so that a report about an earlier one changes nothing.
    pub(super) decided: u64,
    /// Grows with each fail-over; brokers refuse markers of an older one.
    pub(super) coordinator_epoch: i32,
}

/// Where a transactional id stands. Kafka's `PrepareEpochFence` lasts for no time here, and ids do not expire (`Dead`).
#[derive(Debug)]
pub(super) enum TransactionState {
    Empty,
    Ongoing(Transaction),
    /// The result stands; markers are to be written.
    Prepare(TransactionResult, Transaction),
    Complete(TransactionResult),
}

/// An open transaction.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    /// `None` for one that was ended before anything belonged to it.
    pub(super) started: Option<Instant>,
    pub(super) partitions: BTreeSet<TopicPartition>,
    /// Groups whose offsets are part of it: in a broker, partitions of `__consumer_offsets`.
    pub(super) groups: BTreeSet<String>,
    /// Who gets the id when the markers are written, because the epochs of the present one are used up.
    pub(super) successor: Option<ProducerIdentity>,
}

// === impl TransactionalId ===

impl TransactionalId {
    /// When its transaction is aborted.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.state {
            TransactionState::Ongoing(transaction) => Some(transaction.started? + self.timeout),
            TransactionState::Empty | TransactionState::Prepare(..) | TransactionState::Complete(_) => None,
        }
    }

    pub(super) fn is_epoch_exhausted(&self) -> bool {
        is_epoch_exhausted(self.producer.epoch)
    }
}

/// Can a producer with this epoch get no further one?
pub(super) fn is_epoch_exhausted(epoch: i16) -> bool {
    epoch >= EPOCH_MAX
}

// === impl TransactionState ===

impl TransactionState {
    /// The name that `DescribeTransactions` and `ListTransactions` show.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::Ongoing(_) => "Ongoing",
            Self::Prepare(TransactionResult::Commit, _) => "PrepareCommit",
            Self::Prepare(TransactionResult::Abort, _) => "PrepareAbort",
            Self::Complete(TransactionResult::Commit) => "CompleteCommit",
            Self::Complete(TransactionResult::Abort) => "CompleteAbort",
        }
    }
}

// === impl Transaction ===

impl Transaction {
    pub(super) fn begun(now: Instant) -> Self {
        Self {
            started: Some(now),
            ..Self::default()
        }
    }
}
