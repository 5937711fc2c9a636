//! A batch that was read, and its records one by one.

use kafka_record::{RawHeaders, RecordBatch, RecordError, Records};
use kafka_wire::ids::TopicPartition;

/// What a record's timestamp is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampKind {
    /// There is none: a record of message format v0.
    None,
    /// The time its producer gave it.
    CreateTime,
    /// The time its broker appended it.
    LogAppendTime,
}

/// A record as it came from the log.
#[derive(Debug, Clone, Copy)]
pub struct ReceivedRecord<'a> {
    pub partition: i32,
    pub offset: i64,
    /// In ms since 1970; -1 where there is none.
    pub timestamp: i64,
    pub timestamp_kind: TimestampKind,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    pub headers: RawHeaders<'a>,
}

/// Records of one partition that were read together.
#[derive(Debug)]
pub struct ReadRecords {
    /// Where they come from.
    pub tp: TopicPartition,
    /// Records below this offset are in the batch, and not wanted.
    pub(super) from: i64,
    pub(super) batch: RecordBatch,
    /// `None` where the batch's own payload is not compressed.
    pub(super) decompressed: Option<Vec<u8>>,
    pub(super) timestamp_kind: TimestampKind,
}

// === impl ReadRecords ===

impl ReadRecords {
    /// The offset they begin at, or behind which they do.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// Where the log goes on behind them.
    pub fn next_offset(&self) -> i64 {
        self.batch.header.next_offset()
    }

    /// The records by offset. An error ends them: the rest of the batch cannot be decoded.
    pub fn records(&self) -> impl Iterator<Item = Result<ReceivedRecord<'_>, RecordError>> {
        let header = &self.batch.header;
        let payload = self
            .decompressed
            .as_deref()
            .unwrap_or_else(|| self.batch.payload_bytes());
        Records::new(payload, header.record_count)
            .map(|record| {
                record.map(|record| ReceivedRecord {
                    partition: self.tp.partition,
                    offset: header.base_offset.saturating_add(i64::from(record.offset_delta)),
                    timestamp: header.record_timestamp(record.timestamp_delta),
                    timestamp_kind: self.timestamp_kind,
                    key: record.key,
                    value: record.value,
                    headers: record.headers,
                })
            })
            .filter(|record| !record.as_ref().is_ok_and(|record| record.offset < self.from))
    }
}
