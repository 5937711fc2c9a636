//! The commands of `cargo xtask` that hand on to another program of the workspace, built and called in the right profile.

use std::path::Path;

use anyhow::{bail, ensure};

use crate::process::{run_command, words};

/// What [`deny`] runs, and the test command among its steps.
pub(crate) const DENY: &str = "cargo deny --workspace --locked check bans licenses sources";

/// `cargo xtask deny`: licences, bans, sources and version floors of everything we link.
pub(crate) fn deny(root: &Path) -> anyhow::Result<()> {
    run_command(&words(DENY), &[], root)
}

/// `cargo xtask docs`: the generated pages; a test of `mirror-config` fails when they are stale.
pub(crate) fn docs(root: &Path) -> anyhow::Result<()> {
    let line = words("cargo run --quiet --package mirror-config --example reference -- docs/reference");
    run_command(&line, &[], root)
}

/// `cargo xtask kafka ..`: the test kit's own binary, for trials by hand.
pub(crate) fn kafka(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let [command, rest @ ..] = arguments else {
        bail!("which command? try: cargo xtask kafka up")
    };
    ensure!(
        command == "up",
        "unknown command {command}; there is: cargo xtask kafka up"
    );
    let mut line = words("cargo run --quiet --package integration --bin kafka_up --");
    line.extend_from_slice(rest);
    run_command(&line, &[], root)
}

/// `cargo xtask sim ..`: the simulation's own binary, in the profile of the tests, where overflows are seen.
pub(crate) fn sim(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let mut line = words("cargo run --quiet --locked --package mirror-simulation --bin simulate --");
    line.extend_from_slice(arguments);
    run_command(&line, &[], root)
}

/// `cargo xtask show`: the first minute on real Kafka.
pub(crate) fn show(root: &Path) -> anyhow::Result<()> {
    run_command(&words("cargo build --quiet --locked --bin heliostat"), &[], root)?;
    let show = words("cargo run --quiet --locked --package integration --bin show");
    run_command(&show, &[], root)
}

/// `cargo xtask matrix`: every version to every other on real Kafka.
pub(crate) fn matrix(root: &Path) -> anyhow::Result<()> {
    run_command(&words("cargo build --quiet --locked --bin heliostat"), &[], root)?;
    let matrix = words("cargo run --quiet --locked --package integration --bin matrix");
    run_command(&matrix, &[], root)
}

/// `cargo xtask bench race ..`: heliostat beside MirrorMaker, in release.
pub(crate) fn bench(root: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let [command, rest @ ..] = arguments else {
        bail!("which benchmark? try: cargo xtask bench race --help")
    };
    ensure!(
        command == "race" || command == "record_speed",
        "unknown benchmark {command}; there are: race, record_speed"
    );
    run_command(
        &words("cargo build --quiet --release --locked --bin heliostat"),
        &[],
        root,
    )?;
    let mut line = words("cargo run --quiet --release --locked --package benches --bin");
    line.extend([command.clone(), "--".to_owned()]);
    line.extend_from_slice(rest);
    run_command(&line, &[], root)
}
