//! Reading a log: what a fetch gets, and which offset belongs to a time.
//!
//! Rules of Kafka's `LogSegment.java` and `ReplicaManager.scala`:
//! (A) what is read begins with the whole batch that contains the offset;
//! (B) it ends where the byte limit falls, in the middle of a batch if need be;
//! (C) a first batch above the limit comes whole if the caller says so, else nothing comes (Fetch v3+);
//! (D) nothing at or beyond the upper bound (high watermark or last stable offset) is read.

use bytes::{Bytes, BytesMut};
use kafka_record::{Batch, CodecContexts, RecordBatch, Records};

use super::validation::DECOMPRESSED_BYTES_MAX;
use super::{PartitionLog, StoredBatch};

/// A record found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundRecord {
    pub(crate) offset: i64,
    /// In ms since 1970.
    pub(crate) timestamp: i64,
    pub(crate) leader_epoch: Option<i32>,
}

/// Bytes of a log.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadBytes {
    pub(crate) bytes: Bytes,
    /// The offset after the last batch of which anything was read.
    pub(crate) end_offset: i64,
}

// === impl PartitionLog ===

impl PartitionLog {
    /// Reads from `offset` up to `bytes_max`. `None`: the offset is not in the log (`OFFSET_OUT_OF_RANGE`).
    pub(crate) fn read(
        &self,
        offset: i64,
        bytes_max: usize,
        first_batch_whole: bool,
        upper_bound: i64,
    ) -> Option<ReadBytes> {
        if offset < self.start || offset > self.end {
            return None;
        }
        let first = self.index_of(offset);
        let readable = self
            .batches
            .range(first..)
            .take_while(|batch| batch.next_offset() <= upper_bound);
        let mut limit = bytes_max;
        let mut pieces: Vec<&StoredBatch> = Vec::new();
        let mut size = 0;
        for batch in readable {
            let length = batch.bytes().len();
            if pieces.is_empty() && length > limit {
                if !first_batch_whole {
                    break; // (C)
                }
                limit = length;
            }
            if size >= limit {
                break;
            }
            pieces.push(batch);
            size += length;
        }
        let end_offset = pieces.last().map_or(offset, |batch| batch.next_offset());
        let mut bytes = concatenated(&pieces, size);
        bytes.truncate(limit); // (B)
        Some(ReadBytes { bytes, end_offset })
    }

    /// The first record at or after `timestamp`, below `upper_bound`.
    pub(crate) fn find_time(&self, timestamp: i64, upper_bound: i64) -> Option<FoundRecord> {
        self.batches
            .iter()
            .filter(|stored| stored.max_timestamp() >= timestamp)
            .take_while(|stored| stored.base_offset() < upper_bound)
            .find_map(|stored| {
                self.record_where(stored, |found| {
                    found.timestamp >= timestamp && (self.start..upper_bound).contains(&found.offset)
                })
            })
    }

    /// The record with the highest timestamp, the first of several (KIP-734).
    pub(crate) fn find_newest_time(&self, upper_bound: i64) -> Option<FoundRecord> {
        let below = self
            .batches
            .iter()
            .filter(|stored| stored.next_offset() <= upper_bound && stored.record_count() > 0);
        let highest = below.clone().map(StoredBatch::max_timestamp).max()?;
        let mut batches = below.filter(|stored| stored.max_timestamp() == highest);
        batches.find_map(|stored| self.record_where(stored, |found| found.timestamp == highest))
    }

    /// The position of the batch that contains `offset`, or of the first one behind it.
    pub(super) fn index_of(&self, offset: i64) -> usize {
        self.batches
            .partition_point(|batch| batch.next_offset() <= offset)
    }

    fn record_where(
        &self,
        stored: &StoredBatch,
        is_wanted: impl Fn(&FoundRecord) -> bool,
    ) -> Option<FoundRecord> {
        let Batch::V2(batch) = &stored.batch else {
            // Old formats are found by their entry: their records are not looked into.
            let found = FoundRecord {
                offset: stored.base_offset(),
                timestamp: stored.max_timestamp(),
                leader_epoch: None,
            };
            return Some(found).filter(is_wanted);
        };
        let mut decompressed = Vec::new();
        let payload = batch
            .decompressed(
                &mut CodecContexts::new(),
                DECOMPRESSED_BYTES_MAX,
                &mut decompressed,
            )
            .ok()?;
        self.walk(batch, payload).find(is_wanted)
    }

    fn walk<'a>(
        &'a self,
        batch: &'a RecordBatch,
        payload: &'a [u8],
    ) -> impl Iterator<Item = FoundRecord> + 'a {
        let header = &batch.header;
        Records::new(payload, header.record_count)
            .map_while(Result::ok)
            .map(|record| FoundRecord {
                offset: header.base_offset.saturating_add(i64::from(record.offset_delta)),
                timestamp: header.record_timestamp(record.timestamp_delta),
                leader_epoch: self.epochs.epoch_of(header.base_offset),
            })
    }
}

fn concatenated(pieces: &[&StoredBatch], size: usize) -> Bytes {
    match pieces {
        [] => Bytes::new(),
        [one] => one.bytes().clone(),
        several => {
            let mut all = BytesMut::with_capacity(size);
            for piece in several {
                all.extend_from_slice(piece.bytes());
            }
            all.freeze()
        }
    }
}
