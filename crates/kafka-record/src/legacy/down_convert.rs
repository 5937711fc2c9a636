//! Records of format 2 as a message set of format 1, for brokers from before 0.11.
//!
//! Written so that such a broker keeps the bytes as they are and fills in offsets only (`ByteBufferMessageSet` of 0.10.0,
//! `LogValidator` of 0.10.2): relative offsets that count from 0 without gaps, a wrapper with the highest timestamp of its
//! records, one wrapper per set. So the checksum of the last entry is found again in the target's log.

use bytes::Bytes;

use super::entry::{self, size_of_entry};
use crate::header::Attributes;
use crate::{Codec, CodecContexts, OutgoingBatch, RecordError, Records};

/// How a message set is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DownConversion {
    /// The codec of the set; format 1 knows no zstd.
    pub codec: Codec,
    /// As in [`CodecContexts::compress`].
    pub level: Option<i32>,
    /// What becomes of headers, which format 1 does not have.
    pub headers: HeaderPolicy,
}

/// What becomes of records with headers where there is no place for headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeaderPolicy {
    /// Nothing: the conversion fails.
    Refuse,
    /// Key, value and timestamp go on without them.
    Strip,
}

/// Makes a message set of `batch`: one wrapper, or uncompressed entries. A message set comes back as it is. `cap` bounds
/// what the batch may decompress to.
///
/// # Errors
/// [`RecordError::Headers`] under [`HeaderPolicy::Refuse`], [`RecordError::CodecNotInFormat`], or that the batch cannot be
/// read.
pub fn down_convert(
    batch: &OutgoingBatch,
    conversion: &DownConversion,
    codecs: &mut CodecContexts,
    cap: usize,
) -> Result<OutgoingBatch, RecordError> {
    if batch.is_message_set() {
        return Ok(batch.clone());
    }
    let codec = batch.codec()?;
    let (count, base_timestamp) = (batch.record_count(), batch.base_timestamp());
    if codec == Codec::None {
        return message_set_of(batch.payload(), count, base_timestamp, conversion, codecs);
    }
    let mut records = Vec::new();
    codecs.decompress(codec, batch.payload(), cap, &mut records)?;
    message_set_of(&records, count, base_timestamp, conversion, codecs)
}

/// A message set of the records in an uncompressed payload.
pub(crate) fn message_set_of(
    payload: &[u8],
    count: i32,
    base_timestamp: i64,
    conversion: &DownConversion,
    codecs: &mut CodecContexts,
) -> Result<OutgoingBatch, RecordError> {
    let DownConversion {
        codec,
        level,
        headers,
    } = *conversion;
    if codec == Codec::Zstd {
        return Err(RecordError::CodecNotInFormat { codec });
    }
    let last_offset_delta = count.checked_sub(1).filter(|last| *last >= 0);
    let last_offset_delta = last_offset_delta.ok_or(RecordError::NoRecords)?;
    let mut entries = Vec::with_capacity(payload.len());
    let mut max_timestamp = i64::MIN;
    let mut crc = 0;
    for (offset, record) in (0_u32..).zip(Records::new(payload, count)) {
        let record = record?;
        if headers == HeaderPolicy::Refuse && !record.headers.is_empty() {
            return Err(RecordError::Headers { index: offset });
        }
        let timestamp = base_timestamp.wrapping_add(record.timestamp_delta);
        max_timestamp = max_timestamp.max(timestamp);
        crc = entry::write(
            &mut entries,
            i64::from(offset),
            0,
            timestamp,
            record.key,
            record.value,
        )?;
    }
    let payload = match codec {
        Codec::None => entries,
        Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => {
            let compressed = codecs.compress_to_bytes(codec, level, &entries)?;
            let mut wrapper = Vec::with_capacity(size_of_entry(compressed.len()));
            let attributes = i8::try_from(codec.id()).unwrap_or_default();
            let offset = i64::from(last_offset_delta);
            crc = entry::write(
                &mut wrapper,
                offset,
                attributes,
                max_timestamp,
                None,
                Some(&compressed),
            )?;
            wrapper
        }
    };
    if i32::try_from(payload.len()).is_err() {
        return Err(RecordError::BatchTooLarge { bytes: payload.len() });
    }
    Ok(OutgoingBatch {
        attributes: Attributes(codec.id()),
        last_offset_delta,
        base_timestamp,
        max_timestamp,
        record_count: count,
        payload: Bytes::from(payload),
        message_set_crc: Some(crc),
    })
}
