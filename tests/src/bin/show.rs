//! The first minute: two real Kafka clusters, a load, the mirror, and the proof that both sides are equal.
//!
//! Needs the binary `heliostat` built in the same profile; `cargo xtask show` sees to that.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::time::{Duration, Instant};

use anyhow::Result;
use integration::admin::{Isolation, NewTopic};
use integration::cluster::ClusterOptions;
use integration::heliostat::Heliostat;
use integration::jars;
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::scenario::{World, start_pair};

const RECORDS: u64 = 200_000;
const PARTITIONS: i32 = 8;
/// Generous: the machine may be busy with a first build.
const LIMIT: Duration = Duration::from_mins(2);

fn main() -> Result<()> {
    let mut out = io::stdout();
    writeln!(
        out,
        "1/4  starting Kafka {} (source) and {} (target); their jars are fetched once",
        jars::V3_9_2,
        jars::V4_3_0
    )?;
    let (source, target) = start_pair(jars::V3_9_2, jars::V4_3_0, &ClusterOptions::default())?;
    let world = World::between("show", &source, &target);
    writeln!(
        out,
        "     source {}   target {}",
        source.bootstrap(),
        target.bootstrap()
    )?;

    let topic = world.topic("testtopic");
    writeln!(
        out,
        "2/4  Java's producer writes {RECORDS} keyed records to {topic}, {PARTITIONS} partitions, lz4"
    )?;
    world
        .source
        .admin()
        .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
    let load = Load {
        headers: true,
        ..Load::new(&topic, RECORDS)
    };
    Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?.generate(&load)?;

    writeln!(
        out,
        "3/4  heliostat mirror-maker --consumer.config … --producer.config … --whitelist {topic}"
    )?;
    let started = Instant::now();
    let mut mirror = Heliostat::start(&world.mirroring())?;
    mirror.wait_until_caught_up(&[topic], LIMIT)?;
    let mirrored = started.elapsed();
    let stopping = mirror.stop()?;
    writeln!(
        out,
        "     mirrored, acknowledged and committed in {:.1} s; stopped in {:.2} s",
        mirrored.as_secs_f64(),
        stopping.as_secs_f64()
    )?;

    writeln!(
        out,
        "4/4  Java's consumer reads both sides; every record is compared"
    )?;
    let agreement = world.compare_at(Isolation::ReadUncommitted, &Rule::by_key(PARTITIONS))?;
    writeln!(
        out,
        "     {} records equal in key, value, headers, timestamp, partition and order; {} duplicates; 0 lost",
        agreement.records, agreement.duplicates
    )?;
    Ok(())
}
