//! A batch on its way to the target: everything but the producer's stamp.

use std::fmt;

use bytes::Bytes;

use crate::header::{Attributes, CHECKED_FROM, HEADER_LEN, LENGTH_END};
use crate::{Codec, RecordBatch, RecordError};

/// A batch ready to be produced. Its payload is shared; only the 61-byte header is written anew for the target.
///
/// What the target's log owns is reset: base offset 0 (brokers refuse any other), no leader epoch, no flag.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingBatch {
    pub(crate) attributes: Attributes,
    pub(crate) last_offset_delta: i32,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) record_count: i32,
    pub(crate) payload: Bytes,
}

// === impl OutgoingBatch ===

impl OutgoingBatch {
    /// Takes a source batch as it is, payload untouched.
    ///
    /// The caller decides whether the batch may be forwarded at all; here nothing is refused. Two points decide about
    /// timestamps:
    /// - `LogAppendTime`: the flag is cleared, so that readers of the target would see each record's own create time
    ///   where readers of the source see `max_timestamp`. Rebuild such a batch to keep what source readers see.
    /// - Delete horizon: the flag is cleared, the timestamps stay exact (`BatchHeader::record_timestamp`).
    pub fn forward(batch: &RecordBatch) -> Self {
        let header = &batch.header;
        Self {
            attributes: header.attributes.codec_only(),
            last_offset_delta: header.last_offset_delta,
            base_timestamp: header.base_timestamp,
            max_timestamp: header.max_timestamp,
            record_count: header.record_count,
            payload: batch.payload(),
        }
    }

    /// Writes the header for a producer: the 61 bytes that go before `payload`. All three -1: no producer.
    ///
    /// The same arguments give the same bytes, so that a retry is the very same batch to the broker. Costs one
    /// checksum pass over the payload.
    pub fn stamp(&self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Bytes {
        let batch_length = i32::try_from(self.size() - LENGTH_END)
            .expect("invariant: the payload came from, or was checked against, a 32-bit batch length");
        let mut header = Vec::with_capacity(HEADER_LEN);
        header.extend_from_slice(&0_i64.to_be_bytes()); // base offset
        header.extend_from_slice(&batch_length.to_be_bytes());
        header.extend_from_slice(&(-1_i32).to_be_bytes()); // partition leader epoch: the broker's to write
        header.push(2); // magic
        header.extend_from_slice(&[0; 4]); // checksum, below
        header.extend_from_slice(&self.attributes.0.to_be_bytes());
        header.extend_from_slice(&self.last_offset_delta.to_be_bytes());
        header.extend_from_slice(&self.base_timestamp.to_be_bytes());
        header.extend_from_slice(&self.max_timestamp.to_be_bytes());
        header.extend_from_slice(&producer_id.to_be_bytes());
        header.extend_from_slice(&producer_epoch.to_be_bytes());
        header.extend_from_slice(&base_sequence.to_be_bytes());
        header.extend_from_slice(&self.record_count.to_be_bytes());
        let (unchecked, checked) = header.split_at_mut(CHECKED_FROM);
        let crc = crc32c::crc32c_append(crc32c::crc32c(checked), &self.payload);
        if let Some(slot) = unchecked.last_chunk_mut::<4>() {
            *slot = crc.to_be_bytes();
        }
        Bytes::from(header)
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        HEADER_LEN + self.payload.len()
    }

    /// The records, compressed by `codec`.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The codec of the payload. Fails for a forwarded batch of an undefined codec.
    pub fn codec(&self) -> Result<Codec, RecordError> {
        self.attributes.codec()
    }

    /// Number of records as declared; the sequence numbers a producer spends on the batch.
    pub fn record_count(&self) -> i32 {
        self.record_count
    }

    /// What the records' timestamp deltas count from, in ms since 1970.
    pub fn base_timestamp(&self) -> i64 {
        self.base_timestamp
    }

    /// Highest record timestamp, in ms since 1970.
    pub fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// The timestamp of the record with this delta, in ms since 1970, as readers of the target will see it.
    pub fn record_timestamp(&self, timestamp_delta: i64) -> i64 {
        self.base_timestamp.wrapping_add(timestamp_delta)
    }
}

/// Shows what the header will say, not the records: they are many and not ours to print.
impl fmt::Debug for OutgoingBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingBatch")
            .field("attributes", &self.attributes)
            .field("record_count", &self.record_count)
            .field("base_timestamp", &self.base_timestamp)
            .field("max_timestamp", &self.max_timestamp)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
