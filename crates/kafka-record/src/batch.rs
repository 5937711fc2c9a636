//! Walks what a fetch returned, batch by batch, without copying or decompressing anything.
//!
//! A fetch answers whole batches, except that the last one may be cut off where the byte limit fell: that partial
//! tail is normal and ends the walk. Entries of the old formats (magic 0 and 1) are told apart; uncompressed neighbours
//! come together.

use std::fmt;

use bytes::Bytes;

use crate::cursor::Cursor;
use crate::header::{CHECKED_FROM, LENGTH_END, MAGIC_AT};
use crate::legacy::{RUN_BYTES_MAX, may_join};
use crate::{BatchHeader, Codec, CodecContexts, HEADER_LEN, LegacyBatch, RecordError, up_convert};

/// Smallest length field of magic 0: CRC, magic, attributes, key length, value length.
const LEGACY_LENGTH_MIN: i32 = 14;

/// A record batch (magic 2) as it came from the wire; the bytes are shared with the fetch response.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordBatch {
    /// The parsed header.
    pub header: BatchHeader,
    bytes: Bytes,
}

/// One item of a fetched partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// A record batch of the current format.
    V2(RecordBatch),
    /// Entries of the formats of Kafka before 0.11: a wrapper, or uncompressed neighbours together.
    Legacy(LegacyBatch),
}

/// How far a fetched piece of a partition reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchedPosition {
    /// The offset after the last whole batch.
    pub next_offset: i64,
    /// The leader epoch of that batch, -1 if unknown.
    pub leader_epoch: i32,
}

/// Iterates over the batches of a fetched partition. Ends at the partial tail, or after the first error: beyond a
/// broken length nothing can be trusted.
#[derive(Debug, Clone)]
pub struct Batches {
    rest: Bytes,
    failed: bool,
}

// === impl RecordBatch ===

impl RecordBatch {
    /// Takes `bytes` as exactly one batch. Fails if it is not the whole batch, or more than it.
    pub fn parse(bytes: Bytes) -> Result<Self, RecordError> {
        let header = BatchHeader::parse(&bytes)?;
        let declared = usize::try_from(header.batch_length)
            .ok()
            .and_then(|length| length.checked_add(LENGTH_END));
        if declared != Some(bytes.len()) {
            return Err(RecordError::BatchLength {
                length: header.batch_length,
                base_offset: header.base_offset,
            });
        }
        Ok(Self { header, bytes })
    }

    /// The whole batch, header included.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The records, still compressed; shared, not copied.
    pub fn payload(&self) -> Bytes {
        self.bytes.slice(HEADER_LEN..)
    }

    /// The records, still compressed.
    pub fn payload_bytes(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or_default()
    }

    /// Checks the CRC-32C over everything from the attributes on.
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        let computed = crc32c::crc32c(self.bytes.get(CHECKED_FROM..).unwrap_or_default());
        if computed == self.header.crc {
            Ok(())
        } else {
            let BatchHeader {
                base_offset,
                crc: stored,
                ..
            } = self.header;
            Err(RecordError::Checksum {
                base_offset,
                stored,
                computed,
            })
        }
    }

    /// The records, decompressed: the payload itself if it is not compressed, else `out`, whose old contents are
    /// replaced. `cap` bounds the decompressed bytes; an uncompressed payload is not bounded, it is already there.
    pub fn decompressed<'a>(
        &'a self,
        codecs: &mut CodecContexts,
        cap: usize,
        out: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], RecordError> {
        let codec = self.header.attributes.codec()?;
        if codec == Codec::None {
            return Ok(self.payload_bytes());
        }
        codecs.decompress(codec, self.payload_bytes(), cap, out)?;
        Ok(out)
    }
}

/// Shows the header, not the records: they are many and not ours to print.
impl fmt::Debug for RecordBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordBatch")
            .field("header", &self.header)
            .finish_non_exhaustive()
    }
}

// === impl Batch ===

impl Batch {
    /// Where to fetch on after this batch.
    pub fn next_offset(&self) -> i64 {
        match self {
            Self::V2(batch) => batch.header.next_offset(),
            Self::Legacy(set) => set.next_offset(),
        }
    }

    /// The records in a batch of the present format, with its checksums, all of them, found to be right. `cap` bounds what
    /// a wrapper may decompress to.
    pub fn verified(self, codecs: &mut CodecContexts, cap: usize) -> Result<RecordBatch, RecordError> {
        match self {
            Self::V2(batch) => batch.verify_crc().map(|()| batch),
            Self::Legacy(set) => up_convert(&set, codecs, cap),
        }
    }

    /// Bytes of the whole batch.
    pub fn size(&self) -> usize {
        match self {
            Self::V2(batch) => batch.size(),
            Self::Legacy(set) => set.size(),
        }
    }
}

// === impl Batches ===

impl Batches {
    /// Starts at the first byte of a fetched partition.
    pub fn new(bytes: Bytes) -> Self {
        Self {
            rest: bytes,
            failed: false,
        }
    }

