//! One entry of format 0 or 1, read and written.

use flate2::Crc;

use crate::cursor::Cursor;
use crate::header::Attributes;
use crate::{Codec, RecordError};

/// Bytes of an entry before the size it declares counts: offset and size.
const ENTRY_HEAD: usize = 12;

/// Fewest bytes that the size of an entry counts: checksum, magic, attributes, key length, value length.
const SIZE_MIN: usize = 14;

/// One entry, borrowed. Its checksum is not verified yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a> {
    /// As it is written: of an entry inside a wrapper of format 1 it is relative.
    pub(super) offset: i64,
    pub(super) magic: i8,
    pub(super) attributes: Attributes,
    /// In ms since 1970; -1 in format 0, which has none.
    pub(super) timestamp: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    crc: u32,
    /// What the checksum covers.
    checked: &'a [u8],
}

/// Reads entries one after the other, until the bytes are used up.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    cursor: Cursor<'a>,
}

// === impl Entry ===

impl Entry<'_> {
    pub(super) fn codec(&self) -> Result<Codec, RecordError> {
        let codec = self.attributes.codec()?;
        if codec == Codec::Zstd {
            // Its number was free when these formats were current (KIP-110 allows it in format 2 only).
            return Err(malformed(
                self.offset,
                "compressed with zstd, which these formats do not have",
            ));
        }
        Ok(codec)
    }

    pub(super) fn verify_crc(&self) -> Result<(), RecordError> {
        let computed = crc32(&[self.checked]);
        if computed == self.crc {
            return Ok(());
        }
        Err(RecordError::Checksum {
            base_offset: self.offset,
            stored: self.crc,
            computed,
        })
    }
}

// === impl Entries ===

impl<'a> Entries<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            cursor: Cursor::new(bytes),
        }
    }

    fn read(&mut self) -> Result<Entry<'a>, RecordError> {
        let cursor = &mut self.cursor;
        let offset = cursor.i64().ok_or(malformed(-1, CUT))?;
        let cut = malformed(offset, CUT);
        let size = cursor.i32().ok_or(cut.clone())?;
        let size = usize::try_from(size).ok().filter(|size| *size >= SIZE_MIN);
        let size = size.ok_or(malformed(offset, "impossible size"))?;
        let mut fields = Cursor::new(cursor.take(size).ok_or(cut)?);
        let fields = read_fields(&mut fields, offset)?;
        Ok(fields)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.cursor = Cursor::new(&[]); // beyond a broken length nothing can be trusted
        }
        Some(entry)
    }
}

fn read_fields<'a>(fields: &mut Cursor<'a>, offset: i64) -> Result<Entry<'a>, RecordError> {
    let short = || malformed(offset, "fields longer than the entry");
    let crc = fields.i32().ok_or_else(short)?.cast_unsigned();
    let checked = fields.rest();
    let magic = fields.i8().ok_or_else(short)?;
    let attributes = Attributes(i16::from(fields.i8().ok_or_else(short)?));
    let timestamp = match magic {
        0 => -1,
        1 => fields.i64().ok_or_else(short)?,
        _ => return Err(malformed(offset, "another format inside a wrapper")),
    };
    let key = nullable(fields).ok_or_else(short)?;
    let value = nullable(fields).ok_or_else(short)?;
    if !fields.is_empty() {
        return Err(malformed(offset, "bytes left behind the value"));
    }
    Ok(Entry {
        offset,
        magic,
        attributes,
        timestamp,
        key,
        value,
        crc,
        checked,
    })
}

/// `None`: the length does not fit. `Some(None)`: null.
#[expect(
    clippy::option_option,
    reason = "the outer one is the failure to read, the inner one Kafka's null"
)]
fn nullable<'a>(fields: &mut Cursor<'a>) -> Option<Option<&'a [u8]>> {
    let length = fields.i32()?;
    if length == -1 {
        return Some(None);
    }
    let length = usize::try_from(length).ok()?;
    fields.take(length).map(Some)
}

/// Appends an entry of format 1 and answers its checksum.
pub(super) fn write(
    out: &mut Vec<u8>,
    offset: i64,
    attributes: i8,
    timestamp: i64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
) -> Result<u32, RecordError> {
    let bytes = [key, value].into_iter().flatten().map(<[u8]>::len).sum::<usize>();
    let size = size_of_entry(bytes) - ENTRY_HEAD;
    let too_large = || RecordError::BatchTooLarge { bytes };
    let size = i32::try_from(size).ok().ok_or_else(too_large)?;
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&size.to_be_bytes());
    let crc_at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(1); // magic
    out.extend_from_slice(&attributes.to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    for field in [key, value] {
        let length = field.map_or(Ok(-1), |field| i32::try_from(field.len()));
        out.extend_from_slice(&length.ok().ok_or_else(too_large)?.to_be_bytes());
        out.extend_from_slice(field.unwrap_or_default());
    }
    let (before, checked) = out.split_at_mut(crc_at + 4);
    let crc = crc32(&[checked]);
    if let Some(slot) = before.last_chunk_mut::<4>() {
        *slot = crc.to_be_bytes();
    }
    Ok(crc)
}

/// Bytes of an entry of format 1 with so many bytes of key and value.
pub(super) fn size_of_entry(key_and_value: usize) -> usize {
    ENTRY_HEAD + SIZE_MIN + 8 + key_and_value
}

/// The CRC-32 of zlib (IEEE), not the CRC-32C of format 2.
fn crc32(pieces: &[&[u8]]) -> u32 {
    let mut crc = Crc::new();
    for piece in pieces {
        crc.update(piece);
    }
    crc.sum()
}

pub(super) const fn malformed(offset: i64, reason: &'static str) -> RecordError {
    RecordError::Message { offset, reason }
}

const CUT: &str = "cut off";
