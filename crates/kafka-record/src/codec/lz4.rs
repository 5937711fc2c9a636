//! LZ4 frames: our own framing over `lz4_flex`'s blocks, which decodes straight into the reused output.
//!
//! Written as Java writes them (`Lz4BlockOutputStream`): independent blocks of 64 KiB, no checksums, no content size.
//! Read: every frame of the format's version 1 without a dictionary id, also with linked blocks, larger blocks,
//! checksums or several frames in a row. A content checksum is skipped, as Java does: the batch's own checksum has
//! covered those bytes.

use lz4_flex::block::{self, CompressTable, DecompressError};
use twox_hash::XxHash32;

use super::output::Output;
use crate::{Codec, RecordError};

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();

/// FLG: version 1, independent blocks. BD: 64 KiB. The last byte is their checksum.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const END_MARK: [u8; 4] = [0; 4];
const BLOCK_LEN: usize = 64 * 1024;

/// Set in a block's length if the block is stored as it is.
const STORED: u32 = 1 << 31;

/// How far back linked blocks reach into their predecessors.
const WINDOW_LEN: usize = 64 * 1024;

/// The encoder's reused hash table: always the large kind. The small one would do for blocks below 64 KiB, but hashes
/// four bytes instead of five, which on JSON is slower and compresses less.
#[derive(Default)]
pub(super) struct Lz4 {
    table: Option<CompressTable>,
}

// === impl Lz4 ===

impl Lz4 {
    pub(super) fn compress(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), RecordError> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        let mut output = Output::new(Codec::Lz4, out, usize::MAX);
        output.copy(&HEADER)?;
        for block in input.chunks(BLOCK_LEN) {
            let (_, room) = output.room(4 + block::get_maximum_output_size(block.len()))?;
            let (length, body) = room.split_at_mut(4);
            let compressed = block::compress_into_with_table(block, body, table)
                .ok()
                .filter(|n| *n < block.len());
            let (size, flag) = if let Some(size) = compressed {
                (size, 0)
            } else {
                body.get_mut(..block.len())
                    .unwrap_or_default()
                    .copy_from_slice(block);
                (block.len(), STORED)
            };
            let field = u32::try_from(size).unwrap_or(0) | flag;
            length.copy_from_slice(&field.to_le_bytes());
            output.produced(4 + size);
        }
        output.copy(&END_MARK)?;
        output.finish();
        Ok(())
    }
}

/// What becomes of the checksum over a frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderChecksum {
    Verified,
    /// Clients that wrote message format 0 computed it over the magic number as well (KAFKA-3160).
    Ignored,
}

pub(super) fn decompress(
    input: &[u8],
    header_checksum: HeaderChecksum,
    cap: usize,
    out: &mut Vec<u8>,
) -> Result<(), RecordError> {
    let mut output = Output::new(Codec::Lz4, out, cap);
    let mut rest = input;
    loop {
        rest = read_frame(rest, header_checksum, &mut output)?;
        // Java stops at the end of the first frame; what follows may be another one, or is ignored as there.
        if !rest.starts_with(&MAGIC) {
            break;
        }
    }
    output.finish();
    Ok(())
}

/// What a frame's header says.
struct Frame {
    linked_blocks: bool,
    block_checksums: bool,
    content_checksum: bool,
    content_size: Option<u64>,
    block_len_max: usize,
}

// === impl Frame ===

impl Frame {
    const LINKED: u8 = 1 << 5; // cleared: linked
    const BLOCK_CHECKSUMS: u8 = 1 << 4;
    const CONTENT_SIZE: u8 = 1 << 3;
    const CONTENT_CHECKSUM: u8 = 1 << 2;

