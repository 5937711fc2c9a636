//! What a start finds that was left behind: a predecessor that still lives, members that are dead, positions or none, and a target that lets
//! nobody finish.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use integration::admin::{NewTopic, PartitionKey};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars::V4_3_0;
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::process::Signal;
use integration::produce::{Load, Producer};
use integration::scenario::{self, SharedClusters, World, lone_scenario, scenario};
use integration::steady_load::SteadyLoad;
use integration::{daemon, membership, mirror_maker, scratch, wait};

const LIMIT: Duration = Duration::from_mins(1);
const PARTITIONS: i32 = 4;
/// Below any time-out of Java's defaults (45 s of a session, 5 minutes of a rebalance), and long enough to start Java on a busy machine.
const SOON: Duration = Duration::from_secs(35);

/// The files of a mirror that keeps partition numbers, with a state folder of its own.
fn files(world: &World) -> Result<Mirroring> {
    Ok(world
        .mirroring()
        .preserve()
        .state_folder(&scratch::path("state")?))
}

fn make_topic(world: &World, name: &str) -> Result<(String, BTreeSet<PartitionKey>)> {
    let topic = world.topic(name);
    let new_topic = NewTopic::new(&topic, PARTITIONS);
    world.source.admin().create_topic(&new_topic)?;
    world.target.admin().create_topic(&new_topic)?;
    let partitions = membership::partitions_of(&topic, PARTITIONS);
    Ok((topic, partitions))
}

