//! The 61-byte header of a record batch (magic 2), read without touching the records.
//!
//! Source of every field: Kafka's `clients/.../record/DefaultRecordBatch.java`.

use crate::cursor::Cursor;
use crate::{Codec, RecordError};

/// Bytes of a batch before its (possibly compressed) records.
pub const HEADER_LEN: usize = 61;

/// Bytes of the header's first two fields, which the batch length does not count: base offset and batch length.
pub(crate) const LENGTH_END: usize = 12;

/// Where the magic byte stands, in every version of the format.
pub(crate) const MAGIC_AT: usize = 16;

/// Where the checksum stands.
pub(crate) const CRC_AT: usize = 17;

/// First byte under the checksum: the attributes.
pub(crate) const CHECKED_FROM: usize = 21;

/// The attributes of a batch: codec, timestamp type and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(pub i16);

// === impl Attributes ===

impl Attributes {
    const CODEC: i16 = 0b111;
    const LOG_APPEND_TIME: i16 = 1 << 3;
    const TRANSACTIONAL: i16 = 1 << 4;
    const CONTROL: i16 = 1 << 5;
    const DELETE_HORIZON: i16 = 1 << 6;

    /// The codec of the payload (bits 0-2). Fails for the undefined numbers 5-7.
    pub fn codec(self) -> Result<Codec, RecordError> {
        Codec::from_id((self.0 & Self::CODEC).cast_unsigned())
    }

    /// Does every record have the broker's append time, `max_timestamp`, instead of its own (bit 3)?
    pub fn is_log_append_time(self) -> bool {
        self.0 & Self::LOG_APPEND_TIME != 0
    }

    /// Is the batch part of a transaction (bit 4)?
    pub fn is_transactional(self) -> bool {
        self.0 & Self::TRANSACTIONAL != 0
    }

    /// Does the batch hold a control record instead of data (bit 5)?
    pub fn is_control(self) -> bool {
        self.0 & Self::CONTROL != 0
    }

    /// Does `base_timestamp` stand for the time from which tombstones may be removed (bit 6, KIP-534)?
    pub fn has_delete_horizon(self) -> bool {
        self.0 & Self::DELETE_HORIZON != 0
    }

    /// What a forwarded batch keeps: the codec. The timestamp type, the transactional and control flags and the
    /// delete horizon belong to the source's log and would be refused, or misread, at the target.
    #[must_use]
    pub fn codec_only(self) -> Self {
        Self(self.0 & Self::CODEC)
    }
}

/// The header of a record batch, as it came from the wire.
///
/// `parse` checks what arithmetic relies on: lengths, counts and the range of offsets. It does not check the
/// checksum (`RecordBatch::verify_crc` does), nor the codec (`Attributes::codec` does).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Offset of the first record when the batch was written; compaction keeps it.
    pub base_offset: i64,
    /// Bytes after this field.
    pub batch_length: i32,
    /// Epoch of the leader that appended the batch, -1 if unknown.
    pub partition_leader_epoch: i32,
    /// Always 2.
    pub magic: i8,
    /// CRC-32C over everything from the attributes on.
    pub crc: u32,
    /// Codec, timestamp type and flags.
    pub attributes: Attributes,
    /// Offset of the last record less `base_offset`; compaction keeps it even if that record is gone.
    pub last_offset_delta: i32,
    /// What the records' timestamp deltas count from, in ms since 1970. With a delete horizon it is that horizon;
    /// the deltas still count from it (see `record_timestamp`).
    pub base_timestamp: i64,
    /// Highest record timestamp (`CreateTime`), or the append time (`LogAppendTime`), in ms since 1970.
    pub max_timestamp: i64,
    /// Idempotent or transactional producer, -1 if none.
    pub producer_id: i64,
    /// Epoch of the producer, -1 if none.
    pub producer_epoch: i16,
    /// Sequence number of the first record, -1 if none.
    pub base_sequence: i32,
    /// Records present; 0 if compaction has removed them all.
    pub record_count: i32,
}

// === impl BatchHeader ===

impl BatchHeader {
    /// Reads the header at the start of `bytes`, which may hold less than the whole batch.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let truncated = RecordError::HeaderTruncated {
            needed: HEADER_LEN,
            present: bytes.len(),
        };
        let header = Self::read(&mut Cursor::new(bytes)).ok_or(truncated)?;
        header.check()?;
        Ok(header)
    }

    fn read(cursor: &mut Cursor<'_>) -> Option<Self> {
        Some(Self {
            base_offset: cursor.i64()?,
            batch_length: cursor.i32()?,
            partition_leader_epoch: cursor.i32()?,
            magic: cursor.i8()?,
            crc: cursor.i32()?.cast_unsigned(),
            attributes: Attributes(cursor.i16()?),
            last_offset_delta: cursor.i32()?,
            base_timestamp: cursor.i64()?,
            max_timestamp: cursor.i64()?,
            producer_id: cursor.i64()?,
            producer_epoch: cursor.i16()?,
            base_sequence: cursor.i32()?,
            record_count: cursor.i32()?,
        })
    }

    fn check(&self) -> Result<(), RecordError> {
        let base_offset = self.base_offset;
        if self.magic != 2 {
            return Err(RecordError::UnknownMagic {
                magic: self.magic,
                base_offset,
            });
        }
        let size = usize::try_from(self.batch_length)
            .ok()
            .and_then(|length| length.checked_add(LENGTH_END));
        if size.is_none_or(|size| size < HEADER_LEN) {
            return Err(RecordError::BatchLength {
                length: self.batch_length,
                base_offset,
            });
        }
        if self.record_count < 0 {
            return Err(RecordError::RecordCount {
                count: self.record_count,
            });
        }
        let last_offset_delta = self.last_offset_delta;
        let next = base_offset
            .checked_add(i64::from(last_offset_delta))
            .and_then(|last| last.checked_add(1));
        if base_offset < 0 || last_offset_delta < 0 || next.is_none() {
            return Err(RecordError::OffsetRange {
                base_offset,
                last_offset_delta,
            });
        }
        Ok(())
    }

    /// Offset of the last record the batch was written with.
    pub fn last_offset(&self) -> i64 {
        self.base_offset.saturating_add(i64::from(self.last_offset_delta))
    }

    /// Where to fetch on after this batch. Never "last record + 1": compaction removes records and keeps the range.
    pub fn next_offset(&self) -> i64 {
        self.last_offset().saturating_add(1)
    }

    /// Are the offsets dense, as brokers demand of a produced batch (`count == lastOffsetDelta + 1`, and not empty)?
    /// False once compaction has removed a record.
    pub fn is_dense(&self) -> bool {
        self.record_count > 0 && i64::from(self.record_count) == i64::from(self.last_offset_delta) + 1
    }

    /// The timestamp of the record with this delta, in ms since 1970.
    ///
    /// `LogAppendTime`: always `max_timestamp`. `CreateTime`: base plus delta, also with a delete horizon: the cleaner
    /// that sets the horizon writes every record's delta anew, counted from it (`MemoryRecordsBuilder` starts with
    /// `baseTimestamp = deleteHorizonMs`), and readers add base and delta without a look at the flag
    /// (`DefaultRecordBatch.RecordIterator`). So clearing the flag alone changes no record's timestamp.
    ///
    /// Wraps on overflow as Java does, so that hostile bytes neither panic nor lose the way back to the same delta.
    pub fn record_timestamp(&self, timestamp_delta: i64) -> i64 {
        if self.attributes.is_log_append_time() {
            self.max_timestamp
        } else {
            self.base_timestamp.wrapping_add(timestamp_delta)
        }
    }
}
