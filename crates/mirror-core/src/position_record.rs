//! What stands in a topic of positions on the target: positions and claims as lines of text, and what all of them say.
//!
//! A flow that may not write to its source keeps its positions in one compacted topic on the target. A console
//! consumer shows a record as (key, then value):
//!
//! ```text
//! position/1 cluster=SRC1 topic=orders partition=3 id=AAECAwQFBgcICQoLDA0ODw target=eu.orders fence=7
//! position/1 offset=1200 epoch=5 flow=eu instance=a written=1764000000000 metadata=heliostat/1%20epoch=5
//!
//! claim/1 flow=eu fence=7 instance=a
//! claim/1 written=1764000000000
//! ```
//!
//! A null value (tombstone) takes its key back. Values are escaped as in a URL where they hold blanks, `%`, control
//! characters or anything beyond ASCII. An unknown field is left out of account; an unknown version is an error, because
//! what a later version means cannot be guessed.
//!
//! **The target topic's name is part of the key.** A position says how far a source partition is on *that* topic: two
//! flows that mirror it under different names are at different places, and what was mirrored under a former name says
//! nothing of the new one ([`MirroredPartition`]). A flow that is only renamed goes on where it was: its own name is not.
//!
//! **The fence is part of the key.** Each owner of positions takes a fence above all earlier ones ([`ClaimKey`]) and
//! writes under it. The highest fence of a partition holds its position ([`StoredPositions`]); a record that an earlier
//! owner writes late has another key, so it neither hides the newer one nor lets compaction remove it. Within one fence
//! the record later in the log wins.
//!
//! - (A) What the fold says does not change when the log is compacted: it looks at the last record of each key only.
//! - (B) A tombstone under one fence never changes what stands under another.

use std::fmt;
use std::sync::Arc;

use kafka_wire::{TopicId, TopicPartition};

mod fields;
mod stored;
#[cfg(test)]
mod tests;

use self::fields::{Fields, Line};
pub use self::stored::{PositionFold, StoredClaim, StoredPosition, StoredPositions};

const POSITION: &str = "position";
const CLAIM: &str = "claim";

/// The key of any record of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PositionRecordKey {
    /// A partition's position under one fence.
    Position(PositionKey),
    /// The right to write under one fence.
    Claim(ClaimKey),
}

/// A partition of a source cluster, and the topic it is mirrored to: what there is one position of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MirroredPartition {
    /// The source cluster's id, so that a mirror of the other direction is told apart.
    pub cluster_id: String,
    /// The partition on the source.
    pub tp: TopicPartition,
    /// The topic's name on the target.
    pub target_topic: Arc<str>,
}

/// What a position belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionKey {
    /// Whose position it is.
    pub partition: MirroredPartition,
    /// The topic's id on the source; [`TopicId::ZERO`] where brokers know none (before 2.8).
    pub topic_id: TopicId,
    /// The fence of the owner that wrote it, from 0.
    pub fence: i64,
}

/// A position and who wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PositionValue {
    /// The first source offset that is not known to be on the target, from 0.
    pub offset: i64,
    /// Leader epoch of the last batch below the offset; -1 when not known.
    pub leader_epoch: i32,
    /// The text of [`position_metadata`](crate::position_metadata).
    pub metadata: String,
    /// The flow that wrote it.
    pub flow: String,
    /// The process that wrote it.
    pub instance: String,
    /// When it was written by the writer's clock, in ms since 1970: for people, nothing is decided by it.
    pub written_at_ms: i64,
}

/// A claim of a fence. The instance is part of it, so that two claims of one fence both stay in the log and can be
/// told apart: the one that is first there holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimKey {
    /// The flow that claims.
    pub flow: String,
    /// The fence claimed, from 0.
    pub fence: i64,
    /// The process that claims.
    pub instance: String,
}

/// What a claim says beside its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimValue {
    /// When it was written by the writer's clock, in ms since 1970.
    pub written_at_ms: i64,
}

