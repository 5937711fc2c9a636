//! Reused codec contexts: one set per worker.

use bytes::Bytes;

use crate::{Codec, RecordError};

/// The contexts and buffers of all codecs, reused from batch to batch.
#[derive(Debug, Default)]
pub struct CodecContexts {
    compressed: Vec<u8>,
}

// === impl CodecContexts ===

impl CodecContexts {
    /// Contexts are made when first needed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decompresses a batch's payload; `out` is replaced by the result and never grows beyond `cap` bytes.
    pub fn decompress(
        &mut self,
        codec: Codec,
        input: &[u8],
        cap: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        match codec {
            Codec::None if input.len() > cap => Err(RecordError::DecompressedTooLarge { codec, cap }),
            Codec::None => {
                out.clear();
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => Err(RecordError::Decompress {
                codec,
                reason: "not yet supported",
            }),
        }
    }

    /// Compresses records; `out` is replaced by the result.
    pub fn compress(
        &mut self,
        codec: Codec,
        level: Option<i32>,
        input: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), RecordError> {
        let _ = level;
        match codec {
            Codec::None => {
                out.clear();
                out.extend_from_slice(input);
                Ok(())
            }
            Codec::Gzip | Codec::Snappy | Codec::Lz4 | Codec::Zstd => Err(RecordError::Compress {
                codec,
                reason: "not yet supported",
            }),
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
