//! Which producers' records are void, under `read_committed`.
//!
//! A fetch at isolation level 1 lists the aborted transactions that overlap it, each by producer id and first offset.
//! From that offset on the producer's transactional records are void, until its ABORT marker. The rule is Java's
//! (`CompletedFetch`), and so is its scope, one fetch response: each response lists again whatever reaches into it,
//! and a state that outlived the response would wait for ever for a marker that compaction has removed meanwhile.

use std::collections::BTreeSet;

use crate::{BatchHeader, ControlRecord};

/// The aborted transactions of one partition in one fetch response: made from the response's list, shown
/// each of the response's batches in order, dropped with the response.
#[derive(Debug, Clone, Default)]
pub struct AbortedTransactions {
    /// (first offset, producer id) of transactions not reached yet, latest first.
    ahead: Vec<(i64, i64)>,
    void_producers: BTreeSet<i64>,
}

// === impl AbortedTransactions ===

impl AbortedTransactions {
    /// A response without any, as under `read_uncommitted`.
    pub fn none() -> Self {
        Self::default()
    }

    /// The response's list: (producer id, first offset) in any order.
    pub fn listed(transactions: impl IntoIterator<Item = (i64, i64)>) -> Self {
        let mut ahead: Vec<_> = transactions
            .into_iter()
            .map(|(producer_id, first_offset)| (first_offset, producer_id))
            .collect();
        ahead.sort_unstable_by(|left, right| right.cmp(left));
        Self {
            ahead,
            void_producers: BTreeSet::new(),
        }
    }

    /// The walk reaches the batch with this header. Reaching it again changes nothing.
    pub fn reach(&mut self, header: &BatchHeader) {
        let last = header.last_offset();
        while let Some((_, producer_id)) = self.ahead.pop_if(|(first_offset, _)| *first_offset <= last) {
            self.void_producers.insert(producer_id);
        }
    }

    /// The batch with this header holds `marker` (`None`: compaction has emptied it).
    pub fn end(&mut self, header: &BatchHeader, marker: Option<ControlRecord>) {
        if marker == Some(ControlRecord::Abort) {
            self.void_producers.remove(&header.producer_id);
        }
    }

    /// Are the records of the batch with this header void?
    pub fn is_void(&self, header: &BatchHeader) -> bool {
        header.attributes.is_transactional() && self.void_producers.contains(&header.producer_id)
    }
}
