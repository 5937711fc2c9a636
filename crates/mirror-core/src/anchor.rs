//! Proof that a position and the target's log still belong together: the last mirrored batch, recognised on both sides.
//!
//! A position alone says how far the source was read. It does not notice that the target lost what was written (an
//! unclean election, a topic deleted and created anew by a consumer's auto-creation), nor, before topic ids existed
//! (2.8), that the source's topic is another one under the same name. So an [`Anchor`] travels with the position: where the
//! last batch lies on both sides, and its checksum there. At the start, and whenever a leader epoch of the target
//! changes, the batch is read back and [`Anchor::judge`] compares.
//!
//! The checksum of a record batch (CRC-32C) covers everything from the attributes on, hence neither the base offset nor
//! the leader epoch, which are the broker's to write (`DefaultRecordBatch.java`). So the log holds the very checksum that
//! was sent, unless the broker wrote the batch anew ([`TopicFacts`]). The same is true of the CRC-32 of an entry of message
//! format 0 or 1. Such an entry is known by one offset, that of its last record, which stands for both ends of its range
//! here; of several entries, the last one is the anchor.

use kafka_wire::TopicId;

use crate::halt::{HaltReason, Side};

mod text;

pub(crate) use self::text::AnchorFields;

/// The last mirrored batch, on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The batch on the source; of a merged batch, the last one that went into it.
    pub source: SourceAnchor,
    /// The batch on the target that carries its records, or some of them.
    pub target: TargetAnchor,
}

/// A batch in a partition of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceAnchor {
    /// Offset of its first record; not negative. Of an entry of format 0 or 1 that of its last record.
    pub base_offset: i64,
    /// Offset of its last record as its header counts; never below `base_offset`.
    pub last_offset: i64,
    /// Its checksum as it was fetched.
    pub crc: u32,
}

/// A batch in a partition of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetAnchor {
    /// Number of the target partition; not negative.
    pub partition: i32,
    /// Offset of its first record, as the ack gave it; not negative. Of a message set that of its last record.
    pub base_offset: i64,
    /// Records in it; at least 1. Brokers accept only dense batches, so they take as many offsets. 1 for a message set.
    pub record_count: i32,
    /// Its checksum as it was sent.
    pub crc: u32,
    /// The target topic's id; [`TopicId::ZERO`] where brokers know none (before 2.8).
    pub topic_id: TopicId,
}

/// What a log shows now at the place of an anchor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundLog {
    /// The topic's id; [`TopicId::ZERO`] where it is not known.
    pub topic_id: TopicId,
    /// The first offset still kept.
    pub log_start: i64,
    /// The end of what is replicated, exclusive. It must be confirmed by `ListOffsets`: right after an election the high
    /// watermark in a fetch answer may lie below what was acknowledged long ago (KIP-207), and nothing is lost then.
    pub log_end: i64,
    /// The first batch that ends at or behind the anchor's base offset; `None` if there is none.
    pub batch: Option<FoundBatch>,
}

/// A batch that was read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundBatch {
    /// Format of the batch: 2, or 0 and 1 for entries as they were before 0.11.
    pub magic: i8,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Offset of its last record as its header counts.
    pub last_offset: i64,
    /// Records in it.
    pub record_count: i32,
    /// Its checksum, found to be right.
    pub crc: u32,
    /// The idempotent producer that wrote it; -1 if none.
    pub producer_id: i64,
}

/// Settings of a topic by which a broker writes batches anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TopicFacts {
    /// `cleanup.policy` contains `compact`: batches shrink, become empty, or vanish, each with a new checksum, but none ever
    /// changes its range of offsets (`MemoryRecords.filterTo`).
    pub compacted: bool,
    /// `compression.type` is not `producer`, or `message.timestamp.type` is `LogAppendTime`: a batch is written anew when it
    /// is appended, with the same offsets and records (`LogValidator`). Concerns what we append, thus the target only.
    pub re_encodes: bool,
}

/// What the comparison says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnchorVerdict {
    /// The batch is there, unchanged.
    Holds,
    /// The batch was deleted from the log's start (retention, or `DeleteRecords`), as the topic's settings provide.
    Gone,
    /// Nothing speaks against the log, and nothing proves it: go on, and say so once.
    NotComparable(NotComparable),
    /// This is not the log that was read or written. Offsets are those of the side that was judged.
    Mismatch {
        /// First offset that is missing or not the one expected.
        from: i64,
        /// Behind the last offset that was expected here.
        to: i64,
        /// What was expected and what is there, for the operator.
        detail: String,
    },
}

