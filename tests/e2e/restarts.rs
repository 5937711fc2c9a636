//! The mirror killed and stopped again and again: nothing is lost, order is kept, and duplicates are few after `kill -9` and none after SIGTERM.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use integration::admin::{NewTopic, OffsetAt};
use integration::heliostat::{Heliostat, behind};
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::scenario::{self, World, scenario};
use integration::wait;

const LIMIT: Duration = Duration::from_mins(3);
const ROUNDS: usize = 20;
const SOURCE_PARTITIONS: i32 = 8;

/// How many records the target holds, of all partitions.
fn target_records(world: &World, topic: &str) -> Result<i64> {
    if !world.target.admin().topics()?.iter().any(|name| name == topic) {
        return Ok(0);
    }
    Ok(world
        .target
        .admin()
        .offsets(&[topic.to_owned()], OffsetAt::HighWatermark)?
        .values()
        .sum())
}

/// The target's record counts over time: what was written in the last second.
struct Growth<'a> {
    world: &'a World,
    topic: &'a str,
    samples: VecDeque<(Instant, i64)>,
}

// === impl Growth ===

impl Growth<'_> {
    fn sample(&mut self) -> Result<i64> {
        // The time before the question: the count is of then or later.
        let now = Instant::now();
        let records = target_records(self.world, self.topic)?;
        self.samples.push_back((now, records));
        Ok(records)
    }

    /// What had been written a second before `killed` at the latest.
    fn a_second_before(&self, killed: Instant) -> i64 {
        let old = self
            .samples
            .iter()
            .rev()
            .find(|(at, _)| killed.duration_since(*at) >= Duration::from_secs(1));
        old.map_or(0, |(_, records)| *records)
    }
}

/// A different wait each time, from the round's number alone.
fn some_time(round: usize) -> Duration {
    Duration::from_millis(u64::try_from(round * 7919 % 900).unwrap_or(0))
}

/// Lets the mirror work until it has written something in this life, and then a while longer.
fn let_it_work(mirror: &mut Heliostat, growth: &mut Growth<'_>, round: usize) -> Result<()> {
    let before = growth.sample()?;
    wait::wait_until("the mirror writes", LIMIT, || {
        mirror.process.check_running()?;
        Ok(growth.sample()? > before)
    })?;
    let until = Instant::now() + some_time(round);
    while Instant::now() < until {
        growth.sample()?;
        wait::hold(Duration::from_millis(20));
    }
    Ok(())
}

/// Kills the mirror through a backlog that never runs out: the target's quota makes the mirror slower than its life is long, and more is added
/// whenever little is left.
fn killed_through_a_backlog(name: &str, target_partitions: Option<i32>) {
    scenario(name, |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, SOURCE_PARTITIONS))?;
        if let Some(partitions) = target_partitions {
            world
                .target
                .admin()
                .create_topic(&NewTopic::new(&topic, partitions))?;
        }
        let mirroring = world
            .mirroring()
            .producer_line("client.id", name)
            .producer_line("compression.type", "none");
        let (mirroring, rule) = match target_partitions {
            Some(partitions) => (mirroring, Rule::by_key(partitions)),
            None => (mirroring.preserve(), Rule::preserve()),
        };
        world.target.admin().set_producer_quota(name, 6_000_000)?;
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        let load = Load {
            value_bytes: 500,
            ..Load::new(&topic, 40_000)
        };
        let mut made = 0;
        let mut growth = Growth {
            world,
            topic: &topic,
            samples: VecDeque::new(),
        };
        let mut allowed = 0;
        for round in 0..ROUNDS {
            if i64::try_from(made)? - target_records(world, &topic)? < 20_000 {
                producer.generate(&Load {
                    first: made,
                    ..load.clone()
                })?;
                made += load.records;
            }
            let mut mirror = Heliostat::start(&mirroring)?;
            let_it_work(&mut mirror, &mut growth, round)?;
            let killed = Instant::now();
            mirror.kill()?;
            ensure!(
                !behind(&mirroring, &topics)?.is_empty(),
                "round {round}: the backlog ran out"
            );
            allowed += growth.sample()? - growth.a_second_before(killed);
        }
        world.target.admin().set_producer_quota(name, 0)?;
        Heliostat::run_to_the_end(&mirroring, &topics, LIMIT)?;
        let duplicates = world.compare(&rule.at_least_once(None))?.duplicates;
        let report =
            format!("{name}: {duplicates} of {made} records doubled by {ROUNDS} kills, {allowed} allowed");
        ensure!(i64::try_from(duplicates)? <= allowed, "{report}");
        scenario::report(&report);
        Ok(())
    });
}

