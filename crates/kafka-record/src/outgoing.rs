//! A batch on its way to the target: everything but the producer's stamp.

use std::fmt;

use bytes::Bytes;

use crate::header::{Attributes, CHECKED_FROM, CRC_AT, HEADER_LEN, LENGTH_END};
use crate::legacy::up_converted;
use crate::{BatchHeader, Codec, CodecContexts, RecordBatch, RecordError};

/// A batch ready to be produced. Its payload is shared; only the 61-byte header is written anew for the target.
///
/// For a broker from before 0.11 it is a message set of format 1 instead ([`crate::down_convert`]), which has no header and
/// knows no producer: its payload is all that is sent.
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
    /// Of a message set: the CRC-32 of its last entry. The payload is then the whole set.
    pub(crate) message_set_crc: Option<u32>,
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
            message_set_crc: None,
        }
    }

    /// Writes the header for a producer: the 61 bytes that go before `payload`. All three -1: no producer. Nothing for a
    /// message set.
    ///
    /// The same arguments give the same bytes, so that a retry is the very same batch to the broker. Costs one
    /// checksum pass over the payload.
    pub fn stamp(&self, producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Bytes {
        if self.message_set_crc.is_some() {
            return Bytes::new();
        }
        let fields = BatchHeader {
            base_offset: 0,
            batch_length: 0,            // computed
            partition_leader_epoch: -1, // the broker's to write
            magic: 2,
            crc: 0, // computed
            attributes: self.attributes,
            last_offset_delta: self.last_offset_delta,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id,
            producer_epoch,
            base_sequence,
            record_count: self.record_count,
        };
        Bytes::copy_from_slice(&write_header(&fields, &self.payload))
    }

    /// Bytes of the whole batch, header included.
    pub fn size(&self) -> usize {
        let header = if self.is_message_set() { 0 } else { HEADER_LEN };
        header + self.payload.len()
    }

    /// Is this a message set of format 1, for a broker from before 0.11?
    pub fn is_message_set(&self) -> bool {
        self.message_set_crc.is_some()
    }

    /// The checksum by which the batch is recognised in the target's log: that of `stamped`, the header that
    /// [`Self::stamp`] gave, or of a message set the one of its last entry. 0 if `stamped` is no header.
    pub fn checksum(&self, stamped: &[u8]) -> u32 {
        let stored = stamped.get(CRC_AT..).and_then(<[u8]>::first_chunk);
        let in_header = stored.map_or(0, |crc| u32::from_be_bytes(*crc));
        self.message_set_crc.unwrap_or(in_header)
    }

    /// The same records in a record batch of format 2: itself, or a message set converted back, uncompressed then. `cap`
    /// bounds what it may decompress to.
    pub fn as_record_batch(&self, codecs: &mut CodecContexts, cap: usize) -> Result<Self, RecordError> {
        if !self.is_message_set() {
            return Ok(self.clone());
        }
        let last_offset = i64::from(self.last_offset_delta);
        let batch = up_converted(&self.payload, last_offset, codecs, cap)?;
        Ok(Self::forward(&batch))
    }

    /// The records, compressed by `codec`; of a message set its entries.
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

    /// What the records' timestamp deltas count from, in ms since 1970. Of no use for a message set, whose records carry
    /// their times.
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

/// The 61 bytes before `payload`; its length and its checksum are computed, whatever `fields` says of them.
pub(crate) fn write_header(fields: &BatchHeader, payload: &[u8]) -> [u8; HEADER_LEN] {
    let batch_length = i32::try_from(HEADER_LEN - LENGTH_END + payload.len())
        .expect("invariant: the payload came from, or was checked against, a 32-bit batch length");
    let mut header = [0; HEADER_LEN];
    let mut rest = &mut header[..];
    for field in [
        &fields.base_offset.to_be_bytes()[..],
        &batch_length.to_be_bytes(),
        &fields.partition_leader_epoch.to_be_bytes(),
        &fields.magic.to_be_bytes(),
        &[0; 4], // checksum, below
        &fields.attributes.0.to_be_bytes(),
        &fields.last_offset_delta.to_be_bytes(),
        &fields.base_timestamp.to_be_bytes(),
        &fields.max_timestamp.to_be_bytes(),
        &fields.producer_id.to_be_bytes(),
        &fields.producer_epoch.to_be_bytes(),
        &fields.base_sequence.to_be_bytes(),
        &fields.record_count.to_be_bytes(),
    ] {
        let (slot, after) = rest.split_at_mut(field.len());
        slot.copy_from_slice(field);
        rest = after;
    }
    let (unchecked, checked) = header.split_at_mut(CHECKED_FROM);
    let crc = crc32c::crc32c_append(crc32c::crc32c(checked), payload);
    if let Some(slot) = unchecked.last_chunk_mut::<4>() {
        *slot = crc.to_be_bytes();
    }
    header
}
