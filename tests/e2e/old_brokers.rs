//! Old brokers, most of them from before Kafka 0.11: what they cannot do is told or refused by name, and what they do differently costs no record.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::NewTopic;
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::{self, Heliostat};
use integration::jars::{V0_10_0_1, V0_10_2_2, V2_4_1, V4_3_0};
use integration::oracle::Rule;
use integration::produce::Load;
use integration::program::Program;
use integration::record_file::Record;
use integration::scenario::{World, lone_scenario, start_pair};
use integration::steady_load::SteadyLoad;
use integration::{scratch, wait};

const LIMIT: Duration = Duration::from_mins(2);

/// An answer of 2 MiB has no room for a message of 900 KB of each.
const LARGE_PARTITIONS: i32 = 24;

/// What 0.10.0 makes by itself: `num.partitions`.
const PARTITIONS_MADE: &str = "2";

/// Brokers that create topics that are asked for, as by Kafka's default.
fn creating() -> ClusterOptions {
    ClusterOptions::default().with("auto.create.topics.enable", "true")
}

/// A topic of `partitions` partitions with records in it, on the source.
fn filled(world: &World, name: &str, partitions: i32) -> Result<String> {
    let topic = world.topic(name);
    world
        .source
        .admin()
        .create_topic(&NewTopic::new(&topic, partitions))?;
    world.source.producer(&[])?.generate(&Load::new(&topic, 2000))?;
    Ok(topic)
}

/// It says what to do where brokers do not create topics that are asked for.
#[test]
fn a_target_of_0_10_0_that_makes_no_topics_is_told_of() {
    lone_scenario("old-brokers-none", || {
        let (source, target) = start_pair(V4_3_0, V0_10_0_1, &ClusterOptions::default())?;
        let world = World::between("old-brokers-none", &source, &target);
        let topic = filled(&world, "missing", 2)?;
        let mut mirror = Heliostat::start(&world.mirroring())?;
        mirror.wait_for_line(&["halted", "auto.create.topics.enable=true"], LIMIT)?;
        world.target.admin().create_topic(&NewTopic::new(&topic, 2))?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        world.compare(&Rule::by_key(2)).map(drop)
    });
}

/// 0.10.0 has no `CreateTopics`: a topic appears when it is asked for, with the broker's own number of partitions. No other
/// topic may appear by that, though the mirror knows of more.
#[test]
fn a_target_of_0_10_0_makes_topics_itself_and_one_that_is_too_small_waits_for_its_partitions() {
    lone_scenario("old-brokers-target", || {
        let options = creating().with("num.partitions", PARTITIONS_MADE);
        let (source, target) = start_pair(V4_3_0, V0_10_0_1, &options)?;
        let world = World::between("old-brokers-target", &source, &target);
        let fits = filled(&world, "fits", 2)?;
        let grows = filled(&world, "grows", 3)?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(std::slice::from_ref(&fits), LIMIT)?;
        mirror.wait_for_line(&["knows no idempotent producers"], LIMIT)?;
        let advice = format!("kafka-topics.sh --alter --topic {grows} --partitions 3");
        mirror.wait_for_line(&["halted", &advice], LIMIT)?;

        world.target.admin().create_partitions(&grows, 3)?;
        mirror.wait_until_caught_up(&[fits, grows], LIMIT)?;
        mirror.stop()?;
        // Whatever else the target had been asked about would be there now.
        world.compare(&Rule::preserve()).map(drop)
    });
}

