//! Drives one router through a log and checks every answer against a model that knows only the rules.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_record::{Codec, CodecContexts, HEADER_LEN, RecordBatch, Records};
use mirror_router::{
    AbortedTransactions, Answer, NullKeys, PartitionRouter, Partitioning, RouteError, Routed, RoutedBatch,
    RouterConfig, Workbench, partition_for_key,
};

use crate::source_log::{BatchSpec, Record, parse};

/// A record the target must get.
#[derive(Debug)]
struct Expected {
    record: Record,
    entry: u64,
    emitted: bool,
}

/// A router, its target, and the model.
pub(crate) struct World {
    config: RouterConfig,
    source_partition: i32,
    router: PartitionRouter,
    bench: Workbench,
    pub(crate) codecs: CodecContexts,
    /// What must have left or must still leave, by source offset.
    expected: BTreeMap<i64, Expected>,
    /// Last offset seen per target partition.
    last_offset: BTreeMap<i32, i64>,
    codec_of_entry: Vec<Codec>,
    next_entry: u64,
    position: i64,
    skipped: Vec<(i64, usize)>,
    pub(crate) answers: BTreeMap<Answer, usize>,
}

// === impl World ===

impl World {
    pub(crate) fn new(source_partition: i32, config: RouterConfig, start: i64) -> Self {
        Self {
            router: PartitionRouter::new(source_partition, config.clone(), start),
            config,
            source_partition,
            bench: Workbench::new(),
            codecs: CodecContexts::new(),
            expected: BTreeMap::new(),
            last_offset: BTreeMap::new(),
            codec_of_entry: Vec::new(),
            next_entry: 0,
            position: start,
            skipped: Vec::new(),
            answers: BTreeMap::new(),
        }
    }

    /// Routes one batch; `is_visible` tells whether its records count at the flow's isolation level.
    pub(crate) fn route(&mut self, spec: &BatchSpec, is_visible: bool, aborted: &mut AbortedTransactions) {
        let mut out = Vec::new();
        let mut skipped = vec![];
        loop {
            let before = (
                self.router.position(),
                self.router.held_from(),
                self.router.buffered_bytes(),
            );
            let batch = spec.batch(&mut self.codecs);
            match self.router.route(batch, aborted, &mut self.bench, &mut out) {
                Ok(()) => break,
                Err(RouteError::RecordTooLarge { offset, size, limit }) => {
                    assert!(out.is_empty(), "an error leaves nothing");
                    let after = (
                        self.router.position(),
                        self.router.held_from(),
                        self.router.buffered_bytes(),
                    );
                    assert_eq!(before, after, "an error changes nothing");
                    assert!(size > limit && limit == self.config.max_batch_bytes);
                    assert!(!skipped.contains(&offset), "a record is refused once");
                    skipped.push(offset);
                    self.router.skip_record(offset);
                }
                Err(other) => panic!("{other}"),
            }
        }
        self.expect(spec, is_visible, &skipped, &mut out);
        self.check(&out);
    }

    /// The same batch with one bit flipped must be refused and change nothing.
    pub(crate) fn route_corrupted(&mut self, spec: &BatchSpec, bit: usize) {
        let mut bytes = spec.encode(&mut self.codecs).to_vec();
        let checked = (bytes.len() - 17) * 8;
        let bit = 17 * 8 + bit % checked;
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Some(Ok(batch)) = kafka_record::Batches::new(Bytes::from(bytes)).next() else {
            return; // the frame itself tells
        };
        let before = (
            self.router.position(),
            self.router.held_from(),
            self.router.buffered_bytes(),
        );
        let mut out = vec![];
        let mut aborted = AbortedTransactions::none();
        let error = self.router.route(batch, &mut aborted, &mut self.bench, &mut out);
        assert!(matches!(error, Err(RouteError::Corrupt { .. })), "{error:?}");
        assert!(out.is_empty());
        assert_eq!(
            before,
            (
                self.router.position(),
                self.router.held_from(),
                self.router.buffered_bytes()
            )
        );
    }

