//! Entries of message formats 0 and 1 as brokers from before 0.11 left them in a log.
//!
//! Written from the format's description (`LegacyRecord.java`), not with the code that the mirror reads them with.

use bytes::Bytes;
use kafka_record::{Codec, CodecContexts};
use mirror_oracle::Record;

/// How some records lie in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldLayout {
    /// The format, 0 or 1.
    pub magic: u8,
    /// Of one wrapper around all of them; [`Codec::None`]: each record is an entry of its own.
    pub codec: Codec,
    /// As a topic of `LogAppendTime` stores a wrapper of format 1, in ms since 1970.
    pub append_time: Option<i64>,
}

const LOG_APPEND_TIME: u8 = 0x08;

/// Where the byte stands that KAFKA-3160 got wrong, in an LZ4 frame of Java's.
const LZ4_HEADER_CHECKSUM_AT: usize = 6;

/// Records with their offsets, which ascend and may have gaps. A record without a timestamp has -1; headers are left out.
pub fn encode(records: &[(i64, &Record)], layout: &OldLayout) -> Bytes {
    let (Some((base, _)), Some((last, _))) = (records.first(), records.last()) else {
        return Bytes::new();
    };
    let timestamp = |record: &Record| record.timestamp.unwrap_or(-1);
    let is_wrapped = layout.codec != Codec::None;
    let mut entries = Vec::new();
    for (offset, record) in records {
        let offset = if is_wrapped && layout.magic > 0 {
            offset - base
        } else {
            *offset
        };
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        put_entry(
            &mut entries,
            offset,
            layout.magic,
            0,
            timestamp(record),
            [key, value],
        );
    }
    if !is_wrapped {
        return Bytes::from(entries);
    }
    let mut value = Vec::new();
    CodecContexts::new()
        .compress(layout.codec, None, &entries, &mut value)
        .expect("invariant: anything can be compressed");
    if layout.magic == 0
        && layout.codec == Codec::Lz4
        && let Some(checksum) = value.get_mut(LZ4_HEADER_CHECKSUM_AT)
    {
        *checksum = 0x1a;
    }
    let newest = records
        .iter()
        .map(|(_, record)| timestamp(record))
        .max()
        .unwrap_or(-1);
    let codec = u8::try_from(layout.codec.id()).unwrap_or_default();
    let attributes = codec
        | if layout.append_time.is_some() {
            LOG_APPEND_TIME
        } else {
            0
        };
    let timestamp = layout.append_time.unwrap_or(newest);
    let mut wrapper = Vec::new();
    put_entry(
        &mut wrapper,
        *last,
        layout.magic,
        attributes,
        timestamp,
        [None, Some(&value)],
    );
    Bytes::from(wrapper)
}

fn put_entry(
    out: &mut Vec<u8>,
    offset: i64,
    magic: u8,
    attributes: u8,
    timestamp: i64,
    key_and_value: [Option<&[u8]>; 2],
) {
    let mut checked = vec![magic, attributes];
    if magic > 0 {
        checked.extend(timestamp.to_be_bytes());
    }
    for field in key_and_value {
        checked.extend(field.map_or(-1, |field| length(field.len())).to_be_bytes());
        checked.extend(field.unwrap_or_default());
    }
    out.extend(offset.to_be_bytes());
    out.extend(length(checked.len() + 4).to_be_bytes());
    out.extend(crc32(&checked).to_be_bytes());
    out.extend(checked);
}

fn length(length: usize) -> i32 {
    i32::try_from(length).expect("invariant: a simulation writes small records")
}

/// The CRC-32 of zlib, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Java's own entry: timestamp 1700000000000, no key, offset 10.
    #[test]
    fn an_entry_is_javas() {
        let record = Record::new("t")
            .timestamp(1_700_000_000_000)
            .value("hello hello hello hello");
        let layout = OldLayout {
            magic: 1,
            codec: Codec::None,
            append_time: None,
        };
        let bytes = encode(&[(10, &record)], &layout);
        let javas = [
            &[
                0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 0x2d, 0x25, 0x1a, 0x52, 0x01, 1, 0,
            ][..],
            &[
                0, 0, 0x01, 0x8b, 0xcf, 0xe5, 0x68, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x17,
            ],
            b"hello hello hello hello",
        ];
        assert_eq!(bytes, javas.concat());
    }
}