    /// Bytes of the batch that was cut off at the end, 0 if there is none. Final once the iterator has ended.
    pub fn partial_tail(&self) -> usize {
        self.rest.len()
    }

    /// Bytes the cut-off batch claims to have in all, if enough of it is there to say. Unverified: bound it before
    /// fetching that much.
    pub fn partial_tail_size(&self) -> Option<usize> {
        frame(&self.rest).ok().flatten().map(|frame| frame.size)
    }

    fn advance(&mut self) -> Result<Option<Batch>, RecordError> {
        let Some(frame) = frame(&self.rest)?.filter(|frame| frame.size <= self.rest.len()) else {
            return Ok(None);
        };
        if frame.magic == 2 {
            let bytes = self.rest.split_to(frame.size);
            return Ok(Some(Batch::V2(RecordBatch::parse(bytes)?)));
        }
        Ok(Some(Batch::Legacy(self.message_set(&frame))))
    }

    /// The set that begins with the entry of this frame, which is whole.
    fn message_set(&mut self, first: &Frame) -> LegacyBatch {
        let (mut end, mut last, mut last_at) = (first.size, first.offset, 0);
        if may_join(&self.rest) {
            // What does not continue the run, or is broken, is the next call's.
            while let Some(next) = self.frame_in_run(first, last, end) {
                last_at = end;
                end += next.size;
                last = next.offset;
            }
        }
        LegacyBatch {
            magic: first.magic,
            first_offset: first.offset,
            last_offset: last,
            last_entry_at: last_at,
            bytes: self.rest.split_to(end),
        }
    }

    fn frame_in_run(&self, first: &Frame, last: i64, at: usize) -> Option<Frame> {
        let rest = self.rest.get(at..)?;
        let next = frame(rest).ok()??;
        let span = next.offset.checked_sub(first.offset)?;
        let continues = next.magic == first.magic
            && next.offset > last
            && i32::try_from(span).is_ok()
            && next.size <= rest.len()
            && at + next.size <= RUN_BYTES_MAX
            && may_join(rest);
        continues.then_some(next)
    }
}

impl Iterator for Batches {
    type Item = Result<Batch, RecordError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.advance();
        self.failed = next.is_err();
        next.transpose()
    }
}

impl std::iter::FusedIterator for Batches {}

/// How far `bytes` reach: a walk over headers only. `None` if they hold no whole batch.
pub fn fetched_position(bytes: &Bytes) -> Result<Option<FetchedPosition>, RecordError> {
    let mut rest: &[u8] = bytes;
    let mut position = None;
    while let Some(frame) = frame(rest)? {
        let Some((batch, after)) = rest.split_at_checked(frame.size) else {
            break;
        };
        position = Some(if frame.magic == 2 {
            let header = BatchHeader::parse(batch)?;
            FetchedPosition {
                next_offset: header.next_offset(),
                leader_epoch: header.partition_leader_epoch,
            }
        } else {
            FetchedPosition {
                next_offset: frame.offset.saturating_add(1),
                leader_epoch: -1,
            }
        });
        rest = after;
    }
    Ok(position)
}

/// The size of the batch at the start of `bytes`, of which a part may be missing; `None` if that is too short to tell.
pub fn first_batch_size(bytes: &[u8]) -> Result<Option<usize>, RecordError> {
    Ok(frame(bytes)?.map(|frame| frame.size))
}

/// What all formats share: an offset, a length after 12 bytes, a magic byte at 16.
struct Frame {
    offset: i64,
    size: usize,
    magic: i8,
}

/// Reads the frame at the start of `bytes`; `None` if too little of it is there to tell.
fn frame(bytes: &[u8]) -> Result<Option<Frame>, RecordError> {
    let mut cursor = Cursor::new(bytes);
    let (Some(offset), Some(length)) = (cursor.i64(), cursor.i32()) else {
        return Ok(None);
    };
    let impossible = || RecordError::BatchLength {
        length,
        base_offset: offset,
    };
    if length < LEGACY_LENGTH_MIN {
        return Err(impossible());
    }
    let size = usize::try_from(length)
        .ok()
        .and_then(|length| length.checked_add(LENGTH_END));
    let size = size.ok_or_else(impossible)?;
    let Some(&magic) = bytes.get(MAGIC_AT) else {
        return Ok(None);
    };
    let magic = magic.cast_signed();
    let size_min = match magic {
        0 => 26,
        1 => 34,
        2 => HEADER_LEN,
        _ => {
            return Err(RecordError::UnknownMagic {
                magic,
                base_offset: offset,
            });
        }
    };
    if size < size_min {
        return Err(impossible());
    }
    if magic < 2 && !(0..i64::MAX).contains(&offset) {
        return Err(RecordError::OffsetRange {
            base_offset: offset,
            last_offset_delta: 0,
        });
    }
    Ok(Some(Frame { offset, size, magic }))
}
