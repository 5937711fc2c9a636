//! A source whose log was cut back by an unclean election: what was mirrored is no longer what the source holds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::NewTopic;
use integration::cluster::ClusterOptions;
use integration::heliostat::Heliostat;
use integration::jars::{V3_9_2, V4_3_0};
use integration::produce::{Load, Producer};
use integration::scenario::{World, lone_scenario, start_pair};
use integration::wait;

const LIMIT: Duration = Duration::from_mins(2);

fn produce(world: &World, topic: &str, first: u64, records: u64) -> Result<()> {
    let load = Load {
        first,
        partitions: 1,
        ..Load::new(topic, records)
    };
    Producer::open(&world.source.bootstrap, &[("acks", "1")])?.generate(&load)
}

#[test]
fn an_unclean_election_halts_with_the_range_that_the_source_has_lost() {
    lone_scenario("diverged", || {
        let (mut source, target) = start_pair(V3_9_2, V4_3_0, &ClusterOptions::stock())?;
        let world = World::between("diverged", &source, &target);
        let topic = world.topic("t");
        let topics = std::slice::from_ref(&topic);
        let admin = world.source.admin();
        let new_topic = NewTopic::new(&topic, 1).replication(2);
        let new_topic = new_topic.config("unclean.leader.election.enable", "true");
        admin.create_topic(&new_topic.config("min.insync.replicas", "1"))?;
        produce(&world, &topic, 0, 1000)?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(topics, LIMIT)?;

        // The follower misses 500 records, which only the leader and the target have.
        let found = admin.describe_topic(&topic)?.partitions.remove(0);
        let (leader, replicas) = (found.leader, found.replicas);
        let follower = *replicas
            .iter()
            .find(|node| **node != leader)
            .context("two replicas")?;
        source.broker(usize::try_from(follower)?).stop()?;
        wait::wait_until("the leader is alone in sync", LIMIT, || {
            Ok(admin.describe_topic(&topic)?.partitions[0].in_sync == [leader])
        })?;
        produce(&world, &topic, 1000, 500)?;
        mirror.wait_until_caught_up(topics, LIMIT)?;

        // The leader dies, the follower becomes leader without them and goes on with others.
        source.broker(usize::try_from(leader)?).kill()?;
        source.broker(usize::try_from(follower)?).restart()?;
        wait::wait_until("the follower leads", LIMIT, || {
            Ok(admin.describe_topic(&topic)?.partitions[0].leader == follower)
        })?;
        produce(&world, &topic, 5000, 700)?;
        let line = mirror.wait_for_line(&[&topic, "partition=0", "halted"], LIMIT)?;
        ensure!(
            line.contains("1000") && (line.contains("1499") || line.contains("1500")),
            "not the range that was lost: {line}"
        );
        mirror.stop()?;
        Ok(())
    });
}
