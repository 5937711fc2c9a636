//! heliostat in one group with a running `MirrorMaker` 1 of Java: it joins under load, shares the work, takes all of it over and gives it back.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Committed, Group, NewTopic, OffsetAt, PartitionKey};
use integration::heliostat::Heliostat;
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::process::{Process, Signal, describe};
use integration::produce::{Load, Producer};
use integration::scenario::{self, World, scenario};
use integration::steady_load::SteadyLoad;
use integration::{membership, mirror_maker, samples, scratch, wait};

const LIMIT: Duration = Duration::from_mins(1);
/// How soon a start that can not succeed must say so and end.
const REFUSED: Duration = Duration::from_secs(10);
const PARTITIONS: i32 = 8;
const RECORDS_PER_SECOND: u64 = 2_000;

/// One topic on both clusters, and a load that does not stop while the mirrors change.
struct Ground<'a> {
    world: &'a World,
    topic: String,
    partitions: BTreeSet<PartitionKey>,
    load: SteadyLoad,
}

// === impl Ground ===

impl<'a> Ground<'a> {
    fn prepare(world: &'a World) -> Result<String> {
        let topic = world.topic("t");
        let new_topic = NewTopic::new(&topic, PARTITIONS);
        world.source.admin().create_topic(&new_topic)?;
        world.target.admin().create_topic(&new_topic)?;
        Ok(topic)
    }

    fn under_load(world: &'a World, topic: String) -> Result<Self> {
        let load = Load {
            per_second: RECORDS_PER_SECOND,
            ..Load::new(&topic, 0)
        };
        Ok(Self {
            world,
            partitions: membership::partitions_of(&topic, PARTITIONS),
            load: SteadyLoad::start(&world.source.bootstrap, &load)?,
            topic,
        })
    }

    /// Waits until so many members own all partitions, and all of them are mirrored.
    fn at_work(&self, members: usize) -> Result<Group> {
        let group = self.world.group();
        let settled = membership::settled(&self.world.source.admin(), &group, &self.partitions, members)?;
        membership::wait_until_growing(&self.world.target, &self.partitions)?;
        Ok(settled)
    }

    /// Both processes of two streams each own something.
    fn shared_with(&self, first: &Group) -> Result<()> {
        let both = self.at_work(4)?;
        let (mine, all) = (first.member_ids(), both.member_ids());
        ensure!(
            mine.is_subset(&all),
            "the first one kept its members: {first:?}, {both:?}"
        );
        let others = all.difference(&mine).cloned().collect();
        let (mine, others) = (both.partitions_of(&mine), both.partitions_of(&others));
        ensure!(!mine.is_empty() && !others.is_empty(), "not shared: {both:?}");
        Ok(())
    }

    /// Everything that was sent is on the target, in order, once.
    fn compare(self, mirror: Option<&mut Heliostat>, mirroring: &Mirroring, before: u64) -> Result<()> {
        let records = self.load.stop()? + before;
        let topics = [self.topic];
        match mirror {
            Some(mirror) => mirror.wait_until_caught_up(&topics, LIMIT)?,
            None => wait::wait_until("MirrorMaker has caught up", LIMIT, || {
                Ok(integration::heliostat::behind(mirroring, &topics)?.is_empty())
            })?,
        }
        let agreement = self
            .world
            .compare(&Rule::by_key(PARTITIONS).at_least_once(None))?;
        ensure!(agreement.records == records, "{records} were sent: {agreement:?}");
        scenario::report(&format!("{} of {records} records doubled", agreement.duplicates));
        // Both programs commit when they give a partition up: an orderly change repeats nothing.
        ensure!(agreement.duplicates == 0, "{agreement:?}");
        Ok(())
    }
}

/// What both programs get. Members hear of a change with their next heartbeat: one second apart, not three.
fn files(world: &World) -> Mirroring {
    world.mirroring().consumer_line("heartbeat.interval.ms", "1000")
}

/// `MirrorMaker` with the same flags, committing often enough to be watched.
fn java(mirroring: &Mirroring) -> Result<Process> {
    let mirroring = mirroring
        .clone()
        .argument("--offset.commit.interval.ms")
        .argument("500");
    mirror_maker::start_one(&mirroring)
}

/// The same files and flags, and a place for what heliostat remembers.
fn ours(mirroring: &Mirroring) -> Result<Heliostat> {
    Heliostat::start(&mirroring.clone().state_folder(&scratch::path("state")?))
}

/// SIGTERM to a JVM, and its end in order.
fn stop(mut java: Process) -> Result<()> {
    java.signal(Signal::Term)?;
    let status = java.wait(LIMIT)?;
    ensure!(
        status.code() == Some(143),
        "{}\n{}",
        describe(status),
        java.last_words()
    );
    Ok(())
}

