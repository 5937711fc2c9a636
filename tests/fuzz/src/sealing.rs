//! Makes record batches out of bytes that nearly are ones, so that an input's changes reach the code behind the checksum.
//!
//! A fuzzer does not guess a CRC-32C, and a changed byte of a compressed payload rarely leaves a payload. So lengths and
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
            if self == Self::Compressed {
                out.extend(sealed(&compressed(batch, codecs)));
            } else {
                out.extend(sealed(batch));
            }
        }
        out.extend_from_slice(rest);
        Bytes::from(out)
    }
}

/// The batch at the front, if all of it is there and it is one of magic 2.
fn split_batch(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = bytes.get(LENGTH_AT..)?.first_chunk()?;
    let size = LENGTH_END.checked_add(usize::try_from(i32::from_be_bytes(*length)).ok()?)?;
    let is_batch = size >= HEADER_LEN && bytes.get(MAGIC_AT) == Some(&2);
    if is_batch {
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
