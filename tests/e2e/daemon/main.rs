//! `heliostat run`: one file, positions on the target, instances that share the work through a group of their own there.

mod prometheus;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use integration::admin::NewTopic;
use integration::daemon::DaemonFile;
use integration::heliostat::Heliostat;
use integration::http::get;
use integration::oracle::Rule;
use integration::process::Signal;
use integration::produce::{Load, Producer};
use integration::scenario::{self, World, scenario};
use integration::steady_load::SteadyLoad;
use integration::{ports, scratch, wait};

const LIMIT: Duration = Duration::from_mins(1);
const PARTITIONS: i32 = 6;

fn produce(world: &World, topic: &str, first: u64, records: u64) -> Result<()> {
    let load = Load {
        first,
        ..Load::new(topic, records)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

/// How many partitions the group gave to this instance last. The group has a type of its own, which Kafka's tools list but do not describe.
fn assigned(instance: &Heliostat) -> Result<Option<usize>> {
    let lines = instance.lines_with(&["the group assigned partitions"])?;
    let last = lines.last().and_then(|line| line.split("partitions=").nth(1));
    let count = last.and_then(|rest| rest.split_whitespace().next());
    Ok(count.and_then(|count| count.parse().ok()))
}

fn wait_until_shared(shares: &[(&Heliostat, usize)]) -> Result<()> {
    wait::wait_until("the partitions are shared out", LIMIT, || {
        for (instance, share) in shares {
            if assigned(instance)? != Some(*share) {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

#[test]
fn a_restart_goes_on_where_the_positions_on_the_target_say() {
    scenario("daemon-restart", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        produce(world, &topic, 0, 20_000)?;
        let file = DaemonFile::new(world, &scratch::path("state")?);
        let mut daemon = file.start()?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        daemon.stop()?;
        produce(world, &topic, 20_000, 20_000)?;
        let mut daemon = file.start()?;
        daemon.wait_for_line(&["mirroring starts at the stored position"], LIMIT)?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        daemon.stop()?;
        // Nothing is doubled: the second life went on where the first one stopped.
        ensure!(world.compare(&Rule::preserve())?.records == 40_000);
        Ok(())
    });
}

#[test]
fn topics_are_renamed_by_prefix() {
    scenario("daemon-rename", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        produce(world, &topic, 0, 5_000)?;
        let prefix = format!("{}copy-of-", world.topic(""));
        let file = DaemonFile::new(world, &scratch::path("state")?)
            .flow_line(&format!("rename = {{ prefix = \"{prefix}\" }}"));
        let mut daemon = file.start()?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        daemon.stop()?;
        let mut rule = Rule::preserve();
        rule.renamed.insert(topic.clone(), format!("{prefix}{topic}"));
        ensure!(world.compare(&rule)?.records == 5_000);
        Ok(())
    });
}

/// One instance leaves, one is killed, one is frozen past its session while it writes and wakes up: nothing is lost, and what a stale instance
/// stores about its position takes nobody back.
#[test]
fn instances_share_the_work_through_a_group_on_the_target() {
    scenario("daemon-instances", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        let load = SteadyLoad::start(
            &world.source.bootstrap,
            &Load {
                per_second: 2_000,
                ..Load::new(&topic, 0)
            },
        )?;
        let file = |name: &str| -> Result<DaemonFile> {
            let state = scratch::path(name)?;
            Ok(DaemonFile::new(world, &state)
                .flow_line("session_timeout = \"6s\"")
                .flow_line("heartbeat_interval = \"1s\""))
        };
        let (one, two) = (file("one")?, file("two")?);
        let first = one.start()?;
        wait_until_shared(&[(&first, 6)])?;
        let mut second = two.start()?;
        wait_until_shared(&[(&first, 3), (&second, 3)])?;
        first.stop()?;
        wait_until_shared(&[(&second, 6)])?;
        let mut first = one.start()?;
        wait_until_shared(&[(&first, 3), (&second, 3)])?;
        second.kill()?;
        second = two.start()?;
        second.wait_for_line(&["taking over the members"], LIMIT)?;
        wait_until_shared(&[(&first, 3), (&second, 3)])?;
        // Frozen before that, it would have nothing to give up when it wakes.
        second.wait_for_line(&["mirroring starts at the stored position"], LIMIT)?;
        second.process.signal(Signal::Stop)?;
        wait_until_shared(&[(&first, 6)])?;
        wait::hold(Duration::from_secs(3));
        second.process.signal(Signal::Continue)?;
        second.wait_for_line(&["given our partitions to others"], LIMIT)?;
        wait_until_shared(&[(&first, 3), (&second, 3)])?;
        let records = load.stop()?;
        first.wait_until_caught_up(&topics, LIMIT)?;
        first.stop()?;
        second.stop()?;
        let agreement = world.compare(&Rule::preserve().at_least_once(None))?;
        scenario::report(&format!(
            "daemon-instances: {} of {records} records doubled",
            agreement.duplicates
        ));
        ensure!(agreement.records == records, "{agreement:?}, {records} sent");
        ensure!(agreement.duplicates < records / 4, "{agreement:?}");
        Ok(())
    });
}

#[test]
fn a_reverse_flow_over_the_same_names_is_refused() {
    scenario("daemon-reverse", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        produce(world, &topic, 0, 1_000)?;
        let file = DaemonFile::new(world, &scratch::path("state")?);
        let mut daemon = file.start()?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        let mut reverse = DaemonFile::new(world, &scratch::path("state-of-reverse")?)
            .reversed()
            .start()?;
        let status = reverse.wait(LIMIT)?;
        ensure!(
            status.code() == Some(1),
            "{status}\n{}",
            reverse.process.last_words()
        );
        let told = reverse.lines_with(&["error:", &topic, "both clusters would fill"])?;
        ensure!(told.len() == 1, "{}", reverse.process.last_words());
        daemon.stop()?;
        Ok(())
    });
}

#[test]
fn metrics_and_health_tell_how_it_goes() {
    scenario("daemon-metrics", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        produce(world, &topic, 0, 5_000)?;
        let port = ports::reserve()?;
        let address = format!("127.0.0.1:{}", port.number);
        let listen = format!("[admin]\nlisten = \"{address}\"");
        let mut daemon = DaemonFile::new(world, &scratch::path("state")?)
            .line(&listen)
            .start()?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        let healthy = get(&address, "/healthz")?;
        ensure!(healthy.0 == 200, "{healthy:?}");
        let ready = get(&address, "/readyz")?;
        ensure!(ready.0 == 200, "{ready:?}");
        let (status, metrics) = get(&address, "/metrics")?;
        ensure!(status == 200);
        let acked = metrics
            .lines()
            .find(|line| line.starts_with("heliostat_acked_records_total{"));
        ensure!(
            acked.is_some_and(|line| line.ends_with(" 5000")),
            "{acked:?} in\n{metrics}"
        );
        let lag = metrics
            .lines()
            .filter(|line| line.starts_with("heliostat_partition_lag_offsets{"));
        ensure!(
            lag.clone().count() == 6 && lag.clone().all(|line| line.ends_with(" 0")),
            "lag in\n{metrics}"
        );
        // The address is taken: that is said, and ends the start of the other, not the life of this one.
        let mut second = DaemonFile::new(world, &scratch::path("state-of-second")?)
            .line(&listen)
            .start()?;
        let ended = second.wait(LIMIT)?;
        ensure!(
            ended.code() == Some(1),
            "{ended}\n{}",
            second.process.last_words()
        );
        ensure!(
            !second.lines_with(&["error:", &address])?.is_empty(),
            "{}",
            second.process.last_words()
        );
        ensure!(get(&address, "/healthz")?.0 == 200);
        daemon.stop()?;
        Ok(())
    });
}

#[test]
fn the_brake_holds_its_rate() {
    scenario("daemon-brake", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        let load = Load {
            value_bytes: 1_000,
            ..Load::new(&topic, 8_000)
        };
        Producer::open(&world.source.bootstrap, &[])?.generate(&load)?;
        let mut daemon = DaemonFile::new(world, &scratch::path("state")?)
            .flow_line("bytes_per_second = \"1MiB\"")
            .start()?;
        daemon.wait_for_line(&["mirroring starts"], LIMIT)?;
        let started = Instant::now();
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        let took = started.elapsed();
        daemon.stop()?;
        // 8 MB and more at 1 MiB/s; the first answer of each broker is paid for afterwards.
        ensure!(
            (Duration::from_secs(4)..Duration::from_secs(20)).contains(&took),
            "8 MB took {took:?}"
        );
        ensure!(world.compare(&Rule::preserve())?.records == 8_000);
        Ok(())
    });
}
