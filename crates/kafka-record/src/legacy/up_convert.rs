//! A message set of format 0 or 1 as a record batch of format 2.
//!
//! What Java's consumers see is kept: keys, values, null against empty, absolute offsets with the gaps that compaction
//! left, and timestamps. Format 0 has no timestamps; its records get -1, which is what Java shows and what brokers
//! themselves write when they convert (`RecordBatch.NO_TIMESTAMP`).

use bytes::Bytes;

use super::batch::LegacyBatch;
use super::entry::{Entries, Entry, malformed};
use crate::header::{Attributes, HEADER_LEN};
use crate::outgoing::write_header;
use crate::{BatchHeader, Codec, CodecContexts, RecordBatch, RecordError, varint};

/// Makes an uncompressed batch of the records of `set`, with the offsets and timestamps that readers of the source see,
/// no producer, and no leader epoch. It is sound: its CRC-32C need not be verified again.
///
/// All checksums are verified, the wrapper's and those inside it. `cap` bounds what a wrapper may decompress to.
///
/// # Errors
/// A checksum that does not fit, or contents that are no message set: entries that are cut off, compressed once more, of
/// another format, or with offsets that do not ascend up to the wrapper's.
pub fn up_convert(
    set: &LegacyBatch,
    codecs: &mut CodecContexts,
    cap: usize,
) -> Result<RecordBatch, RecordError> {
    up_converted(&set.bytes, set.last_offset, codecs, cap)
}

/// As [`up_convert`], for the bytes of entries that end with the record at `last_offset`.
pub(crate) fn up_converted(
    bytes: &[u8],
    last_offset: i64,
    codecs: &mut CodecContexts,
    cap: usize,
) -> Result<RecordBatch, RecordError> {
    let first = Entries::new(bytes).next().ok_or(RecordError::NoRecords)??;
    let codec = first.codec()?;
    if codec == Codec::None {
        let mut converted = Converted::new(bytes.len());
        for entry in Entries::new(bytes) {
            let entry = entry?;
            if entry.codec()? != Codec::None {
                return Err(malformed(entry.offset, "a wrapper among uncompressed records"));
            }
            entry.verify_crc()?;
            converted.push(&entry, entry.offset, entry.timestamp)?;
        }
        return converted.finish(last_offset);
    }
    if Entries::new(bytes).nth(1).is_some() {
        return Err(malformed(last_offset, "something follows a wrapper"));
    }
    first.verify_crc()?;
    let compressed = first
        .value
        .ok_or(malformed(last_offset, "a wrapper without a value"))?;
    let mut inner = codecs.take_scratch();
    // Only format 0 has frames with KAFKA-3160's checksum, and Java does not look at it there.
    let decompressed = codecs.decompress_message_set(codec, first.magic, compressed, cap, &mut inner);
    let batch = decompressed.and_then(|()| unwrapped(&first, last_offset, &inner));
    codecs.return_scratch(inner);
    batch
}

/// The records inside a wrapper.
fn unwrapped(wrapper: &Entry<'_>, last_offset: i64, inner: &[u8]) -> Result<RecordBatch, RecordError> {
    let mut last_inner = None;
    for entry in Entries::new(inner) {
        last_inner = Some(entry?.offset);
    }
    let last_inner = last_inner.ok_or(malformed(last_offset, "a wrapper without records"))?;
    let added = match wrapper.magic {
        0 => 0,
        // Relative to the first record; the wrapper's offset is the last one's, also when compaction took some.
        _ => last_offset
            .checked_sub(last_inner)
            .filter(|added| *added >= 0)
            .ok_or(malformed(last_offset, "relative offsets beyond the wrapper's"))?,
    };
    let append_time =
        (wrapper.magic > 0 && wrapper.attributes.is_log_append_time()).then_some(wrapper.timestamp);
    let mut converted = Converted::new(inner.len());
    for entry in Entries::new(inner) {
        let entry = entry?;
        if entry.attributes.codec()? != Codec::None {
            return Err(malformed(last_offset, "a wrapper inside a wrapper"));
        }
        entry.verify_crc()?;
        let offset = entry.offset.checked_add(added);
        let offset = offset.ok_or(malformed(last_offset, "an offset out of range"))?;
        // The inner attributes' timestamp type means nothing.
        let timestamp = match append_time {
            Some(append_time) if entry.magic > 0 => append_time,
            Some(_) | None => entry.timestamp,
        };
        converted.push(&entry, offset, timestamp)?;
    }
    converted.finish(last_offset)
}

