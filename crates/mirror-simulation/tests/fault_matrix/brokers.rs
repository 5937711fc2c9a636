//! Brokers die, freeze, are far away.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_fake::{Action, FakeCluster};
use kafka_protocol::messages::MetadataResponse;
use kafka_protocol::protocol::StrBytes;
use kafka_wire::{ApiKey, NodeId};
use mirror_oracle::Rule;
use mirror_simulation::{World, WorldSettings};

use crate::faults::alter;
use crate::scene::{LIMIT, PARTITIONS, Scene, TOPIC};

/// A request's time-out in these scenes: an answer is given up after it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Settings with [`REQUEST_TIMEOUT`] on both sides.
pub(crate) fn impatient() -> WorldSettings {
    WorldSettings {
        adjust: Arc::new(|config| {
            for flow in &mut config.flows {
                flow.source.request_timeout = REQUEST_TIMEOUT;
                flow.target.request_timeout = REQUEST_TIMEOUT;
                flow.produce.timeout = Duration::from_secs(1);
            }
        }),
        ..WorldSettings::default()
    }
}

#[test]
fn row_04_each_source_leader_dies_and_comes_back_under_load() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for round in 0..6 {
            let broker = scene.source_leader(round % PARTITIONS)?;
            scene.write_slowly(5, Duration::from_millis(9)).await?;
            scene.world.source.crash_broker(broker).await?;
            scene.write_slowly(20, Duration::from_millis(50)).await?;
            scene.world.source.restart_broker(broker).await?;
            scene.write_slowly(5, Duration::from_millis(50)).await?;
        }
        // Reading twice is no reason to write twice.
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_05_each_target_leader_dies_in_the_middle_of_a_produce_request() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for round in 0..6 {
            let broker = scene.target_leader(round % PARTITIONS)?;
            scene.write_slowly(5, Duration::from_millis(9)).await?;
            scene.write(300)?;
            scene.world.pass(Duration::from_millis(1)).await;
            scene.world.target.crash_broker(broker).await?;
            scene.write(30)?;
            let seconds = Duration::from_secs(5);
            scene.world.until_caught_up(seconds).await?;
            scene.world.target.restart_broker(broker).await?;
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_06_all_target_brokers_are_down_for_five_minutes() -> Result<()> {
    mirror_simulation::run(async {
        let settings = WorldSettings {
            sections: "[memory]\nin_flight = \"4MiB\"".to_owned(),
            ..WorldSettings::default()
        };
        let mut scene = Scene::with(settings).await?;
        let down = scene.world.target.brokers();
        for broker in &down {
            scene.world.target.crash_broker(*broker).await?;
        }
        // Twice the memory that may be in flight.
        for _ in 0..24 {
            write_large(&mut scene, 350 << 10)?;
        }
        let mut worst = 0;
        let until = scene.world.elapsed() + Duration::from_mins(5);
        scene
            .world
            .until("five minutes are over", Duration::from_mins(6), |world| {
                worst = worst.max(world.status(scene.mirror).memory.in_flight_bytes);
                world.elapsed() >= until
            })
            .await?;
        let bound = scene.status().memory.in_flight_bytes_max;
        ensure!(worst <= bound, "{worst} of {bound} bytes");
        ensure!(
            is_held_back(&scene.world, &scene)?,
            "the source was read to its end"
        );
        for broker in &down {
            scene.world.target.restart_broker(*broker).await?;
        }
        // The group's session is over by then: what was under way may come again.
        scene.holds(&Rule::preserve().at_least_once(Some(24))).await?;
        Ok(())
    })
}

/// One record of so many bytes.
pub(crate) fn write_large(scene: &mut Scene, bytes: usize) -> Result<()> {
    let record = scene.next_record();
    let value = [record.value.clone().unwrap_or_default(), vec![b'.'; bytes]].concat();
    scene.world.write(&[record.value(value)])
}

/// Is some partition not read to its end?
fn is_held_back(world: &World, scene: &Scene) -> Result<bool> {
    let fetched = scene.partitions();
    for partition in fetched.iter().filter(|partition| partition.topic == TOPIC) {
        if partition.fetched_offset < world.source.log(TOPIC, partition.partition)?.high_watermark {
            return Ok(true);
        }
    }
    // The generation is given up while the group's coordinator is gone: then nothing is read at all.
    Ok(fetched.is_empty())
}

#[test]
fn row_07_a_source_broker_stands_still_and_goes_on() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::with(impatient()).await?;
        let broker = scene.source_leader(0)?;
        scene.world.source.pause_broker(broker)?;
        scene.write_slowly(20, Duration::from_secs(1)).await?;
        scene.world.source.resume_broker(broker)?;
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_07_a_source_broker_stands_still_and_another_leads() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::with(impatient()).await?;
        let broker = scene.source_leader(0)?;
        scene.world.source.pause_broker(broker)?;
        scene.world.pass(Duration::from_secs(2)).await;
        for partition in 0..PARTITIONS {
            move_away(&scene.world.source, partition, broker)?;
        }
        scene.write(30)?;
        scene.world.until_caught_up(REQUEST_TIMEOUT * 3).await?;
        scene.world.source.resume_broker(broker)?;
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_07_a_target_broker_stands_still_and_carries_out_later_what_it_was_asked() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::with(impatient()).await?;
        let broker = scene.target_leader(0)?;
        scene.write(3)?;
        scene.world.pass(Duration::from_millis(1)).await;
        scene.world.target.pause_broker(broker)?;
        scene.write_slowly(20, Duration::from_secs(1)).await?;
        scene.world.target.resume_broker(broker)?;
        scene.holds(&Rule::preserve().at_least_once(Some(60))).await?;
        Ok(())
    })
}

/// Gives a partition of [`TOPIC`] that `broker` leads to another replica.
fn move_away(cluster: &FakeCluster, partition: i32, broker: NodeId) -> Result<()> {
    if cluster.log(TOPIC, partition)?.leader != Some(broker) {
        return Ok(());
    }
    let in_sync = cluster.log(TOPIC, partition)?.in_sync;
    let other = in_sync.into_iter().find(|replica| *replica != broker);
    ensure!(other.is_some(), "no other replica");
    cluster.move_leader(TOPIC, partition, other.unwrap_or(broker))?;
    Ok(())
}

#[test]
fn row_37_a_broker_says_it_is_where_nobody_listens() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let wrong = scene.world.source.intercept(|request| {
            if request.api != ApiKey::Metadata {
                return Action::Pass;
            }
            alter(request, |answer: &mut MetadataResponse| {
                for broker in &mut answer.brokers {
                    broker.host = StrBytes::from_static_str("elsewhere.example");
                }
            })
        });
        // Every partition's leader moves, so that every connection is looked for anew.
        for partition in 0..PARTITIONS {
            let broker = scene.source_leader(partition)?;
            move_away(&scene.world.source, partition, broker)?;
        }
        let before = wrong.count();
        scene.write(30)?;
        scene.world.pass(Duration::from_mins(2)).await;
        let asked = wrong.count() - before;
        ensure!(asked < 1_000, "{asked} questions in two minutes are a loop");
        wrong.remove();
        scene.world.until_caught_up(LIMIT).await?;
        scene.holds_exactly().await?;
        Ok(())
    })
}
