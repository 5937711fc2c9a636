//! The simulation finds bugs: three plausible ones are planted, and each is caught within a few seeds.
//!
//! Runs with the feature `seeded-bugs` alone; `cargo xtask test` has a step for it.

use mirror_runtime::seeded_bugs::{SeededBug, plant};
use mirror_simulation::simulate;

/// The first seed below `seeds` that fails, and why.
fn caught(bug: SeededBug, seeds: u64) -> Option<(u64, String)> {
    plant(Some(bug));
    let caught = (0..seeds).find_map(|seed| simulate(seed).err());
    plant(None);
    let caught = caught?;
    println!("{bug:?}: seed {}: {:#}", caught.seed, caught.error.root_cause());
    let sound = simulate(caught.seed);
    assert!(sound.is_ok(), "seed {} fails without the bug, too", caught.seed);
    Some((caught.seed, caught.error.root_cause().to_string()))
}

#[test]
fn a_position_before_the_ack_is_caught() {
    let (_, why) = caught(SeededBug::PositionBeforeAck, 10).expect("caught within 10 seeds");
    assert!(why.contains("the target lacks offset"), "{why}");
}

#[test]
fn a_retry_of_other_bytes_is_caught() {
    let (_, why) = caught(SeededBug::ResplitOnRetry, 60).expect("caught within 60 seeds");
    assert!(why.contains("was sent with other bytes before"), "{why}");
}

#[test]
fn a_lost_marker_is_caught() {
    let (_, why) = caught(SeededBug::LostMarker, 10).expect("caught within 10 seeds");
    assert!(why.contains("not caught up"), "{why}");
}