#[test]
fn twenty_kills_lose_nothing_and_double_little_preserve() {
    killed_through_a_backlog("kills-preserve", None);
}

#[test]
fn twenty_kills_lose_nothing_and_double_little_by_key() {
    killed_through_a_backlog("kills-by-key", Some(3));
}

/// Stops the mirror again and again while records keep coming; not one is doubled.
fn stopped_under_load(name: &str, preserve: bool) {
    scenario(name, |world| {
        let topic = world.topic("t");
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, SOURCE_PARTITIONS))?;
        let (mirroring, rule) = if preserve {
            (world.mirroring().preserve(), Rule::preserve())
        } else {
            world.target.admin().create_topic(&NewTopic::new(&topic, 5))?;
            (world.mirroring(), Rule::by_key(5))
        };
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
        producer.generate(&Load::new(&topic, 50_000))?;
        let stopped_enough = AtomicBool::new(false);
        thread::scope(|scope| {
            let loading = scope.spawn(|| load_until(&stopped_enough, &producer, &topic, 50_000));
            let stops = stop_again_and_again(world, &topic, &mirroring);
            stopped_enough.store(true, Ordering::Relaxed);
            loading
                .join()
                .map_err(|panic| anyhow!("the load panicked: {panic:?}"))??;
            let stops = stops?;
            scenario::report(&format!("{name}: SIGTERM took {stops:?}"));
            // The promise is under a second where the brokers answer; on a busy machine they do not always.
            let mut sorted = stops.clone();
            sorted.sort();
            ensure!(
                sorted[ROUNDS / 2] < Duration::from_secs(1),
                "slow stops: {stops:?}"
            );
            ensure!(
                sorted[ROUNDS - 1] < Duration::from_secs(5),
                "a slow stop: {stops:?}"
            );
            Ok(())
        })?;
        Heliostat::run_to_the_end(&mirroring, std::slice::from_ref(&topic), LIMIT)?;
        world.compare(&rule).map(drop)
    });
}

/// 10,000 records a second, counting on from `first`, until it is told that it is enough.
fn load_until(enough: &AtomicBool, producer: &Producer, topic: &str, first: u64) -> Result<()> {
    let mut first = first;
    while !enough.load(Ordering::Relaxed) {
        let load = Load {
            first,
            per_second: 10_000,
            ..Load::new(topic, 10_000)
        };
        producer.generate(&load)?;
        first += load.records;
    }
    Ok(())
}

fn stop_again_and_again(world: &World, topic: &str, mirroring: &Mirroring) -> Result<Vec<Duration>> {
    let mut growth = Growth {
        world,
        topic,
        samples: VecDeque::new(),
    };
    let mut stops = Vec::new();
    for round in 0..ROUNDS {
        let mut mirror = Heliostat::start(mirroring)?;
        let_it_work(&mut mirror, &mut growth, round)?;
        stops.push(mirror.stop()?);
    }
    Ok(stops)
}

#[test]
fn twenty_stops_double_nothing_preserve() {
    stopped_under_load("stops-preserve", true);
}

#[test]
fn twenty_stops_double_nothing_by_key() {
    stopped_under_load("stops-by-key", false);
}

#[test]
fn interrupt_is_an_orderly_stop_too() {
    scenario("stops-interrupt", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 2))?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load::new(&topic, 10_000))?;
        let mut mirror = Heliostat::start(&world.mirroring())?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.process.signal(integration::process::Signal::Interrupt)?;
        let status = mirror.wait(Duration::from_secs(10))?;
        ensure!(status.code() == Some(0), "{status}");
        world.compare(&Rule::by_key(2)).map(drop)
    });
}
