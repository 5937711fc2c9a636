//! The router's invariants (crate documentation, A to F) over random logs and settings.

mod answers;
mod bench;
mod limits;
mod old_formats;
mod source_log;
mod world;

use std::collections::BTreeMap;

use kafka_record::Codec;
use mirror_router::{
    AbortedTransactions, Answer, Isolation, MergeBelow, NullKeys, Partitioning, RouterConfig, TargetFormat,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::source_log::{BatchSpec, PlacedRecord, Record};
use crate::world::World;

/// One step of a source partition's history.
#[derive(Debug, Clone)]
enum Step {
    Data(DataStep),
    /// Compaction has removed all records of a batch.
    Emptied {
        offsets: u8,
    },
    /// Offsets that no batch covers any more.
    Hole {
        offsets: u8,
    },
    /// The open transaction of a producer ends.
    Marker {
        producer: u8,
        is_commit: bool,
    },
}

#[derive(Debug, Clone)]
struct DataStep {
    codec: Codec,
    /// Records, each with the offsets that compaction removed before it.
    records: Vec<(RecordSeed, u8)>,
    removed_behind: u8,
    log_append_time: Option<i64>,
    producer: Option<u8>,
    delete_horizon: Option<i64>,
}

#[derive(Debug, Clone)]
struct RecordSeed {
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

/// How the log reaches the router.
#[derive(Debug, Clone)]
struct Delivery {
    start: Index,
    /// Batches per fetch response, cycled.
    responses: Vec<u8>,
    /// After which batches the caller flushes, cycled.
    flushes: Vec<bool>,
    /// Batches that come a second time, or broken first.
    repeated: Vec<Index>,
    corrupted: Vec<(Index, usize)>,
}

struct Log {
    batches: Vec<BatchSpec>,
    /// (producer id, first offset, offset of the ABORT marker)
    aborted: Vec<(i64, i64, i64)>,
}

// === impl Log ===

impl Log {
    fn write(steps: &[Step]) -> Self {
        let mut log = Self {
            batches: vec![],
            aborted: vec![],
        };
        let mut open: Vec<(i64, i64)> = vec![];
        let mut offset = 100;
        for step in steps {
            match step {
                Step::Hole { offsets } => offset += i64::from(*offsets),
                Step::Emptied { offsets } => {
                    let mut spec = BatchSpec::plain(offset, Codec::None, vec![]);
                    spec.last_offset_delta = i32::from(*offsets);
                    log.push(spec, &mut offset);
                }
                Step::Data(data) => {
                    let spec = data.batch(offset);
                    if let Some(producer_id) = spec.producer_id
                        && !open.iter().any(|(open, _)| *open == producer_id)
                    {
                        open.push((producer_id, offset));
                    }
                    log.push(spec, &mut offset);
                }
                Step::Marker { producer, is_commit } => {
                    let producer_id = i64::from(*producer);
                    log.end(&mut open, producer_id, *is_commit, &mut offset);
                }
            }
        }
        while let Some((producer_id, _)) = open.last().copied() {
            log.end(&mut open, producer_id, producer_id % 2 == 0, &mut offset);
        }
        log
    }

    fn push(&mut self, spec: BatchSpec, offset: &mut i64) {
        *offset = spec.next_offset();
        self.batches.push(spec);
    }

    fn end(&mut self, open: &mut Vec<(i64, i64)>, producer_id: i64, is_commit: bool, offset: &mut i64) {
        let Some(at) = open.iter().position(|(open, _)| *open == producer_id) else {
            return;
        };
        let (_, first) = open.remove(at);
        if !is_commit {
            self.aborted.push((producer_id, first, *offset));
        }
        self.push(BatchSpec::marker(*offset, producer_id, is_commit), offset);
    }

    fn is_aborted(&self, spec: &BatchSpec) -> bool {
        self.aborted.iter().any(|(producer_id, first, marker)| {
            spec.producer_id == Some(*producer_id) && (*first..*marker).contains(&spec.base_offset)
        })
    }

    /// The list of a response that begins at `from` and ends before `to`.
    fn listed(&self, from: i64, to: i64) -> AbortedTransactions {
        let overlapping = self
            .aborted
            .iter()
            .filter(|(_, first, marker)| *marker >= from && *first < to);
        AbortedTransactions::listed(overlapping.map(|(producer_id, first, _)| (*producer_id, *first)))
    }
}

// === impl DataStep ===

impl DataStep {
    fn batch(&self, base_offset: i64) -> BatchSpec {
        let mut delta = -1;
        let mut records = vec![];
        for (seed, removed) in &self.records {
            delta += 1 + i32::from(*removed);
            let offset = base_offset + i64::from(delta);
            let mut headers = seed.headers.clone();
            headers.push((b"offset".to_vec(), Some(offset.to_be_bytes().to_vec())));
            let RecordSeed {
                timestamp,
                key,
                value,
                ..
            } = seed.clone();
            records.push(PlacedRecord {
                offset_delta: delta,
                record: Record {
                    timestamp,
                    key,
                    value,
                    headers,
                },
            });
        }
        BatchSpec {
            last_offset_delta: delta + i32::from(self.removed_behind),
            records,
            log_append_time: self.log_append_time,
            producer_id: self.producer.map(i64::from),
            delete_horizon: self.delete_horizon,
            ..BatchSpec::plain(base_offset, self.codec, vec![])
        }
    }
}

fn codec() -> impl Strategy<Value = Codec> {
    prop::sample::select(Codec::ALL.to_vec())
}

fn bytes_or_null(max: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        1 => Just(None),
        1 => Just(Some(vec![])),
        6 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Some),
        2 => (any::<u8>(), 0..max).prop_map(|(byte, length)| Some(vec![byte; length])),
    ]
}