/// Records in the making of a batch. They are never longer than their entries were: lengths, offset and timestamp take
/// 32 bytes at most where an entry of format 1 spends 34; in format 0 all timestamps are the same, which takes 23 of 26.
struct Converted {
    /// Room for the header, then records.
    bytes: Vec<u8>,
    count: i32,
    base_offset: i64,
    offset: i64,
    base_timestamp: i64,
    max_timestamp: i64,
}

// === impl Converted ===

impl Converted {
    fn new(entries_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_LEN + entries_bytes);
        bytes.extend_from_slice(&[0; HEADER_LEN]);
        Self {
            bytes,
            count: 0,
            base_offset: 0,
            offset: 0,
            base_timestamp: 0,
            max_timestamp: 0,
        }
    }

    fn push(&mut self, entry: &Entry<'_>, offset: i64, timestamp: i64) -> Result<(), RecordError> {
        if self.count == 0 {
            self.base_offset = offset;
            self.base_timestamp = timestamp;
            self.max_timestamp = timestamp;
        } else if offset <= self.offset {
            return Err(malformed(offset, "offsets do not ascend"));
        }
        self.offset = offset;
        self.max_timestamp = self.max_timestamp.max(timestamp);
        let timestamp_delta = timestamp.wrapping_sub(self.base_timestamp);
        let offset_delta = self.offset_delta(offset)?;
        let fields = [entry.key, entry.value].map(Field::of);
        let body = 1 + varint::len(timestamp_delta) + varint::len(i64::from(offset_delta)) + 1;
        let body = fields.iter().fold(body, |body, field| body + field.encoded());
        let out = &mut self.bytes;
        varint::write(length(body), out);
        out.push(0); // attributes
        varint::write(timestamp_delta, out);
        varint::write(i64::from(offset_delta), out);
        for field in &fields {
            varint::write(field.length, out);
            out.extend_from_slice(field.bytes);
        }
        out.push(0); // no headers
        self.count = self.count.saturating_add(1);
        Ok(())
    }

    fn offset_delta(&self, offset: i64) -> Result<i32, RecordError> {
        let delta = offset.checked_sub(self.base_offset);
        let delta = delta.and_then(|delta| i32::try_from(delta).ok());
        delta.ok_or(malformed(offset, "offsets too far apart"))
    }

    fn finish(mut self, last_offset: i64) -> Result<RecordBatch, RecordError> {
        if self.base_offset < 0 || self.offset > last_offset {
            return Err(malformed(last_offset, "offsets beyond the entry's own"));
        }
        let last_offset_delta = self.offset_delta(last_offset)?;
        let batch_length = i32::try_from(self.bytes.len()).ok();
        let batch_length = batch_length.ok_or(RecordError::BatchTooLarge {
            bytes: self.bytes.len(),
        })?;
        let fields = BatchHeader {
            base_offset: self.base_offset,
            batch_length, // both computed below
            partition_leader_epoch: -1,
            magic: 2,
            crc: 0,
            attributes: Attributes(0),
            last_offset_delta,
            base_timestamp: self.base_timestamp,
            max_timestamp: self.max_timestamp,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            record_count: self.count,
        };
        if let Some((header, records)) = self.bytes.split_first_chunk_mut() {
            *header = write_header(&fields, records);
        }
        RecordBatch::parse(Bytes::from(self.bytes))
    }
}

/// A key or a value as a record of format 2 holds it.
struct Field<'a> {
    length: i64,
    bytes: &'a [u8],
}

// === impl Field ===

impl<'a> Field<'a> {
    fn of(bytes: Option<&'a [u8]>) -> Self {
        Self {
            length: bytes.map_or(-1, |bytes| length(bytes.len())),
            bytes: bytes.unwrap_or_default(),
        }
    }

    fn encoded(&self) -> usize {
        varint::len(self.length) + self.bytes.len()
    }
}

fn length(length: usize) -> i64 {
    i64::try_from(length).expect("invariant: nothing in memory is longer than i64::MAX")
}
