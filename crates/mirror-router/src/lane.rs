//! The merge buffer of one target partition.

use kafka_record::{BatchBuilder, Codec, RecordBatch};

use crate::routed::Answer;

/// What waits to leave for one target partition: nothing, one small batch as it came, or records.
///
/// A small batch is kept whole until company arrives, so that one that stays alone is forwarded at no cost.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) content: Content,
    /// The codec the content leaves with.
    pub(crate) codec: Codec,
    pub(crate) origin: Origin,
}

#[derive(Debug)]
pub(crate) enum Content {
    Empty,
    Whole(RecordBatch),
    Records(BatchBuilder),
}

/// Where a lane's content comes from on the source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) first_entry: u64,
    pub(crate) last_entry: u64,
    pub(crate) first_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) answer: Answer,
}

// === impl Lane ===

impl Lane {
    pub(crate) fn empty() -> Self {
        let origin = Origin {
            first_entry: 0,
            last_entry: 0,
            first_offset: 0,
            last_offset: 0,
            answer: Answer::Forward,
        };
        Self {
            content: Content::Empty,
            codec: Codec::None,
            origin,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self.content, Content::Empty)
    }

    /// Bytes of memory that wait here, roughly.
    pub(crate) fn bytes(&self) -> usize {
        match &self.content {
            Content::Empty => 0,
            Content::Whole(batch) => batch.size(),
            Content::Records(builder) => builder.len_bytes(),
        }
    }
}

// === impl Origin ===

impl Origin {
    /// A whole source batch, offsets without gaps.
    pub(crate) fn of_batch(batch: &RecordBatch, entry: u64, answer: Answer) -> Self {
        Self {
            first_entry: entry,
            last_entry: entry,
            first_offset: batch.header.base_offset,
            last_offset: batch.header.last_offset(),
            answer,
        }
    }

    /// One record.
    pub(crate) fn of_record(offset: i64, entry: u64, answer: Answer) -> Self {
        Self {
            first_entry: entry,
            last_entry: entry,
            first_offset: offset,
            last_offset: offset,
            answer,
        }
    }

    /// The record at `offset`, of a batch with this entry number, joins.
    #[inline]
    pub(crate) fn extend(&mut self, offset: i64, entry: u64) {
        if entry != self.last_entry {
            self.last_entry = entry;
            self.answer = Answer::Merge;
        }
        self.last_offset = offset;
    }
}
