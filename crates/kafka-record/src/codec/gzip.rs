//! Gzip streams (RFC 1952) over a reused inflater and deflater.
//!
//! Read as Java's `GZIPInputStream` does: several members in a row are one stream, and bytes after a member that do
//! not begin another one are ignored.

use flate2::{Compress, Compression, Crc, Decompress, FlushCompress, FlushDecompress, Status};

use super::output::Output;
use crate::{Codec, RecordError};

/// Java's default, `Deflater.DEFAULT_COMPRESSION`.
const LEVEL_DEFAULT: u32 = 6;
const WINDOW_BITS: u8 = 15;

/// Checksum and size of the content, both 32 bits, little-endian.
const TRAILER_LEN: usize = 8;

/// The reused inflater and deflater.
#[derive(Default)]
pub(super) struct Gzip {
    inflater: Option<Decompress>,
    deflater: Option<(u32, Compress)>,
}

// === impl Gzip ===

impl Gzip {
    /// `level` is within 1-9.
    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let level = level
            .and_then(|level| u32::try_from(level).ok())
            .unwrap_or(LEVEL_DEFAULT);
        let deflater = match &mut self.deflater {
            Some((current, deflater)) if *current == level => {
                deflater.reset();
                deflater
            }
            slot => {
                &mut slot
                    .insert((level, Compress::new_gzip(Compression::new(level), WINDOW_BITS)))
                    .1
            }
        };
        let mut output = Output::new(Codec::Gzip, out, usize::MAX);
        // Deflate at its worst stores blocks as they are, with a few bytes each.
        let mut length = input.len() + input.len() / 512 + 64;
        let mut rest = input;
        loop {
            let (_, room) = output.room(length)?;
            let (in_before, out_before) = (deflater.total_in(), deflater.total_out());
            let status = deflater
                .compress(rest, room, FlushCompress::Finish)
                .ok()
                .ok_or(REFUSED)?;
            rest = rest
                .get(count(deflater.total_in() - in_before)..)
                .unwrap_or_default();
            output.produced(count(deflater.total_out() - out_before));
            if status == Status::StreamEnd {
                output.finish();
                return Ok(());
            }
            length = output.filled();
        }
    }

    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        cap: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let mut output = Output::new(Codec::Gzip, out, cap);
        let mut member = skip_header(input).ok_or(malformed("unreadable header"))?;
        loop {
            let rest = self.read_member(member, &mut output)?;
            match skip_header(rest) {
                Some(next) => member = next,
                None => break,
            }
        }
        output.finish();
        Ok(())
    }

    /// Inflates a member behind its header; answers what follows its trailer.
    fn read_member<'a>(&mut self, input: &'a [u8], output: &mut Output<'_>) -> Result<&'a [u8], RecordError> {
        let inflater = self.inflater.get_or_insert_with(|| Decompress::new(false));
        inflater.reset(false);
        let (mut rest, mut checksum) = (input, Crc::new());
        loop {
            let wanted = output
                .ready()
                .max(output.filled())
                .max(rest.len().saturating_mul(4))
                .max(1024);
            // At the cap the stream may just be over: one byte beside the output shows whether more would come.
            let (at_cap, mut beyond) = (output.left() == 0, [0]);
            let room = if at_cap {
                &mut beyond[..]
            } else {
                output.room(wanted.min(output.left()))?.1
            };
            let (in_before, out_before) = (inflater.total_in(), inflater.total_out());
            let status = inflater.decompress(rest, room, FlushDecompress::Finish);
            let status = status.ok().ok_or(malformed("broken stream"))?;
            let read = count(inflater.total_in() - in_before);
            let written = count(inflater.total_out() - out_before);
            if at_cap && written > 0 {
                return Err(output.too_large());
            }
            checksum.update(room.get(..written).unwrap_or_default());
            output.produced(written);
            rest = rest.get(read..).unwrap_or_default();
            if status == Status::StreamEnd {
                break;
            }
            if read == 0 && written == 0 {
                return Err(CUT);
            }
        }
        let (trailer, after) = rest.split_first_chunk::<TRAILER_LEN>().ok_or(CUT)?;
        let mut expected = [0; TRAILER_LEN];
        let (sum, size) = expected.split_at_mut(4);
        sum.copy_from_slice(&checksum.sum().to_le_bytes());
        size.copy_from_slice(&checksum.amount().to_le_bytes());
        if *trailer != expected {
            return Err(malformed("wrong checksum or size"));
        }
        Ok(after)
    }
}

/// Steps over a member's header; `None` if there is no whole header.
fn skip_header(input: &[u8]) -> Option<&[u8]> {
    const HEADER_CHECKSUM: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    const RESERVED: u8 = 0b1110_0000;
    // Two magic bytes, method 8 (deflate), flags, modification time, extra flags, operating system.
    let (&[0x1f, 0x8b, 8, flags, ..], mut rest) = input.split_first_chunk::<10>()? else {
        return None;
    };
    if flags & RESERVED != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let (length, after) = rest.split_first_chunk()?;
        rest = after.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    if flags & HEADER_CHECKSUM != 0 {
        rest = rest.get(2..)?;
    }
    Some(rest)
}

/// A difference of two of the library's totals: never more than a buffer holds.
fn count(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

const REFUSED: RecordError = RecordError::Compress {
    codec: Codec::Gzip,
    reason: "deflate refused",
};
const CUT: RecordError = malformed("cut off");

const fn malformed(reason: &'static str) -> RecordError {
    RecordError::Decompress {
        codec: Codec::Gzip,
        reason,
    }
}
