//! Writes batches as a broker stores them: stamped with offsets and epoch, or built anew from their parts.
//!
//! Field positions: Kafka's `DefaultRecordBatch.java`. Written apart from `kafka-record` on purpose: what the client
//! reads with the one was not written with the other.

use bytes::{Bytes, BytesMut};
use kafka_record::{Attributes, BatchHeader, HEADER_LEN, RecordBatch, RecordError};

pub(crate) const LOG_APPEND_TIME: i16 = 1 << 3;
pub(crate) const TRANSACTIONAL: i16 = 1 << 4;
pub(crate) const CONTROL: i16 = 1 << 5;

/// Bytes before the batch length is counted: base offset and the length itself.
const UNCOUNTED: usize = 12;
/// Where the checksum stands, and where what it covers begins.
const CRC_AT: usize = 17;
const CHECKED_FROM: usize = 21;

/// A copy of the batch with the offsets, epoch and timestamps the log gives it; the payload is untouched.
pub(crate) fn stamped(
    batch: &RecordBatch,
    base_offset: i64,
    leader_epoch: i32,
    attributes: Attributes,
    max_timestamp: i64,
) -> Result<RecordBatch, RecordError> {
    let header = &batch.header;
    let mut bytes = BytesMut::from(batch.bytes().as_ref());
    put(&mut bytes, 0, &base_offset.to_be_bytes());
    put(&mut bytes, 12, &leader_epoch.to_be_bytes());
    if attributes != header.attributes || max_timestamp != header.max_timestamp {
        put(&mut bytes, 21, &attributes.0.to_be_bytes());
        put(&mut bytes, 35, &max_timestamp.to_be_bytes());
        seal(&mut bytes);
    }
    RecordBatch::parse(bytes.freeze())
}

/// A batch of exactly this header, its length and checksum computed, and this payload.
pub(crate) fn assembled(header: &BatchHeader, payload: &[u8]) -> Result<RecordBatch, RecordError> {
    let size = HEADER_LEN + payload.len();
    let batch_length = i32::try_from(size - UNCOUNTED)
        .ok()
        .ok_or(RecordError::BatchTooLarge { bytes: size })?;
    let mut bytes = BytesMut::with_capacity(size);
    bytes.extend_from_slice(&header.base_offset.to_be_bytes());
    bytes.extend_from_slice(&batch_length.to_be_bytes());
    bytes.extend_from_slice(&header.partition_leader_epoch.to_be_bytes());
    bytes.extend_from_slice(&[2, 0, 0, 0, 0]); // magic, and the checksum's place
    bytes.extend_from_slice(&header.attributes.0.to_be_bytes());
    bytes.extend_from_slice(&header.last_offset_delta.to_be_bytes());
    bytes.extend_from_slice(&header.base_timestamp.to_be_bytes());
    bytes.extend_from_slice(&header.max_timestamp.to_be_bytes());
    bytes.extend_from_slice(&header.producer_id.to_be_bytes());
    bytes.extend_from_slice(&header.producer_epoch.to_be_bytes());
    bytes.extend_from_slice(&header.base_sequence.to_be_bytes());
    bytes.extend_from_slice(&header.record_count.to_be_bytes());
    bytes.extend_from_slice(payload);
    seal(&mut bytes);
    RecordBatch::parse(bytes.freeze())
}

/// Appends one record; `tail` is everything from the key's length on.
pub(crate) fn write_record(timestamp_delta: i64, offset_delta: i32, tail: &[u8], out: &mut Vec<u8>) {
    let mut head = vec![0]; // attributes: none is defined
    write_varint(timestamp_delta, &mut head);
    write_varint(i64::from(offset_delta), &mut head);
    let length = i64::try_from(head.len() + tail.len()).unwrap_or(i64::MAX);
    write_varint(length, out);
    out.extend_from_slice(&head);
    out.extend_from_slice(tail);
}

/// The record of a transaction marker, as `EndTransactionMarker.java` writes it.
pub(crate) fn marker_record(is_commit: bool, coordinator_epoch: i32) -> Bytes {
    let mut tail = Vec::new();
    write_varint(4, &mut tail);
    tail.extend_from_slice(&0_i16.to_be_bytes()); // version of the key
    tail.extend_from_slice(&i16::from(is_commit).to_be_bytes());
    write_varint(6, &mut tail);
    tail.extend_from_slice(&0_i16.to_be_bytes()); // version of the value
    tail.extend_from_slice(&coordinator_epoch.to_be_bytes());
    write_varint(0, &mut tail); // headers
    let mut record = Vec::new();
    write_record(0, 0, &tail, &mut record);
    record.into()
}

/// Zig-zag, then seven bits a byte, lowest first.
fn write_varint(value: i64, out: &mut Vec<u8>) {
    let mut rest = ((value << 1) ^ (value >> 63)).cast_unsigned();
    while rest >= 0x80 {
        out.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    out.push(low_bits(rest));
}

/// The lowest seven bits.
fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7F
}

fn seal(bytes: &mut BytesMut) {
    let crc = crc32c::crc32c(bytes.get(CHECKED_FROM..).unwrap_or_default());
    put(bytes, CRC_AT, &crc.to_be_bytes());
}

/// Overwrites `field` at `at`; a batch that was parsed has every header field.
fn put(bytes: &mut BytesMut, at: usize, field: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + field.len()) {
        place.copy_from_slice(field);
    }
}
