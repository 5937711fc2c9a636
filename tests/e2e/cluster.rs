//! Three brokers a side on Kafka's own settings, replication factor 3, two in-sync replicas: leaders move, brokers go and come back on either
//! side under load, and the whole target is away for a minute.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use integration::admin::{Admin, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars::{V3_9_2, V4_3_0};
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::scenario::{self, World, lone_scenario, start_pair};
use integration::wait;

const PARTITIONS: i32 = 6;
const LIMIT: Duration = Duration::from_mins(3);
const OUTAGE: Duration = Duration::from_mins(1);
/// What the process may hold at its peak, whatever piles up: the memory budget and the code, far below the backlog of the outage.
const MEMORY_MAX: u64 = 192 << 20;

fn new_topic(name: &str) -> NewTopic {
    NewTopic::new(name, PARTITIONS)
        .replication(3)
        .config("min.insync.replicas", "2")
}

/// Runs a scenario on the two clusters that this file's tests share, one after the other: twelve brokers on a small machine have no processor
/// left for anybody.
fn on_the_pair(name: &str, run: impl FnOnce(&mut Cluster, &mut Cluster) -> Result<()>) {
    static PAIR: Mutex<Option<(Cluster, Cluster)>> = Mutex::new(None);
    let mut pair = PAIR.lock().unwrap_or_else(PoisonError::into_inner);
    lone_scenario(name, || {
        let started = match pair.take() {
            Some(started) => started,
            None => start_pair(V3_9_2, V4_3_0, &ClusterOptions::stock())?,
        };
        let (source, target) = pair.insert(started);
        run(source, target)
    });
}

/// Runs `faults` while records come at a steady rate; returns when both are done.
fn under_load(world: &World, load: &Load, faults: impl FnOnce() -> Result<()>) -> Result<()> {
    let producer = Producer::open(
        &world.source.bootstrap,
        &[
            ("acks", "all"),
            ("compression.type", "lz4"),
            // With more, Java's idempotent producer was seen to wedge: a batch that a moved leader had written but refused is sent again
            // after later ones, is out of order for ever, and expires after two minutes.
            ("max.in.flight.requests.per.connection", "1"),
        ],
    )?;
    thread::scope(|scope| {
        let loading = scope.spawn(|| producer.generate(load));
        let outcome = faults();
        loading
            .join()
            .map_err(|panic| anyhow!("the load panicked: {panic:?}"))?
            .context("the load")?;
        outcome
    })
}

/// Every partition's leader goes to the next replica.
fn move_leaders(admin: &Admin, topic: &str) -> Result<()> {
    for (partition, found) in (0..).zip(admin.describe_topic(topic)?.partitions) {
        let at = found
            .replicas
            .iter()
            .position(|node| *node == found.leader)
            .context("no leader")?;
        admin.move_leader(topic, partition, found.replicas[(at + 1) % found.replicas.len()])?;
    }
    Ok(())
}

/// One broker is killed, another one stopped in order, the third one frozen; each comes back.
fn bounce(cluster: &mut Cluster, topic: &str) -> Result<()> {
    cluster.broker(1).kill()?;
    wait::hold(Duration::from_secs(3));
    cluster.broker(1).restart()?;
    cluster.wait_in_sync(topic)?;
    cluster.broker(2).stop()?;
    wait::hold(Duration::from_secs(3));
    cluster.broker(2).restart()?;
    cluster.wait_in_sync(topic)?;
    // Frozen: connections stay open and nothing answers.
    cluster.broker(3).pause()?;
    wait::hold(Duration::from_secs(5));
    cluster.broker(3).resume()?;
    cluster.wait_in_sync(topic)
}

#[test]
fn brokers_come_and_go_on_stock_settings() {
    on_the_pair("cluster", |source, target| {
        let world = World::between("cluster", source, target);
        let topic = world.topic("t");
        world.source.admin().create_topic(&new_topic(&topic))?;
        world.target.admin().create_topic(&new_topic(&topic))?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        let load = Load {
            per_second: 2000,
            value_bytes: 500,
            ..Load::new(&topic, 60_000)
        };

        under_load(&world, &load, || {
            move_leaders(&world.source.admin(), &topic)?;
            move_leaders(&world.target.admin(), &topic)?;
            bounce(source, &topic).context("bouncing the source")?;
            bounce(target, &topic).context("bouncing the target")
        })?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        world.compare(&Rule::preserve()).context("after the bounces")?;

        target_away(&world, target, &topic, load.records)?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        let peak = mirror.process.peak_memory_bytes()?;
        ensure!(peak < MEMORY_MAX, "peak memory {} MiB", peak >> 20);
        scenario::report(&format!(
            "peak memory {} MiB, CPU time {:?}",
            peak >> 20,
            mirror.process.cpu_time()?
        ));
        mirror.stop()?;
        world
            .compare(&Rule::preserve())
            .context("after the outage")
            .map(drop)
    });
}

/// The target is gone for a minute while 200 MB pile up on the source.
fn target_away(world: &World, target: &mut Cluster, topic: &str, first: u64) -> Result<()> {
    let load = Load {
        first,
        value_bytes: 2000,
        ..Load::new(topic, 100_000)
    };
    under_load(world, &load, || {
        for node in 1..=3 {
            target.broker(node).kill()?;
        }
        wait::hold(OUTAGE);
        target.restart()?;
        target.wait_in_sync(topic)
    })
}

#[test]
fn a_topic_made_by_the_mirror_is_as_safe_as_the_sources() {
    on_the_pair("cluster-created", |source, target| {
        let world = World::between("cluster-created", source, target);
        let topic = world.topic("t");
        let day_ms = "86400000";
        world.source.admin().create_topic(
            &new_topic(&topic)
                .config("retention.ms", "-1")
                .config("delete.retention.ms", day_ms),
        )?;
        // Older than the stock retention of seven days: a target on stock settings would throw them away.
        let load = Load {
            first_timestamp: Some(1_600_000_000_000),
            ..Load::new(&topic, 5000)
        };
        Producer::open(&world.source.bootstrap, &[])?.generate(&load)?;
        Heliostat::run_to_the_end(&world.mirroring().preserve(), std::slice::from_ref(&topic), LIMIT)?;
        let found = world.target.admin().describe_topic(&topic)?;
        ensure!(
            found.partitions.len() == usize::try_from(PARTITIONS)?,
            "{found:?}"
        );
        ensure!(
            found
                .partitions
                .iter()
                .all(|partition| partition.replicas.len() == 3),
            "{found:?}"
        );
        let configs = world.target.admin().topic_configs(&topic)?;
        ensure!(
            configs["retention.ms"].as_deref() == Some("-1"),
            "{:?}",
            configs["retention.ms"]
        );
        ensure!(configs["delete.retention.ms"].as_deref() == Some(day_ms));
        world.compare(&Rule::preserve()).map(drop)
    });
}
