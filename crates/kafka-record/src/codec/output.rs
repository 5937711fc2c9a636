//! The growing, capped buffer that decoders write to.
//!
//! Memory grows by doubling what has been produced, never by what a header promises, and never beyond the cap.

use crate::{Codec, RecordError};

/// Makes room for at least `needed` bytes in all, by doubling where that is more, never beyond `cap`.
pub(super) fn grow(buffer: &mut Vec<u8>, needed: usize, cap: usize) {
    if buffer.capacity() < needed {
        let capacity = buffer.capacity().saturating_mul(2).min(cap).max(needed);
        buffer.reserve_exact(capacity - buffer.len());
    }
}

/// Output for decoders that write into initialised slices. What the buffer held before is overwritten, not cleared:
/// a reused buffer is not zeroed again.
pub(super) struct Output<'a> {
    codec: Codec,
    buffer: &'a mut Vec<u8>,
    filled: usize,
    cap: usize,
}

// === impl Output ===

impl<'a> Output<'a> {
    pub(super) fn new(codec: Codec, buffer: &'a mut Vec<u8>, cap: usize) -> Self {
        Self {
            codec,
            buffer,
            filled: 0,
            cap,
        }
    }

    /// Bytes produced so far.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Bytes that may still be produced.
    pub(super) fn left(&self) -> usize {
        self.cap - self.filled
    }

    /// Bytes that can be handed out without touching new memory.
    pub(super) fn ready(&self) -> usize {
        self.buffer.len().saturating_sub(self.filled)
    }

    pub(super) fn too_large(&self) -> RecordError {
        RecordError::DecompressedTooLarge {
            codec: self.codec,
            cap: self.cap,
        }
    }

    /// What was produced so far, and `length` bytes to write to behind it; fails beyond the cap.
    pub(super) fn room(&mut self, length: usize) -> Result<(&[u8], &mut [u8]), RecordError> {
        if length > self.left() {
            return Err(self.too_large());
        }
        let end = self.filled + length;
        if self.buffer.len() < end {
            grow(self.buffer, end, self.cap);
            self.buffer.resize(end, 0);
        }
        let (done, rest) = self.buffer.split_at_mut(self.filled);
        let room = rest.get_mut(..length).unwrap_or_default();
        Ok((done, room))
    }

    /// Takes the first `length` bytes of the last `room` as produced.
    pub(super) fn produced(&mut self, length: usize) {
        self.filled = (self.filled + length).min(self.buffer.len());
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        self.room(bytes.len())?.1.copy_from_slice(bytes);
        self.produced(bytes.len());
        Ok(())
    }

    /// Cuts off what was not overwritten.
    pub(super) fn finish(self) {
        self.buffer.truncate(self.filled);
    }
}
