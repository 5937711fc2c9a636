//! Writes logs of formats 0 and 1 as producers and brokers of the time did, by Kafka's description and not by our code.

use kafka_record::{Codec, CodecContexts};

/// One entry in the making.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) offset: i64,
    pub(crate) magic: i8,
    pub(crate) attributes: i8,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
}

pub(crate) const LOG_APPEND_TIME: i8 = 1 << 3;

// === impl Entry ===

impl Entry {
    pub(crate) fn new(magic: i8, offset: i64, value: &[u8]) -> Self {
        Self {
            offset,
            magic,
            attributes: 0,
            timestamp: offset.saturating_add(1000),
            key: None,
            value: Some(value.to_vec()),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut checked = vec![self.magic.cast_unsigned(), self.attributes.cast_unsigned()];
        if self.magic > 0 {
            checked.extend(self.timestamp.to_be_bytes());
        }
        for field in [&self.key, &self.value] {
            let length = field
                .as_ref()
                .map_or(-1, |field| i32::try_from(field.len()).expect("short fields"));
            checked.extend(length.to_be_bytes());
            checked.extend(field.iter().flatten());
        }
        let mut bytes = self.offset.to_be_bytes().to_vec();
        bytes.extend(
            i32::try_from(checked.len() + 4)
                .expect("short entries")
                .to_be_bytes(),
        );
        bytes.extend(crc32(&checked).to_be_bytes());
        bytes.extend(checked);
        bytes
    }
}

pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(Entry::encode).collect()
}

/// A wrapper of `entries`, whose offsets are absolute here and written as the format wants them: relative to `base` in
/// format 1.
pub(crate) fn wrap(
    entries: &[Entry],
    base: i64,
    codec: Codec,
    attributes: i8,
    append_time: Option<i64>,
) -> Entry {
    let last = entries.last().expect("entries");
    let inner: Vec<Entry> = entries
        .iter()
        .map(|entry| Entry {
            offset: if last.magic > 0 {
                entry.offset - base
            } else {
                entry.offset
            },
            ..entry.clone()
        })
        .collect();
    let mut value = compressed(&encode(&inner), codec);
    if last.magic == 0 && codec == Codec::Lz4 {
        value[6] = 0x1a; // KAFKA-3160
    }
    let newest = entries.iter().map(|entry| entry.timestamp).max().unwrap_or(-1);
    Entry {
        offset: last.offset,
        magic: last.magic,
        attributes: attributes | i8::try_from(codec.id()).expect("three bits"),
        timestamp: append_time.unwrap_or(newest),
        key: None,
        value: Some(value),
    }
}

pub(crate) fn compressed(bytes: &[u8], codec: Codec) -> Vec<u8> {
    let mut out = Vec::new();
    CodecContexts::new()
        .compress(codec, None, bytes, &mut out)
        .expect("a few bytes");
    out
}

/// Bit by bit, and so not the code under test.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}