/// So many records to each partition; `first` counts in records of one partition.
fn produce(world: &World, topic: &str, first: u64, each: u64) -> Result<()> {
    let partitions = u64::try_from(PARTITIONS)?;
    let load = Load {
        first: first * partitions,
        partitions: PARTITIONS,
        ..Load::new(topic, each * partitions)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

/// Two processes on one host with the same files, or a host and its clone: nobody takes the other one's members for his own dead ones.
#[test]
fn two_processes_on_one_state_folder_are_two_instances() {
    scenario("left-folder", |world| {
        let (topic, partitions) = make_topic(world, "t")?;
        let mirroring = files(world)?;
        let mut first = Heliostat::start(&mirroring)?;
        let admin = world.source.admin();
        let alone = membership::settled(&admin, &mirroring.group, &partitions, 2)?;
        let second = Heliostat::start(&mirroring)?;
        let both = membership::settled(&admin, &mirroring.group, &partitions, 4)?;
        ensure!(
            alone.member_ids().is_subset(&both.member_ids()),
            "the first process lost its members: {alone:?}, {both:?}"
        );
        produce(world, &topic, 0, 500)?;
        first.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        second.stop()?;
        let again = membership::settled(&admin, &mirroring.group, &partitions, 2)?;
        ensure!(alone.member_ids() == again.member_ids(), "{alone:?}, {again:?}");
        first.stop()?;
        let agreement = world.compare(&Rule::preserve())?;
        ensure!(agreement.records == 2_000, "{agreement:?}");
        Ok(())
    });
}

/// With static members, the two streams that are no more would keep their partitions, and a new topic would stay unread.
#[test]
fn fewer_streams_and_more_topics_after_a_kill() {
    scenario("left-streams", |world| {
        let (first, mut partitions) = make_topic(world, "first")?;
        produce(world, &first, 0, 500)?;
        let mut mirroring = files(world)?;
        mirroring.streams = 4;
        mirroring.whitelist.clone_from(&first);
        let mut mirror = Heliostat::start(&mirroring)?;
        let admin = world.source.admin();
        membership::settled(&admin, &mirroring.group, &partitions, 4)?;
        mirror.wait_until_caught_up(std::slice::from_ref(&first), LIMIT)?;
        mirror.kill()?;

        let (second, more) = make_topic(world, "second")?;
        partitions.extend(more);
        produce(world, &first, 500, 500)?;
        produce(world, &second, 0, 500)?;
        mirroring.streams = 2;
        mirroring.whitelist = world.mirroring().whitelist;
        let started = Instant::now();
        let mut mirror = Heliostat::start(&mirroring)?;
        membership::settled(&admin, &mirroring.group, &partitions, 2)?;
        mirror.wait_until_caught_up(&[first, second], LIMIT)?;
        let took = started.elapsed();
        ensure!(took < SOON, "owned and mirrored only after {took:?}");
        mirror.stop()?;
        let agreement = world.compare(&Rule::preserve())?;
        ensure!(agreement.records == 6_000, "{agreement:?}");
        Ok(())
    });
}

/// A first start under `latest` decides where each partition begins. The second start must know, although nothing was mirrored in between.
#[test]
fn what_comes_between_a_first_start_under_latest_and_the_next_is_not_passed_over() {
    scenario("left-latest", |world| {
        let (topic, partitions) = make_topic(world, "t")?;
        produce(world, &topic, 0, 100)?;
        let mirroring = files(world)?.consumer_line("auto.offset.reset", "latest");
        let mirror = Heliostat::start(&mirroring)?;
        wait::wait_until("every partition has a position", LIMIT, || {
            let committed = world.source.admin().committed(&mirroring.group)?;
            Ok(partitions
                .iter()
                .all(|partition| committed.get(partition).is_some_and(|found| found.offset == 100)))
        })
        .with_context(|| mirror.process.last_words())?;
        let told = mirror.lines_with(&["WARN", "latest", "400"])?;
        ensure!(
            told.len() == 1,
            "one line tells how much a start under latest passes over: {told:?}\n{}",
            mirror.process.last_words()
        );
        mirror.kill()?;
        produce(world, &topic, 100, 100)?;
        Heliostat::run_to_the_end(&mirroring, std::slice::from_ref(&topic), LIMIT)?;
        let passed_over = partitions
            .iter()
            .flat_map(|(_, partition)| (0..100).map(move |offset| (*partition, offset)));
        let rule = passed_over.fold(Rule::preserve(), |rule, (partition, offset)| {
            rule.without(&topic, partition, offset)
        });
        let agreement = world.compare(&rule)?;
        ensure!(agreement.records == 400, "{agreement:?}");
        Ok(())
    });
}

/// Brokers throw positions away that nobody has renewed for long. Under `latest`, a start that took the partition for a new
/// one would pass over all that came since. It halts, also at the next start, until somebody says where it goes on.
#[test]
fn a_position_that_is_gone_is_never_replaced_by_the_newest_record() {
    scenario("left-position", |world| {
        const GONE: i32 = 2;
        let (topic, _) = make_topic(world, "t")?;
        let topics = [topic.clone()];
        let halted = [(topic.clone(), GONE)];
        produce(world, &topic, 0, 100)?;
        let folder = scratch::path("state")?;
        let state = folder.display().to_string();
        let mirroring = world.mirroring().preserve().state_folder(&folder);
        Heliostat::run_to_the_end(&mirroring, &topics, LIMIT)?;
        world
            .source
            .admin()
            .forget_position(&mirroring.group, &topic, GONE)?;
        produce(world, &topic, 100, 100)?;
        let mirroring = mirroring.consumer_line("auto.offset.reset", "latest");
        let words = ["partition 2 of topic", "has no position for this partition"];
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up_but(&topics, &halted, LIMIT)?;
        ensure!(
            mirror.lines_with(&words)?.len() == 1,
            "{}",
            mirror.process.last_words()
        );
        mirror.stop()?;

        let mut mirror = Heliostat::start(&mirroring)?;
        let partition = format!("{topic}:{GONE}");
        let listed = wait::wait_for("the halt is listed", LIMIT, || {
            mirror.process.check_running()?;
            let output = daemon::command(&["halts", "--state-dir", &state])?;
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(printed.contains("position_missing").then_some(printed))
        })?;
        ensure!(listed.contains(&partition), "{listed}");
        // What lies below is given up by name: nobody but the operator knows that the target has it.
        let resume = |more: &[&str]| {
            let mut arguments = vec!["resume", &partition, "--from", "100", "--state-dir", &state];
            arguments.extend(more);
            daemon::command(&arguments)
        };
        let unnamed = resume(&[])?;
        let answer = String::from_utf8_lossy(&unnamed.stderr).into_owned();
        ensure!(
            !unnamed.status.success() && answer.contains("--accept-loss 0..100"),
            "{answer}"
        );
        let named = resume(&["--accept-loss", "0..100"])?;
        ensure!(
            named.status.success(),
            "{}",
            String::from_utf8_lossy(&named.stderr)
        );
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        let agreement = world.compare(&Rule::preserve())?;
        ensure!(agreement.records == 800, "{agreement:?}");
        Ok(())
    });
}

/// A topic that this group has never mirrored, and that the target holds records of: whoever wrote them, under `latest`
/// nobody may decide silently that the rest is not wanted. One that the target holds nothing of simply starts.
#[test]
fn a_topic_without_any_position_beside_one_that_has() {
    scenario("left-topic", |world| {
        let (known, _) = make_topic(world, "known")?;
        produce(world, &known, 0, 10)?;
        let mut mirroring = files(world)?;
        mirroring.whitelist.clone_from(&known);
        Heliostat::run_to_the_end(&mirroring, std::slice::from_ref(&known), LIMIT)?;

        let (empty, partitions) = make_topic(world, "empty")?;
        let (written, _) = make_topic(world, "written")?;
        produce(world, &empty, 0, 10)?;
        produce(world, &written, 0, 10)?;
        let elsewhere = Load {
            partitions: PARTITIONS,
            ..Load::new(&written, 4)
        };
        Producer::open(&world.target.bootstrap, &[])?.generate(&elsewhere)?;
        mirroring.whitelist = world.mirroring().whitelist;
        let mirroring = mirroring.consumer_line("auto.offset.reset", "latest");
        let halted: Vec<PartitionKey> = membership::partitions_of(&written, PARTITIONS)
            .into_iter()
            .collect();
        let mut mirror = Heliostat::start(&mirroring)?;
        let topics = [known, empty.clone(), written];
        mirror.wait_until_caught_up_but(&topics, &halted, LIMIT)?;
        let missing = mirror.lines_with(&["ERROR", "has no position for this partition"])?;
        ensure!(missing.len() == halted.len(), "{missing:?}");
        let committed = world.source.admin().committed(&mirroring.group)?;
        for partition in &partitions {
            let offset = committed.get(partition).map(|committed| committed.offset);
            ensure!(offset == Some(10), "{partition:?}: {offset:?}");
        }
        ensure!(
            halted.iter().all(|partition| !committed.contains_key(partition)),
            "a position was stored for what stands still: {committed:?}"
        );
        mirror.stop()?;
        Ok(())
    });
}

/// Java members stand still until everybody has given up what he owned; with a target that takes nothing there is no end to wait for.
#[test]
fn a_target_that_stands_still_does_not_hold_up_the_group() {
    lone_scenario("left-target", || {
        let source = &SharedClusters::of_this_process()?.source;
        let mut target = Cluster::start(V4_3_0, &ClusterOptions::default())?;
        let world = World::between("left-target", source, &target);
        let (topic, partitions) = make_topic(&world, "t")?;
        let load = Load {
            per_second: 1_000,
            ..Load::new(&topic, 0)
        };
        let load = SteadyLoad::start(&world.source.bootstrap, &load)?;
        // By key, as Java does.
        let mirroring = world.mirroring();
        let mut mirror = Heliostat::start(&mirroring.clone().state_folder(&scratch::path("state")?))?;
        let admin = world.source.admin();
        membership::settled(&admin, &mirroring.group, &partitions, 2)?;
        membership::wait_until_growing(&world.target, &partitions)?;

        target.broker(1).pause()?;
        // Some records are on their way now that will not be acknowledged.
        wait::hold(Duration::from_secs(1));
        let joined = Instant::now();
        let mut java = mirror_maker::start_one(&mirroring)?;
        membership::settled(&admin, &mirroring.group, &partitions, 4)
            .with_context(|| mirror.process.last_words())?;
        let took = joined.elapsed();
        target.broker(1).resume()?;
        ensure!(took < SOON, "the group stood still for {took:?}");

        membership::wait_until_growing(&world.target, &partitions)?;
        java.signal(Signal::Term)?;
        java.wait(LIMIT)?;
        let records = load.stop()?;
        mirror.wait_until_caught_up(&[topic], LIMIT)?;
        mirror.stop()?;
        let agreement = world.compare(&Rule::by_key(PARTITIONS).at_least_once(None))?;
        ensure!(agreement.records == records, "{records} were sent: {agreement:?}");
        scenario::report(&format!(
            "the group had its new generation after {took:?}, {} of {records} records doubled",
            agreement.duplicates
        ));
        Ok(())
    });
}
