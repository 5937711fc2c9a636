//! Starts that are refused with one clear sentence, and a start that waits for its cluster.

use std::time::Duration;

use anyhow::{Result, ensure};
use integration::admin::NewTopic;
use integration::heliostat::Heliostat;
use integration::mirroring::Mirroring;
use integration::scenario::scenario;

const LIMIT: Duration = Duration::from_mins(1);

/// Starts the mirror; it must end by itself with `code` and a line that contains `words`.
fn refused(mirroring: &Mirroring, code: i32, words: &[&str]) -> Result<()> {
    let mut mirror = Heliostat::start(mirroring)?;
    let status = mirror.wait(LIMIT)?;
    let told = mirror.lines_with(words)?;
    ensure!(
        status.code() == Some(code) && told.len() == 1,
        "{status}, {told:?}\n{}",
        mirror.process.last_words()
    );
    Ok(())
}

#[test]
fn a_cluster_is_not_mirrored_into_itself() {
    scenario("refusals-same", |world| {
        let mut mirroring = world.mirroring();
        mirroring.target.clone_from(&mirroring.source);
        refused(&mirroring, 1, &["source and target are the same cluster"])
    });
}

#[test]
fn no_position_and_no_policy() {
    scenario("refusals-none", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let mirroring = world.mirroring().consumer_line("auto.offset.reset", "none");
        refused(&mirroring, 255, &["has no position", &topic, "auto.offset.reset"])
    });
}

/// `MirrorMaker` tries a wrong port for ever, and so do we; a signal ends the wait in order.
#[test]
fn a_target_that_is_not_there_is_waited_for() {
    scenario("refusals-port", |world| {
        let mut mirroring = world.mirroring();
        "127.0.0.1:1".clone_into(&mut mirroring.target);
        let mut mirror = Heliostat::start(&mirroring)?;
        mirror.wait_for_line(&["not connected yet", "127.0.0.1:1"], LIMIT)?;
        mirror.stop().map(drop)
    });
}