fn key() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        2 => Just(None),
        6 => (0..12_u8).prop_map(|key| Some(vec![key])),
        1 => bytes_or_null(200),
    ]
}

fn timestamp() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 1_700_000_000_000..1_700_000_100_000_i64, 1 => Just(-1), 1 => Just(i64::MAX), 1 => Just(0)]
}

fn record() -> impl Strategy<Value = RecordSeed> {
    let header = (prop::collection::vec(any::<u8>(), 0..4), bytes_or_null(20));
    (
        timestamp(),
        key(),
        bytes_or_null(3000),
        prop::collection::vec(header, 0..3),
    )
        .prop_map(|(timestamp, key, value, headers)| RecordSeed {
            timestamp,
            key,
            value,
            headers,
        })
}

fn rarely<T: std::fmt::Debug + Clone + 'static>(
    strategy: impl Strategy<Value = T> + 'static,
) -> impl Strategy<Value = Option<T>> {
    prop_oneof![5 => Just(None), 1 => strategy.prop_map(Some)]
}

fn data() -> impl Strategy<Value = DataStep> {
    let removed = prop_oneof![12 => Just(0_u8), 1 => 1..4_u8];
    let few_or_many = prop_oneof![6 => 1..3_usize, 2 => 3..30_usize];
    let records =
        few_or_many.prop_flat_map(move |count| prop::collection::vec((record(), removed.clone()), count));
    let removed_behind = prop_oneof![9 => Just(0_u8), 1 => 1..4_u8];
    (
        codec(),
        records,
        removed_behind,
        rarely(timestamp()),
        rarely(0..3_u8),
        rarely(timestamp()),
    )
        .prop_map(
            |(codec, records, removed_behind, log_append_time, producer, delete_horizon)| DataStep {
                codec,
                records,
                removed_behind,
                log_append_time,
                producer,
                delete_horizon,
            },
        )
}

/// Runs of one codec, as real partitions have them.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        20 => data().prop_map(Step::Data),
        1 => (0..5_u8).prop_map(|offsets| Step::Emptied { offsets }),
        1 => (1..5_u8).prop_map(|offsets| Step::Hole { offsets }),
        4 => (0..3_u8, any::<bool>()).prop_map(|(producer, is_commit)| Step::Marker { producer, is_commit }),
    ];
    let codecs = prop_oneof![3 => codec().prop_map(Some), 1 => Just(None)];
    (prop::collection::vec(step, 1..40), codecs).prop_map(|(mut steps, codec)| {
        for step in &mut steps {
            if let (Step::Data(data), Some(codec)) = (step, codec) {
                data.codec = codec;
            }
        }
        steps
    })
}

