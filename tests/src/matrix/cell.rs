//! One cell of the matrix: from one source to one target.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::load::{Filled, FilledTopic};
use crate::admin::{Isolation, NewTopic};
use crate::heliostat::Heliostat;
use crate::jars::{self, KafkaVersion};
use crate::mirroring::Mirroring;
use crate::oracle::{Rule, compare};
use crate::scenario::Side;

const LIMIT: Duration = Duration::from_mins(2);
/// Partitions of the target's topics where records are partitioned by key.
const OTHER_PARTITIONS: i32 = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Preserve,
    /// To [`OTHER_PARTITIONS`].
    ByKey,
}

/// What became of a source's records on a target.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Records that are equal on both sides, over all modes.
    pub records: u64,
    /// Why topics were refused: words that the refusal names.
    pub refused: Vec<&'static str>,
}

// === impl Cell ===

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.records)?;
        for word in &self.refused {
            write!(f, " -{word}")?;
        }
        Ok(())
    }
}

/// Topics of this source begin so, on all targets.
pub(super) fn prefix(source: &Side) -> String {
    format!("from-{}_", source.version)
}

pub(super) fn run(filled: &Filled, source: &Side, target: &Side) -> Result<Cell> {
    let version = KafkaVersion::find(target.version)?;
    let (refused, carried): (Vec<&FilledTopic>, Vec<&FilledTopic>) = filled
        .topics
        .iter()
        .partition(|topic| refusal(topic, version).is_some());
    let mut cell = Cell::default();
    let (keyed, plain): (Vec<&FilledTopic>, Vec<&FilledTopic>) =
        carried.into_iter().partition(|topic| topic.keyed);
    cell.records += mirror(&plain, source, target, Mode::Preserve)?;
    if !keyed.is_empty() {
        cell.records += mirror(&keyed, source, target, Mode::ByKey)?;
    }
    for topic in refused {
        let word = refusal(topic, version).context("invariant: it is refused")?;
        is_refused(topic, word, source, target).with_context(|| topic.name.clone())?;
        if !cell.refused.contains(&word) {
            cell.refused.push(word);
        }
    }
    Ok(cell)
}

/// What a target of this era cannot hold, in the word that its refusal must name.
fn refusal(topic: &FilledTopic, target: &KafkaVersion) -> Option<&'static str> {
    // The codec is seen before a record is.
    if !target.codecs(target.newest_format()).contains(&topic.codec) {
        Some("zstd")
    } else if topic.headers && target.predates_record_batches() {
        Some("header")
    } else {
        None
    }
}

fn mirroring(source: &Side, target: &Side, kind: &str, topics: &[&FilledTopic]) -> Mirroring {
    let group = format!("matrix-{}-{}-{kind}", source.version, target.version);
    let names: Vec<_> = topics.iter().map(|topic| topic.name.as_str()).collect();
    Mirroring::new(&source.bootstrap, &target.bootstrap, &group, &names.join("|"))
}

/// Mirrors these topics to their end and compares every record; gives their number.
fn mirror(topics: &[&FilledTopic], source: &Side, target: &Side, mode: Mode) -> Result<u64> {
    let names: Vec<String> = topics.iter().map(|topic| topic.name.clone()).collect();
    let (mirroring, rule) = match mode {
        Mode::Preserve => (
            mirroring(source, target, "preserve", topics).preserve(),
            Rule::preserve(),
        ),
        Mode::ByKey => (
            mirroring(source, target, "by-key", topics),
            Rule::by_key(OTHER_PARTITIONS),
        ),
    };
    make_topics(topics, target, mode)?;
    Heliostat::run_to_the_end(&mirroring, &names, LIMIT)?;
    let written = source.admin().dump(&names, Isolation::ReadUncommitted)?;
    let mut read = target.admin().dump(&names, Isolation::ReadUncommitted)?;
    // Other topics of the cluster are those of other cells.
    read.cluster_topics = None;
    let agreement = compare(&written, &read, &rule)?;
    are_of_the_targets_era(&names, target)?;
    Ok(agreement.records)
}

/// Makes the target's topics where the mirror cannot (0.10.0 has no API for it), or where they are to differ from the source's.
fn make_topics(topics: &[&FilledTopic], target: &Side, mode: Mode) -> Result<()> {
    for topic in topics {
        let partitions = match mode {
            Mode::Preserve => topic.partitions,
            Mode::ByKey => OTHER_PARTITIONS,
        };
        if mode == Mode::ByKey || target.version == jars::V0_10_0_1 {
            target
                .admin()
                .create_topic(&NewTopic::new(&topic.name, partitions))?;
        }
    }
    Ok(())
}

fn are_of_the_targets_era(topics: &[String], target: &Side) -> Result<()> {
    let newest = KafkaVersion::find(target.version)?.newest_format();
    for topic in topics {
        let stored = target.stored_entries(topic)?;
        ensure!(
            stored.iter().all(|entry| entry.format == newest),
            "{topic} is kept in other formats than v{newest}: {stored:?}"
        );
    }
    Ok(())
}

/// A mirror of this topic alone halts by name. What it wrote before the record in question may stay.
fn is_refused(topic: &FilledTopic, word: &str, source: &Side, target: &Side) -> Result<()> {
    make_topics(&[topic], target, Mode::Preserve)?;
    let mirroring = mirroring(source, target, &topic.name, &[topic]).preserve();
    let mut mirror = Heliostat::start(&mirroring)?;
    mirror.wait_for_line(&["is halted", word, &topic.name], LIMIT)?;
    mirror.kill()
}
