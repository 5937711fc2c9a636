//! heliostat as a member of its group: a script written for `MirrorMaker` runs unchanged, two instances share the work and take it over from
//! each other, and what appears is mirrored soon.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use integration::admin::{NewTopic, PartitionKey};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars;
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::process::Signal;
use integration::produce::{Load, Producer};
use integration::program::Program;
use integration::scenario::{self, SharedClusters, World, lone_scenario, scenario};
use integration::steady_load::SteadyLoad;
use integration::{membership, scratch, shell};

const LIMIT: Duration = Duration::from_mins(1);
const PARTITIONS: i32 = 8;
/// Two instances of two streams each.
const MEMBERS: usize = 4;
const RECORDS_PER_SECOND: u64 = 2_000;
/// How soon a mirror that was killed must be at work again, its process's start included.
const BACK_AT_WORK: Duration = Duration::from_secs(2);
/// How soon others must be at work on what a member gave back: they hear of it with their next heartbeat, at most three seconds later. The
/// session time-out would take 45 seconds.
const HANDED_OVER: Duration = Duration::from_secs(8);
/// The least that a broker of stock settings takes.
const SESSION_TIMEOUT_MS: &str = "6000";

/// Start, wait, stop, as an operator wrote it for `MirrorMaker`. Every call of the groups tool takes a second: no pause is needed.
const SCRIPT: &str = r#"
set -eu
kafka-mirror-maker.sh --consumer.config "$CONSUMER" --producer.config "$PRODUCER" --whitelist "$TOPICS" \
  --num.streams 2 --offset.commit.interval.ms 1000 &
mirror=$!
# GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG CONSUMER-ID HOST CLIENT-ID
until kafka-consumer-groups.sh --bootstrap-server "$SOURCE" --describe --group "$GROUP" | tee last-rows | awk -v group="$GROUP" '
  $1 == group { rows++; if ($6 != "0" || index($7, $9 "-") != 1) behind++; clients[$9]++ }
  END { exit !(rows == 8 && !behind && clients[group "-0"] == 4 && clients[group "-1"] == 4) }'
do
  kill -0 $mirror
done
kill -TERM $mirror
status=0; wait $mirror || status=$?
# A JVM ends with 143 after SIGTERM.
case $status in 0|143) echo "stopped with $status" ;; *) exit 1 ;; esac
"#;

/// What `MirrorMaker` says of its life, in order; of its threads, the first. (`Mirror maker thread stopped` comes at any time near the end.)
const SAID: &[&str] = &[
    "Starting mirror maker",
    "[mirrormaker-thread-0] Starting mirror maker thread mirrormaker-thread-0",
    "Start clean shutdown.",
    "Shutting down consumer threads.",
    "[mirrormaker-thread-0] mirrormaker-thread-0 shutting down",
    "[mirrormaker-thread-0] Flushing producer.",
    "[mirrormaker-thread-0] Committing consumer offsets.",
    "[mirrormaker-thread-0] Shutting down consumer connectors.",
    "[mirrormaker-thread-0] Mirror maker thread shutdown complete",
    "Closing producer.",
    "Kafka mirror maker shutdown successfully",
];

fn keyed_load(topic: &str) -> Load {
    Load {
        per_second: RECORDS_PER_SECOND,
        ..Load::new(topic, 0)
    }
}

