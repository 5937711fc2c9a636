//! A world does what it is told, and the same again.

use std::time::Duration;

use anyhow::Result;
use mirror_oracle::{Record, Rule};
use mirror_runtime::Outcome;
use mirror_simulation::{World, WorldSettings};

const LIMIT: Duration = Duration::from_mins(1);

fn records(world: &World, from: u32, count: u32) -> Vec<Record> {
    (from..from + count)
        .map(|number| {
            Record::new("orders")
                .partition(i32::try_from(number % 3).expect("below 3"))
                .timestamp(world.wall_clock_ms())
                .key(format!("key-{}", number % 7))
                .value(format!("order {number}"))
        })
        .collect()
}

/// Mirrors, is killed, goes on, is stopped.
async fn a_life() -> Result<World> {
    let mut world = World::start(WorldSettings::default()).await?;
    world.source.create_topic("orders", 3, &[])?;
    world.write(&records(&world, 0, 50))?;
    let first = world.start_mirror()?;
    world.until_caught_up(LIMIT).await?;
    assert_eq!(world.compare(&Rule::preserve())?.records, 50);
    world.pass(Duration::from_secs(1)).await; // twice the time after which a position is stored
    world.write(&records(&world, 50, 50))?;
    world.pass(Duration::from_millis(3)).await;
    world.kill_mirror(first).await;
    world.write(&records(&world, 100, 50))?;
    let second = world.start_mirror()?;
    world.until_caught_up(LIMIT).await?;
    assert_eq!(world.stop_mirror(second).await?, Outcome::Drained);
    let rule = Rule::preserve().at_least_once(Some(50));
    assert_eq!(world.compare(&rule)?.records, 150);
    Ok(world)
}

#[test]
fn a_mirror_that_is_killed_goes_on_where_it_was() {
    mirror_simulation::run(async {
        let world = a_life().await.unwrap();
        assert!(world.elapsed() < LIMIT);
    });
}

#[test]
fn two_runs_are_the_same_request_by_request() {
    let traces = [(); 2].map(|()| mirror_simulation::run(async { a_life().await.unwrap().trace().clone() }));
    let [first, second] = traces.each_ref().map(mirror_simulation::trace::Trace::snapshot);
    assert!(first.len() > 50);
    for (ours, theirs) in first.iter().zip(&second) {
        assert_eq!(ours, theirs, "{ours}\n{theirs}");
    }
    assert_eq!(traces[0].hash(), traces[1].hash());
}
