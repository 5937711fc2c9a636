//! The records of a plan: batches of every kind a source's log can hold, spread over its time.

use std::time::Duration;

use kafka_fake::KafkaRelease;
use mirror_oracle::Record;

use super::draw::codecs;
use super::{Append, BatchKind, Event, Plan};
use crate::random::Random;

/// Everything is appended in this part of the span, in percent; the rest is for faults without load.
const LOAD_PERCENT: u32 = 90;

/// Largest value of an ordinary record, in bytes.
const VALUE_BYTES_MAX: u64 = 200;

pub(super) fn draw(plan: &mut Plan, random: &mut Random) {
    let until = plan.span * LOAD_PERCENT / 100;
    let batches = random.within(10..60);
    // A few plans hold more than the memory of the mirror does.
    let large_value = random.percent(8).then(|| random.within(100_000..400_000));
    for _ in 0..batches {
        let at = moment(random, until);
        let topic = random.index(plan.topics.len());
        let partition = partition(plan, topic, random);
        let kind = match random.within(0..100) {
            0..55 => BatchKind::Plain,
            55..65 => BatchKind::Idempotent,
            65..75 => BatchKind::Gaps,
            75..78 => BatchKind::Emptied,
            _ => {
                transaction(plan, random, at, until);
                continue;
            }
        };
        // Batches that come at once travel side by side, which is where an order can break.
        let burst = if random.percent(30) {
            random.within(2..8)
        } else {
            1
        };
        for _ in 0..burst {
            let append = append(plan, random, topic, partition, kind, large_value);
            let at = at + moment(random, Duration::from_millis(20));
            plan.events.push((at, Event::Append(append)));
        }
    }
}

/// One to three batches in one or two partitions, and their marker a while later.
fn transaction(plan: &mut Plan, random: &mut Random, at: Duration, until: Duration) {
    let transaction = plan.transactions.len();
    plan.transactions.push(random.percent(65));
    let end = at + moment(random, until.saturating_sub(at).min(Duration::from_secs(4)));
    for _ in 0..random.within(1..4) {
        let topic = random.index(plan.topics.len());
        let partition = partition(plan, topic, random);
        let kind = BatchKind::Transactional(transaction);
        let append = append(plan, random, topic, partition, kind, None);
        let at = at + moment(random, end.saturating_sub(at));
        plan.events.push((at, Event::Append(append)));
    }
    // Behind the last batch even where it is of the same moment.
    let end = end + Duration::from_millis(1);
    plan.events.push((end, Event::EndTransaction { transaction }));
}

fn append(
    plan: &Plan,
    random: &mut Random,
    topic: usize,
    partition: i32,
    kind: BatchKind,
    large_value: Option<u64>,
) -> Append {
    let count = match (kind, random.percent(10)) {
        (BatchKind::Emptied, _) => 0,
        (_, true) => random.within(20..120),
        (_, false) => random.within(1..12),
    };
    let mut records: Vec<Record> = (0..count).map(|_| record(random)).collect();
    if let (Some(bytes), Some(first)) = (large_value, records.first_mut())
        && random.percent(40)
    {
        let bytes = usize::try_from(bytes).unwrap_or(0);
        first.value = Some(vec![b'x'; bytes]);
    }
    let release = plan.shape.source.release.min(plan.shape.target.release);
    Append {
        topic,
        partition,
        codec: random.one_of(codecs(release.max(KafkaRelease::V1_1))),
        kind,
        records,
    }
}

fn record(random: &mut Random) -> Record {
    let value_bytes = usize::try_from(random.within(0..VALUE_BYTES_MAX)).unwrap_or(0);
    let value = random.percent(92).then(|| vec![b'v'; value_bytes]); // none is a tombstone
    let key = random
        .percent(85)
        .then(|| format!("key-{}", random.within(0..40)).into_bytes());
    let headers = match random.within(0..10) {
        0 => vec![(b"h".to_vec(), None), (b"h".to_vec(), Some(Vec::new()))],
        1 => vec![(vec![0xFF, 0x00], Some(b"x".to_vec()))],
        _ => Vec::new(),
    };
    Record {
        key,
        value,
        headers,
        ..Record::default()
    }
}

fn partition(plan: &Plan, topic: usize, random: &mut Random) -> i32 {
    let partitions = plan.topics[topic].partitions;
    i32::try_from(random.within(0..u64::from(partitions.unsigned_abs()))).unwrap_or(0)
}

/// Any moment from 0 on, before `until`.
pub(super) fn moment(random: &mut Random, until: Duration) -> Duration {
    let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis(random.within(0..until))
}
