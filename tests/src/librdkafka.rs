//! librdkafka (by its Python wheel): the producer and consumer of the non-Java world, with its own partitioner, codecs and record layout.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use crate::dump::{self, Dump};
use crate::record_file::{self, Record};
use crate::{cache, scratch};

const WHEEL: &str = "confluent-kafka==2.16.1";
const SCRIPT: &str = include_str!("../python/librdkafka.py");

/// Produces `records` in order with librdkafka's own property names (`compression.codec`, `linger.ms`, ...). Records without a partition go
/// where its default partitioner (`consistent_random`) puts them; header names must be UTF-8.
pub fn produce(bootstrap: &str, properties: &[(&str, &str)], records: &[Record]) -> Result<()> {
    let file = scratch::path("librdkafka-produce")?;
    record_file::write(&file, records)?;
    let answer = run(&["produce"], &file, bootstrap, properties, None);
    std::fs::remove_file(&file).ok();
    let acked = answer?["acked"].as_u64().context("no count")?;
    if acked != u64::try_from(records.len())? {
        bail!(
            "librdkafka: {acked} of {} records were acknowledged",
            records.len()
        );
    }
    Ok(())
}

/// Reads whole topics with librdkafka's consumer: a second opinion beside Java's. For logs that end with a record, not with a marker.
pub fn dump(bootstrap: &str, topics: &[String]) -> Result<Dump> {
    let file = scratch::path("librdkafka-dump")?;
    run(&["dump"], &file, bootstrap, &[], Some(json!(topics)))?;
    let dump = dump::read(&file);
    std::fs::remove_file(&file).ok();
    dump
}

fn run(
    operation: &[&str],
    file: &Path,
    bootstrap: &str,
    properties: &[(&str, &str)],
    more: Option<Value>,
) -> Result<Value> {
    let wheel = wheel()?;
    let mut settings: Map<String, Value> = properties
        .iter()
        .map(|(key, value)| ((*key).to_owned(), json!(value)))
        .collect();
    settings.insert("bootstrap.servers".to_owned(), json!(bootstrap));
    let run = Command::new("python3")
        .args(["-c", SCRIPT])
        .args(operation)
        .arg(file)
        .arg(Value::Object(settings).to_string())
        .args(more.map(|value| value.to_string()))
        .env("PYTHONPATH", wheel)
        .output()
        .context("cannot run python3")?;
    if !run.status.success() {
        bail!("librdkafka failed: {}", String::from_utf8_lossy(&run.stderr));
    }
    serde_json::from_slice(&run.stdout).context("librdkafka's answer is no JSON")
}

/// The wheel's folder in the cache.
fn wheel() -> Result<PathBuf> {
    cache::entry(&WHEEL.replace("==", "-"), |folder| {
        let run = Command::new("python3")
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--only-binary=:all:",
                "--target",
            ])
            .arg(folder)
            .arg(WHEEL)
            .output()
            .context("cannot run python3: install Python 3 with pip (Debian: python3-pip)")?;
        if !run.status.success() {
            bail!(
                "pip could not install {WHEEL}:\n{}",
                String::from_utf8_lossy(&run.stderr)
            );
        }
        Ok(())
    })
}
