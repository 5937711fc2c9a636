//! The course: two brokers, one loaded source topic per codec, and every leg run over it against a fresh target topic.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use integration::admin::NewTopic;
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::process::{Process, describe};
use integration::{jars, mirror_maker, scenario};

use crate::end_offsets::EndOffsets;
use crate::java::{Digest, Programs};
use crate::observe::observe;
use crate::plan::{Codec, Leg, Mode, Peer, SOURCE_PARTITIONS};
use crate::relay::{self, Line};
use crate::report::{Limits, Row};

/// Uncompressed bytes of a record's value; keys are not counted, as in all published figures of this workload.
pub const RECORD_BYTES: u64 = 1000;

/// Two running brokers and the Java programs.
#[derive(Debug)]
pub struct Course {
    source: Cluster,
    target: Cluster,
    programs: Programs,
    records: u64,
}

/// One loaded source topic.
#[derive(Debug)]
pub struct Loaded {
    codec: Codec,
    topic: String,
    /// Records of each target partition by key, for each number of target partitions.
    by_partitions: Vec<(i32, Vec<i64>)>,
    /// Bytes of its batches in the log: what crosses the wire.
    wire_bytes: u64,
}

// === impl Course ===

impl Course {
    /// Starts one broker on each side (Kafka 3.9.2).
    pub fn start(records: u64) -> Result<Self> {
        let mut options = ClusterOptions::default().with("log.segment.delete.delay.ms", "1000");
        options.heap_mb = 1024;
        let (source, target) = scenario::start_pair(jars::V3_9_2, jars::V3_9_2, &options)?;
        Ok(Self {
            source,
            target,
            programs: Programs::compile()?,
            records,
        })
    }

    /// Fills a source topic in this codec.
    pub fn load(&self, codec: Codec) -> Result<Loaded> {
        let topic = format!("race-{codec}");
        self.source
            .admin()
            .create_topic(&NewTopic::new(&topic, SOURCE_PARTITIONS))?;
        let numbers = [SOURCE_PARTITIONS, Mode::ByKeyThree.target_partitions()];
        let counts = self
            .programs
            .load(&self.source.bootstrap(), &topic, codec, self.records, &numbers)?;
        let by_partitions: Vec<_> = numbers.into_iter().zip(counts).collect();
        let ends = EndOffsets::connect(&self.source.bootstrap(), &topic, SOURCE_PARTITIONS)?.ask()?;
        ensure!(
            by_partitions.iter().any(|(_, counts)| *counts == ends),
            "the loader's account {by_partitions:?} does not fit the source's ends {ends:?}"
        );
        let wire_bytes = log_bytes(self.source.folder(), &topic)?;
        Ok(Loaded {
            codec,
            topic,
            by_partitions,
            wire_bytes,
        })
    }

    /// Removes the source topic: the next codec needs the room.
    pub fn unload(&self, loaded: &Loaded) -> Result<()> {
        self.source.admin().delete_topic(&loaded.topic)
    }

    /// The limit lines for the bytes of this topic.
    pub fn limits(&self, loaded: &Loaded) -> Result<Limits> {
        let gigabytes = self.gigabytes();
        Ok(Limits {
            codec: loaded.codec,
            compression: as_float(self.records * RECORD_BYTES) / as_float(loaded.wire_bytes),
            read_write: relay::cpu_seconds(Line::ReadWrite, loaded.wire_bytes)? / gigabytes,
            frames_with_crc: relay::cpu_seconds(Line::FramesWithCrc, loaded.wire_bytes)? / gigabytes,
        })
    }

    /// The checksum of the source topic.
    pub fn source_digest(&self, loaded: &Loaded) -> Result<Digest> {
        self.programs.digest(&self.source.bootstrap(), &loaded.topic)
    }

