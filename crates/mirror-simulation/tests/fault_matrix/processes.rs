//! The mirror dies, is stopped, starts late, finds odd positions.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use kafka_record::Codec;
use mirror_oracle::{Record, Rule};
use mirror_runtime::Outcome;
use mirror_simulation::random::Random;
use mirror_simulation::{POSITIONS_TOPIC, World, WorldSettings};

use crate::scene::{LIMIT, Scene};

const KILLS: u32 = 50;
/// Records written while a kill may come.
const BURST: u32 = 30;

#[test]
fn row_01_fifty_kills_at_random_points() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let mut random = Random::new(1);
        for _ in 0..KILLS {
            scene.settle().await?;
            let kill_after = random.within(0..BURST.into());
            for number in 0..BURST {
                if u64::from(number) == kill_after {
                    scene.world.kill_mirror(scene.mirror).await;
                }
                scene.write(1)?;
                scene
                    .world
                    .pass(Duration::from_micros(random.within(0..20_000)))
                    .await;
            }
            scene.mirror = scene.world.start_mirror()?;
        }
        // A kill doubles at most what was not committed: the burst.
        let rule = Rule::preserve().at_least_once(Some((KILLS * BURST).into()));
        scene.holds(&rule).await?;
        Ok(())
    })
}

#[test]
fn row_02_a_stop_under_load_doubles_nothing_and_takes_less_than_a_second() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        for _ in 0..20 {
            scene.write_slowly(5, Duration::from_millis(7)).await?;
            scene.write(300)?;
            let asked = scene.world.elapsed();
            let outcome = scene.world.stop_mirror(scene.mirror).await?;
            let took = scene.since(asked);
            ensure!(
                outcome == Outcome::Drained && took < Duration::from_secs(1),
                "{took:?}"
            );
            scene.mirror = scene.world.start_mirror()?;
        }
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_02_a_stop_beside_brokers_that_do_not_answer_takes_less_than_five_seconds() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.write(300)?;
        for broker in scene.world.target.brokers() {
            scene.world.target.pause_broker(broker)?;
        }
        scene.world.pass(Duration::from_millis(50)).await;
        let asked = scene.world.elapsed();
        scene.world.stop_mirror(scene.mirror).await?;
        let took = scene.since(asked);
        ensure!(took < Duration::from_secs(5), "{took:?}");
        for broker in scene.world.target.brokers() {
            scene.world.target.resume_broker(broker)?;
        }
        scene.mirror = scene.world.start_mirror()?;
        scene.holds(&Rule::preserve().at_least_once(Some(300))).await?;
        Ok(())
    })
}

#[test]
fn row_41_clocks_an_hour_before_and_behind() -> Result<()> {
    mirror_simulation::run(async {
        let hour = 3_600_000;
        let mut settings = WorldSettings::default();
        settings.source = settings
            .source
            .wall_clock_ms(mirror_simulation::WALL_CLOCK_START_MS + hour);
        settings.target = settings
            .target
            .wall_clock_ms(mirror_simulation::WALL_CLOCK_START_MS - hour);
        let mut scene = Scene::with(settings).await?;
        // A producer whose clock was set back between two records, and one whose clock was set forward.
        for jump in [-hour, 0, hour] {
            let record = scene.next_record();
            let time = record.timestamp.unwrap_or(0) + jump;
            scene.world.write(&[record.timestamp(time)])?;
        }
        scene.world.kill_mirror(scene.mirror).await;
        scene.mirror = scene.world.start_mirror()?;
        scene.settle().await?;
        scene.holds(&Rule::preserve().at_least_once(Some(3))).await?;
        Ok(())
    })
}

#[test]
fn row_43_nobody_listens_for_an_hour() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.world.stop_mirror(scene.mirror).await?;
        let down = scene.world.source.brokers();
        for broker in &down {
            scene.world.source.crash_broker(*broker).await?;
        }
        scene.mirror = scene.world.start_mirror()?;
        let before = scene.world.trace().snapshot().len();
        scene.world.pass(Duration::from_hours(1)).await;
        ensure!(!scene.world.has_ended(scene.mirror), "it gave up");
        // One try a second and broker at most, and each one ends before a request.
        ensure!(scene.world.trace().snapshot().len() < before + 20_000);
        for broker in &down {
            scene.world.source.restart_broker(*broker).await?;
        }
        scene.write(30)?;
        scene.world.until_caught_up(Duration::from_secs(15)).await?;
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_44_a_position_that_is_none_is_refused_by_name() -> Result<()> {
    mirror_simulation::run(async {
        for (key, value) in [("not a key of ours", "{}"), ("", "\u{0}\u{ff}")] {
            let mut scene = Scene::start().await?;
            scene.settle().await?;
            scene.world.stop_mirror(scene.mirror).await?;
            let record = Record::new(POSITIONS_TOPIC)
                .partition(0)
                .timestamp(scene.world.wall_clock_ms())
                .key(key)
                .value(value);
            append_to_target(&scene.world, &record)?;
            let mirror = scene.world.start_mirror()?;
            scene.world.pass(LIMIT).await;
            ensure!(
                scene.world.has_ended(mirror),
                "{}",
                scene.world.describe_mirrors()
            );
            let Err(error) = scene.world.end_of_mirror(mirror).await else {
                bail!("it ended without an error");
            };
            let text = format!("{error:#}");
            ensure!(text.contains(POSITIONS_TOPIC), "{text}");
        }
        Ok(())
    })
}

#[test]
fn row_44_positions_that_are_all_gone_begin_again_and_lose_nothing() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        scene.settle().await?;
        scene.world.stop_mirror(scene.mirror).await?;
        let partitions = scene.world.target.partition_count(POSITIONS_TOPIC).unwrap_or(0);
        for partition in 0..i32::try_from(partitions)? {
            scene
                .world
                .target
                .delete_records(POSITIONS_TOPIC, partition, -1)?;
        }
        scene.write(30)?;
        scene.mirror = scene.world.start_mirror()?;
        scene.world.pass(LIMIT).await;
        scene.holds(&Rule::preserve().at_least_once(Some(90))).await?;
        Ok(())
    })
}

fn append_to_target(world: &World, record: &Record) -> Result<()> {
    let log = world.target.log(&record.topic, 0)?;
    let shape = mirror_simulation::batch::BatchShape {
        leader_epoch: log.leader_epoch,
        ..mirror_simulation::batch::BatchShape::of(Codec::None)
    };
    let bytes = mirror_simulation::batch::encode(log.end, log.end, &[(log.end, record)], &shape);
    world.target.append_as_is(&record.topic, 0, &bytes)?;
    Ok(())
}
