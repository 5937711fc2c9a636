//! Snappy in the framing of xerial's snappy-java, which is Kafka's on the wire.
//!
//! Written: one header, blocks of 32 KiB as `SnappyOutputStream` cuts them. Read, as `SnappyInputStream` does: framed,
//! several framed streams in a row, or one raw block without any framing (older non-Java producers).

use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

use super::output::Output;
use crate::{Codec, RecordError};

const MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];

/// Magic, version 1, readable by version 1.
const HEADER: [u8; 16] = [
    0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1,
];
const BLOCK_LEN: usize = 32 * 1024;

/// No element of the format yields more: 64 bytes from the three of a copy with a two-byte offset.
const EXPANSION_MAX: usize = 22;

/// The encoder's reused hash tables.
#[derive(Default)]
pub(super) struct Snappy {
    encoder: Option<Encoder>,
}

// === impl Snappy ===

impl Snappy {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
        let failed = |_| RecordError::Compress {
            codec: Codec::Snappy,
            reason: "block refused",
        };
        let encoder = self.encoder.get_or_insert_with(Encoder::new);
        let mut output = Output::new(Codec::Snappy, out, usize::MAX);
        output.copy(&HEADER)?;
        for block in input.chunks(BLOCK_LEN) {
            let (_, room) = output.room(4 + max_compress_len(block.len()))?;
            let (length, body) = room.split_at_mut(4);
            let size = encoder.compress(block, body).map_err(failed)?;
            length.copy_from_slice(&u32::try_from(size).unwrap_or(0).to_be_bytes());
            output.produced(4 + size);
        }
        output.finish();
        Ok(())
    }
}

pub(super) fn decompress(input: &[u8], cap: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let mut output = Output::new(Codec::Snappy, out, cap);
    if input.starts_with(&MAGIC) {
        read_framed(input, &mut output)?;
    } else {
        read_block(input, &mut output)?;
    }
    output.finish();
    Ok(())
}

fn read_framed(input: &[u8], output: &mut Output<'_>) -> Result<(), RecordError> {
    let mut rest = input;
    while !rest.is_empty() {
        if rest.starts_with(&MAGIC) {
            rest = read_header(rest)?;
            continue;
        }
        let (length, after) = rest.split_first_chunk().ok_or(CUT)?;
        let length = usize::try_from(i32::from_be_bytes(*length))
            .ok()
            .ok_or(malformed("negative block length"))?;
        let (block, after) = after.split_at_checked(length).ok_or(CUT)?;
        read_block(block, output)?;
        rest = after;
    }
    Ok(())
}

fn read_header(input: &[u8]) -> Result<&[u8], RecordError> {
    let (header, rest) = input.split_at_checked(HEADER.len()).ok_or(CUT)?;
    match header.last_chunk().map(|version| i32::from_be_bytes(*version)) {
        Some(1..) => Ok(rest),
        _ => Err(malformed("written by too old a version")),
    }
}

fn read_block(block: &[u8], output: &mut Output<'_>) -> Result<(), RecordError> {
    let declared = decompress_len(block)
        .ok()
        .ok_or(malformed("unreadable block size"))?;
    if declared > block.len().saturating_mul(EXPANSION_MAX) {
        return Err(malformed("a block declares more than its bytes could yield"));
    }
    let (_, room) = output.room(declared)?;
    let size = Decoder::new()
        .decompress(block, room)
        .ok()
        .ok_or(malformed("broken block"))?;
    output.produced(size);
    Ok(())
}

const CUT: RecordError = malformed("cut off");

const fn malformed(reason: &'static str) -> RecordError {
    RecordError::Decompress {
        codec: Codec::Snappy,
        reason,
    }
}