    /// Runs one peer from a cold start to its exit. With `expected`, every record that is then on the target is read and compared with it.
    pub fn run(&mut self, leg: Leg, loaded: &Loaded, expected: Option<&Digest>) -> Result<Row> {
        let partitions = leg.mode.target_partitions();
        let target = self.target.bootstrap();
        self.target
            .admin()
            .create_topic(&NewTopic::new(&loaded.topic, partitions))?;
        let mut probe = EndOffsets::connect(&target, &loaded.topic, partitions)?;
        let group = format!("race-{}-{}-{}", leg.codec, leg.mode, leg.peer);
        let job = leg.mirroring(&self.source.bootstrap(), &target, &loaded.topic, &group);
        let brokers_before = self.broker_seconds()?;
        let started = Instant::now();
        let process: Process = match leg.peer {
            Peer::Heliostat => Heliostat::start(&job)?.process,
            Peer::MirrorMaker1 => mirror_maker::start_one(&job)?,
        };
        let wanted = i64::try_from(self.records)?;
        let observed = observe(process, started, &mut probe, wanted)?;
        let brokers = self.broker_seconds()?;
        ensure!(
            leg.peer != Peer::Heliostat || observed.status.success(),
            "heliostat ended with {} after SIGTERM",
            describe(observed.status)
        );
        check_counts(&probe.ask()?, loaded, partitions)?;
        if let Some(expected) = expected {
            let found = self.programs.digest(&target, &loaded.topic)?;
            ensure!(
                found == *expected,
                "the target holds {found:?}, the source {expected:?}"
            );
        }
        self.target.admin().delete_topic(&loaded.topic)?;
        let gigabytes = self.gigabytes();
        let streaming = observed.last_record.saturating_sub(observed.first_record);
        Ok(Row {
            leg,
            cpu_seconds_per_gb: observed.cost.cpu_seconds / gigabytes,
            peak_memory_mb: as_float(observed.cost.peak_memory_bytes) / 1e6,
            first_record_seconds: observed.first_record.as_secs_f64(),
            // A run too short to be timed has no speed; a microsecond keeps the division sane.
            mb_per_second: gigabytes * 1e3 / streaming.max(Duration::from_micros(1)).as_secs_f64(),
            stop_seconds: observed.stop.as_secs_f64(),
            source_broker_seconds_per_gb: (brokers.0 - brokers_before.0) / gigabytes,
            target_broker_seconds_per_gb: (brokers.1 - brokers_before.1) / gigabytes,
            checksum_compared: expected.is_some(),
        })
    }

    fn gigabytes(&self) -> f64 {
        as_float(self.records * RECORD_BYTES) / 1e9
    }

    /// CPU-seconds of (source, target) broker so far.
    fn broker_seconds(&mut self) -> Result<(f64, f64)> {
        let seconds = |cluster: &mut Cluster| {
            let process = cluster.broker(1).process().context("the broker is not running")?;
            anyhow::Ok(process.cpu_time()?.as_secs_f64())
        };
        Ok((seconds(&mut self.source)?, seconds(&mut self.target)?))
    }
}

/// Every partition must hold exactly what belongs there by key. (The source was partitioned by key, so this holds for pass-through as well.)
fn check_counts(ends: &[i64], loaded: &Loaded, partitions: i32) -> Result<()> {
    let (_, expected) = loaded
        .by_partitions
        .iter()
        .find(|(number, _)| *number == partitions)
        .context("invariant: the loader was asked for this number of partitions")?;
    ensure!(
        ends == expected,
        "the target's partitions end at {ends:?}, expected {expected:?}"
    );
    Ok(())
}

/// Bytes of all log segments of `topic` below a cluster's folder.
fn log_bytes(folder: &Path, topic: &str) -> Result<u64> {
    let mut total = 0;
    for entry in folder
        .read_dir()
        .with_context(|| format!("cannot read {}", folder.display()))?
    {
        let entry = entry?;
        let path = entry.path();
        let holds_log = path
            .parent()
            .and_then(Path::file_name)
            .and_then(|name| name.to_str())
            .and_then(|name| name.rsplit_once('-'))
            .is_some_and(|(name, _)| name == topic);
        if entry.file_type()?.is_dir() {
            total += log_bytes(&path, topic)?;
        } else if holds_log && path.extension().is_some_and(|extension| extension == "log") {
            total += entry.metadata()?.len();
        }
    }
    Ok(total)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of bytes in a ratio of measurements"
)]
fn as_float(count: u64) -> f64 {
    count as f64
}