    fn read(input: &[u8], header_checksum: HeaderChecksum) -> Result<(Self, &[u8]), RecordError> {
        let descriptor = input.strip_prefix(&MAGIC).ok_or(malformed("not an LZ4 frame"))?;
        let (&[flags, block_descriptor], mut rest) = descriptor.split_first_chunk().ok_or(CUT)?;
        if flags >> 6 != 1 {
            return Err(malformed("unknown version"));
        }
        if flags & 0b11 != 0 || block_descriptor & 0b1000_1111 != 0 {
            return Err(malformed("reserved bits or a dictionary id"));
        }
        let block_len_max = match block_descriptor >> 4 {
            4 => 64 * 1024,
            5 => 256 * 1024,
            6 => 1024 * 1024,
            7 => 4 * 1024 * 1024,
            _ => return Err(malformed("unknown block size")),
        };
        let mut content_size = None;
        if flags & Self::CONTENT_SIZE != 0 {
            let (size, after) = rest.split_first_chunk().ok_or(CUT)?;
            content_size = Some(u64::from_le_bytes(*size));
            rest = after;
        }
        let (checked, _) = descriptor.split_at(descriptor.len() - rest.len());
        let (&checksum, rest) = rest.split_first().ok_or(CUT)?;
        let expected = XxHash32::oneshot(0, checked).to_le_bytes()[1];
        if header_checksum == HeaderChecksum::Verified && checksum != expected {
            return Err(malformed("wrong header checksum"));
        }
        let frame = Self {
            linked_blocks: flags & Self::LINKED == 0,
            block_checksums: flags & Self::BLOCK_CHECKSUMS != 0,
            content_checksum: flags & Self::CONTENT_CHECKSUM != 0,
            content_size,
            block_len_max,
        };
        Ok((frame, rest))
    }
}

/// Decodes one frame; answers what follows it.
fn read_frame<'a>(
    input: &'a [u8],
    header_checksum: HeaderChecksum,
    output: &mut Output<'_>,
) -> Result<&'a [u8], RecordError> {
    let (frame, mut rest) = Frame::read(input, header_checksum)?;
    let start = output.filled();
    if frame.content_size.is_some_and(|size| size > output.left() as u64) {
        return Err(output.too_large());
    }
    loop {
        let (length, after) = rest.split_first_chunk().ok_or(CUT)?;
        let length = u32::from_le_bytes(*length);
        rest = after;
        if length == 0 {
            break;
        }
        let size = usize::try_from(length & !STORED).unwrap_or(usize::MAX);
        if size > frame.block_len_max {
            return Err(malformed("a block is longer than the frame allows"));
        }
        let (block, after) = rest.split_at_checked(size).ok_or(CUT)?;
        rest = after;
        if frame.block_checksums {
            let (checksum, after) = rest.split_first_chunk().ok_or(CUT)?;
            if u32::from_le_bytes(*checksum) != XxHash32::oneshot(0, block) {
                return Err(malformed("wrong block checksum"));
            }
            rest = after;
        }
        if length & STORED == 0 {
            read_block(block, &frame, start, output)?;
        } else {
            output.copy(block)?;
        }
    }
    if frame.content_checksum {
        rest = rest.get(4..).ok_or(CUT)?;
    }
    if frame
        .content_size
        .is_some_and(|size| size != (output.filled() - start) as u64)
    {
        return Err(malformed("the content size is not the declared one"));
    }
    Ok(rest)
}

/// Decodes one compressed block. A block does not tell its decoded size: try with little room, then with more.
fn read_block(block: &[u8], frame: &Frame, start: usize, output: &mut Output<'_>) -> Result<(), RecordError> {
    let limit = frame.block_len_max.min(output.left());
    let mut length = output
        .ready()
        .max(BLOCK_LEN)
        .max(block.len().saturating_mul(4))
        .min(limit);
    loop {
        let (done, room) = output.room(length)?;
        let decoded = if frame.linked_blocks {
            let frame_so_far = done.get(start..).unwrap_or_default();
            let window = frame_so_far
                .get(frame_so_far.len().saturating_sub(WINDOW_LEN)..)
                .unwrap_or_default();
            block::decompress_into_with_dict(block, room, window)
        } else {
            block::decompress_into(block, room)
        };
        match decoded {
            Ok(decoded) => {
                output.produced(decoded);
                return Ok(());
            }
            Err(DecompressError::OutputTooSmall { .. }) if length < limit => {
                length = length.saturating_mul(2).min(limit);
            }
            Err(DecompressError::OutputTooSmall { .. }) if limit < frame.block_len_max => {
                return Err(output.too_large());
            }
            Err(DecompressError::OutputTooSmall { .. }) => {
                return Err(malformed("a block decodes to more than the frame allows"));
            }
            Err(_) => return Err(malformed("broken block")),
        }
    }
}

const CUT: RecordError = malformed("cut off");

const fn malformed(reason: &'static str) -> RecordError {
    RecordError::Decompress {
        codec: Codec::Lz4,
        reason,
    }
}
