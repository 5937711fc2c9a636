//! The log of one partition: batches in offset order, and what a leader keeps beside them.
//!
//! One log stands for all replicas of its partition: a fake broker does not copy. What replication shows to clients is
//! kept apart from the bytes: the high watermark follows the end of the log at once, unless replication is held back.
//!
//! Invariants: (A) offsets ascend from batch to batch; (B) `start <= last stable offset <= high watermark <= end`.

mod aborted;
mod append;
mod append_error;
mod cleaner;
mod epochs;
mod producers;
mod read;
mod removal;
mod rewrite;
mod validation;

use std::collections::VecDeque;

use bytes::Bytes;
use kafka_record::Batch;

pub use aborted::AbortedTransaction;
pub(crate) use append::Appended;
pub use append::TransactionMarker;
pub(crate) use append_error::AppendError;
pub use cleaner::Tombstones;
pub(crate) use epochs::{EpochEnd, LeaderEpochs};
pub(crate) use validation::Rules;

use aborted::AbortedTransactions;
use producers::Producers;

/// See the module.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartitionLog {
    batches: VecDeque<StoredBatch>,
    start: i64,
    end: i64,
    high_watermark: i64,
    is_replication_held: bool,
    size_bytes: usize,
    epochs: LeaderEpochs,
    producers: Producers,
    aborted: AbortedTransactions,
    /// Ended transactions (first offset, marker's offset) whose marker may be above the high watermark.
    undecided: Vec<(i64, i64)>,
}

/// One batch as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredBatch {
    batch: Batch,
}

// === impl StoredBatch ===

impl StoredBatch {
    fn of(batch: Batch) -> Self {
        Self { batch }
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        match &self.batch {
            Batch::V2(batch) => batch.bytes(),
            Batch::Legacy(set) => &set.bytes,
        }
    }

    pub(crate) fn base_offset(&self) -> i64 {
        match &self.batch {
            Batch::V2(batch) => batch.header.base_offset,
            Batch::Legacy(set) => set.first_offset,
        }
    }

    pub(crate) fn next_offset(&self) -> i64 {
        self.batch.next_offset()
    }

    /// In ms since 1970; -1 where the format has none that is read here.
    fn max_timestamp(&self) -> i64 {
        match &self.batch {
            Batch::V2(batch) => batch.header.max_timestamp,
            Batch::Legacy(_) => -1,
        }
    }

    fn record_count(&self) -> i32 {
        match &self.batch {
            Batch::V2(batch) => batch.header.record_count,
            Batch::Legacy(_) => 1,
        }
    }
}

// === impl PartitionLog ===

impl PartitionLog {
    /// The first offset that may be read.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    /// The offset the next record gets.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// What is replicated, exclusive.
    pub(crate) fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// What no open transaction can change any more, exclusive.
    pub(crate) fn last_stable_offset(&self) -> i64 {
        let undecided = self.undecided.iter().map(|(first, _)| *first).min();
        let open = self.producers.first_open();
        let unstable = undecided.into_iter().chain(open).min();
        unstable.map_or(self.high_watermark, |first| {
            first.max(self.start).min(self.high_watermark)
        })
    }

    pub(crate) fn epochs(&self) -> &LeaderEpochs {
        &self.epochs
    }

    /// A leader begins to write in `epoch`.
    pub(crate) fn begin_epoch(&mut self, epoch: i32) {
        self.epochs.assign(epoch, self.end);
    }

    /// Aborted transactions a reader of `start..end` has to know of.
    pub(crate) fn aborted_in(&self, start: i64, end: i64) -> Vec<AbortedTransaction> {
        self.aborted.overlapping(start, end)
    }

    /// While held, the high watermark stays where it is and `acks=all` waits.
    pub(crate) fn hold_replication(&mut self, is_held: bool) {
        self.is_replication_held = is_held;
        self.advance_high_watermark();
    }

    /// Forgets all idempotent producers.
    pub(crate) fn forget_producers(&mut self) {
        self.producers.forget();
    }

    /// The batches, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &StoredBatch> {
        self.batches.iter()
    }

    fn advance_high_watermark(&mut self) {
        if !self.is_replication_held {
            self.high_watermark = self.end;
        }
        self.undecided
            .retain(|(_, marker)| *marker >= self.high_watermark);
    }
}

#[cfg(test)]
mod tests;
