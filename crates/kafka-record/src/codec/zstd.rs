//! Zstandard frames over reused contexts of the C library.
//!
//! A payload is decoded in one call into the output, never streamed: that needs no window buffer, whose size a frame
//! would be free to claim. Frames written by Java do not tell their size, so a small output is tried first and doubled.

use zstd::zstd_safe::zstd_sys::ZSTD_ErrorCode;
use zstd::zstd_safe::{self, CCtx, DCtx};

use super::output::Output;
use crate::{Codec, RecordError};

/// The library's and Java's default.
const LEVEL_DEFAULT: i32 = 3;

/// What a payload is first given room for, as a multiple of its compressed size. Text compresses about fivefold.
const EXPANSION_LIKELY: usize = 8;

/// The reused contexts.
#[derive(Default)]
pub(super) struct Zstd {
    encoder: Option<CCtx<'static>>,
    decoder: Option<DCtx<'static>>,
}

// === impl Zstd ===

impl Zstd {
    pub(super) fn compress(
        &mut self,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let failed = |reason| RecordError::Compress {
            codec: Codec::Zstd,
            reason,
        };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            slot => slot.insert(CCtx::try_create().ok_or(failed("out of memory"))?),
        };
        let mut output = Output::new(Codec::Zstd, out, usize::MAX);
        let (_, room) = output.room(zstd_safe::compress_bound(input.len()))?;
        let size = encoder
            .compress(room, input, level.unwrap_or(LEVEL_DEFAULT))
            .map_err(|code| failed(zstd_safe::get_error_name(code)))?;
        output.produced(size);
        output.finish();
        Ok(())
    }

    pub(super) fn decompress(
        &mut self,
        input: &[u8],
        cap: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            slot => slot.insert(DCtx::try_create().ok_or(malformed("out of memory"))?),
        };
        let mut output = Output::new(Codec::Zstd, out, cap);
        let likely = input.len().saturating_mul(EXPANSION_LIKELY).max(1024);
        // The first frame's size, if told. It is believed as a reason to refuse, not as a reason to allocate.
        let declared = zstd_safe::get_frame_content_size(input).ok().flatten();
        let mut length = output.ready().max(likely).min(cap);
        if let Some(declared) = declared {
            let declared = usize::try_from(declared).unwrap_or(usize::MAX);
            if declared > cap {
                return Err(output.too_large());
            }
            length = length.min(declared);
        }
        loop {
            let (_, room) = output.room(length)?;
            match decoder.decompress(room, input) {
                Ok(size) => {
                    output.produced(size);
                    output.finish();
                    return Ok(());
                }
                Err(code) if !is_output_too_small(code) => {
                    return Err(malformed(zstd_safe::get_error_name(code)));
                }
                Err(_) if length == cap => return Err(output.too_large()),
                Err(_) => length = length.saturating_mul(2).max(1024).min(cap),
            }
        }
    }
}

/// Errors are negated numbers of `zstd_errors.h`, which are stable.
fn is_output_too_small(code: usize) -> bool {
    code == 0_usize.wrapping_sub(ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize)
}

const fn malformed(reason: &'static str) -> RecordError {
    RecordError::Decompress {
        codec: Codec::Zstd,
        reason,
    }
}