/// 0.10.1 and later are told what a topic is to be; asked about it before, they would have made another one.
#[test]
fn a_target_of_0_10_2_loses_nothing_when_it_goes_away_under_load() {
    lone_scenario("old-brokers-load", || {
        let (source, mut target) = start_pair(V4_3_0, V0_10_2_2, &creating())?;
        let world = World::between("old-brokers-load", &source, &target);
        let topic = world.topic("t");
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, 5).config("retention.ms", "987654321"))?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        let load = Load {
            per_second: 500,
            ..Load::new(&topic, 10_000)
        };
        let producing = SteadyLoad::start(&world.source.bootstrap, &load)?;
        mirror.wait_for_line(&["mirroring starts"], LIMIT)?;
        for _ in 0..2 {
            target.broker(1).kill()?;
            target.broker(1).restart()?;
            // Frozen: what was sent may have been stored, and nobody says so.
            target.broker(1).pause()?;
            wait::hold(Duration::from_secs(2));
            target.broker(1).resume()?;
        }
        producing.stop()?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        let settings = world.target.admin().topic_configs(&topic)?;
        ensure!(
            settings["retention.ms"].as_deref() == Some("987654321"),
            "it was made by being asked about: {settings:?}"
        );
        // One in flight, and identical when it is sent again: in order, and doubled at most.
        world.compare(&Rule::preserve().at_least_once(None)).map(drop)
    });
}

/// Before Fetch v3 a broker cuts every batch that is larger than its partition's limit, the first one, too.
#[test]
fn batches_larger_than_the_limit_come_out_of_0_10_0() {
    lone_scenario("old-brokers-cut", || {
        let (source, target) = start_pair(V0_10_0_1, V4_3_0, &ClusterOptions::default())?;
        let world = World::between("old-brokers-cut", &source, &target);
        let (large, small) = (world.topic("large"), filled(&world, "small", 3)?);
        world.source.admin().create_topic(&NewTopic::new(&large, 2))?;
        world.source.producer(&[])?.generate(&Load {
            value_bytes: 700_000,
            ..Load::new(&large, 40)
        })?;
        let mirroring = world
            .mirroring()
            .preserve()
            .consumer_line("max.partition.fetch.bytes", "65536");
        // Twice: the second one reads its positions by name, and goes on from them.
        Heliostat::run_to_the_end(&mirroring, &[large.clone(), small.clone()], LIMIT)?;
        world.source.producer(&[])?.generate(&Load {
            first: 2000,
            ..Load::new(&small, 100)
        })?;
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_for_line(&["at the stored position", &large], LIMIT)?;
        mirror.wait_until_caught_up(&[large, small], LIMIT)?;
        mirror.stop()?;
        world.compare(&Rule::preserve()).map(drop)
    });
}

/// Found by reading: where many partitions share an answer, most of them get less than one batch. The limit of all of these
/// doubled again and again, up to far more than memory has room for; and one of them was served until it was done, while the
/// others waited.
#[test]
fn many_partitions_of_0_10_0_with_large_messages_come_through_within_the_memory_budget() {
    lone_scenario("old-brokers-shares", || {
        let (source, target) = start_pair(V0_10_0_1, V4_3_0, &ClusterOptions::default())?;
        let world = World::between("old-brokers-shares", &source, &target);
        let (large, small) = (world.topic("large"), filled(&world, "small", 3)?);
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&large, LARGE_PARTITIONS))?;
        let last = LARGE_PARTITIONS - 1;
        let partitions = (0..last).chain(std::iter::repeat_n(last, 60));
        let value = "v".repeat(900_000);
        let producer = world.source.producer(&[])?;
        for partition in partitions {
            producer.send(&[Record::new(&large).partition(partition).value(value.as_str())])?;
        }
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(&[large, small], LIMIT)?;
        let peak = mirror.process.peak_memory_bytes()?;
        mirror.stop()?;
        ensure!(peak < 64 << 20, "{peak} bytes for a budget of 16 MiB");
        world.compare(&Rule::preserve()).map(drop)
    });
}