/// `MirrorMaker` runs, heliostat joins, `MirrorMaker` leaves; `before` records had been mirrored by somebody else.
fn take_over(ground: Ground<'_>, mirroring: &Mirroring, before: u64) -> Result<()> {
    let java = java(mirroring)?;
    let javas = ground.at_work(2).with_context(|| java.last_words())?;
    let mut mirror = ours(mirroring)?;
    ground
        .shared_with(&javas)
        .with_context(|| mirror.process.last_words())?;
    stop(java)?;
    let alone = ground.at_work(2)?;
    ensure!(alone.member_ids().is_disjoint(&javas.member_ids()), "{alone:?}");
    ground.compare(Some(&mut mirror), mirroring, before)?;
    mirror.stop().map(drop)
}

#[test]
fn a_running_mirror_maker_is_replaced_under_load() {
    scenario("takeover-earliest", |world| {
        let ground = Ground::under_load(world, Ground::prepare(world)?)?;
        take_over(ground, &files(world), 0)
    });
}

/// Under `latest`, what has no position is passed over: the positions of the first mirror's life are all that keeps the records.
#[test]
fn a_running_mirror_maker_is_replaced_under_load_from_its_positions_under_latest() {
    scenario("takeover-latest", |world| {
        const BEFORE: u64 = 8_000;
        let topic = Ground::prepare(world)?;
        // The first records are on the target already, and the group's positions say so.
        for (side, records) in [(&world.source, BEFORE), (&world.target, BEFORE / 2)] {
            let load = Load {
                first_timestamp: Some(samples::SOME_TIME),
                ..Load::new(&topic, records)
            };
            Producer::open(&side.bootstrap, &[])?.generate(&load)?;
        }
        let mirroring = files(world).consumer_line("auto.offset.reset", "latest");
        let mirrored = world
            .target
            .admin()
            .offsets(std::slice::from_ref(&topic), OffsetAt::HighWatermark)?;
        for ((topic, partition), offset) in mirrored {
            let position = Committed {
                offset,
                metadata: String::new(),
            };
            let admin = world.source.admin();
            admin.commit(&mirroring.group, &topic, partition, &position)?;
        }
        let ground = Ground::under_load(world, topic)?;
        take_over(ground, &mirroring, BEFORE)
    });
}

#[test]
fn back_to_mirror_maker_under_load() {
    scenario("takeover-back", |world| {
        let mirroring = files(world);
        let ground = Ground::under_load(world, Ground::prepare(world)?)?;
        let mirror = ours(&mirroring)?;
        let own = ground.at_work(2)?;
        let java = java(&mirroring)?;
        ground.shared_with(&own).with_context(|| java.last_words())?;
        mirror.stop()?;
        let alone = ground.at_work(2)?;
        ensure!(alone.member_ids().is_disjoint(&own.member_ids()), "{alone:?}");
        ground.compare(None, &mirroring, 0)?;
        stop(java)
    });
}

/// Members that offer no assignor in common can not be in one group: the start is refused, and the sentence names what the others use.
fn refused_beside(name: &str, class: &str, assignor: &str) {
    scenario(name, |world| {
        let topic = Ground::prepare(world)?;
        let mirroring = files(world);
        let java = java(
            &mirroring
                .clone()
                .consumer_line("partition.assignment.strategy", class),
        )?;
        let partitions = membership::partitions_of(&topic, PARTITIONS);
        let before = membership::settled(&world.source.admin(), &mirroring.group, &partitions, 2)?;
        let mut mirror = ours(&mirroring)?;
        let status = mirror.wait(REFUSED)?;
        let told = mirror.lines_with(&["error:", &mirroring.group, assignor])?;
        ensure!(
            status.code().is_some_and(|code| code != 0) && told.len() == 1,
            "{}, {told:?}\n{}",
            describe(status),
            mirror.process.last_words()
        );
        scenario::report(&told[0]);
        let after = membership::settled(&world.source.admin(), &mirroring.group, &partitions, 2)?;
        ensure!(
            before.member_ids() == after.member_ids(),
            "the group was disturbed"
        );
        stop(java)
    });
}

#[test]
fn a_group_that_knows_only_cooperative_sticky_is_refused_by_name() {
    let class = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    refused_beside("takeover-cooperative", class, "cooperative-sticky");
}

#[test]
fn a_group_that_knows_only_sticky_is_refused_by_name() {
    let class = "org.apache.kafka.clients.consumer.StickyAssignor";
    refused_beside("takeover-sticky", class, "sticky");
}