fn the_script_runs_with(program: Program, name: &str) {
    scenario(name, |world| {
        let topic = make_topic(world)?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load::new(&topic, 20_000))?;
        let mirroring = world.mirroring();
        let (consumer, producer) = mirroring.write_files()?;
        let variables = [
            ("CONSUMER", consumer.display().to_string()),
            ("PRODUCER", producer.display().to_string()),
            ("TOPICS", mirroring.whitelist.clone()),
            ("SOURCE", mirroring.source.clone()),
            ("GROUP", mirroring.group.clone()),
        ];
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut script = shell::start(program, SCRIPT, &variables)?;
        let status = script.wait(LIMIT)?;
        ensure!(status.success(), "{status}\n{}", script.last_words());
        let (out, err) = (script.stdout_text()?, script.stderr_text()?);
        ensure!(out.contains("stopped with"), "{}", script.last_words());
        // MirrorMaker's own words, which scripts look for; the kit has its log on standard output, ours goes to standard error.
        says_in_order(
            if program == Program::MirrorMaker {
                &out
            } else {
                &err
            },
            SAID,
        )?;
        ensure!(
            world.source.admin().group_members(&mirroring.group)? == 0,
            "the group still has members"
        );
        let agreement = world.compare(&Rule::by_key(PARTITIONS))?;
        ensure!(agreement.records == 20_000, "{agreement:?}");
        Ok(())
    });
}

/// `text` contains `words`, one after the other.
fn says_in_order(text: &str, words: &[&str]) -> Result<()> {
    let mut rest = text;
    for word in words {
        let Some((_, after)) = rest.split_once(word) else {
            bail!("{word:?} is missing, or in the wrong place:\n{text}");
        };
        rest = after;
    }
    Ok(())
}

#[test]
fn a_script_written_for_mirror_maker_runs_with_mirror_maker() {
    the_script_runs_with(Program::MirrorMaker, "script-theirs");
}

#[test]
fn a_script_written_for_mirror_maker_runs_unchanged_with_heliostat() {
    the_script_runs_with(Program::Heliostat, "script-ours");
}

/// The scenario's topic, with as many partitions on either side.
fn make_topic(world: &World) -> Result<String> {
    let topic = world.topic("t");
    let new_topic = NewTopic::new(&topic, PARTITIONS);
    world.source.admin().create_topic(&new_topic)?;
    world.target.admin().create_topic(&new_topic)?;
    Ok(topic)
}

/// One of two instances: the same files and group, a state folder of its own.
fn instance(world: &World) -> Result<Mirroring> {
    Ok(world.mirroring().state_folder(&scratch::path("state")?))
}

/// Everything that came is on the target; every instance stops in order.
fn finish(world: &World, topic: &str, mut mirrors: Vec<Heliostat>, rule: &Rule, records: u64) -> Result<u64> {
    for mirror in &mut mirrors {
        mirror.wait_until_caught_up(&[topic.to_owned()], LIMIT)?;
    }
    for mirror in mirrors {
        mirror.stop()?;
    }
    let agreement = world.compare(rule)?;
    ensure!(agreement.records == records, "{records} were sent: {agreement:?}");
    Ok(agreement.duplicates)
}

#[test]
fn one_of_two_leaves_and_comes_back_and_nothing_comes_twice() {
    scenario("group-leave", |world| {
        let topic = make_topic(world)?;
        let all = membership::partitions_of(&topic, PARTITIONS);
        let admin = world.source.admin();
        let (here, there) = (instance(world)?, instance(world)?);
        let load = SteadyLoad::start(&world.source.bootstrap, &keyed_load(&topic))?;
        let leaver = Heliostat::start(&here)?;
        membership::settled(&admin, &here.group, &all, 2)?;
        let stayer = Heliostat::start(&there)?;
        let shared = membership::settled(&admin, &here.group, &all, MEMBERS)?;
        ensure!(
            shared.members.iter().all(|member| member.partitions.len() == 2),
            "{shared:?}"
        );

        let asked = Instant::now();
        leaver.stop()?;
        membership::settled(&admin, &here.group, &all, 2)?;
        membership::wait_until_growing(&world.target, &all)?;
        let took = asked.elapsed();
        scenario::report(&format!(
            "the other instance had all partitions {took:?} after the SIGTERM"
        ));
        ensure!(
            took < HANDED_OVER,
            "the other instance had all partitions only after {took:?}"
        );

        let back = Heliostat::start(&here)?;
        membership::settled(&admin, &here.group, &all, MEMBERS)?;
        membership::wait_until_growing(&world.target, &all)?;
        let records = load.stop()?;
        finish(
            world,
            &topic,
            vec![stayer, back],
            &Rule::by_key(PARTITIONS),
            records,
        )
        .map(drop)
    });
}

