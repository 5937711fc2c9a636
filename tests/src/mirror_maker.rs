//! The mirrors of Kafka itself, started as their own scripts do: `MirrorMaker` 1 of any line up to 3.9, the last one that has it, and
//! `MirrorMaker` 2.
//!
//! That of 0.10 has both consumers: with `zookeeper.connect` in its file ([`Mirroring::by_zookeeper`]) it takes the first one, which keeps its
//! offsets in `ZooKeeper`. Its producer speaks to brokers up to 3.9.

use std::fs;

use anyhow::{Context, Result};

use crate::java::Jvm;
use crate::mirroring::Mirroring;
use crate::process::Process;
use crate::{jars, scratch};

/// Starts `MirrorMaker` 1 with the files and flags that heliostat would get.
pub fn start_one(mirroring: &Mirroring) -> Result<Process> {
    start_one_of(jars::V3_9_2, mirroring)
}

/// As [`start_one`], of another version. With several streams by `ZooKeeper`, that of 0.10 sometimes never ends after a signal: the first
/// stream to leave makes the others rebalance while they leave, too. One stream ends.
pub fn start_one_of(version: &str, mirroring: &Mirroring) -> Result<Process> {
    let jvm = Jvm::of(version)?;
    // The script's own heap and collector: a race must be fair.
    let mut command = jvm.stock(
        &["-Xmx256M", "-server", "-XX:+UseG1GC"],
        "kafka.tools.MirrorMaker",
    )?;
    command.args(mirroring.command_line()?);
    Process::spawn(command, "mirror-maker-1", &scratch::path("mirror-maker-1")?)
}

/// Starts `MirrorMaker` 2 in dedicated mode with these lines in its one file: `clusters`, `A->B.enabled`, ...
pub fn start_two(version: &str, lines: &[(&str, &str)]) -> Result<Process> {
    let jvm = Jvm::of(version)?;
    let text: String = lines
        .iter()
        .flat_map(|(key, value)| [*key, "=", *value, "\n"])
        .collect();
    let file = scratch::path("mm2")?.with_extension("properties");
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    let heap = ["-Xms256M", "-Xmx2G", "-server", "-XX:+UseG1GC"];
    let mut command = jvm.stock(&heap, "org.apache.kafka.connect.mirror.MirrorMaker")?;
    command.arg(&file);
    Process::spawn(command, "mirror-maker-2", &scratch::path("mirror-maker-2")?)
}
