//! What the router answers.

use std::ops::RangeInclusive;

use kafka_record::OutgoingBatch;

/// One piece of the router's answer. A call answers with the entry of the batch it took in first, then with target
/// batches; for each pair of source and target partition these are in the order of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Routed {
    /// The source batch was taken in.
    Entry(Entry),
    /// A batch for the target.
    Batch(RoutedBatch),
}

/// One source batch, as progress counts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its number: 0, 1, 2, … per source partition and router.
    pub entry: u64,
    /// Offset of its first record.
    pub base_offset: i64,
    /// Its checksum, found to be right. Of message formats 0 and 1 that of the last entry, or of the wrapper.
    pub crc: u32,
    /// The offset under which the log shows that checksum: the base offset, or in formats 0 and 1, where an entry is known
    /// by the offset of its last record, that one.
    pub crc_at: i64,
    /// Where the source goes on after it.
    pub next_offset: i64,
    /// Its partition leader epoch; -1 when unknown.
    pub leader_epoch: i32,
    /// Its bytes on the source, header included.
    pub bytes: usize,
    /// Records that go on to the target.
    pub records: u32,
    /// Records that go on without the headers they had.
    pub headers_stripped: u32,
    /// Records that do not, and why.
    pub dropped: DropCounts,
}

/// A batch on its way to one target partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoutedBatch {
    /// The target partition.
    pub target_partition: i32,
    /// The batch, to be stamped by the producer.
    pub batch: OutgoingBatch,
    /// The entries whose records it carries. Entries in between may have none in it; counting them as well holds
    /// nothing back that the first one does not hold back anyway.
    pub entries: RangeInclusive<u64>,
    /// How it came about.
    pub answer: Answer,
    /// Source offset of its first record, or a lower bound of it.
    pub first_source_offset: i64,
    /// Source offset of its last record, or an upper bound of it.
    pub last_source_offset: i64,
}

/// How a target batch came about, cheapest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// As it came: only the header is new.
    Forward,
    /// As it came, after its keys were read and all led to one partition.
    ForwardAfterLook,
    /// The records of one source batch in a new frame.
    Reframe,
    /// The records of one message set of format 0 or 1.
    UpConvert,
    /// Some records of one source batch, chosen by key.
    Split,
    /// Records of several source batches.
    Merge,
}

/// Records of one source batch that are not mirrored, by reason.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DropCounts {
    /// Transaction markers and other control records.
    pub control: u32,
    /// Records of an aborted transaction, under `read_committed`.
    pub aborted: u32,
    /// Records below the position: a fetch returns whole batches.
    pub already_mirrored: u32,
    /// Records the caller decided to skip because the target takes none that large.
    pub too_large: u32,
    /// 1 for a batch that compaction has emptied; it moves the position all the same.
    pub empty_batches: u32,
}

// === impl Answer ===

impl Answer {
    /// A name for metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::ForwardAfterLook => "forward_after_look",
            Self::Reframe => "reframe",
            Self::UpConvert => "up_convert",
            Self::Split => "split",
            Self::Merge => "merge",
        }
    }
}

// === impl DropCounts ===

impl DropCounts {
    /// Is nothing dropped?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