/// Starts `mirroring` again after its process was killed; gives the time from its start until all of `partitions` grow.
fn time_to_work(
    world: &World,
    mirroring: &Mirroring,
    partitions: &BTreeSet<PartitionKey>,
) -> Result<(Heliostat, Duration)> {
    let started = Instant::now();
    let mirror = Heliostat::start(mirroring)?;
    membership::wait_until_growing(&world.target, partitions).with_context(|| mirror.process.last_words())?;
    Ok((mirror, started.elapsed()))
}

/// What was written in the last second before a kill or a freeze may come again, and no more.
fn a_second_each(times: u64) -> Rule {
    Rule::by_key(PARTITIONS).at_least_once(Some(times * RECORDS_PER_SECOND))
}

#[test]
fn killed_alone_it_is_back_at_work_at_once_even_where_brokers_wait_for_more_members() {
    lone_scenario("group-alone", || {
        const KILLS: u64 = 3;
        // Kafka's default; the kit's brokers do not wait.
        let stock = ClusterOptions::default().with("group.initial.rebalance.delay.ms", "3000");
        let source = Cluster::start(jars::V3_9_2, &stock)?;
        let world = World::between("group-alone", &source, &SharedClusters::of_this_process()?.target);
        let topic = make_topic(&world)?;
        let all = membership::partitions_of(&topic, PARTITIONS);
        let (admin, mirroring) = (world.source.admin(), instance(&world)?);
        let load = SteadyLoad::start(&world.source.bootstrap, &keyed_load(&topic))?;
        let mut mirror = Heliostat::start(&mirroring)?;
        membership::settled(&admin, &mirroring.group, &all, 2)?;
        membership::wait_until_growing(&world.target, &all)?;
        let mut took = Vec::new();
        for _ in 0..KILLS {
            membership::wait_until_stored(&admin, &mirroring.group, &all)?;
            mirror.kill()?;
            let (again, time) = time_to_work(&world, &mirroring, &all)?;
            mirror = again;
            took.push(time);
        }
        let group = membership::settled(&admin, &mirroring.group, &all, 2)?;
        ensure!(
            group.members.len() == 2,
            "its dead predecessors are gone: {group:?}"
        );
        let records = load.stop()?;
        let duplicates = finish(&world, &topic, vec![mirror], &a_second_each(KILLS), records)?;
        scenario::report(&format!(
            "{KILLS} kills: at work after {took:?}, {duplicates} of {records} records doubled"
        ));
        // The promise is for a machine that has time; the median forgives one hiccup.
        took.sort();
        ensure!(took[took.len() / 2] < BACK_AT_WORK, "at work only after {took:?}");
        Ok(())
    });
}

#[test]
fn one_of_two_is_killed_and_its_next_start_takes_its_partitions_back_before_any_time_out() {
    scenario("group-kill-one", |world| {
        let topic = make_topic(world)?;
        let all = membership::partitions_of(&topic, PARTITIONS);
        let admin = world.source.admin();
        let (here, there) = (instance(world)?, instance(world)?);
        let load = SteadyLoad::start(&world.source.bootstrap, &keyed_load(&topic))?;
        let victim = Heliostat::start(&here)?;
        let victims = membership::settled(&admin, &here.group, &all, 2)?.member_ids();
        let other = Heliostat::start(&there)?;
        let shared = membership::settled(&admin, &here.group, &all, MEMBERS)?;
        let orphans = shared.partitions_of(&victims);
        ensure!(
            orphans.len() == 4,
            "the first instance kept its members: {shared:?}"
        );
        membership::wait_until_stored(&admin, &here.group, &all)?;

        victim.kill()?;
        // The other instance hears of the new members with its next heartbeat; three seconds apart by default.
        let (again, took) = time_to_work(world, &here, &orphans)?;
        membership::settled(&admin, &here.group, &all, MEMBERS)?;
        let records = load.stop()?;
        let duplicates = finish(world, &topic, vec![other, again], &a_second_each(1), records)?;
        scenario::report(&format!(
            "its partitions went on {took:?} after the start, {duplicates} of {records} records doubled"
        ));
        ensure!(took < HANDED_OVER, "its partitions went on only after {took:?}");
        Ok(())
    });
}

