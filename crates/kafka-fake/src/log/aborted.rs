//! The aborted transactions of a log: what a reader of committed data must leave out.
//!
//! Kafka keeps the same list in each segment's transaction index (`TransactionIndex.java`).

/// One transaction that ended with an abort marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    /// Offset of its first record.
    pub first_offset: i64,
    /// Offset of its marker.
    pub last_offset: i64,
}

/// In the order of their markers.
#[derive(Debug, Clone, Default)]
pub(crate) struct AbortedTransactions(Vec<AbortedTransaction>);

// === impl AbortedTransactions ===

impl AbortedTransactions {
    pub(crate) fn add(&mut self, aborted: AbortedTransaction) {
        self.0.push(aborted);
    }

    /// Those with a record or a marker in `start..end`, by first offset as brokers list them.
    pub(crate) fn overlapping(&self, start: i64, end: i64) -> Vec<AbortedTransaction> {
        let overlaps =
            |aborted: &&AbortedTransaction| aborted.last_offset >= start && aborted.first_offset < end;
        let mut found: Vec<_> = self.0.iter().filter(overlaps).copied().collect();
        found.sort_by_key(|aborted| aborted.first_offset);
        found
    }

    /// The log now begins at `start`.
    pub(crate) fn advance_start(&mut self, start: i64) {
        self.0.retain(|aborted| aborted.last_offset >= start);
    }
}