    pub(crate) fn flush(&mut self) {
        let mut out = Vec::new();
        self.router
            .flush(&mut self.bench, &mut out)
            .expect("a flush succeeds");
        self.check(&out);
        assert_eq!((self.router.held_from(), self.router.buffered_bytes()), (None, 0));
    }

    /// Everything has left exactly once.
    pub(crate) fn finish(mut self) -> BTreeMap<Answer, usize> {
        self.flush();
        for (offset, expected) in &self.expected {
            assert!(expected.emitted, "the record at {offset} never left");
        }
        for (offset, size) in &self.skipped {
            assert!(
                *size > self.config.max_batch_bytes,
                "the record at {offset} of {size} bytes was refused"
            );
        }
        self.answers
    }

    /// Takes the entry off `out` and notes which records must follow.
    fn expect(&mut self, spec: &BatchSpec, is_visible: bool, skipped: &[i64], out: &mut Vec<Routed>) {
        let Routed::Entry(entry) = out.remove(0) else {
            panic!("the entry comes first")
        };
        assert_eq!(entry.entry, self.next_entry, "one entry per batch");
        let next_offset = spec.next_offset().max(self.position);
        assert_eq!(
            (entry.next_offset, entry.leader_epoch),
            (next_offset, spec.leader_epoch)
        );
        self.codec_of_entry.push(spec.codec);
        let mut kept = 0;
        for (offset, record) in spec.visible() {
            if !is_visible || spec.is_control || offset < self.position {
                continue;
            }
            if skipped.contains(&offset) {
                self.skipped.push((offset, size_alone(&record)));
                continue;
            }
            kept += 1;
            self.expected.insert(
                offset,
                Expected {
                    record,
                    entry: entry.entry,
                    emitted: false,
                },
            );
        }
        assert_eq!(entry.records, kept);
        let dropped = entry.dropped;
        let counted = dropped.control + dropped.aborted + dropped.already_mirrored + dropped.too_large;
        assert_eq!(
            usize::try_from(kept + counted).ok(),
            Some(spec.records.len()),
            "each record is kept or counted"
        );
        assert_eq!(
            dropped.empty_batches > 0,
            spec.records.is_empty() && spec.next_offset() > self.position
        );
        self.position = next_offset;
        self.next_entry += 1;
        assert_eq!(self.router.position(), next_offset);
    }

    fn check(&mut self, out: &[Routed]) {
        for routed in out {
            let Routed::Batch(routed) = routed else {
                panic!("one entry per call")
            };
            *self.answers.entry(routed.answer).or_default() += 1;
            self.check_batch(routed);
        }
        let waiting = self
            .expected
            .values()
            .filter(|expected| !expected.emitted)
            .map(|expected| expected.entry);
        assert_eq!(self.router.held_from(), waiting.min(), "invariant D");
    }

    fn check_batch(&mut self, routed: &RoutedBatch) {
        let batch = as_target_stores_it(routed);
        assert!(
            batch.size() <= self.config.max_batch_bytes,
            "invariant E: {} bytes",
            batch.size()
        );
        assert!(batch.header.is_dense(), "invariant E: no gaps");
        let flags = batch.header.attributes.0 & !0b111;
        assert_eq!(flags, 0, "no flag of the source's log leaves");
        let mut scratch = Vec::new();
        let payload = batch
            .decompressed(&mut self.codecs, 1 << 26, &mut scratch)
            .expect("what leaves can be read");
        for (delta, view) in (0..).zip(Records::new(payload, batch.header.record_count)) {
            let view = view.expect("what leaves can be read");
            assert_eq!(view.offset_delta, delta);
            let record = Record {
                timestamp: batch.header.record_timestamp(view.timestamp_delta),
                key: view.key.map(<[u8]>::to_vec),
                value: view.value.map(<[u8]>::to_vec),
                headers: view
                    .headers
                    .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                    .collect(),
            };
            let entry = self.check_record(routed, &record);
            self.check_codec(routed, payload, entry);
        }
    }