/// The paused process wakes up with batches in hand whose partitions belong to somebody else by then.
#[test]
fn one_of_two_is_frozen_for_longer_than_its_session_and_wakes_up_into_the_past() {
    scenario("group-freeze", |world| {
        let topic = make_topic(world)?;
        let all = membership::partitions_of(&topic, PARTITIONS);
        let admin = world.source.admin();
        let with_session = |mirroring: Mirroring| {
            mirroring
                .consumer_line("session.timeout.ms", SESSION_TIMEOUT_MS)
                .consumer_line("heartbeat.interval.ms", "1000")
        };
        let (here, there) = (with_session(instance(world)?), with_session(instance(world)?));
        let load = SteadyLoad::start(&world.source.bootstrap, &keyed_load(&topic))?;
        let sleeper = Heliostat::start(&here)?;
        let sleepers = membership::settled(&admin, &here.group, &all, 2)?.member_ids();
        let other = Heliostat::start(&there)?;
        let shared = membership::settled(&admin, &here.group, &all, MEMBERS)?;
        membership::wait_until_stored(&admin, &here.group, &all)?;

        sleeper.process.signal(Signal::Stop)?;
        let alone = membership::settled(&admin, &here.group, &all, 2)?;
        ensure!(alone.member_ids().is_disjoint(&sleepers), "{alone:?}");
        let taken_over = shared.partitions_of(&sleepers);
        membership::wait_until_growing(&world.target, &taken_over)?;

        sleeper.process.signal(Signal::Continue)?;
        membership::settled(&admin, &here.group, &all, MEMBERS)?;
        membership::wait_until_growing(&world.target, &all)?;
        let records = load.stop()?;
        let duplicates = finish(world, &topic, vec![other, sleeper], &a_second_each(1), records)?;
        scenario::report(&format!("{duplicates} of {records} records doubled by a freeze"));
        Ok(())
    });
}

/// From when something has appeared on the source until all of it is on the target.
const APPEARED: Duration = Duration::from_secs(5);

#[test]
fn what_appears_while_it_runs_is_mirrored_from_its_beginning_within_seconds() {
    scenario("group-growth", |world| {
        let topic = make_topic(world)?;
        let all = membership::partitions_of(&topic, PARTITIONS);
        let admin = world.source.admin();
        // Under `latest`, what is written before it is noticed would be passed over.
        let mirroring = instance(world)?
            .preserve()
            .consumer_line("auto.offset.reset", "latest");
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        let mut mirror = Heliostat::start(&mirroring)?;
        membership::settled(&admin, &mirroring.group, &all, 2)?;
        let in_time = |mirror: &mut Heliostat, topic: &str, what: &str, first: u64, partitions: i32| {
            let appeared = Instant::now();
            let load = Load {
                first,
                partitions,
                ..Load::new(topic, 3_000)
            };
            producer.generate(&load)?;
            mirror.wait_until_caught_up(&[topic.to_owned()], LIMIT)?;
            let took = appeared.elapsed();
            scenario::report(&format!("{what} took {took:?}"));
            ensure!(took < APPEARED, "{what} took {took:?}");
            Ok(())
        };
        let second = world.topic("second");
        admin.create_topic(&NewTopic::new(&second, 3))?;
        in_time(&mut mirror, &second, "a new topic", 0, 3)?;
        admin.create_partitions(&topic, PARTITIONS + 2)?;
        in_time(&mut mirror, &topic, "two new partitions", 0, PARTITIONS + 2)?;
        mirror.stop()?;
        ensure!(world.compare(&Rule::preserve())?.records == 6_000);
        Ok(())
    });
}
