//! Builds a record batch from records: what a re-framed, split or merged batch is made with.

use bytes::Bytes;

use crate::header::Attributes;
use crate::legacy::{DownConversion, message_set_of};
use crate::outgoing::OutgoingBatch;
use crate::{Codec, CodecContexts, HEADER_LEN, RecordError, RecordHeader, varint};

/// Collects records and turns them into one batch; keeps its memory for the next one.
///
/// Offsets count from 0 without gaps and the base timestamp is the first record's, as in Java's
/// `MemoryRecordsBuilder`.
#[derive(Debug, Default)]
pub struct BatchBuilder {
    records: Vec<u8>,
    count: usize,
    base_timestamp: i64,
    max_timestamp: i64,
    tail: Vec<u8>,
}

// === impl BatchBuilder ===

impl BatchBuilder {
    /// An empty builder; it allocates with the first record.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record. `timestamp` is absolute, in ms since 1970; `tail` is the record from the key's length on, taken
    /// as it is (`RecordView::tail`).
    #[inline]
    pub fn push(&mut self, timestamp: i64, tail: &[u8]) {
        if self.count == 0 {
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        }
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = length(self.count);
        let head = 1 + varint::len(timestamp_delta) + varint::len(offset_delta);
        varint::write(length(head + tail.len()), &mut self.records);
        self.records.push(0);
        varint::write(timestamp_delta, &mut self.records);
        varint::write(offset_delta, &mut self.records);
        self.records.extend_from_slice(tail);
        self.count += 1;
    }

    /// Adds a record given by its fields. `timestamp` is absolute, in ms since 1970.
    pub fn push_fields(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[RecordHeader<'_>],
    ) {
        let mut tail = std::mem::take(&mut self.tail);
        tail.clear();
        write_nullable(key, &mut tail);
        write_nullable(value, &mut tail);
        varint::write(length(headers.len()), &mut tail);
        for header in headers {
            write_nullable(Some(header.key), &mut tail);
            write_nullable(header.value, &mut tail);
        }
        self.push(timestamp, &tail);
        self.tail = tail;
    }

    /// Bytes that `push` would add for such a record.
    pub fn record_size(&self, timestamp: i64, tail_length: usize) -> usize {
        let base_timestamp = if self.count == 0 {
            timestamp
        } else {
            self.base_timestamp
        };
        let delta = varint::len(timestamp.wrapping_sub(base_timestamp));
        let body = 1 + delta + varint::len(length(self.count)) + tail_length;
        varint::len(length(body)) + body
    }

    /// Bytes of the batch if it were finished now without compression, header included.
    pub fn len_bytes(&self) -> usize {
        HEADER_LEN + self.records.len()
    }

    /// Records collected so far.
    pub fn record_count(&self) -> usize {
        self.count
    }

    /// Is there no record yet?
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Drops the records collected so far and keeps the memory.
    pub fn clear(&mut self) {
        self.records.clear();
        self.count = 0;
    }

    /// Makes the batch and leaves the builder empty, also on failure. `level` as in `CodecContexts::compress`.
    pub fn finish(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        codecs: &mut CodecContexts,
    ) -> Result<OutgoingBatch, RecordError> {
        let batch = self.batch(codec, level, codecs);
        self.clear();
        batch
    }

    /// As [`Self::finish`], for a broker from before 0.11: makes a message set of format 1.
    ///
    /// # Errors
    /// As [`crate::down_convert`].
    pub fn finish_message_set(
        &mut self,
        conversion: &DownConversion,
        codecs: &mut CodecContexts,
    ) -> Result<OutgoingBatch, RecordError> {
        let count = i32::try_from(self.count).ok().ok_or(RecordError::BatchTooLarge {
            bytes: self.records.len(),
        });
        let set = count
            .and_then(|count| message_set_of(&self.records, count, self.base_timestamp, conversion, codecs));
        self.clear();
        set
    }

    fn batch(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        codecs: &mut CodecContexts,
    ) -> Result<OutgoingBatch, RecordError> {
        let too_large = |bytes| RecordError::BatchTooLarge { bytes };
        let bytes = self.records.len();
        if i32::try_from(self.len_bytes()).is_err() {
            return Err(too_large(bytes));
        }
        let record_count = i32::try_from(self.count).ok().ok_or_else(|| too_large(bytes))?;
        let last_offset_delta = record_count
            .checked_sub(1)
            .filter(|delta| *delta >= 0)
            .ok_or(RecordError::NoRecords)?;
        let payload = match codec {
            Codec::None => self.take_records(),
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
                codecs.compress_to_bytes(codec, level, &self.records)?
            }
        };
        if i32::try_from(HEADER_LEN + payload.len()).is_err() {
            return Err(too_large(payload.len()));
        }
        Ok(OutgoingBatch {
            attributes: Attributes(codec.id()),
            last_offset_delta,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            record_count,
            payload,
            message_set_crc: None,
        })
    }

    /// The records as they are: handed over if little memory stands idle behind them, else copied.
    fn take_records(&mut self) -> Bytes {
        if self.records.len() < self.records.capacity() / 2 {
            return Bytes::copy_from_slice(&self.records);
        }
        let next = Vec::with_capacity(self.records.len());
        Bytes::from(std::mem::replace(&mut self.records, next))
    }
}

fn write_nullable(bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    varint::write(bytes.map_or(-1, |bytes| length(bytes.len())), out);
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// A length as the varints take it. `finish` refuses what does not fit the format's 32 bits.
#[inline]
fn length(length: usize) -> i64 {
    i64::try_from(length).expect("invariant: nothing in memory is longer than i64::MAX")
}
