//! One source partition as its tasks share it: how far it was fetched, routed and acknowledged.
//!
//! Three positions exist and are never mixed up: *fetched* (the next request's offset, moved by the one fetcher that
//! holds the partition), *routed* (inside the partition's router) and *acked* (the low watermark behind the target's
//! acks). Only the last is ever committed.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::anchor::Anchor;
use mirror_core::progress::{PartitionProgress, Position};

use crate::seeded_bugs::{SeededBug, is_planted};

/// Names a source partition inside this process.
pub(crate) type PartitionKey = u32;

/// Where the next fetch of a partition starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FetchCursor {
    pub(crate) offset: i64,
    /// The leader epoch of the batch before `offset`, by which the broker detects a diverged log; -1 if unknown.
    pub(crate) last_fetched_epoch: i32,
}

/// A source partition that this process mirrors.
#[derive(Debug)]
pub(crate) struct SourcePartition {
    pub(crate) key: PartitionKey,
    pub(crate) tp: TopicPartition,
    /// The topic's name on the target.
    pub(crate) target_topic: Arc<str>,
    pub(crate) topic_id: TopicId,
    cursor: Mutex<FetchCursor>,
    progress: Mutex<PartitionProgress>,
    /// The last batch that the target acknowledged, recognisable on both sides.
    anchor: Mutex<Option<Anchor>>,
    /// Offsets that are left out on purpose, from the acknowledged position on.
    left_out: Mutex<BTreeSet<i64>>,
    halted: AtomicBool,
    withdrawn: AtomicBool,
    /// Which of this process' members owns it.
    member: Option<usize>,
    fetched: AtomicBool,
    log_start: AtomicI64,
    high_watermark: AtomicI64,
    last_stable: AtomicI64,
    /// The end of what may be read, as of the last fetch; -1 before it.
    readable_end: AtomicI64,
}

/// The ends of a partition's log as the last fetch told them; -1 where it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEnds {
    pub(crate) log_start: i64,
    pub(crate) high_watermark: i64,
    pub(crate) last_stable: i64,
}

// === impl SourcePartition ===

impl SourcePartition {
    pub(crate) fn new(
        key: PartitionKey,
        tp: TopicPartition,
        target_topic: Arc<str>,
        topic_id: TopicId,
        start: Position,
        member: Option<usize>,
    ) -> Arc<Self> {
        Arc::new(Self {
            key,
            tp,
            target_topic,
            topic_id,
            cursor: Mutex::new(FetchCursor {
                offset: start.offset,
                last_fetched_epoch: start.leader_epoch,
            }),
            progress: Mutex::new(PartitionProgress::new(start)),
            anchor: Mutex::new(None),
            left_out: Mutex::default(),
            halted: AtomicBool::new(false),
            withdrawn: AtomicBool::new(false),
            member,
            fetched: AtomicBool::new(false),
            log_start: AtomicI64::new(-1),
            high_watermark: AtomicI64::new(-1),
            last_stable: AtomicI64::new(-1),
            readable_end: AtomicI64::new(-1),
        })
    }

    pub(crate) fn cursor(&self) -> FetchCursor {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_cursor(&self, cursor: FetchCursor) {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = cursor;
    }

    /// The position that may be committed.
    pub(crate) fn acked(&self) -> Position {
        self.progress().position()
    }

    /// Target batches that were routed and not acknowledged.
    pub(crate) fn batches_in_flight(&self) -> usize {
        self.progress().batches_in_flight()
    }

    pub(crate) fn handle_routed(&self, entry: u64, next_offset: i64, leader_epoch: i32) {
        self.progress().handle_routed(entry, next_offset, leader_epoch);
    }

    pub(crate) fn handle_sent(&self, entries: &RangeInclusive<u64>) {
        if is_planted(SeededBug::PositionBeforeAck) {
            return;
        }
        self.progress().handle_sent(entries);
    }

    pub(crate) fn handle_acked(&self, entries: &RangeInclusive<u64>) {
        if is_planted(SeededBug::PositionBeforeAck) {
            return;
        }
        self.progress().handle_acked(entries);
    }

    pub(crate) fn settle(&self, held_from: Option<u64>) {
        self.progress().settle(held_from);
    }

    /// Nothing more of this partition is fetched. What was fetched before is still mirrored: it may be gone from the
    /// source by now. True for the first caller only.
    pub(crate) fn halt(&self) -> bool {
        !self.halted.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.load(Ordering::Acquire)
    }

    /// Nothing more of this partition is sent either: the target cannot take what comes next, and what lies behind
    /// that must not overtake it.
    pub(crate) fn withdraw(&self) {
        self.withdrawn.store(true, Ordering::Release);
    }

    pub(crate) fn is_withdrawn(&self) -> bool {
        self.withdrawn.load(Ordering::Acquire)
    }

    pub(crate) fn anchor(&self) -> Option<Anchor> {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_anchor(&self, anchor: Anchor) {
        *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = Some(anchor);
    }

    /// The record at this offset is not mirrored: by an operator's word, or by a setting.
    pub(crate) fn leave_out(&self, offset: i64) {
        let position = self.acked().offset;
        let mut left_out = self.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out.retain(|offset| *offset >= position);
        left_out.insert(offset);
    }

    /// The offsets that [`Self::leave_out`] named and that may still matter.
    pub(crate) fn left_out(&self) -> BTreeSet<i64> {
        self.left_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn member(&self) -> Option<usize> {
        self.member
    }

    /// Does a fetcher have it?
    pub(crate) fn is_fetched(&self) -> bool {
        self.fetched.load(Ordering::Relaxed)
    }

    pub(crate) fn set_fetched(&self, fetched: bool) {
        self.fetched.store(fetched, Ordering::Relaxed);
    }

    pub(crate) fn set_readable_end(&self, offset: i64) {
        self.readable_end.store(offset, Ordering::Relaxed);
    }

    pub(crate) fn set_log_ends(&self, ends: LogEnds) {
        self.log_start.store(ends.log_start, Ordering::Relaxed);
        self.high_watermark.store(ends.high_watermark, Ordering::Relaxed);
        self.last_stable.store(ends.last_stable, Ordering::Relaxed);
    }

    pub(crate) fn log_ends(&self) -> LogEnds {
        LogEnds {
            log_start: self.log_start.load(Ordering::Relaxed),
            high_watermark: self.high_watermark.load(Ordering::Relaxed),
            last_stable: self.last_stable.load(Ordering::Relaxed),
        }
    }

    /// Offsets between the acknowledged position and the readable end; `None` before the first fetch.
    pub(crate) fn lag(&self) -> Option<u64> {
        let end = self.readable_end.load(Ordering::Relaxed);
        (end >= 0).then(|| u64::try_from(end.saturating_sub(self.acked().offset)).unwrap_or(0))
    }

    fn progress(&self) -> MutexGuard<'_, PartitionProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
