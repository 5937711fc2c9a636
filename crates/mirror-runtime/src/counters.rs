//! What a flow has done so far, counted per batch.

use std::sync::atomic::{AtomicU64, Ordering};

use mirror_router::{Answer, Entry};

/// Totals of one flow since its start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    acked_records: AtomicU64,
    acked_bytes: AtomicU64,
    dropped_records: AtomicU64,
    filtered_offsets: AtomicU64,
    throttled_ms: AtomicU64,
    forwarded_batches: AtomicU64,
    rebuilt_batches: AtomicU64,
}

/// The totals at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Records the target acknowledged.
    pub(crate) acked_records: u64,
    /// Bytes of batches the target acknowledged, compressed as they were sent.
    pub(crate) acked_bytes: u64,
    /// Records lost by the operator's setting.
    pub(crate) dropped_records: u64,
    /// Source offsets that carry nothing to mirror: control batches, aborted records, what was mirrored before.
    pub(crate) filtered_offsets: u64,
    /// Time brokers asked us to keep silent, in milliseconds.
    pub(crate) throttled_ms: u64,
    /// Target batches that left as they came.
    pub(crate) forwarded_batches: u64,
    /// Target batches that were made anew.
    pub(crate) rebuilt_batches: u64,
}

// === impl Counters ===

impl Counters {
    pub(crate) fn acked(&self, records: i32, bytes: usize) {
        add(&self.acked_records, u64::try_from(records).unwrap_or(0));
        add(&self.acked_bytes, u64::try_from(bytes).unwrap_or(0));
    }

    pub(crate) fn dropped(&self, records: u64) {
        add(&self.dropped_records, records);
    }

    pub(crate) fn routed(&self, entry: &Entry) {
        let dropped = entry.dropped;
        let filtered = [dropped.control, dropped.aborted, dropped.already_mirrored];
        add(&self.filtered_offsets, filtered.into_iter().map(u64::from).sum());
    }

    pub(crate) fn answered(&self, answer: Answer) {
        let counter = match answer {
            Answer::Forward | Answer::ForwardAfterLook => &self.forwarded_batches,
            Answer::Reframe | Answer::Split | Answer::Merge => &self.rebuilt_batches,
        };
        add(counter, 1);
    }

    pub(crate) fn throttled(&self, throttle_time_ms: i32) {
        add(&self.throttled_ms, u64::try_from(throttle_time_ms).unwrap_or(0));
    }

    pub(crate) fn totals(&self) -> Totals {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            acked_records: load(&self.acked_records),
            acked_bytes: load(&self.acked_bytes),
            dropped_records: load(&self.dropped_records),
            filtered_offsets: load(&self.filtered_offsets),
            throttled_ms: load(&self.throttled_ms),
            forwarded_batches: load(&self.forwarded_batches),
            rebuilt_batches: load(&self.rebuilt_batches),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