/// Bytes that are no record of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PositionRecordError {
    /// Not UTF-8, or not a kind of record that this version knows.
    #[error("{found:?} begins no position and no claim")]
    Foreign {
        /// The beginning of the text.
        found: String,
    },
    /// A record of a later version of heliostat.
    #[error("a {kind} of version {version}: only version 1 is understood; a later heliostat wrote it")]
    UnknownVersion {
        /// `position` or `claim`.
        kind: &'static str,
        /// The version as it stands there.
        version: String,
    },
    /// The value under a key is of another kind than the key.
    #[error("a value that begins with {found:?} stands under the key of a {kind}")]
    OtherKind {
        /// What the key is of.
        kind: &'static str,
        /// The beginning of the value.
        found: String,
    },
    /// A field is missing.
    #[error("a {kind} without the field {field:?}")]
    Missing {
        /// `position` or `claim`.
        kind: &'static str,
        /// The name of the field.
        field: &'static str,
    },
    /// A field cannot be what it says.
    #[error("a {kind} with {field}={found}")]
    Invalid {
        /// `position` or `claim`.
        kind: &'static str,
        /// The name of the field.
        field: &'static str,
        /// The beginning of its value.
        found: String,
    },
    /// A record without a key: no compacted topic takes one.
    #[error("a record without a key")]
    NoKey,
}

// === impl PositionRecordKey ===

impl PositionRecordKey {
    /// Reads a record's key.
    ///
    /// # Errors
    /// The bytes are not ours, damaged, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PositionRecordError> {
        let (kind, fields) = Fields::parse(bytes)?;
        if kind == POSITION {
            Ok(Self::Position(PositionKey {
                partition: MirroredPartition {
                    cluster_id: fields.text("cluster")?,
                    tp: TopicPartition::new(fields.text("topic")?, fields.number("partition", 0)?),
                    target_topic: fields.text("target")?.into(),
                },
                topic_id: fields.optional("id")?.unwrap_or(TopicId::ZERO),
                fence: fields.number("fence", 0)?,
            }))
        } else {
            Ok(Self::Claim(ClaimKey {
                flow: fields.text("flow")?,
                fence: fields.number("fence", 0)?,
                instance: fields.text("instance")?,
            }))
        }
    }
}

// === impl PositionKey ===

/// The key as it stands in the log. The same key always gives the same bytes: compaction compares bytes.
impl fmt::Display for PositionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::begin(f, POSITION)?;
        let MirroredPartition {
            cluster_id,
            tp,
            target_topic,
        } = &self.partition;
        line.text("cluster", cluster_id)?;
        line.text("topic", &tp.topic)?;
        line.plain("partition", tp.partition)?;
        if !self.topic_id.is_zero() {
            line.plain("id", self.topic_id)?;
        }
        line.text("target", target_topic)?;
        line.plain("fence", self.fence)
    }
}

// === impl PositionValue ===

impl PositionValue {
    /// Reads the value under the key of a position.
    ///
    /// # Errors
    /// The bytes are not ours, damaged, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PositionRecordError> {
        let fields = Fields::parse_kind(bytes, POSITION)?;
        Ok(Self {
            offset: fields.number("offset", 0)?,
            leader_epoch: fields.optional_number("epoch", 0)?.unwrap_or(-1),
            metadata: fields.text("metadata")?,
            flow: fields.text("flow")?,
            instance: fields.text("instance")?,
            written_at_ms: fields.number("written", i64::MIN)?,
        })
    }
}

/// The value as it stands in the log.
impl fmt::Display for PositionValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::begin(f, POSITION)?;
        line.plain("offset", self.offset)?;
        if self.leader_epoch >= 0 {
            line.plain("epoch", self.leader_epoch)?;
        }
        line.text("flow", &self.flow)?;
        line.text("instance", &self.instance)?;
        line.plain("written", self.written_at_ms)?;
        line.text("metadata", &self.metadata)
    }
}

// === impl ClaimKey ===

/// The key as it stands in the log. The same key always gives the same bytes: compaction compares bytes.
impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::begin(f, CLAIM)?;
        line.text("flow", &self.flow)?;
        line.plain("fence", self.fence)?;
        line.text("instance", &self.instance)
    }
}

// === impl ClaimValue ===

impl ClaimValue {
    /// Reads the value under the key of a claim.
    ///
    /// # Errors
    /// The bytes are not ours, damaged, or of a later version.
    pub fn decode(bytes: &[u8]) -> Result<Self, PositionRecordError> {
        let fields = Fields::parse_kind(bytes, CLAIM)?;
        Ok(Self {
            written_at_ms: fields.number("written", i64::MIN)?,
        })
    }
}

/// The value as it stands in the log.
impl fmt::Display for ClaimValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line::begin(f, CLAIM)?.plain("written", self.written_at_ms)
    }
}
