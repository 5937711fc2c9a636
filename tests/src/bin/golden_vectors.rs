//! Writes the golden vectors of `crates/kafka-record/tests/golden` anew: what brokers of 0.10 keep in their logs, written by producers of
//! their time, and what Java's consumer reads from it.
//!
//! `cargo run -p integration --bin golden_vectors`
#![forbid(unsafe_code)]

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use integration::admin::{Isolation, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::dump::SeenRecord;
use integration::record_file::Record;
use integration::zookeeper::ZooKeeper;
use integration::{jars, old_producer, raw, samples, wait};

const CODECS: [&str; 4] = ["none", "gzip", "snappy", "lz4"];
const FORMATS: [(&str, u8); 2] = [("0.9.0", 0), ("0.10.0", 1)];
/// More than one batch per vector.
const RECORDS_PER_BATCH: usize = 5;

/// One vector: a topic of one partition.
struct Vector<'a> {
    cluster: &'a Cluster,
    name: String,
    about: String,
}

fn main() -> Result<()> {
    let folder = folder()?;
    let zookeeper = ZooKeeper::start(1)?;
    for version in [jars::V0_10_0_1, jars::V0_10_2_2] {
        let options = ClusterOptions::default();
        let cluster = Cluster::start_on(version, &options, &zookeeper, &format!("/{version}"))?;
        for (format_name, format) in FORMATS {
            for codec in CODECS {
                let vector = |kind: &str, about: &str| Vector {
                    cluster: &cluster,
                    name: format!("{version}-v{format}-{codec}{kind}"),
                    about: format!(
                        "Kafka {version}, message format v{format}, compression.type {codec}{about}"
                    ),
                };
                let topic = |name: &str| NewTopic::new(name, 1).config("message.format.version", format_name);
                let plain = vector("", "");
                cluster.admin().create_topic(&topic(&plain.name))?;
                plain.produce(codec, &odd_records(&plain.name))?;
                plain.save(&folder)?;
                if format == 1 {
                    let stamped = vector("-log-append-time", ", stamped by the broker (LogAppendTime)");
                    let settings = topic(&stamped.name).config("message.timestamp.type", "LogAppendTime");
                    cluster.admin().create_topic(&settings)?;
                    stamped.produce(codec, &odd_records(&stamped.name))?;
                    stamped.save(&folder)?;
                }
                let compacted = vector(
                    "-compacted",
                    ", compacted: the first, the middle and the last record of the first batch are gone",
                );
                let settings = topic(&compacted.name)
                    .config("cleanup.policy", "compact")
                    .config("segment.bytes", "1200")
                    .config("min.cleanable.dirty.ratio", "0.01");
                cluster.admin().create_topic(&settings)?;
                compacted.produce(codec, &replaced_records(&compacted.name))?;
                compacted.wait_until_compacted(REPLACED_LEFT)?;
                compacted.save(&folder)?;
            }
        }
    }
    Ok(())
}

fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(1)
        .context("invariant: this package is in the workspace")?
        .join("crates/kafka-record/tests/golden");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}

/// Two batches: with key, without, tombstone, empty, neither key nor value; then a long one, and one that is older than the one before.
fn odd_records(topic: &str) -> Vec<Record> {
    let record = |number: i64| {
        Record::new(topic)
            .partition(0)
            .timestamp(samples::SOME_TIME + number)
    };
    vec![
        record(0).key("key").value("value"),
        record(1).value("no key"),
        record(2).key("tombstone"),
        record(3).key("").value(""),
        record(4),
        record(5).key("long").value("the quick brown fox ".repeat(20)),
        record(-1_000_000).key("older").value("than the one before"),
    ]
}

/// How many of [`replaced_records`] stay: `b` and `d` of the first batch, all of the other two.
const REPLACED_LEFT: usize = 12;

/// Three batches, each a segment of its own: the second one replaces `a`, `c` and `e` of the first, the third one is the active segment.
fn replaced_records(topic: &str) -> Vec<Record> {
    let keys = [
        "a", "b", "c", "d", "e", "a", "c", "e", "f", "g", "h", "i", "j", "k", "l",
    ];
    (0_u64..)
        .zip(keys)
        .map(|(number, key)| {
            Record::new(topic)
                .partition(0)
                .timestamp(samples::SOME_TIME + i64::try_from(number).unwrap_or(0))
                .key(key)
                .value(samples::noise(120, number + 1))
        })
        .collect()
}

// === impl Vector ===

impl Vector<'_> {
    fn produce(&self, codec: &str, records: &[Record]) -> Result<()> {
        let properties = [("compression.type", codec), ("acks", "all")];
        let bootstrap = self.cluster.bootstrap();
        old_producer::produce(
            self.cluster.version,
            &bootstrap,
            &properties,
            records,
            RECORDS_PER_BATCH,
        )
    }

    fn wait_until_compacted(&self, records: usize) -> Result<()> {
        wait::wait_until("the log is compacted", Duration::from_mins(1), || {
            let topics = [self.name.clone()];
            let read = self.cluster.admin().dump(&topics, Isolation::ReadUncommitted)?;
            Ok(read.record_count() == records)
        })
    }

    /// An answer holds what one segment has: asked again behind the last entry until there is no more.
    fn whole_log(&self) -> Result<Vec<u8>> {
        let mut log = Vec::new();
        loop {
            let next = raw::entries(&log).last().map_or(0, |entry| entry.offset + 1);
            let more = raw::fetch_message_set(&self.cluster.bootstrap(), &self.name, 0, next, 1 << 20)?;
            if more.is_empty() {
                return Ok(log);
            }
            log.extend(more);
        }
    }

    fn save(&self, folder: &Path) -> Result<()> {
        let bytes = self.whole_log()?;
        let topics = [self.name.clone()];
        let read = self.cluster.admin().dump(&topics, Isolation::ReadUncommitted)?;
        let mut text = format!("# {}\n", self.about);
        for entry in raw::entries(&bytes) {
            writeln!(
                text,
                "entry\t{}\t{}\t{}\t{}",
                entry.offset, entry.format, entry.codec, entry.size
            )?;
        }
        for record in read.records(&self.name, 0) {
            write_record(&mut text, &record)?;
        }
        for line in bytes.chunks(64) {
            writeln!(text, "bytes\t{}", hex(line))?;
        }
        let path = folder.join(format!("{}.txt", self.name));
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        writeln!(
            io::stdout(),
            "{}: {} bytes, {} records",
            self.name,
            bytes.len(),
            read.record_count()
        )?;
        Ok(())
    }
}

fn write_record(text: &mut String, record: &SeenRecord<'_>) -> Result<()> {
    let field =
        |bytes: Option<&[u8]>| bytes.map_or_else(|| "null".to_owned(), |bytes| format!("x{}", hex(bytes)));
    let stamp = match record.timestamp_type {
        0 => "CreateTime",
        1 => "LogAppendTime",
        _ => "NoTimestampType",
    };
    writeln!(
        text,
        "record\t{}\t{}\t{stamp}\t{}\t{}",
        record.offset,
        record.timestamp,
        field(record.key),
        field(record.value)
    )?;
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("invariant: writing to a String cannot fail");
        text
    })
}