fn config() -> impl Strategy<Value = RouterConfig> {
    let partitioning = prop_oneof![
        Just(Partitioning::Preserve),
        (1..7).prop_map(|target_partitions| Partitioning::ByKey { target_partitions }),
    ];
    let null_keys = prop::sample::select(vec![NullKeys::Preserve, NullKeys::Spread]);
    let target_codec = prop_oneof![2 => Just(None), 1 => codec().prop_map(Some)];
    let merge_below = prop_oneof![Just(0_usize), Just(300), Just(100_000)];
    let merge_max = prop_oneof![Just(0_usize), 200..5000_usize, Just(200_000)];
    let max_batch = prop_oneof![Just(1_000_012_usize), 3500..20_000_usize, 150..3500_usize];
    let isolation = prop::sample::select(vec![Isolation::ReadCommitted, Isolation::ReadUncommitted]);
    let buffered = prop_oneof![Just(usize::MAX), 0..5000_usize];
    (
        partitioning,
        null_keys,
        target_codec,
        merge_below,
        merge_max,
        max_batch,
        isolation,
        buffered,
    )
        .prop_map(
            |(
                partitioning,
                null_keys,
                target_codec,
                merge_below,
                merge_max_bytes,
                max_batch_bytes,
                isolation,
                buffered,
            )| {
                RouterConfig {
                    partitioning,
                    target_format: TargetFormat::RecordBatchV2,
                    target_knows_zstd: true,
                    null_keys,
                    target_codec,
                    target_level: None,
                    merge_below: MergeBelow::all(merge_below),
                    merge_max_bytes,
                    max_batch_bytes,
                    isolation,
                    decompressed_cap: 1 << 26,
                    buffered_max_bytes: buffered,
                }
            },
        )
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let indexes = || prop::collection::vec(any::<Index>(), 0..4);
    let corrupted = prop::collection::vec((any::<Index>(), any::<usize>()), 0..3);
    (
        any::<Index>(),
        prop::collection::vec(1..8_u8, 1..5),
        prop::collection::vec(prop::bool::weighted(0.3), 1..9),
        indexes(),
        corrupted,
    )
        .prop_map(|(start, responses, flushes, repeated, corrupted)| Delivery {
            start,
            responses,
            flushes,
            repeated,
            corrupted,
        })
}

/// Returns how often each answer was given.
fn run(
    log: &Log,
    config: RouterConfig,
    source_partition: i32,
    delivery: &Delivery,
) -> BTreeMap<Answer, usize> {
    let end = log.batches.last().map_or(100, BatchSpec::next_offset);
    let span = usize::try_from(end - 100).expect("a short log");
    // Mostly from the beginning; else from anywhere, inside batches as well.
    let start = 100 + i64::try_from(delivery.start.index(span * 2 + 1).saturating_sub(span)).expect("short");
    let isolation = config.isolation;
    let mut world = World::new(source_partition, config, start);
    let mut at = log
        .batches
        .iter()
        .position(|spec| spec.next_offset() > start)
        .unwrap_or(log.batches.len());
    let mut position = start;
    for turn in 0.. {
        if at >= log.batches.len() {
            break;
        }
        let count = usize::from(delivery.responses[turn % delivery.responses.len()]);
        // A response may begin with batches that are mirrored already.
        let repeats = delivery
            .repeated
            .iter()
            .filter(|index| index.index(log.batches.len()) == at)
            .count();
        let from = at.saturating_sub(repeats);
        let batches = &log.batches[from..(at + count).min(log.batches.len())];
        let to = batches.last().map_or(position, BatchSpec::next_offset);
        let mut aborted = log.listed(position, to);
        for (number, spec) in (from..).zip(batches) {
            for (index, bit) in &delivery.corrupted {
                if index.index(log.batches.len()) == number {
                    world.route_corrupted(spec, *bit);
                }
            }
            let is_visible = isolation == Isolation::ReadUncommitted || !log.is_aborted(spec);
            world.route(spec, is_visible, &mut aborted);
            if delivery.flushes[number % delivery.flushes.len()] {
                world.flush();
            }
        }
        position = to;
        at += count;
    }
    world.finish()
}

proptest! {
    #[test]
    fn every_visible_record_leaves_once_in_order_and_equal(
        steps in steps(),
        config in config(),
        source_partition in 0..20_i32,
        delivery in delivery(),
    ) {
        run(&Log::write(&steps), config, source_partition, &delivery);
    }
}

/// A property over logs that never make the router split or merge would prove little.
#[test]
fn the_random_logs_draw_every_answer() {
    let mut runner = TestRunner::deterministic();
    let mut answers: BTreeMap<Answer, usize> = BTreeMap::new();
    for _ in 0..150 {
        let drawn = (steps(), config(), delivery())
            .new_tree(&mut runner)
            .expect("draws")
            .current();
        let (steps, config, delivery) = drawn;
        for (answer, times) in run(&Log::write(&steps), config, 3, &delivery) {
            *answers.entry(answer).or_default() += times;
        }
    }
    for answer in [
        Answer::Forward,
        Answer::ForwardAfterLook,
        Answer::Reframe,
        Answer::Split,
        Answer::Merge,
    ] {
        assert!(
            answers.get(&answer).is_some_and(|times| *times >= 20),
            "{answer:?}: {answers:?}"
        );
    }
}
