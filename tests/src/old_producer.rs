//! The producer of an old Kafka itself, for what today's client would write differently: batches of exactly so many records, in the layout
//! of their time.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::java::{Archive, Jvm};
use crate::record_file::{self, Record};
use crate::{archives, java, scratch};

const HEAP_MB: u32 = 256;

/// Sends `records` in order with the producer of `version`, a batch of each `batch` of them; returns when all are acknowledged.
pub fn produce(
    version: &str,
    bootstrap: &str,
    properties: &[(&str, &str)],
    records: &[Record],
    batch: usize,
) -> Result<()> {
    let file = scratch::path("old-produce")?;
    record_file::write(&file, records)?;
    let jvm = Jvm::of(version)?;
    let (archive, _) = java::archive_paths(&archives::folder(&jvm)?);
    let mut command: Command = jvm.quiet(HEAP_MB, &Archive::Use(archive), "kit.OldProducer")?;
    command.arg(bootstrap).arg(&file).arg(batch.to_string());
    command.args(properties.iter().map(|(key, value)| format!("{key}={value}")));
    let run = command.output().context("cannot start java")?;
    std::fs::remove_file(&file).ok();
    if !run.status.success() {
        bail!(
            "the producer of {version} failed:\n{}{}",
            String::from_utf8_lossy(&run.stdout),
            String::from_utf8_lossy(&run.stderr)
        );
    }
    Ok(())
}
