//! A router, its target, and the books about both. Knows the router's rules and nothing of how they are kept.
//!
//! Unlike the world of the router's own tests it has not written the source's batches: what is in them is found out by
//! reading them, and a batch that nobody can read may only go on as it came.
//!
//! Letters are those of the router's documentation: (A) each record leaves once, as it was; (B) in order; (C) to the
//! partition that is due; (D) `held_from` tells what is still inside; (E) sizes and gaps; (F) errors change nothing.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use kafka_record::{Batch, CodecContexts, RecordBatch, RecordKeys};
use mirror_router::{
    AbortedTransactions, NullKeys, PartitionRouter, Partitioning, RouteError, Routed, RoutedBatch,
    RouterConfig, TargetFormat, Workbench, partition_for_key,
};

use super::SOURCE_PARTITION;
use crate::record_batches::as_target_stores_it;

/// What the target must get: a record, or a whole payload that cannot be read.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Record { timestamp: i64, tail: Bytes },
    Unreadable(Bytes),
}

#[derive(Debug)]
struct Expected {
    content: Content,
    entry: u64,
    /// On the source; `None` where a batch that was passed on unread claims impossible offsets.
    offset: Option<i64>,
}

pub(crate) struct World {
    config: RouterConfig,
    router: PartitionRouter,
    bench: Workbench,
    codecs: CodecContexts,
    /// What must still leave, by target partition. `None` holds keyless records that may go to any.
    waiting: BTreeMap<Option<i32>, VecDeque<Expected>>,
    next_entry: u64,
    position: i64,
}

// === impl World ===

impl World {
    pub(crate) fn new(config: RouterConfig, start_offset: i64) -> Self {
        Self {
            router: PartitionRouter::new(SOURCE_PARTITION, config.clone(), start_offset),
            config,
            bench: Workbench::new(),
            codecs: CodecContexts::new(),
            waiting: BTreeMap::new(),
            next_entry: 0,
            position: start_offset,
        }
    }

    /// Gives the router one batch, and once more for each record that the target will not take.
    pub(crate) fn route(&mut self, batch: &Batch, aborted: &mut AbortedTransactions) {
        let mut skipped = Vec::new();
        loop {
            let before = self.books();
            let mut out = Vec::new();
            match self
                .router
                .route(batch.clone(), aborted, &mut self.bench, &mut out)
            {
                Ok(()) => return self.taken_in(batch, &skipped, out),
                Err(error) => {
                    assert!(out.is_empty(), "(F) an error leaves nothing");
                    assert_eq!(self.books(), before, "(F) {error}");
                    let RouteError::RecordTooLarge { offset, size, limit } = error else {
                        assert!(
                            !matches!(error, RouteError::Encode { .. } | RouteError::Broken),
                            "records are lost: {error:?}"
                        );
                        return;
                    };
                    assert!(size > limit && limit == self.config.max_batch_bytes);
                    assert!(
                        !skipped.contains(&offset),
                        "the record at {offset} is refused again"
                    );
                    self.router.skip_record(offset);
                    skipped.push(offset);
                }
            }
        }
    }

    pub(crate) fn flush(&mut self) {
        let mut out = Vec::new();
        self.router
            .flush(&mut self.bench, &mut out)
            .expect("invariant: what was taken in can leave");
        self.leave(&out);
        assert_eq!((self.router.held_from(), self.router.buffered_bytes()), (None, 0));
    }

    /// Everything that was taken in has left.
    pub(crate) fn finish(mut self) {
        self.flush();
        assert!(
            self.waiting.values().all(VecDeque::is_empty),
            "(A) {:?} never left",
            self.waiting
        );
    }

    fn books(&self) -> (i64, Option<u64>, usize) {
        (
            self.router.position(),
            self.router.held_from(),
            self.router.buffered_bytes(),
        )
    }

    fn taken_in(&mut self, batch: &Batch, skipped: &[i64], out: Vec<Routed>) {
        let (crc, bytes) = match batch {
            Batch::V2(batch) => (batch.header.crc, batch.size()),
            Batch::Legacy(set) => (set.last_crc(), set.size()),
        };
        let cap = self.config.decompressed_cap;
        let batch = batch.clone().verified(&mut self.codecs, cap);
        let batch = &batch.expect("invariant: what was taken in has checksums that fit");
        let mut out = out.into_iter();
        let Some(Routed::Entry(entry)) = out.next() else {
            panic!("the entry comes first")
        };
        let next_offset = batch.header.next_offset().max(self.position);
        assert_eq!((entry.entry, entry.next_offset), (self.next_entry, next_offset));
        assert_eq!((entry.crc, entry.bytes), (crc, bytes));
        let dropped = entry.dropped;
        let dropped = dropped.control + dropped.aborted + dropped.already_mirrored + dropped.too_large;
        let counted = entry.records.checked_add(dropped);
        assert_eq!(
            counted,
            u32::try_from(batch.header.record_count).ok(),
            "each record is counted once"
        );
        if entry.records > 0 {
            self.expect(batch, entry.entry, entry.records, skipped);
        }
        self.next_entry += 1;
        self.position = next_offset;
        assert_eq!(self.router.position(), next_offset);
        let out: Vec<Routed> = out.collect();
        self.leave(&out);
    }

