//! What a flow has done so far, counted per batch.

use std::sync::atomic::{AtomicU64, Ordering};

use mirror_router::{Answer, Entry};

/// Totals of one flow since its start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    acked_records: AtomicU64,
    acked_bytes: AtomicU64,
    dropped_records: AtomicU64,
    control_offsets: AtomicU64,
    aborted_offsets: AtomicU64,
    already_mirrored_offsets: AtomicU64,
    source_throttled_ms: AtomicU64,
    target_throttled_ms: AtomicU64,
    dead_lettered_records: AtomicU64,
    resumed_partitions: AtomicU64,
    forwarded_batches: AtomicU64,
    rebuilt_batches: AtomicU64,
    possibly_duplicated_batches: AtomicU64,
    rebalances: AtomicU64,
    produce_retries: AtomicU64,
    accepted_loss_offsets: AtomicU64,
    skipped_records: AtomicU64,
    stripped_headers_records: AtomicU64,
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
    /// Source offsets of transaction markers.
    pub(crate) control_offsets: u64,
    /// Source offsets of aborted records.
    pub(crate) aborted_offsets: u64,
    /// Source offsets below the position, which came with the batch that holds it.
    pub(crate) already_mirrored_offsets: u64,
    /// Time the source's brokers asked us to keep silent, in milliseconds.
    pub(crate) source_throttled_ms: u64,
    /// The same of the target's brokers.
    pub(crate) target_throttled_ms: u64,
    /// Records that went to a dead-letter topic.
    pub(crate) dead_lettered_records: u64,
    /// Partitions that an operator made go on.
    pub(crate) resumed_partitions: u64,
    /// Target batches that left as they came.
    pub(crate) forwarded_batches: u64,
    /// Target batches that were made anew.
    pub(crate) rebuilt_batches: u64,
    /// Batches that were sent and had no definite answer when their partition was given away: whoever owns it now sends
    /// them again. And, where the target knows no idempotent producers, those that were sent again for want of an answer.
    pub(crate) possibly_duplicated_batches: u64,
    /// How often partitions were taken away.
    pub(crate) rebalances: u64,
    /// Produce attempts that the target answered with an error that passes.
    pub(crate) produce_retries: u64,
    /// Offsets that the source lost before they were mirrored, and that the operator gave up.
    pub(crate) accepted_loss_offsets: u64,
    /// Records that the operator left out by name.
    pub(crate) skipped_records: u64,
    /// Records that were routed without the headers they had.
    pub(crate) stripped_headers_records: u64,
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

    pub(crate) fn stripped(&self, records: u64) {
        add(&self.stripped_headers_records, records);
    }

    pub(crate) fn routed(&self, entry: &Entry) {
        self.stripped(u64::from(entry.headers_stripped));
        let dropped = entry.dropped;
        add(&self.control_offsets, u64::from(dropped.control));
        add(&self.aborted_offsets, u64::from(dropped.aborted));
        add(
            &self.already_mirrored_offsets,
            u64::from(dropped.already_mirrored),
        );
    }

    pub(crate) fn answered(&self, answer: Answer) {
        let counter = match answer {
            Answer::Forward | Answer::ForwardAfterLook => &self.forwarded_batches,
            Answer::Reframe | Answer::UpConvert | Answer::Split | Answer::Merge => &self.rebuilt_batches,
        };
        add(counter, 1);
    }

    pub(crate) fn throttled_by_source(&self, throttle_time_ms: i32) {
        add(
            &self.source_throttled_ms,
            u64::try_from(throttle_time_ms).unwrap_or(0),
        );
    }

    pub(crate) fn throttled_by_target(&self, throttle_time_ms: i32) {
        add(
            &self.target_throttled_ms,
            u64::try_from(throttle_time_ms).unwrap_or(0),
        );
    }

    pub(crate) fn dead_lettered(&self, records: u64) {
        add(&self.dead_lettered_records, records);
    }

    pub(crate) fn resumed(&self) {
        add(&self.resumed_partitions, 1);
    }

    pub(crate) fn possibly_duplicated(&self, batches: usize) {
        add(
            &self.possibly_duplicated_batches,
            u64::try_from(batches).unwrap_or(0),
        );
    }

    pub(crate) fn rebalanced(&self) {
        add(&self.rebalances, 1);
    }

    pub(crate) fn retried(&self) {
        add(&self.produce_retries, 1);
    }

    pub(crate) fn loss_accepted(&self, offsets: u64) {
        add(&self.accepted_loss_offsets, offsets);
    }

    pub(crate) fn skipped(&self, records: u64) {
        add(&self.skipped_records, records);
    }

    pub(crate) fn totals(&self) -> Totals {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Totals {
            acked_records: load(&self.acked_records),
            acked_bytes: load(&self.acked_bytes),
            dropped_records: load(&self.dropped_records),
            control_offsets: load(&self.control_offsets),
            aborted_offsets: load(&self.aborted_offsets),
            already_mirrored_offsets: load(&self.already_mirrored_offsets),
            source_throttled_ms: load(&self.source_throttled_ms),
            target_throttled_ms: load(&self.target_throttled_ms),
            dead_lettered_records: load(&self.dead_lettered_records),
            resumed_partitions: load(&self.resumed_partitions),
            forwarded_batches: load(&self.forwarded_batches),
            rebuilt_batches: load(&self.rebuilt_batches),
            possibly_duplicated_batches: load(&self.possibly_duplicated_batches),
            rebalances: load(&self.rebalances),
            produce_retries: load(&self.produce_retries),
            accepted_loss_offsets: load(&self.accepted_loss_offsets),
            skipped_records: load(&self.skipped_records),
            stripped_headers_records: load(&self.stripped_headers_records),
        }
    }
}

fn add(counter: &AtomicU64, count: u64) {
    if count > 0 {
        counter.fetch_add(count, Ordering::Relaxed);
    }
}
