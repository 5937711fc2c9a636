//! How far one source partition has safely arrived on the target: a low watermark over acks in any order.
//!
//! The router cuts a source partition into *entries* (one per source batch, numbered from 0). Each target batch
//! carries the records of one or more entries; acks come back in any order, because the batches of one source
//! partition may lie in several target partitions. The position that may be committed is the next offset of the
//! last entry before which nothing is missing.
//!
//! ```text
//!   handle_routed* ─► handle_sent* ─► settle ─► … ─► handle_acked ─► position()
//!   └────────── one call of the router ──────────┘
//! ```
//!
//! One batch over entries `first..=last` is counted on `first` alone: until its ack the watermark cannot pass
//! `first`, hence no later entry either; after its ack it holds back none of them.
//!
//! Invariants:
//! - (A) entries are routed in the order 0, 1, 2, … and their next offsets never fall;
//! - (B) `position` never falls;
//! - (C) `position` never passes an entry that still has an unacknowledged batch;
//! - (D) `position` never passes an entry whose records may still lie inside the router: entries routed since the
//!   last [`PartitionProgress::settle`] count as held, so a forgotten call stops the position, it never loses data;
//! - (E) when everything is settled and acknowledged, `position` is the next offset of the newest entry.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

/// A place in a source partition: everything below `offset` is on the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The next offset to read.
    pub offset: i64,
    /// The partition leader epoch of the last batch below `offset`; -1 when it is not known.
    pub leader_epoch: i32,
}

/// The acknowledged position of one source partition. Only this position is ever committed; where fetching and
/// routing stand is known elsewhere.
///
/// Memory grows with the entries that wait for an ack, which the caller's byte budget bounds.
#[derive(Debug)]
pub struct PartitionProgress {
    position: Position,
    /// The entries above `position`, oldest first.
    waiting: VecDeque<Entry>,
    /// The number of `waiting[0]`, or of the next entry when `waiting` is empty.
    oldest: u64,
    /// Entries from this number on may still get target batches.
    held_from: u64,
    /// Target batches sent and not acknowledged.
    batches_in_flight: usize,
}

#[derive(Debug)]
struct Entry {
    after: Position,
    /// Unacknowledged batches whose first entry this is.
    batches: u32,
}

// === impl PartitionProgress ===

impl PartitionProgress {
    /// Everything below `start` counts as mirrored; the router's first entry (0) comes next.
    pub fn new(start: Position) -> Self {
        Self {
            position: start,
            waiting: VecDeque::new(),
            oldest: 0,
            held_from: 0,
            batches_in_flight: 0,
        }
    }

    /// The router took in one more source batch.
    ///
    /// # Panics
    /// When entries come out of order (invariant A): a bug of the caller.
    pub fn handle_routed(&mut self, entry: u64, next_offset: i64, leader_epoch: i32) {
        assert_eq!(
            entry,
            self.next_entry(),
            "invariant A: entries are routed in order"
        );
        let newest = self
            .waiting
            .back()
            .map_or(self.position.offset, |entry| entry.after.offset);
        assert!(
            next_offset >= newest,
            "invariant A: next offset {next_offset} is below {newest}"
        );
        self.waiting.push_back(Entry {
            after: Position {
                offset: next_offset,
                leader_epoch,
            },
            batches: 0,
        });
    }

    /// A target batch with records of `entries` left the router and awaits the target's ack.
    ///
    /// # Panics
    /// When `entries` were not routed before, or were passed already: a bug of the caller.
    pub fn handle_sent(&mut self, entries: &RangeInclusive<u64>) {
        assert!(
            entries.start() <= entries.end(),
            "a batch carries records of at least one entry"
        );
        assert!(
            *entries.end() < self.next_entry(),
            "a batch is sent after its entries were routed"
        );
        self.entry_mut(*entries.start()).batches += 1;
        self.batches_in_flight += 1;
    }

    /// The target holds the batch that was given to [`Self::handle_sent`] with the same `entries` (or an operator's
    /// setting decided to go on without it). Returns whether the position moved.
    ///
    /// # Panics
    /// When no such batch is in flight: a bug of the caller.
    pub fn handle_acked(&mut self, entries: &RangeInclusive<u64>) -> bool {
        let entry = self.entry_mut(*entries.start());
        entry.batches = entry
            .batches
            .checked_sub(1)
            .expect("invariant: an ack answers a batch in flight");
        self.batches_in_flight -= 1;
        self.advance()
    }

    /// Ends one call of the router: all its entries and batches were handed over, and entries from `held_from` on
    /// still have records inside it (`None`: none has). Returns whether the position moved.
    ///
    /// # Panics
    /// When `held_from` names an entry that was never routed or was passed already: a bug of the caller.
    pub fn settle(&mut self, held_from: Option<u64>) -> bool {
        let next = self.next_entry();
        let held_from = held_from.unwrap_or(next);
        assert!(
            self.oldest <= held_from && held_from <= next,
            "invariant D: held entry {held_from} outside {}..={next}",
            self.oldest
        );
        self.held_from = held_from;
        self.advance()
    }

    /// The position that may be committed.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Target batches that await their ack.
    pub fn batches_in_flight(&self) -> usize {
        self.batches_in_flight
    }

    /// Source batches above the position.
    pub fn entries_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Is everything that was routed also acknowledged?
    pub fn is_drained(&self) -> bool {
        self.waiting.is_empty()
    }

    fn next_entry(&self) -> u64 {
        self.oldest + self.waiting.len() as u64
    }

    fn entry_mut(&mut self, entry: u64) -> &mut Entry {
        entry
            .checked_sub(self.oldest)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.waiting.get_mut(index))
            .expect("invariant: the entry was routed and not yet passed")
    }

    fn advance(&mut self) -> bool {
        let before = self.position;
        while self.oldest < self.held_from {
            let Some(entry) = self.waiting.pop_front_if(|entry| entry.batches == 0) else {
                break;
            };
            self.position = entry.after;
            self.oldest += 1;
        }
        self.position != before
    }
}

#[cfg(test)]
mod tests;
