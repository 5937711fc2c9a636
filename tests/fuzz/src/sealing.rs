//! Makes record batches out of bytes that nearly are ones, so that an input's changes reach the code behind the checksum.
//!
//! A fuzzer does not guess a CRC, and a changed byte of a compressed payload rarely leaves a payload. So lengths and
//! magic bytes are taken as they stand, and what depends on the rest is computed anew.

use bytes::Bytes;
use kafka_record::{Codec, CodecContexts, HEADER_LEN};

/// What is done to the batches of an input before they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sealing {
    /// Nothing.
    AsTheyAre,
    /// Each gets the checksum that fits its bytes.
    Checksums,
    /// Each holds its records plain; they are compressed by the codec that its attributes name, then sealed.
    Compressed,
}

const LENGTH_AT: usize = 8;
const LENGTH_END: usize = 12;
const MAGIC_AT: usize = 16;
const CHECKSUM_AT: usize = 17;
const CHECKED_FROM: usize = 21;
const CODEC_AT: usize = 22;
const OLD_CODEC_AT: usize = 17;

// === impl Sealing ===

impl Sealing {
    pub(crate) const ALL: [Self; 3] = [Self::AsTheyAre, Self::Checksums, Self::Compressed];

    /// The batches of `input`, treated one by one; what is no whole batch stays as it is.
    pub(crate) fn apply(self, input: &[u8], codecs: &mut CodecContexts) -> Bytes {
        if self == Self::AsTheyAre {
            return Bytes::copy_from_slice(input);
        }
        let mut out = Vec::with_capacity(input.len());
        let mut rest = input;
        while let Some((batch, after)) = split_batch(rest) {
            rest = after;
            if is_of_old_format(batch) {
                out.extend(self.old_entry(batch, codecs));
            } else if self == Self::Compressed {
                out.extend(sealed(&compressed(batch, codecs)));
            } else {
                out.extend(sealed(batch));
            }
        }
        out.extend_from_slice(rest);
        Bytes::from(out)
    }

    /// An entry of format 0 or 1. If it is a wrapper, the entries inside are treated as well.
    fn old_entry(self, entry: &[u8], codecs: &mut CodecContexts) -> Vec<u8> {
        let mut entry = entry.to_vec();
        let number = entry
            .get(OLD_CODEC_AT)
            .map_or(0, |attributes| usize::from(attributes & 0b111));
        let codec = Codec::ALL.get(number).copied().unwrap_or(Codec::None);
        // Wrappers have no key: the value stands at a fixed place.
        let value_at = if entry.get(MAGIC_AT) == Some(&0) { 26 } else { 34 };
        if self == Self::Compressed && codec != Codec::None {
            let inner = Self::Checksums.apply(entry.get(value_at..).unwrap_or_default(), codecs);
            let mut value = Vec::new();
            codecs
                .compress(codec, Some(1), &inner, &mut value)
                .expect("invariant: anything can be compressed");
            entry.truncate(value_at);
            let length = u32::try_from(value.len()).expect("invariant: inputs are small");
            put(&mut entry, value_at - 4, length.to_be_bytes());
            entry.append(&mut value);
            let length = u32::try_from(entry.len() - LENGTH_END).expect("invariant: inputs are small");
            put(&mut entry, LENGTH_AT, length.to_be_bytes());
        }
        let checksum = crc32(entry.get(MAGIC_AT..).unwrap_or_default());
        put(&mut entry, LENGTH_END, checksum.to_be_bytes());
        entry
    }
}

fn is_of_old_format(batch: &[u8]) -> bool {
    batch.get(MAGIC_AT).is_some_and(|magic| *magic < 2)
}

/// The checksum of the old formats: zlib's, bit by bit.
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

/// The batch, or the entry of an old format, at the front, if all of it is there.
fn split_batch(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(LENGTH_AT..)?.first_chunk()?;
    let size = LENGTH_END.checked_add(usize::try_from(i32::from_be_bytes(*length)).ok()?)?;
    let size_min = match bytes.get(MAGIC_AT) {
        Some(0) => 26,
        Some(1) => 34,
        Some(2) => HEADER_LEN,
        _ => return None,
    };
    if size >= size_min {
        bytes.split_at_checked(size)
    } else {
        None
    }
}

fn compressed(batch: &[u8], codecs: &mut CodecContexts) -> Vec<u8> {
    let (header, payload) = batch.split_at(HEADER_LEN);
    let number = header
        .get(CODEC_AT)
        .map_or(0, |attributes| usize::from(attributes & 0b111));
    let codec = Codec::ALL.get(number).copied().unwrap_or(Codec::None);
    let mut out = Vec::new();
    codecs
        .compress(codec, Some(1), payload, &mut out)
        .expect("invariant: anything can be compressed");
    let mut batch = header.to_vec();
    batch.append(&mut out);
    let length = i32::try_from(batch.len() - LENGTH_END).expect("invariant: inputs are small");
    put(&mut batch, LENGTH_AT, length.to_be_bytes());
    batch
}

fn sealed(batch: &[u8]) -> Vec<u8> {
    let checksum = crc32c::crc32c(batch.get(CHECKED_FROM..).unwrap_or_default());
    let mut batch = batch.to_vec();
    put(&mut batch, CHECKSUM_AT, checksum.to_be_bytes());
    batch
}

fn put(batch: &mut [u8], at: usize, field: [u8; 4]) {
    if let Some(slot) = batch.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *slot = field;
    }
}
