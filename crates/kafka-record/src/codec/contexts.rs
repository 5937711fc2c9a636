//! Reused codec contexts: one set per worker.

use std::fmt;

use bytes::Bytes;

use super::gzip::Gzip;
use super::lz4::{self, HeaderChecksum, Lz4};
use super::output::Output;
use super::snappy::{self, Snappy};
use super::zstd::Zstd;
use crate::{Codec, RecordError};

/// The contexts and buffers of all codecs, reused from batch to batch. Each is made when first needed.
///
/// Output buffers belong to the caller and are reused as well: their old contents are overwritten, their memory grows
/// by doubling as bytes are produced and is kept.
#[derive(Default)]
pub struct CodecContexts {
    gzip: Gzip,
    snappy: Snappy,
    lz4: Lz4,
    zstd: Zstd,
    compressed: Vec<u8>,
    scratch: Vec<u8>,
}

/// Scratch memory above this size, in bytes, is given back after use.
const SCRATCH_BYTES_KEPT: usize = 4 * 1024 * 1024;

// === impl CodecContexts ===

impl CodecContexts {
    /// Allocates nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses a payload into `out`, which holds exactly the result afterwards, and nothing after an error.
    ///
    /// No more than `cap` bytes are ever produced, whatever the input declares: beyond it the answer is
    /// `RecordError::DecompressedTooLarge`. An empty payload, as compaction leaves it in an emptied batch, is empty in
    /// every codec.
    pub fn decompress(
        &mut self,
        codec: Codec,
        input: &[u8],
        cap: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let done = match codec {
            Codec::None => store(input, cap, out),
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd if input.is_empty() => {
                store(input, cap, out)
            }
            Codec::Gzip => self.gzip.decompress(input, cap, out),
            Codec::Snappy => snappy::decompress(input, cap, out),
            Codec::Lz4 => lz4::decompress(input, HeaderChecksum::Verified, cap, out),
            Codec::Zstd => self.zstd.decompress(input, cap, out),
        };
        if done.is_err() {
            out.clear();
        }
        done
    }

    /// As [`Self::decompress`], for the value of a wrapper of message format `magic`. In format 0 the header checksum of
    /// LZ4 frames covers the wrong bytes (KAFKA-3160) and is not looked at, as Java does.
    pub(crate) fn decompress_message_set(
        &mut self,
        codec: Codec,
        magic: i8,
        input: &[u8],
        cap: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        if codec == Codec::Lz4 && magic == 0 {
            return lz4::decompress(input, HeaderChecksum::Ignored, cap, out);
        }
        self.decompress(codec, input, cap, out)
    }

    /// Memory for one use within this crate; whatever it holds is to be overwritten.
    pub(crate) fn take_scratch(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.scratch)
    }

    pub(crate) fn return_scratch(&mut self, scratch: Vec<u8>) {
        if scratch.capacity() <= SCRATCH_BYTES_KEPT {
            self.scratch = scratch;
        }
    }

    /// Compresses records into `out`, which holds exactly the result afterwards.
    ///
    /// `level` is clamped to `Codec::levels`, and ignored by codecs that have none, so that a level meant for one
    /// codec cannot fail a batch of another; `None` is the codec's default as in Java (gzip 6, zstd 3).
    pub fn compress(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let level = codec
            .levels()
            .and_then(|levels| Some(level?.clamp(*levels.start(), *levels.end())));
        match codec {
            Codec::None => store(input, usize::MAX, out),
            Codec::Gzip => self.gzip.compress(level, input, out),
            Codec::Snappy => self.snappy.compress(input, out),
            Codec::Lz4 => self.lz4.compress(input, out),
            Codec::Zstd => self.zstd.compress(level, input, out),
        }
    }

    /// Compresses records into memory of exactly the compressed size.
    pub(crate) fn compress_to_bytes(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        input: &[u8],
    ) -> Result<Bytes, RecordError> {
        let mut compressed = std::mem::take(&mut self.compressed);
        let done = self.compress(codec, level, input, &mut compressed);
        let bytes = done.map(|()| Bytes::copy_from_slice(&compressed));
        self.compressed = compressed;
        bytes
    }
}

impl fmt::Debug for CodecContexts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodecContexts").finish_non_exhaustive()
    }
}

fn store(input: &[u8], cap: usize, out: &mut Vec<u8>) -> Result<(), RecordError> {
    let mut output = Output::new(Codec::None, out, cap);
    output.copy(input)?;
    output.finish();
    Ok(())
}
