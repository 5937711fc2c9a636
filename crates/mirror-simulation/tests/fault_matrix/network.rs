//! Connections are cut, slow, one-way; answers come late or not at all.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_fake::{Action, Direction, FakeCluster, Gate, Interception, Link};
use kafka_wire::ApiKey;
use mirror_oracle::Rule;

use crate::brokers::{impatient, write_large};
use crate::faults::{always, next};
use crate::scene::Scene;

/// One side of the mirror.
type Side = fn(&Scene) -> &FakeCluster;

fn source(scene: &Scene) -> &FakeCluster {
    &scene.world.source
}

fn target(scene: &Scene) -> &FakeCluster {
    &scene.world.target
}

/// Puts this link before all connections that a cluster accepts from now on, and breaks those it has while what is answered
/// is in force.
fn relink(cluster: &FakeCluster, link: &Link) -> Interception {
    let accepted = Arc::new(AtomicU64::new(u64::MAX));
    let first = Arc::clone(&accepted);
    let link = link.clone();
    cluster.set_links(move |connection| {
        first.fetch_min(connection.number, Ordering::Relaxed);
        Some(link.clone())
    });
    // Whoever was connected before has a smaller number than the first who connects now.
    cluster.intercept(move |request| {
        if request.connection < accepted.load(Ordering::Relaxed) {
            Action::Cut
        } else {
            Action::Pass
        }
    })
}

#[test]
fn row_08_one_broker_is_out_of_reach_for_a_while() -> Result<()> {
    mirror_simulation::run(async {
        for side in [source, target] as [Side; 2] {
            let mut scene = Scene::with(impatient()).await?;
            let gate = Gate::opened();
            let through = Direction {
                gate: gate.clone(),
                ..Direction::default()
            };
            let leader = side(&scene).log(crate::scene::TOPIC, 0)?.leader;
            let link = Link {
                to_broker: through.clone(),
                to_client: through,
            };
            side(&scene)
                .set_links(move |connection| (Some(connection.broker) == leader).then(|| link.clone()));
            next(side(&scene), ApiKey::Fetch, 1, Action::Cut);
            next(side(&scene), ApiKey::Produce, 1, Action::Cut);
            scene.settle().await?;
            gate.close();
            scene.write_slowly(20, Duration::from_secs(1)).await?;
            gate.open();
            scene.settle().await?;
            scene.holds(&Rule::preserve().at_least_once(Some(60))).await?;
        }
        Ok(())
    })
}

#[test]
fn row_08_nothing_comes_back_from_one_side() -> Result<()> {
    mirror_simulation::run(async {
        for side in [source, target] as [Side; 2] {
            let mut scene = Scene::with(impatient()).await?;
            let gate = Gate::opened();
            let mut link = Link::default();
            link.to_client.gate = gate.clone();
            relink(side(&scene), &link);
            scene.settle().await?;
            gate.close();
            // Requests arrive and are carried out; the mirror does not hear of it.
            scene.write_slowly(20, Duration::from_secs(1)).await?;
            gate.open();
            scene.settle().await?;
            scene.holds(&Rule::preserve().at_least_once(Some(60))).await?;
        }
        Ok(())
    })
}

#[test]
fn row_09_a_far_and_slow_target_is_mirrored_into_at_its_speed() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let direction = Direction {
            delay: Duration::from_millis(100),
            bytes_per_second: Some(1 << 20),
            window_bytes: 1 << 20,
            ..Direction::default()
        };
        let link = Link {
            to_broker: direction.clone(),
            to_client: direction,
        };
        relink(&scene.world.target, &link);
        scene.settle().await?;
        let began = scene.world.elapsed();
        for _ in 0..48 {
            write_large(&mut scene, 256 << 10)?;
        }
        scene.holds_exactly().await?;
        // 12 MiB to two brokers with 1 MiB/s each, of which one leads two of the three partitions: 8 s at best.
        let took = scene.since(began);
        ensure!(
            (Duration::from_secs(6)..Duration::from_secs(16)).contains(&took),
            "{took:?}"
        );
        Ok(())
    })
}