/// Why a batch that is not the same proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotComparable {
    /// Compaction rewrote or removed it.
    Compacted,
    /// The broker wrote it anew when it was appended: its offsets and its record count agree, and no more can be said.
    ReEncoded,
    /// It stands in the target's log in a format from before 0.11, which a broker made of it (`message.format.version`), or was
    /// sent in such a format and a broker made a batch of today of it.
    OldFormat,
}

/// One side of an anchor in the terms that both sides share.
struct Expected {
    base_offset: i64,
    last_offset: i64,
    crc: u32,
    /// Where it is known.
    record_count: Option<i32>,
    topic_id: TopicId,
    re_encoded: bool,
    /// The broker may keep it in a format from before 0.11.
    may_be_converted: bool,
}

// === impl Anchor ===

impl Anchor {
    /// Compares one side of the anchor with what was read back there. The first row that applies decides:
    ///
    /// | row | what was found | verdict |
    /// |---|---|---|
    /// | A | both topic ids are known and differ (target) | mismatch from 0: all that was written is gone |
    /// | B | the log ends at or below the batch's last offset | mismatch from the log's end |
    /// | C | the log starts above the batch's base offset | gone |
    /// | D | base offset, last offset and checksum agree | holds |
    /// | E | an entry of a format from before 0.11; compacted, or on the target | not comparable |
    /// | F | compacted; nothing covers the batch's offsets | not comparable |
    /// | G | compacted; the same range of offsets, and no more records than expected | not comparable |
    /// | H | re-encoded (target); the same range of offsets, and the same number of records | not comparable |
    /// | I | what may be a message set that the broker raised (target): a batch without a producer id that ends at the same offset and begins no later, for an anchor of one record | not comparable |
    /// | J | anything else | mismatch from the batch's base offset |
    ///
    /// The mismatch of row J says where the logs are known to differ; they may do so below that as well.
    pub fn judge(&self, side: Side, found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
        match side {
            Side::Source => self.source.judge(found, facts),
            Side::Target => self.target.judge(found, facts),
        }
    }
}

// === impl SourceAnchor ===

impl SourceAnchor {
    /// As [`Anchor::judge`], for the source.
    pub fn judge(&self, found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
        self.expected().judge(found, facts)
    }

    fn expected(&self) -> Expected {
        Expected {
            base_offset: self.base_offset,
            last_offset: self.last_offset,
            crc: self.crc,
            record_count: None,
            // A new id of the source's topic is found with the position itself, before any anchor is looked at.
            topic_id: TopicId::ZERO,
            re_encoded: false,
            may_be_converted: false,
        }
    }
}

// === impl TargetAnchor ===

impl TargetAnchor {
    /// Offset of the batch's last record on the target.
    pub fn last_offset(&self) -> i64 {
        self.base_offset
            .saturating_add(i64::from(self.record_count))
            .saturating_sub(1)
    }

    /// As [`Anchor::judge`], for the target.
    pub fn judge(&self, found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
        self.expected(facts).judge(found, facts)
    }

    fn expected(&self, facts: TopicFacts) -> Expected {
        Expected {
            base_offset: self.base_offset,
            last_offset: self.last_offset(),
            crc: self.crc,
            record_count: Some(self.record_count),
            topic_id: self.topic_id,
            re_encoded: facts.re_encodes,
            may_be_converted: true,
        }
    }
}

// === impl AnchorVerdict ===

impl AnchorVerdict {
    /// The reason to halt that this verdict gives about `side`, if it gives one.
    pub fn halt_reason(self, side: Side) -> Option<HaltReason> {
        match self {
            Self::Mismatch { from, to, detail } => Some(HaltReason::AnchorMismatch {
                side,
                from,
                to,
                detail,
            }),
            Self::Holds | Self::Gone | Self::NotComparable(_) => None,
        }
    }
}

// === impl NotComparable ===

