//! The last mirrored batch is looked for on both sides: a log that was replaced or cut behind the mirror's back halts, one that
//! only aged does not.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Admin, Committed, Isolation, NewTopic, OffsetAt, PartitionKey};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars::V3_9_2;
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{World, lone_scenario, scenario};
use integration::wait;

const LIMIT: Duration = Duration::from_mins(2);

fn produce(world: &World, topic: &str, first: u64, records: u64) -> Result<()> {
    let load = Load {
        first,
        partitions: 1,
        ..Load::new(topic, records)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

fn position(world: &World, topic: &str) -> Result<Option<Committed>> {
    let key: PartitionKey = (topic.to_owned(), 0);
    Ok(world.source.admin().committed(&world.group())?.remove(&key))
}

fn remake(admin: &Admin, topic: &str) -> Result<()> {
    admin.delete_topic(topic)?;
    admin.create_topic(&NewTopic::new(topic, 1))
}

#[test]
fn a_target_topic_made_anew_while_the_mirror_was_down_halts_at_each_start() {
    scenario("anchors-target", |world| {
        let (remade, kept) = (world.topic("remade"), world.topic("kept"));
        for topic in [&remade, &kept] {
            world.source.admin().create_topic(&NewTopic::new(topic, 1))?;
            produce(world, topic, 0, 1_000)?;
        }
        let both = [remade.clone(), kept.clone()];
        Heliostat::run_to_the_end(&world.mirroring().preserve(), &both, LIMIT)?;
        let before = position(world, &remade)?.context("a position")?;
        ensure!(before.metadata.contains("target="), "no anchor: {before:?}");
        remake(&world.target.admin(), &remade)?;
        for start in 0..2_u64 {
            let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
            let line = mirror.wait_for_line(&["halted", &remade, "partition=0"], LIMIT)?;
            ensure!(line.contains("the topic's id was"), "start {start}: {line}");
            produce(world, &remade, 1_000, 10)?;
            produce(world, &kept, 1_000 + 10 * start, 10)?;
            mirror.wait_until_caught_up(std::slice::from_ref(&kept), LIMIT)?;
            mirror.stop()?;
            let after = position(world, &remade)?.context("a position")?;
            ensure!(
                (after.offset, &after.metadata) == (1_000, &before.metadata),
                "{after:?}"
            );
        }
        let ends = world.target.admin().offsets(&[remade], OffsetAt::HighWatermark)?;
        ensure!(
            ends.into_values().all(|end| end == 0),
            "nothing is written to a log of another life"
        );
        Ok(())
    });
}

/// The follower misses 500 records that were acknowledged, and becomes leader without them.
fn the_target_loses_its_tail(name: &str, running: bool) {
    lone_scenario(name, || {
        let three = ClusterOptions {
            brokers: 3,
            ..ClusterOptions::default()
        };
        let source = Cluster::start(V3_9_2, &ClusterOptions::default())?;
        let mut target = Cluster::start(V3_9_2, &three)?;
        let world = World::between(name, &source, &target);
        let topic = world.topic("t");
        let topics = std::slice::from_ref(&topic);
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let admin = world.target.admin();
        let new_topic = NewTopic::new(&topic, 1).replication(2);
        let new_topic = new_topic.config("unclean.leader.election.enable", "true");
        admin.create_topic(&new_topic.config("min.insync.replicas", "1"))?;
        produce(&world, &topic, 0, 1_000)?;
        let mirroring = world.mirroring().preserve();
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(topics, LIMIT)?;

        let found = admin.describe_topic(&topic)?.partitions.remove(0);
        let leader = found.leader;
        let follower = *found
            .replicas
            .iter()
            .find(|node| **node != leader)
            .context("two replicas")?;
        target.broker(usize::try_from(follower)?).stop()?;
        wait::wait_until("the leader is alone in sync", LIMIT, || {
            Ok(admin.describe_topic(&topic)?.partitions[0].in_sync == [leader])
        })?;
        produce(&world, &topic, 1_000, 500)?;
        mirror.wait_until_caught_up(topics, LIMIT)?;
        let mut mirror = Some(mirror);
        if !running && let Some(mirror) = mirror.take() {
            mirror.stop()?;
        }
        target.broker(usize::try_from(leader)?).kill()?;
        target.broker(usize::try_from(follower)?).restart()?;
        wait::wait_until("the follower leads", LIMIT, || {
            Ok(admin.describe_topic(&topic)?.partitions[0].leader == follower)
        })?;
        let mut mirror = match mirror {
            Some(mirror) => mirror,
            None => Heliostat::start(&mirroring)?,
        };
        produce(&world, &topic, 1_500, 10)?;
        let line = mirror.wait_for_line(&["halted", &topic, "partition=0"], LIMIT)?;
        ensure!(line.contains("the log ends at offset 1000"), "{line}");
        ensure!(
            line.contains("1000") && line.contains("1499"),
            "not the range that was lost: {line}"
        );
        mirror.stop()?;
        Ok(())
    });
}

#[test]
fn an_unclean_election_of_the_target_while_the_mirror_is_down_halts_with_the_range() {
    the_target_loses_its_tail("anchors-tail-down", false);
}

#[test]
fn an_unclean_election_of_the_target_while_the_mirror_runs_halts_with_the_range() {
    the_target_loses_its_tail("anchors-tail-running", true);
}

/// Before 2.8 topics have no ids, and a position that outlives its topic fits the next one by its number. Here the id is
/// taken out of the stored position.
#[test]
fn a_source_topic_made_anew_is_found_without_topic_ids() {
    scenario("anchors-source", |world| {
        let topic = world.topic("t");
        let topics = std::slice::from_ref(&topic);
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        produce(world, &topic, 0, 1_000)?;
        let mirroring = world.mirroring().preserve();
        Heliostat::run_to_the_end(&mirroring, topics, LIMIT)?;
        let stored = position(world, &topic)?.context("a position")?;
        remake(&world.source.admin(), &topic)?;
        produce(world, &topic, 5_000, 2_000)?;
        let without_id: Vec<_> = stored
            .metadata
            .split(' ')
            .filter(|field| !field.starts_with("topic="))
            .collect();
        let stored = Committed {
            offset: stored.offset,
            metadata: without_id.join(" "),
        };
        world.source.admin().commit(&world.group(), &topic, 0, &stored)?;
        let mut mirror = Heliostat::start(&mirroring)?;
        let line = mirror.wait_for_line(&["halted", &topic, "partition=0"], LIMIT)?;
        ensure!(
            line.contains("source") && line.contains("another batch is there"),
            "{line}"
        );
        mirror.stop()?;
        Ok(())
    });
}

/// A broker forgets a group's positions of a topic that is deleted.
#[test]
fn a_topic_without_positions_whose_target_is_not_empty_is_said() {
    scenario("anchors-forgotten", |world| {
        let topic = world.topic("t");
        let topics = std::slice::from_ref(&topic);
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        produce(world, &topic, 0, 1_000)?;
        let mirroring = world.mirroring().preserve();
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(topics, LIMIT)?;
        ensure!(
            mirror.lines_with(&["already holds"])?.is_empty(),
            "the first start of all"
        );
        mirror.stop()?;
        remake(&world.source.admin(), &topic)?;
        produce(world, &topic, 5_000, 500)?;
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(topics, LIMIT)?;
        let told = mirror.lines_with(&["already holds 1000 offsets", &topic])?;
        ensure!(told.len() == 1, "{told:?}");
        mirror.stop()?;
        Ok(())
    });
}

/// Writes the same key again and again until the cleaner has taken every mirrored record away.
fn compact(world: &World, topic: &str) -> Result<()> {
    let admin = world.target.admin();
    let producer = Producer::open(&world.target.bootstrap, &[])?;
    wait::wait_until("the target is compacted", LIMIT, || {
        producer.send(&[Record::new(topic).partition(0).key("the only one").value("again")])?;
        let records = admin.dump(&[topic.to_owned()], Isolation::ReadUncommitted)?;
        Ok(records
            .records(topic, 0)
            .all(|record| record.value != Some(b"mirrored")))
    })
}

#[test]
fn a_log_that_only_aged_does_not_halt() {
    scenario("anchors-aged", |world| {
        let names = ["plain", "trimmed", "compacted", "stamped"];
        let topics = names.map(|name| world.topic(name));
        let [plain, trimmed, compacted, stamped] = &topics;
        let (source, target) = (world.source.admin(), world.target.admin());
        for topic in &topics {
            source.create_topic(&NewTopic::new(topic, 1))?;
        }
        let compacting = NewTopic::new(compacted, 1).config("cleanup.policy", "compact");
        let compacting = compacting.config("min.cleanable.dirty.ratio", "0.01");
        target.create_topic(&compacting.config("segment.ms", "500"))?;
        target.create_topic(&NewTopic::new(stamped, 1).config("message.timestamp.type", "LogAppendTime"))?;
        for topic in [plain, trimmed, stamped] {
            produce(world, topic, 0, 1_000)?;
        }
        let record = Record::new(compacted).partition(0).key("the only one");
        Producer::open(&world.source.bootstrap, &[])?.send(&[record.value("mirrored")])?;
        Heliostat::run_to_the_end(&world.mirroring().preserve(), &topics, LIMIT)?;
        source.delete_records(trimmed, 0, 1_000)?;
        target.delete_records(trimmed, 0, 1_000)?;
        compact(world, compacted)?;
        for round in 0..2 {
            let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
            for topic in [plain, trimmed, stamped] {
                produce(world, topic, 1_000 + 100 * round, 100)?;
            }
            let record = Record::new(compacted).partition(0).key("the only one");
            Producer::open(&world.source.bootstrap, &[])?.send(&[record.value("later")])?;
            mirror.wait_until_caught_up(&topics, LIMIT)?;
            let halts = mirror.lines_with(&["halted"])?;
            ensure!(halts.is_empty(), "round {round}: {halts:?}");
            mirror.stop()?;
        }
        Ok(())
    });
}
