//! The records of one partition that are not settled: an open batch, sealed ones behind each other, one on its way.

use std::collections::VecDeque;

use kafka_record::{BatchBuilder, Codec, CodecContexts, OutgoingBatch, RecordError, RecordHeader};
use kafka_wire::ids::ProducerIdentity;

use super::NewRecord;

/// Bytes of a record besides its fields, at most: five varints and the attributes.
const RECORD_OVERHEAD: usize = 31;
/// Bytes of a header besides its fields, at most: two varints.
const HEADER_OVERHEAD: usize = 10;

/// A batch that is ready to leave, and the lines it holds.
#[derive(Debug, Clone)]
pub(super) struct SealedBatch {
    pub(super) batch: OutgoingBatch,
    /// One for each record.
    pub(super) lines: Vec<u64>,
    /// What it takes of the buffer.
    pub(super) bytes: usize,
}

/// Who writes to a partition, and the number of the next record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) identity: ProducerIdentity,
    pub(super) sequence: i32,
}

/// Key, value and headers.
pub(super) type Fields<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, &'a [RecordHeader<'a>]);

/// What is lost when a batch cannot be compressed: its lines and bytes, and why.
pub(super) type SealFailure = (Vec<u64>, usize, RecordError);

#[derive(Debug, Default)]
pub(super) struct Lane {
    open: BatchBuilder,
    open_lines: Vec<u64>,
    open_bytes: usize,
    waiting: VecDeque<SealedBatch>,
    is_on_its_way: bool,
    /// `None` until the first delivery, and after one whose outcome is unknown.
    stamp: Option<Stamp>,
}

// === impl Lane ===

impl Lane {
    /// Would this record make the open batch too large? An empty batch takes any record.
    pub(super) fn would_exceed(&self, record: &NewRecord, batch_bytes: usize) -> bool {
        !self.open.is_empty() && self.open.len_bytes() + size(record) > batch_bytes
    }

    /// Adds a record; answers with the bytes it takes of the buffer.
    pub(super) fn push(&mut self, line: u64, timestamp: i64, (key, value, headers): Fields<'_>) -> usize {
        let before = self.open.len_bytes();
        self.open.push_fields(timestamp, key, value, headers);
        self.open_lines.push(line);
        let bytes = self.open.len_bytes() - before + size_of::<u64>();
        self.open_bytes += bytes;
        bytes
    }

    /// Closes the open batch. `false` if there is none.
    pub(super) fn seal(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        codecs: &mut CodecContexts,
    ) -> Result<bool, SealFailure> {
        if self.open.is_empty() {
            return Ok(false);
        }
        let lines = std::mem::take(&mut self.open_lines);
        let bytes = std::mem::take(&mut self.open_bytes);
        match self.open.finish(codec, level, codecs) {
            Ok(batch) => {
                self.waiting.push_back(SealedBatch { batch, lines, bytes });
                Ok(true)
            }
            Err(reason) => Err((lines, bytes, reason)),
        }
    }

    /// The next batch to send, if none is on its way.
    pub(super) fn start_next(&mut self) -> Option<(SealedBatch, Option<Stamp>)> {
        if self.is_on_its_way {
            return None;
        }
        let next = self.waiting.pop_front()?;
        self.is_on_its_way = true;
        Some((next, self.stamp))
    }

    /// The batch on its way is settled; the next one continues with this stamp.
    pub(super) fn delivered(&mut self, stamp: Option<Stamp>) {
        self.is_on_its_way = false;
        self.stamp = stamp;
    }
}

/// Bytes a record takes in a batch, at most.
fn size(record: &NewRecord) -> usize {
    let length = |field: &Option<Vec<u8>>| field.as_ref().map_or(0, Vec::len);
    let headers = record
        .headers
        .iter()
        .map(|(key, value)| key.len() + length(value) + HEADER_OVERHEAD);
    RECORD_OVERHEAD + length(&record.key) + length(&record.value) + headers.sum::<usize>()
}