impl NotComparable {
    /// The reason in words that go on after "the last mirrored batch cannot be compared:".
    pub fn reason(self) -> &'static str {
        match self {
            Self::Compacted => "the topic is compacted",
            Self::ReEncoded => {
                "the broker writes batches anew (compression.type or message.timestamp.type of the topic)"
            }
            Self::OldFormat => "the log keeps a message format from before Kafka 0.11",
        }
    }
}

// === impl Expected ===

impl Expected {
    fn judge(&self, found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
        let Self {
            base_offset,
            last_offset,
            topic_id,
            ..
        } = *self;
        if !topic_id.is_zero() && !found.topic_id.is_zero() && topic_id != found.topic_id {
            let detail = format!(
                "the topic was made anew on the target: the topic's id was {topic_id} and is {}",
                found.topic_id
            );
            return self.mismatch(0, &detail);
        }
        if found.log_end <= last_offset {
            let detail = format!("the log ends at offset {}", found.log_end);
            return self.mismatch(found.log_end, &detail);
        }
        if found.log_start > base_offset {
            return AnchorVerdict::Gone;
        }
        match found.batch {
            Some(batch) if self.is(&batch) => AnchorVerdict::Holds,
            // The cleaner writes wrappers anew, and up to 0.10 also in another format; their offsets may change as well.
            Some(batch) if batch.magic < 2 && facts.compacted => {
                AnchorVerdict::NotComparable(NotComparable::Compacted)
            }
            Some(batch) if batch.magic < 2 && self.may_be_converted => {
                AnchorVerdict::NotComparable(NotComparable::OldFormat)
            }
            Some(batch) if batch.base_offset <= last_offset => self.judge_other(&batch, facts),
            // A gap: what covered these offsets is gone, and only compaction takes from the middle of a log.
            Some(_) | None if facts.compacted => AnchorVerdict::NotComparable(NotComparable::Compacted),
            Some(batch) => {
                let detail = format!(
                    "no batch is there, the next one starts at offset {}",
                    batch.base_offset
                );
                self.mismatch(base_offset, &detail)
            }
            None => self.mismatch(base_offset, "no batch is there"),
        }
    }

    fn is(&self, batch: &FoundBatch) -> bool {
        self.has_range_of(batch) && batch.crc == self.crc
    }

    fn has_range_of(&self, batch: &FoundBatch) -> bool {
        batch.base_offset == self.base_offset && batch.last_offset == self.last_offset
    }

    /// Once a topic's `message.format.version` is 0.11 or later, a broker makes one record batch of each message set it is
    /// sent (`LogValidator.convertAndAssignOffsetsNonCompressed`, `buildRecordsAndAssignOffsets`). The anchor of a set is its
    /// last record, whose offset stays; what was sent before it in the set now lies in the same batch. Sets have no place
    /// for a producer id, and the batch has none either.
    fn may_have_become(&self, batch: &FoundBatch) -> bool {
        self.record_count == Some(1)
            && batch.producer_id == -1
            && batch.last_offset == self.last_offset
            && batch.base_offset <= self.base_offset
    }

    /// Rows G to J: another batch covers the offsets.
    fn judge_other(&self, batch: &FoundBatch, facts: TopicFacts) -> AnchorVerdict {
        if self.has_range_of(batch) {
            let may_shrink = self.record_count.is_none_or(|count| batch.record_count <= count);
            if facts.compacted && may_shrink {
                return AnchorVerdict::NotComparable(NotComparable::Compacted);
            }
            if self.re_encoded && self.record_count == Some(batch.record_count) {
                return AnchorVerdict::NotComparable(NotComparable::ReEncoded);
            }
        }
        if self.may_be_converted && self.may_have_become(batch) {
            return AnchorVerdict::NotComparable(NotComparable::OldFormat);
        }
        let detail = format!(
            "another batch is there: offsets {} to {}, {} records, checksum {:08x}",
            batch.base_offset, batch.last_offset, batch.record_count, batch.crc
        );
        self.mismatch(self.base_offset, &detail)
    }

    fn mismatch(&self, from: i64, detail: &str) -> AnchorVerdict {
        AnchorVerdict::Mismatch {
            from,
            to: self.last_offset.saturating_add(1),
            detail: format!(
                "the last mirrored batch stood at offsets {} to {} with checksum {:08x}; {detail}",
                self.base_offset, self.last_offset, self.crc
            ),
        }
    }
}

#[cfg(test)]
mod tests;