    fn check_record(&mut self, routed: &RoutedBatch, record: &Record) -> u64 {
        let offset = record.source_offset();
        let target = routed.target_partition;
        let expected = self
            .expected
            .get_mut(&offset)
            .unwrap_or_else(|| panic!("{offset} must not leave"));
        assert_eq!(
            &expected.record, record,
            "invariant A: the record at {offset} is equal"
        );
        assert!(
            !expected.emitted,
            "invariant A: the record at {offset} leaves once"
        );
        expected.emitted = true;
        assert!(routed.entries.contains(&expected.entry));
        assert!((routed.first_source_offset..=routed.last_source_offset).contains(&offset));
        let last = self.last_offset.insert(target, offset);
        assert!(
            last.is_none_or(|last| last < offset),
            "invariant B: {offset} after {last:?} in {target}"
        );
        let rule = match (self.config.partitioning, &record.key) {
            (Partitioning::Preserve, _) => Some(self.source_partition),
            (Partitioning::ByKey { target_partitions }, Some(key)) => {
                Some(partition_for_key(key, target_partitions))
            }
            (Partitioning::ByKey { target_partitions }, None) => match self.config.null_keys {
                NullKeys::Preserve => Some(self.source_partition % target_partitions),
                NullKeys::Spread => None,
            },
        };
        assert!(
            rule.is_none_or(|rule| rule == target),
            "invariant C: {offset} went to {target}, not {rule:?}"
        );
        expected.entry
    }

    /// The codec is the one asked for, or the source batch's own; only what would not fit with it goes without.
    fn check_codec(&mut self, routed: &RoutedBatch, payload: &[u8], entry: u64) {
        let codec = routed.batch.codec().expect("known codec");
        let own = self.codec_of_entry[usize::try_from(entry).expect("few entries")];
        let wanted = self.config.target_codec.unwrap_or(own);
        if codec != wanted {
            let mut compressed = Vec::new();
            self.codecs
                .compress(wanted, None, payload, &mut compressed)
                .expect("compresses");
            assert_eq!(codec, Codec::None, "instead of {wanted}");
            assert!(
                compressed.len() + HEADER_LEN > self.config.max_batch_bytes,
                "{wanted} would have fitted"
            );
        }
    }
}

// === impl Record ===

impl Record {
    /// The last header carries the record's offset on the source.
    fn source_offset(&self) -> i64 {
        let (_, value) = self
            .headers
            .last()
            .expect("every record has its offset in a header");
        let bytes = value
            .as_deref()
            .expect("an offset")
            .try_into()
            .expect("eight bytes");
        i64::from_be_bytes(bytes)
    }
}

/// The batch as the target gets it, header and all.
fn as_target_stores_it(routed: &RoutedBatch) -> RecordBatch {
    let mut bytes = routed.batch.stamp(7, 1, 40).to_vec();
    bytes.extend_from_slice(routed.batch.payload());
    assert_eq!(bytes.len(), routed.batch.size());
    let kafka_record::Batch::V2(batch) = parse(Bytes::from(bytes)) else {
        panic!("format 2")
    };
    batch.verify_crc().expect("the stamp has the right checksum");
    assert_eq!(
        (
            batch.header.base_offset,
            batch.header.producer_id,
            batch.header.base_sequence
        ),
        (0, 7, 40)
    );
    batch
}

/// Bytes of a batch with this record alone, uncompressed: an upper bound of what it needs.
fn size_alone(record: &Record) -> usize {
    let spec = BatchSpec::plain(0, Codec::None, vec![record.clone()]);
    let size = spec.encode(&mut CodecContexts::new()).len();
    assert!(size > HEADER_LEN);
    size
}
