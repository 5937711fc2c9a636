//! By key, one target partition that takes nothing holds up what routes to it, and only that.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::cluster::ClusterOptions;
use integration::heliostat::{Heliostat, behind};
use integration::jars::{V3_9_2, V4_3_0};
use integration::oracle::{self, Rule};
use integration::produce::{Load, Producer};
use integration::scenario::{Side, World, lone_scenario, start_pair};

const LIMIT: Duration = Duration::from_mins(2);

/// The broker that leads all partitions of a topic with one replica each, if one does.
fn only_leader(side: &Side, topic: &str) -> Result<Option<i32>> {
    let partitions = side.admin().describe_topic(topic)?.partitions;
    let first = partitions.first().context("no partition")?.leader;
    Ok(partitions
        .iter()
        .all(|found| found.leader == first)
        .then_some(first))
}

fn load(world: &World, topic: &str, first: u64, records: u64) -> Result<()> {
    let load = Load {
        first,
        value_bytes: 1_000,
        ..Load::new(topic, records)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

#[test]
fn a_frozen_target_broker_holds_up_what_routes_to_it_and_only_that() {
    lone_scenario("stuck", || {
        let three = ClusterOptions {
            brokers: 3,
            ..ClusterOptions::default()
        };
        let (source, mut target) = start_pair(V3_9_2, V4_3_0, &three)?;
        let world = World::between("stuck", &source, &target);
        // Six partitions lie on all three brokers; the single one lies on a broker that will not freeze.
        let spread = world.topic("spread");
        world.source.admin().create_topic(&NewTopic::new(&spread, 3))?;
        world.target.admin().create_topic(&NewTopic::new(&spread, 6))?;
        let free = world.topic("free");
        world.source.admin().create_topic(&NewTopic::new(&free, 3))?;
        world.target.admin().create_topic(&NewTopic::new(&free, 1))?;
        let free_on = only_leader(&world.target, &free)?.context("one partition has one leader")?;
        let frozen = usize::try_from(if free_on == 3 { 2 } else { 3 })?;
        let both = [spread.clone(), free.clone()];
        for topic in &both {
            load(&world, topic, 0, 1_000)?;
        }
        let mirroring = world.mirroring();
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(&both, LIMIT)?;

        target.broker(frozen).pause()?;
        load(&world, &spread, 1_000, 40_000)?; // several times what may be in flight
        load(&world, &free, 1_000, 40_000)?;
        mirror.wait_until_caught_up(std::slice::from_ref(&free), LIMIT)?;
        let waiting = behind(&mirroring, std::slice::from_ref(&spread))?;
        ensure!(!waiting.is_empty(), "what routes to the frozen broker waits");

        target.broker(frozen).resume()?;
        mirror.wait_until_caught_up(&both, LIMIT)?;
        mirror.stop()?;
        // Six partitions and one: each topic by its own count.
        let read = |side: &Side, topic: &String| {
            let topics = std::slice::from_ref(topic);
            side.admin().dump(topics, Isolation::ReadUncommitted)
        };
        for (topic, partitions) in [(&spread, 6), (&free, 1)] {
            let rule = Rule {
                scope: topic.clone(),
                ..Rule::by_key(partitions)
            };
            let (there, here) = (read(&world.source, topic)?, read(&world.target, topic)?);
            let agreement = oracle::compare(&there, &here, &rule)?;
            ensure!(
                agreement.records == 41_000 && agreement.duplicates == 0,
                "{agreement:?}"
            );
        }
        Ok(())
    });
}
