//! Two real Kafka clusters for hand trials: starts a source and a target, prints how to use them, waits for Ctrl-C and leaves nothing behind.
//!
//! `kafka_up [--source 3.9.2] [--target 4.3.0] [--brokers 1]`
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use integration::cluster::{Cluster, ClusterOptions};
use integration::{jars, java, scratch};

struct Flags {
    source: String,
    target: String,
    brokers: usize,
}

fn main() -> Result<()> {
    let flags = flags(std::env::args().skip(1))?;
    let options = ClusterOptions {
        brokers: flags.brokers,
        ..ClusterOptions::default()
    };
    let mut out = io::stdout();
    writeln!(
        out,
        "starting Kafka {} and {} (the first time, jars are fetched)...",
        flags.source, flags.target
    )?;
    let source = Cluster::start(&flags.source, &options)?;
    let target = Cluster::start(&flags.target, &options)?;
    let folder = scratch::folder()?;
    let text = usage(&source, &target, folder)?;
    writeln!(out, "{text}")?;
    out.flush()?;
    // Ctrl-C ends this process by the signal; the guard then ends the brokers and removes their data. Enter does the same. A closed input
    // (started in the background) is no wish to stop.
    if io::stdin().read(&mut [0])? == 0 {
        loop {
            std::thread::park();
        }
    }
    Ok(())
}

fn flags(mut arguments: impl Iterator<Item = String>) -> Result<Flags> {
    let mut flags = Flags {
        source: jars::V3_9_2.to_owned(),
        target: jars::V4_3_0.to_owned(),
        brokers: 1,
    };
    while let Some(flag) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{flag} needs a value"))?;
        match flag.as_str() {
            "--source" => flags.source = value,
            "--target" => flags.target = value,
            "--brokers" => flags.brokers = value.parse().context("--brokers needs a number from 1 to 3")?,
            _ => bail!("unknown flag {flag}; known: --source VERSION, --target VERSION, --brokers 1..3"),
        }
    }
    Ok(flags)
}

/// Writes the mirror's two files and says what to type.
fn usage(source: &Cluster, target: &Cluster, folder: &Path) -> Result<String> {
    let consumer = folder.join("consumer.properties");
    let producer = folder.join("producer.properties");
    let text = format!(
        "bootstrap.servers={}\ngroup.id=mirror\nauto.offset.reset=earliest\n",
        source.bootstrap()
    );
    std::fs::write(&consumer, text).with_context(|| format!("cannot write {}", consumer.display()))?;
    let text = format!("bootstrap.servers={}\n", target.bootstrap());
    std::fs::write(&producer, text).with_context(|| format!("cannot write {}", producer.display()))?;
    let jvm = java::Jvm::of(jars::V3_9_2)?;
    Ok(format!(
        "
source  {source_version:7} {from}
target  {target_version:7} {to}
logs    {logs}

kafka() {{ java -cp '{jars}/*' \"$@\"; }}
kafka org.apache.kafka.tools.TopicCommand --bootstrap-server {from} --create --topic demo --partitions 8
kafka org.apache.kafka.tools.ProducerPerformance --topic demo --num-records 100000 --record-size 200 --throughput -1 \\
    --producer-props bootstrap.servers={from} compression.type=lz4
cargo run --bin heliostat -- mirror-maker --consumer.config {consumer} --producer.config {producer} \\
    --whitelist demo --num.streams 2
kafka org.apache.kafka.tools.consumer.ConsoleConsumer --bootstrap-server {to} --topic demo --from-beginning --max-messages 5

Enter or Ctrl-C stops both clusters and removes all of it.",
        source_version = source.version,
        target_version = target.version,
        from = source.bootstrap(),
        to = target.bootstrap(),
        logs = folder.display(),
        jars = jvm.jars.folder().display(),
        consumer = consumer.display(),
        producer = producer.display(),
    ))
}