#[test]
fn row_10_an_answer_that_comes_after_its_time_out_is_taken_for_no_other() -> Result<()> {
    mirror_simulation::run(async {
        for (side, api) in [
            (source as Side, ApiKey::Fetch),
            (target, ApiKey::Produce),
            (source, ApiKey::Metadata),
        ] {
            let mut scene = Scene::with(impatient()).await?;
            let late = next(side(&scene), api, 2, Action::DelayAnswer(Duration::from_secs(20)));
            scene.write_slowly(20, Duration::from_secs(2)).await?;
            if api != ApiKey::Metadata {
                ensure!(late.count() == 2, "{api}: {}", late.count());
            }
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

/// Connections that the mirrors have made so far.
fn handshakes(scene: &Scene) -> usize {
    let requests = scene.world.trace().snapshot();
    let begins = requests
        .iter()
        .filter(|request| request.api == Some(ApiKey::ApiVersions));
    begins.count()
}

#[test]
fn row_10_an_answer_with_another_requests_number_ends_the_connection() -> Result<()> {
    mirror_simulation::run(async {
        for (side, api) in [(source as Side, ApiKey::Fetch), (target, ApiKey::Produce)] {
            let mut scene = Scene::start().await?;
            let foreign = Action::AlterAnswer(Arc::new(|answer| {
                if let Some(last) = answer.get_mut(3) {
                    *last = last.wrapping_sub(1);
                }
            }));
            let before = handshakes(&scene);
            let altered = next(side(&scene), api, 5, foreign);
            scene.write_slowly(20, Duration::from_millis(300)).await?;
            ensure!(altered.count() == 5);
            // Each one cost a connection.
            let made = handshakes(&scene) - before;
            ensure!(made >= 5, "{api}: {made} connections were made");
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

/// How many cuts one world goes through.
const CUTS: u64 = 40;

/// Breaks every connection of one side after so many bytes of one direction, then heals, for every number of bytes below
/// `bytes`: a connection's first frames are cut at each of their bytes.
fn sweep(side: Side, cut: fn(u64) -> Link, bytes: u64) -> Result<()> {
    let mut first = 0;
    while first < bytes {
        let last = bytes.min(first + CUTS);
        mirror_simulation::run(sweep_some(side, cut, first..last))?;
        first = last;
    }
    Ok(())
}

async fn sweep_some(side: Side, cut: fn(u64) -> Link, bytes: Range<u64>) -> Result<()> {
    let mut scene = Scene::start().await?;
    for after in bytes {
        let broken = relink(side(&scene), &cut(after));
        scene.write(3)?;
        scene.world.pass(Duration::from_millis(160)).await;
        broken.remove();
        let healed = relink(side(&scene), &Link::default());
        scene.write(3)?;
        scene.caught_up().await?;
        healed.remove();
    }
    // Nobody was killed, so nothing was written twice.
    scene.holds_exactly().await?;
    Ok(())
}

fn cut_to_client(after: u64) -> Link {
    let mut link = Link::default();
    link.to_client.cut_after = Some(after);
    link
}

fn cut_to_broker(after: u64) -> Link {
    let mut link = Link::default();
    link.to_broker.cut_after = Some(after);
    link
}

#[test]
fn row_11_requests_to_the_source_are_cut_at_every_byte() -> Result<()> {
    sweep(source, cut_to_broker, 320)
}

#[test]
fn row_11_answers_of_the_source_are_cut_at_every_byte() -> Result<()> {
    sweep(source, cut_to_client, 450)
}

#[test]
fn row_11_requests_to_the_target_are_cut_at_every_byte() -> Result<()> {
    sweep(target, cut_to_broker, 320)
}

#[test]
fn row_11_answers_of_the_target_are_cut_at_every_byte() -> Result<()> {
    sweep(target, cut_to_client, 450)
}

#[test]
fn row_12_produce_applied_but_the_answer_lost() -> Result<()> {
    mirror_simulation::run(async {
        for lost in [Action::CutAnswer, Action::Swallow] {
            let mut scene = Scene::with(impatient()).await?;
            let losses = next(&scene.world.target, ApiKey::Produce, 10, lost);
            scene.write_slowly(30, Duration::from_millis(400)).await?;
            scene.caught_up().await?;
            ensure!(losses.count() == 10);
            scene.holds_exactly().await?;
        }
        Ok(())
    })
}

#[test]
fn row_12_every_second_answer_is_lost() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let count = AtomicU64::new(0);
        scene.world.target.intercept(move |request| {
            let is_lost =
                request.api == ApiKey::Produce && count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
            if is_lost { Action::CutAnswer } else { Action::Pass }
        });
        scene.write_slowly(50, Duration::from_millis(20)).await?;
        scene.holds_exactly().await?;
        Ok(())
    })
}

#[test]
fn row_31_a_slow_target_disk_slows_and_loses_nothing() -> Result<()> {
    mirror_simulation::run(async {
        let mut scene = Scene::start().await?;
        let slow = always(
            &scene.world.target,
            ApiKey::Produce,
            Action::Delay(Duration::from_secs(2)),
        );
        for _ in 0..24 {
            write_large(&mut scene, 200 << 10)?;
        }
        scene.write_slowly(10, Duration::from_millis(100)).await?;
        scene.holds_exactly().await?;
        ensure!(slow.count() > 2);
        Ok(())
    })
}