/// Found by reading: where much is written, a broker before 3.0 keeps the order of a session's partitions (KAFKA-12330). The first
/// few, which filled each answer, were mirrored to their ends before another one had its first record mirrored.
#[test]
fn busy_partitions_of_2_4_are_mirrored_together() {
    const BUSY_PARTITIONS: i32 = 8;
    const BACKLOG: u64 = 8 * 2000;
    lone_scenario("old-brokers-busy", || {
        let (source, target) = start_pair(V2_4_1, V4_3_0, &ClusterOptions::default())?;
        let world = World::between("old-brokers-busy", &source, &target);
        let topic = world.topic("busy");
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, BUSY_PARTITIONS))?;
        let backlog = Load {
            partitions: BUSY_PARTITIONS,
            value_bytes: 1000,
            ..Load::new(&topic, BACKLOG)
        };
        world.source.producer(&[])?.generate(&backlog)?;
        let live = Load {
            first: BACKLOG,
            per_second: 2000,
            value_bytes: 10,
            ..backlog
        };
        let producing = SteadyLoad::start(&world.source.bootstrap, &live)?;
        let mirroring = world
            .mirroring()
            .preserve()
            .consumer_line("fetch.max.bytes", "131072")
            .consumer_line("max.partition.fetch.bytes", "65536")
            .argument("--bytes.per.second=4000000");
        let mut mirror = Heliostat::start(&mirroring)?;
        let mut seen = BTreeMap::new();
        wait::wait_until("each partition is mirrored", LIMIT, || {
            seen = heliostat::behind(&mirroring, std::slice::from_ref(&topic))?;
            Ok(seen.values().all(|(position, _)| *position > 0))
        })?;
        producing.stop()?;
        let ahead = seen.values().map(|(position, _)| *position).max();
        ensure!(ahead < Some(1000), "one is far ahead of the others: {seen:?}");
        mirror.wait_until_caught_up(&[topic], LIMIT)?;
        mirror.stop()?;
        world.compare(&Rule::preserve()).map(drop)
    });
}

#[test]
fn check_tells_what_0_10_lacks_and_run_refuses_it_as_a_home_of_positions() {
    lone_scenario("old-brokers-check", || {
        let old = Cluster::start(V0_10_2_2, &ClusterOptions::default())?;
        let newer = Cluster::start(V4_3_0, &ClusterOptions::default())?;
        let up = ask(&["check"], &file(&old, &newer)?)?;
        ensure!(
            !has_failed(&up) && up.contains("does not tell the settings of topics"),
            "a source of 0.10 is no failure: {up}"
        );
        let file = file(&newer, &old)?;
        let down = ask(&["check"], &file)?;
        ensure!(
            has_failed(&down) && down.contains("cannot keep positions in a topic"),
            "{down}"
        );
        let run = ask(&["run"], &file)?;
        ensure!(
            run.contains("older than Kafka 0.11") && run.contains("heliostat mirror-maker"),
            "{run}"
        );
        Ok(())
    });
}

fn file(source: &Cluster, target: &Cluster) -> Result<String> {
    let path = scratch::path("heliostat.toml")?;
    let text = format!(
        "[clusters.source]\nbootstrap = [\"{}\"]\n[clusters.target]\nbootstrap = [\"{}\"]\n\
         [[flows]]\nfrom = \"source\"\nto = \"target\"\ntopics = [\"nothing\"]\n",
        source.bootstrap(),
        target.bootstrap()
    );
    fs::write(&path, text).context("the configuration cannot be written")?;
    Ok(path.display().to_string())
}

/// Is there a check that failed?
fn has_failed(said: &str) -> bool {
    said.lines().any(|line| line.starts_with("failed"))
}

/// What it says until it ends.
fn ask(command: &[&str], file: &str) -> Result<String> {
    let state = scratch::path("state")?;
    let answer = Command::new(Program::Heliostat.command()?.get_program())
        .args(command)
        .args(["--config", file])
        .env("STATE_DIRECTORY", &state)
        .output()
        .context("heliostat cannot be started")?;
    let said = String::from_utf8_lossy(&answer.stdout) + String::from_utf8_lossy(&answer.stderr);
    Ok(said.into_owned())
}
