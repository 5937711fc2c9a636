//! Transactions of every fate under both isolation levels, and a compacted source after the cleaner ran.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic, OffsetAt};
use integration::heliostat::Heliostat;
use integration::oracle::Rule;
use integration::produce::Producer;
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::{raw, samples, wait};

const LIMIT: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 3;

/// Numbered records of one transaction; `from` keeps them apart from the others.
fn records(topic: &str, from: usize, count: usize) -> Vec<Record> {
    samples::keyed_records(topic, from + count).split_off(from)
}

fn transactional(world: &World, id: &str, codec: &str) -> Result<Producer> {
    let id = format!("{}{id}", world.group());
    let properties = [
        ("transactional.id", id.as_str()),
        ("compression.type", codec),
        ("linger.ms", "2"),
    ];
    Producer::open(&world.source.bootstrap, &properties)
}

/// Committed, aborted, interleaved, large and empty transactions, plain records between them, and one that is left open in partition 0.
/// Returns the producer of the open one.
fn fill(world: &World, topic: &str) -> Result<Producer> {
    world
        .source
        .admin()
        .create_topic(&NewTopic::new(topic, PARTITIONS))?;
    let (one, two) = (
        transactional(world, "one", "lz4")?,
        transactional(world, "two", "none")?,
    );
    let plain = Producer::open(&world.source.bootstrap, &[("compression.type", "zstd")])?;
    for round in 0..10 {
        let from = round * 1000;
        one.begin()?;
        two.begin()?;
        one.send(&records(topic, from, 100))?;
        two.send(&records(topic, from + 100, 100))?;
        plain.send(&records(topic, from + 200, 50))?;
        one.send(&records(topic, from + 300, 100))?;
        two.send(&records(topic, from + 400, 100))?;
        if round % 2 == 0 {
            one.abort()?;
        } else {
            one.commit()?;
        }
        if round % 3 == 0 {
            two.commit()?;
        } else {
            two.abort()?;
        }
    }
    // An aborted one that is larger than a fetch, and one of a single record.
    one.begin()?;
    one.send(&records(topic, 20_000, 10_000))?;
    one.abort()?;
    one.begin()?;
    one.send(&records(topic, 30_000, 1))?;
    one.commit()?;
    two.begin()?;
    two.send(&[Record::new(topic)
        .partition(0)
        .timestamp(1)
        .key("open")
        .value("of the open transaction")])?;
    plain.send(&records(topic, 40_000, 500))?;
    one.begin()?;
    one.send(&records(topic, 41_000, 500))?;
    one.commit()?;
    Ok(two)
}

fn mirrors_transactions(name: &str, isolation: Isolation, preserve: bool) {
    scenario(name, |world| {
        let topic = world.topic("t");
        let open = fill(world, &topic)?;
        let mirroring = world.mirroring().isolation(isolation);
        let (mirroring, rule) = if preserve {
            (mirroring.preserve(), Rule::preserve())
        } else {
            (mirroring, Rule::by_key(PARTITIONS))
        };
        let topics = [topic.clone()];
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        // Up to the open transaction only what is committed; and the mirror waits there.
        let before = world.compare_at(isolation, &rule)?.records;
        let stable = world.source.admin().offsets(&topics, OffsetAt::LastStable)?;
        let end = world.source.admin().offsets(&topics, OffsetAt::HighWatermark)?;
        ensure!(
            stable[&(topic.clone(), 0)] < end[&(topic.clone(), 0)],
            "nothing is open"
        );
        open.commit()?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        let after = world.compare_at(isolation, &rule)?.records;
        let grown = after > before;
        ensure!(
            grown == (isolation == Isolation::ReadCommitted),
            "{before} records, then {after}"
        );
        Ok(())
    });
}

#[test]
fn committed_records_only_preserve() {
    mirrors_transactions("txn-committed-preserve", Isolation::ReadCommitted, true);
}

#[test]
fn committed_records_only_by_key() {
    mirrors_transactions("txn-committed-by-key", Isolation::ReadCommitted, false);
}

#[test]
fn all_records_as_they_are_written_preserve() {
    mirrors_transactions("txn-uncommitted-preserve", Isolation::ReadUncommitted, true);
}

#[test]
fn all_records_as_they_are_written_by_key() {
    mirrors_transactions("txn-uncommitted-by-key", Isolation::ReadUncommitted, false);
}

/// Fills a compacted topic and waits until the cleaner has made gaps and emptied batches.
fn fill_compacted(world: &World, topic: &str, codec: &str) -> Result<()> {
    let settings = NewTopic::new(topic, 1)
        .config("cleanup.policy", "compact")
        .config("segment.bytes", "20000")
        .config("min.cleanable.dirty.ratio", "0.01")
        .config("delete.retention.ms", "86400000");
    world.source.admin().create_topic(&settings)?;
    let record = |number: usize| Record::new(topic).partition(0).key(format!("k{}", number % 50));
    // Each producer's last batch is kept when all of its records are gone: an emptied batch.
    for round in 0..6 {
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", codec)])?;
        let values = (0..200).map(|number| match number % 9 {
            0 => record(number).header("tombstone", Some(b"h")),
            _ => record(number).value(format!("round {round} number {number} {}", "x".repeat(200))),
        });
        producer.send_in_batches(&values.collect::<Vec<_>>(), 10)?;
    }
    let sent = 1200;
    wait::wait_until("the cleaner has run", Duration::from_mins(1), || {
        let dump = world
            .source
            .admin()
            .dump(&[topic.to_owned()], Isolation::ReadUncommitted)?;
        let heads = raw::heads(&raw::fetch(&world.source.bootstrap, topic, 0, 0, 1 << 23)?);
        Ok(dump.record_count() < sent / 2 && heads.iter().any(|head| head.record_count == 0))
    })?;
    let dump = world
        .source
        .admin()
        .dump(&[topic.to_owned()], Isolation::ReadUncommitted)?;
    dump.records(topic, 0)
        .find(|record| record.value.is_none())
        .context("no tombstone is left")?;
    Ok(())
}

#[test]
fn a_compacted_source_after_the_cleaner_ran() {
    for (name, preserve) in [("compacted-preserve", true), ("compacted-by-key", false)] {
        scenario(name, |world| {
            for codec in ["none", "lz4"] {
                fill_compacted(world, &world.topic(codec), codec)?;
            }
            let topics = world.topics()?;
            // The cleaner must not go on between the mirror's reading and the oracle's.
            for topic in &topics {
                world
                    .source
                    .admin()
                    .alter_topic_configs(topic, &[("min.cleanable.dirty.ratio", "1")])?;
            }
            let (mirroring, rule) = if preserve {
                (world.mirroring().preserve(), Rule::preserve())
            } else {
                (world.mirroring(), Rule::by_key(1))
            };
            Heliostat::run_to_the_end(&mirroring, &topics, LIMIT)?;
            world.compare(&rule).map(drop)
        });
    }
}
