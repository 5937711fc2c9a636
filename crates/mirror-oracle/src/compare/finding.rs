//! What can be wrong with a mirror, in words that name the place, the field and both values.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use crate::dump::SeenRecord;

/// Where a record stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// No target record for this source record.
    Lost {
        source: Place,
        record: String,
    },
    /// The record's first copy had come before, and duplicates are forbidden.
    Doubled {
        source: Place,
        target: Place,
    },
    /// The record's first copy comes after a later record of its source partition.
    OutOfOrder {
        source: Place,
        target: Place,
    },
    /// The record is there, but one field differs.
    Altered {
        source: Place,
        target: Place,
        field: &'static str,
        source_value: String,
        target_value: String,
    },
    /// The record is in another partition than the rule says.
    WrongPartition {
        source: Place,
        target: Place,
        expected: i32,
    },
    /// The record is in another topic than its own.
    WrongTopic {
        source: Place,
        target: Place,
        expected: String,
    },
    /// A target record that no source record accounts for.
    Extra {
        target: Place,
        record: String,
    },
    UnexpectedTopic {
        name: String,
    },
    TooManyDuplicates {
        found: u64,
        max: u64,
    },
}

/// Findings as they come: all are counted, the first ones kept.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<&'static str, u64>,
}

/// All that is wrong; its text shows the first findings and counts the rest.
#[derive(Debug)]
pub struct Mismatch {
    /// At most a thousand of them.
    pub findings: Vec<Finding>,
    /// How many there are of each kind, see [`Finding::kind`].
    pub counts: BTreeMap<&'static str, u64>,
    /// Source partitions hold records that are equal in everything, so that the findings may name the wrong ones.
    pub ambiguous: bool,
}

const SHOWN: usize = 20;
const KEPT: usize = 1000;

// === impl Finding ===

impl Finding {
    /// The kind's name: what a count is about.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "lost",
            Self::Doubled { .. } => "doubled",
            Self::OutOfOrder { .. } => "out of order",
            Self::Altered { .. } => "altered",
            Self::WrongPartition { .. } => "in the wrong partition",
            Self::WrongTopic { .. } => "in the wrong topic",
            Self::Extra { .. } => "extra",
            Self::UnexpectedTopic { .. } => "unexpected topic",
            Self::TooManyDuplicates { .. } => "too many duplicates",
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Lost { source, record } => write!(f, "{kind}: source {source}: {record}"),
            Self::Doubled { source, target } | Self::OutOfOrder { source, target } => {
                write!(f, "{kind}: source {source} at target {target}")
            }
            Self::Altered {
                source,
                target,
                field,
                source_value,
                target_value,
            } => write!(
                f,
                "{kind}: {field} of source {source} at target {target}: source {source_value}, target {target_value}"
            ),
            Self::WrongPartition {
                source,
                target,
                expected,
            } => {
                write!(
                    f,
                    "{kind}: source {source} at target {target}, belongs in partition {expected}"
                )
            }
            Self::WrongTopic {
                source,
                target,
                expected,
            } => {
                write!(
                    f,
                    "{kind}: source {source} at target {target}, belongs in {expected}"
                )
            }
            Self::Extra { target, record } => write!(f, "{kind}: target {target}: {record}"),
            Self::UnexpectedTopic { name } => write!(f, "{kind}: {name}"),
            Self::TooManyDuplicates { found, max } => write!(f, "{kind}: {found}, at most {max} allowed"),
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{} offset {}", self.topic, self.partition, self.offset)
    }
}

// === impl Findings ===

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        *self.counts.entry(finding.kind()).or_default() += 1;
        if self.kept.len() < KEPT {
            self.kept.push(finding);
        }
    }

    pub(super) fn append(&mut self, other: Self) {
        self.kept.extend(other.kept);
        self.kept.truncate(KEPT);
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    pub(super) fn into_mismatch(self, ambiguous: bool) -> Mismatch {
        Mismatch {
            findings: self.kept,
            counts: self.counts,
            ambiguous,
        }
    }
}

// === impl Mismatch ===

impl Display for Mismatch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self
            .counts
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        write!(f, "the target is not the source's mirror: {}", counts.join(", "))?;
        for finding in self.findings.iter().take(SHOWN) {
            write!(f, "\n  {finding}")?;
        }
        let all: u64 = self.counts.values().sum();
        if all > SHOWN as u64 {
            write!(f, "\n  ... and {} more", all - SHOWN as u64)?;
        }
        if self.ambiguous {
            write!(
                f,
                "\n  (source partitions hold equal records: number them, or the places may be wrong)"
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}

/// The first field in which two records differ: its name and both values. The partition is not looked at.
pub(super) fn difference(
    source: &SeenRecord<'_>,
    target: &SeenRecord<'_>,
    with_timestamp: bool,
) -> Option<(&'static str, String, String)> {
    if source.key != target.key {
        return Some(("key", bytes(source.key), bytes(target.key)));
    }
    if source.value != target.value {
        return Some(("value", bytes(source.value), bytes(target.value)));
    }
    if source.headers != target.headers {
        return Some(("headers", headers(source), headers(target)));
    }
    if with_timestamp && source.timestamp != target.timestamp {
        return Some((
            "timestamp",
            source.timestamp.to_string(),
            target.timestamp.to_string(),
        ));
    }
    None
}

/// In how many of the four fields two records agree.
pub(super) fn agreement(source: &SeenRecord<'_>, target: &SeenRecord<'_>) -> usize {
    usize::from(source.key == target.key)
        + usize::from(source.value == target.value)
        + usize::from(source.headers == target.headers)
        + usize::from(source.timestamp == target.timestamp)
}

pub(super) fn describe(record: &SeenRecord<'_>) -> String {
    format!(
        "key {}, value {}, headers {}, timestamp {}",
        bytes(record.key),
        bytes(record.value),
        headers(record),
        record.timestamp
    )
}

fn headers(record: &SeenRecord<'_>) -> String {
    let list: Vec<String> = record
        .headers
        .iter()
        .map(|(name, value)| format!("{}={}", bytes(Some(name)), bytes(*value)))
        .collect();
    format!("[{}]", list.join(", "))
}

fn bytes(bytes: Option<&[u8]>) -> String {
    const SHOWN_BYTES: usize = 60;
    match bytes {
        None => "null".to_owned(),
        Some(bytes) if bytes.len() <= SHOWN_BYTES => format!("\"{}\"", bytes.escape_ascii()),
        Some(bytes) => format!(
            "\"{}\"... ({} bytes)",
            bytes[..SHOWN_BYTES].escape_ascii(),
            bytes.len()
        ),
    }
}
