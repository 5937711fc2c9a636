//! What a race found, as a table with units or as JSON.

use std::fmt::{self, Write};

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::plan::{Codec, Leg, Peer};
use crate::verdict;

/// One leg's figures. A GB is 10^9 bytes of uncompressed values, an MB 10^6 bytes.
#[derive(Debug, Clone)]
pub struct Row {
    pub leg: Leg,
    /// Of the mirror's process tree, from its start to the last record.
    pub cpu_seconds_per_gb: f64,
    pub peak_memory_mb: f64,
    pub first_record_seconds: f64,
    /// From the first record to the last.
    pub mb_per_second: f64,
    /// From SIGTERM to the exit.
    pub stop_seconds: f64,
    pub source_broker_seconds_per_gb: f64,
    pub target_broker_seconds_per_gb: f64,
    /// Record counts per partition were compared in every row; in this one every key, value and timestamp, too.
    pub checksum_compared: bool,
}

/// The limit lines over one source topic, in CPU-seconds per GB of uncompressed values.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub codec: Codec,
    /// Uncompressed bytes per byte on the wire.
    pub compression: f64,
    /// (a)
    pub read_write: f64,
    /// (b)
    pub frames_with_crc: f64,
}

/// All of a race.
#[derive(Debug)]
pub struct Report {
    pub machine: Machine,
    pub gigabytes: f64,
    pub limits: Vec<Limits>,
    pub rows: Vec<Row>,
}

const HEADINGS: &str = "\
| codec | mode | peer | CPU-s/GB | of MM1 | x relay (a) | x frames+CRC (b) | peak RSS MB | first record s | MB/s | SIGTERM to exit s | source broker CPU-s/GB | target broker CPU-s/GB | checked |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|
";

// === impl Report ===

impl Report {
    /// CPU of `row` as a share of `MirrorMaker` 1's on the same work in this race, if it ran.
    pub fn share_of_mirror_maker(&self, row: &Row) -> Option<f64> {
        let wanted = Leg {
            peer: Peer::MirrorMaker1,
            mode: row.leg.mode.of_mirror_maker(),
            ..row.leg
        };
        let theirs = self.rows.iter().find(|other| other.leg == wanted)?;
        Some(row.cpu_seconds_per_gb / theirs.cpu_seconds_per_gb)
    }

    fn limits_of(&self, codec: Codec) -> Option<&Limits> {
        self.limits.iter().find(|limits| limits.codec == codec)
    }

    pub fn json(&self) -> Value {
        let limits: Vec<Value> = self
            .limits
            .iter()
            .map(|limits| {
                json!({
                    "codec": limits.codec.to_string(), "compression": limits.compression,
                    "read_write_cpu_s_per_gb": limits.read_write, "frames_with_crc_cpu_s_per_gb": limits.frames_with_crc,
                })
            })
            .collect();
        let verdicts: Vec<Value> = verdict::of(self)
            .iter()
            .map(|verdict| json!({"goal": verdict.goal, "met": verdict.met, "found": verdict.found}))
            .collect();
        json!({
            "machine": self.machine.json(), "gigabytes": self.gigabytes, "limits": limits,
            "rows": self.rows.iter().map(|row| self.row_json(row)).collect::<Vec<_>>(), "verdicts": verdicts,
        })
    }

    fn row_json(&self, row: &Row) -> Value {
        let leg = row.leg;
        json!({
            "codec": leg.codec.to_string(), "mode": leg.mode.to_string(), "peer": leg.peer.to_string(),
            "cpu_s_per_gb": row.cpu_seconds_per_gb, "share_of_mirror_maker_1": self.share_of_mirror_maker(row),
            "peak_rss_mb": row.peak_memory_mb, "first_record_s": row.first_record_seconds,
            "mb_per_s": row.mb_per_second, "sigterm_to_exit_s": row.stop_seconds,
            "source_broker_cpu_s_per_gb": row.source_broker_seconds_per_gb,
            "target_broker_cpu_s_per_gb": row.target_broker_seconds_per_gb,
            "checksum_compared": row.checksum_compared,
        })
    }

    fn write_row(&self, row: &Row, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let leg = row.leg;
        let share = match leg.peer {
            Peer::MirrorMaker1 => None,
            Peer::Heliostat => self.share_of_mirror_maker(row),
        };
        let limits = self.limits_of(leg.codec);
        let checked = if row.checksum_compared {
            "counts, bytes"
        } else {
            "counts"
        };
        writeln!(
            f,
            "| {} | {} | {} | {:.2} | {} | {} | {} | {:.0} | {:.3} | {:.0} | {:.3} | {:.2} | {:.2} | {checked} |",
            leg.codec,
            leg.mode,
            leg.peer,
            row.cpu_seconds_per_gb,
            or_dash(share.map(|share| format!("1/{:.1}", 1.0 / share))),
            or_dash(limits.map(|limits| format!("{:.1}", row.cpu_seconds_per_gb / limits.read_write))),
            or_dash(limits.map(|limits| format!("{:.1}", row.cpu_seconds_per_gb / limits.frames_with_crc))),
            row.peak_memory_mb,
            row.first_record_seconds,
            row.mb_per_second,
            row.stop_seconds,
            row.source_broker_seconds_per_gb,
            row.target_broker_seconds_per_gb,
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.machine)?;
        writeln!(
            f,
            "{} GB of 1000 B values with 36 B keys, 8 source partitions, Kafka 3.9.2 on both sides\n",
            self.gigabytes
        )?;
        for limits in &self.limits {
            writeln!(
                f,
                "{}: {:.2} bytes per byte on the wire; relay (a) {:.3} CPU-s/GB, frames with CRC (b) {:.3} CPU-s/GB",
                limits.codec, limits.compression, limits.read_write, limits.frames_with_crc
            )?;
        }
        f.write_char('\n')?;
        f.write_str(HEADINGS)?;
        for row in &self.rows {
            self.write_row(row, f)?;
        }
        f.write_char('\n')?;
        for verdict in verdict::of(self) {
            let word = if verdict.met { "met" } else { "MISSED" };
            writeln!(f, "{word}: {}: {}", verdict.goal, verdict.found)?;
        }
        Ok(())
    }
}

fn or_dash(text: Option<String>) -> String {
    text.unwrap_or_else(|| "-".to_owned())
}
