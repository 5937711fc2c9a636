//! From Kafka 3.9.2 to 4.3.0 and back.

use std::time::Duration;

use anyhow::Result;
use integration::admin::NewTopic;
use integration::heliostat::Heliostat;
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::samples;
use integration::scenario::{SharedClusters, World, lone_scenario, scenario};

const LIMIT: Duration = Duration::from_mins(2);

/// Keyed and odd records in two topics, mirrored while more come; the target's topics are made by the mirror.
fn mirrors(world: &World, preserve: bool) -> Result<()> {
    let (plain, odd) = (world.topic("plain"), world.topic("odd"));
    for topic in [&plain, &odd] {
        world.source.admin().create_topic(&NewTopic::new(topic, 4))?;
    }
    let producer = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
    producer.send(&samples::odd_records(&odd, 4))?;
    producer.generate(&Load {
        headers: true,
        ..Load::new(&plain, 20_000)
    })?;
    let (mirroring, rule) = if preserve {
        (world.mirroring().preserve(), Rule::preserve())
    } else {
        (world.mirroring(), Rule::by_key(4))
    };
    let mut mirror = Heliostat::start(&mirroring)?;
    producer.generate(&Load {
        first: 20_000,
        ..Load::new(&plain, 20_000)
    })?;
    mirror.wait_until_caught_up(&[plain, odd], LIMIT)?;
    mirror.stop()?;
    world.compare(&rule).map(drop)
}

#[test]
fn from_3_9_to_4_3() {
    scenario("versions-up-preserve", |world| mirrors(world, true));
    scenario("versions-up-by-key", |world| mirrors(world, false));
}

#[test]
fn from_4_3_to_3_9() {
    for (name, preserve) in [("versions-down-preserve", true), ("versions-down-by-key", false)] {
        lone_scenario(name, || {
            let shared = SharedClusters::of_this_process()?;
            mirrors(&World::between(name, &shared.target, &shared.source), preserve)
        });
    }
}
