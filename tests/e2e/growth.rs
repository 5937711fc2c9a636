//! What appears while the mirror runs, and what stands still without holding up the rest.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::heliostat::{Heliostat, behind};
use integration::oracle::{self, Rule};
use integration::produce::{Load, Producer};
use integration::scenario::{Side, World, scenario};

const LIMIT: Duration = Duration::from_mins(2);

/// Records that go round `partitions`, numbered from `first`.
fn produce(world: &World, topic: &str, partitions: i32, first: u64, records: u64) -> Result<()> {
    let load = Load {
        partitions,
        first,
        ..Load::new(topic, records)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

fn partitions_added_while_it_runs(name: &str, preserve: bool) {
    scenario(name, |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world.source.admin().create_topic(&NewTopic::new(&topic, 2))?;
        produce(world, &topic, if preserve { 2 } else { 0 }, 0, 2_000)?;
        let mirroring = world.mirroring();
        let (mirroring, rule, target_partitions) = if preserve {
            (mirroring.preserve(), Rule::preserve(), 4)
        } else {
            (mirroring, Rule::by_key(2), 2)
        };
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        world.source.admin().create_partitions(&topic, 4)?;
        produce(world, &topic, if preserve { 4 } else { 0 }, 2_000, 4_000)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        let target = world.target.admin().describe_topic(&topic)?.partitions.len();
        ensure!(target == target_partitions, "{target} partitions on the target");
        ensure!(world.compare(&rule)?.records == 6_000);
        Ok(())
    });
}

#[test]
fn preserve_grows_the_target_with_the_source() {
    partitions_added_while_it_runs("growth-preserve", true);
}

#[test]
fn by_key_pins_the_targets_count() {
    partitions_added_while_it_runs("growth-by-key", false);
}

#[test]
fn a_topic_that_appears_is_mirrored_from_its_beginning_even_with_latest() {
    scenario("growth-topic", |world| {
        let (first, second) = (world.topic("first"), world.topic("second"));
        world.source.admin().create_topic(&NewTopic::new(&first, 1))?;
        let mut mirroring = world.mirroring().preserve();
        mirroring = mirroring.consumer_line("auto.offset.reset", "latest");
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_for_line(&["mirroring starts", &first], LIMIT)?;
        world.source.admin().create_topic(&NewTopic::new(&second, 3))?;
        produce(world, &second, 3, 0, 3_000)?;
        mirror.wait_until_caught_up(&[second], LIMIT)?;
        mirror.stop()?;
        ensure!(world.compare(&Rule::preserve())?.records == 3_000);
        Ok(())
    });
}

/// A stuck target eats no budget but its own, and a target topic that was made anew has lost its history: its partitions
/// halt, others go on.
#[test]
fn a_target_topic_that_is_deleted_holds_up_nobody_else_and_halts_when_it_comes_back() {
    scenario("growth-stuck", |world| {
        let (stuck, free) = (world.topic("stuck"), world.topic("free"));
        for topic in [&stuck, &free] {
            world.source.admin().create_topic(&NewTopic::new(topic, 4))?;
            produce(world, topic, 4, 0, 1_000)?;
        }
        let both = [stuck.clone(), free.clone()];
        let mirroring = world.mirroring().preserve();
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_until_caught_up(&both, LIMIT)?;
        world.target.admin().delete_topic(&stuck)?;
        let large = Load {
            partitions: 4,
            first: 1_000,
            value_bytes: 1_000,
            ..Load::new(&stuck, 40_000) // several times what may be in flight
        };
        let source = Producer::open(&world.source.bootstrap, &[])?;
        source.generate(&large)?;
        source.generate(&Load {
            topic: free.clone(),
            ..large
        })?;
        let only_free = std::slice::from_ref(&free);
        mirror.wait_until_caught_up(only_free, LIMIT)?;
        let waiting = behind(&mirroring, std::slice::from_ref(&stuck))?;
        ensure!(waiting.len() == 4, "all of the stuck topic waits: {waiting:?}");
        world.target.admin().create_topic(&NewTopic::new(&stuck, 4))?;
        mirror.wait_for_line(&["halted", "made anew on the target", &stuck], LIMIT)?;
        produce(world, &free, 4, 41_000, 1_000)?;
        mirror.wait_until_caught_up(only_free, LIMIT)?;
        mirror.stop()?;
        let read = |side: &Side| side.admin().dump(only_free, Isolation::ReadUncommitted);
        let rule = Rule {
            scope: free.clone(),
            ..Rule::preserve()
        };
        let agreement = oracle::compare(&read(&world.source)?, &read(&world.target)?, &rule)?;
        ensure!(agreement.records == 42_000, "{agreement:?}");
        Ok(())
    });
}