    /// Notes what must leave of a batch that was taken in: `count` of its records.
    fn expect(&mut self, batch: &RecordBatch, entry: u64, count: u32, skipped: &[i64]) {
        let header = &batch.header;
        let mut out = Vec::new();
        let payload = batch.decompressed(&mut self.codecs, self.config.decompressed_cap, &mut out);
        let records = payload.ok().and_then(|payload| {
            let records = RecordKeys::new(payload, header.record_count);
            records.collect::<Result<Vec<_>, _>>().ok()
        });
        let Some(records) = records else {
            let content = Content::Unreadable(batch.payload());
            let expected = Expected {
                content,
                entry,
                offset: None,
            };
            self.waiting
                .entry(Some(self.only_partition()))
                .or_default()
                .push_back(expected);
            return;
        };
        let all = i32::try_from(count) == Ok(header.record_count);
        let mut kept = 0;
        for record in records {
            let offset = header.base_offset.saturating_add(i64::from(record.offset_delta));
            if !all && (offset < self.position || skipped.contains(&offset)) {
                continue;
            }
            kept += 1;
            let expected = Expected {
                content: Content::Record {
                    timestamp: header.record_timestamp(record.timestamp_delta),
                    tail: Bytes::copy_from_slice(record.tail),
                },
                entry,
                offset: Some(offset)
                    .filter(|offset| (header.base_offset..=header.last_offset()).contains(offset)),
            };
            let due = self.due_partition(record.key);
            self.waiting.entry(due).or_default().push_back(expected);
        }
        assert_eq!(kept, count, "(A) records that are kept");
    }

    /// The partition of everything, where keys make no difference.
    fn only_partition(&self) -> i32 {
        match self.config.partitioning {
            Partitioning::Preserve => SOURCE_PARTITION,
            Partitioning::ByKey { target_partitions } => {
                assert_eq!(
                    target_partitions, 1,
                    "(C) a batch was split by keys that nobody can read"
                );
                0
            }
        }
    }

    /// (C), `None` where any partition will do.
    fn due_partition(&self, key: Option<&[u8]>) -> Option<i32> {
        match (self.config.partitioning, key, self.config.null_keys) {
            (Partitioning::Preserve, ..) => Some(SOURCE_PARTITION),
            (Partitioning::ByKey { target_partitions }, Some(key), _) => {
                Some(partition_for_key(key, target_partitions))
            }
            (Partitioning::ByKey { target_partitions }, None, NullKeys::Preserve) => {
                Some(SOURCE_PARTITION % target_partitions)
            }
            (Partitioning::ByKey { .. }, None, NullKeys::Spread) => None,
        }
    }

    fn leave(&mut self, out: &[Routed]) {
        for routed in out {
            let Routed::Batch(routed) = routed else {
                panic!("one entry a call")
            };
            self.leave_one(routed);
        }
        let held = self
            .waiting
            .values()
            .flatten()
            .map(|expected| expected.entry)
            .min();
        assert_eq!(self.router.held_from(), held, "(D)");
    }

    fn leave_one(&mut self, routed: &RoutedBatch) {
        let size = routed.batch.size();
        assert!(size <= self.config.max_batch_bytes, "(E) {size} bytes");
        let wants_sets = self.config.target_format != TargetFormat::RecordBatchV2;
        assert_eq!(routed.batch.is_message_set(), wants_sets);
        let batch = routed.batch.as_record_batch(&mut self.codecs, usize::MAX);
        let batch = batch.expect("invariant: message sets are made by the router");
        let batch = as_target_stores_it(&batch);
        assert!(batch.header.is_dense(), "(E) gaps");
        let target = Some(routed.target_partition);
        let first = self.waiting.get(&target).and_then(VecDeque::front);
        if first.is_some_and(|first| first.content == Content::Unreadable(batch.payload())) {
            let first = self.waiting.get_mut(&target).and_then(VecDeque::pop_front);
            assert!(first.is_some_and(|first| routed.entries.contains(&first.entry)));
            return;
        }
        let mut out = Vec::new();
        let payload = batch
            .decompressed(&mut self.codecs, usize::MAX, &mut out)
            .expect("invariant: what is no whole batch of the source was made by the router")
            .to_vec();
        for record in RecordKeys::new(&payload, batch.header.record_count) {
            let record = record.expect("invariant: what the router makes can be read");
            let content = Content::Record {
                timestamp: batch.header.record_timestamp(record.timestamp_delta),
                tail: Bytes::copy_from_slice(record.tail),
            };
            let due = self.due_partition(record.key);
            assert!(due.is_none_or(|due| due == routed.target_partition), "(C)");
            let expected = self.take(due, &content);
            assert!(routed.entries.contains(&expected.entry));
            let offsets = routed.first_source_offset..=routed.last_source_offset;
            assert!(
                expected.offset.is_none_or(|offset| offsets.contains(&offset)),
                "{expected:?} of {offsets:?}"
            );
        }
    }

    /// Takes `content` off the books: the next that is due in its partition, or any where partitions are free.
    fn take(&mut self, due: Option<i32>, content: &Content) -> Expected {
        let waiting = self.waiting.entry(due).or_default();
        let place = if due.is_some() {
            Some(0)
        } else {
            waiting.iter().position(|expected| expected.content == *content)
        };
        let expected = place.and_then(|place| waiting.remove(place));
        let expected = expected.unwrap_or_else(|| panic!("(A) {content:?} leaves, and nobody sent it"));
        assert_eq!(expected.content, *content, "(A) or (B)");
        expected
    }
}
