//! What a fetch returned in format 0 or 1: a wrapper, or a run of uncompressed entries.
//!
//! Every uncompressed record is an entry of its own. To treat each as a batch would cost a checksum, a place in queues and
//! a round trip per record, so neighbours are taken together, up to [`RUN_BYTES_MAX`].

use std::fmt;

use bytes::Bytes;

use super::entry::{Entries, Entry};
use crate::header::{Attributes, LENGTH_END};
use crate::{Codec, RecordError};

/// Where the attributes of an entry stand, behind offset, size, checksum and magic.
const ATTRIBUTES_AT: usize = 17;

/// Uncompressed entries are taken together up to this many bytes: a batch of good size for the target, far below every
/// broker's limit, and little to do again when it has to be taken apart.
pub(crate) const RUN_BYTES_MAX: usize = 256 * 1024;

/// One wrapper of format 0 or 1, or consecutive uncompressed entries of one of the two.
///
/// Its frames are checked, its contents are not: [`crate::up_convert`] does that.
#[derive(Clone, PartialEq, Eq)]
pub struct LegacyBatch {
    /// The format version, 0 or 1.
    pub magic: i8,
    /// Offset field of the first entry; of a wrapper that is the offset of its *last* record, see
    /// [`crate::up_convert`] for the first one.
    pub first_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Where the last entry begins in `bytes`.
    pub(crate) last_entry_at: usize,
    /// The whole entries, from the first one's offset field on.
    pub bytes: Bytes,
}

// === impl LegacyBatch ===

impl LegacyBatch {
    /// A set of one entry.
    pub(crate) fn of_entry(magic: i8, offset: i64, bytes: Bytes) -> Self {
        Self {
            magic,
            first_offset: offset,
            last_offset: offset,
            last_entry_at: 0,
            bytes,
        }
    }

    /// Where to fetch on after this set.
    pub fn next_offset(&self) -> i64 {
        self.last_offset.saturating_add(1)
    }

    /// Bytes of all entries.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The codec of the wrapper; [`Codec::None`] if this is no wrapper. Fails for numbers the formats do not define.
    pub fn codec(&self) -> Result<Codec, RecordError> {
        attributes(&self.bytes).codec()
    }

    /// The CRC-32 that the last entry carries, unverified. Brokers write an entry's offset and keep its checksum, so it
    /// recognises the entry at [`Self::last_offset`].
    pub fn last_crc(&self) -> u32 {
        let stored = self.bytes.get(self.last_entry_at + LENGTH_END..);
        stored
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |crc| u32::from_be_bytes(*crc))
    }

    /// Checks the checksums of all entries; of a wrapper its own, not those inside.
    pub fn verify_crc(&self) -> Result<(), RecordError> {
        for entry in Entries::new(&self.bytes) {
            entry?.verify_crc()?;
        }
        Ok(())
    }

    /// The entries, each as a set of its own: what a log holds, one by one.
    pub fn entries(&self) -> impl Iterator<Item = Self> + '_ {
        let mut rest = self.bytes.clone();
        Entries::new(&self.bytes).map_while(move |entry| {
            let Entry { magic, offset, .. } = entry.ok()?;
            let length = rest.get(8..LENGTH_END)?.first_chunk().copied()?;
            let size = usize::try_from(u32::from_be_bytes(length)).ok()?;
            let size = size.checked_add(LENGTH_END).filter(|size| *size <= rest.len())?;
            Some(Self::of_entry(magic, offset, rest.split_to(size)))
        })
    }
}

/// Shows offsets and size, not the contents.
impl fmt::Debug for LegacyBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LegacyBatch")
            .field("magic", &self.magic)
            .field("first_offset", &self.first_offset)
            .field("last_offset", &self.last_offset)
            .field("size", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// May an entry be part of a run? Not if it is compressed.
pub(crate) fn may_join(entry: &[u8]) -> bool {
    attributes(entry).codec() == Ok(Codec::None)
}

fn attributes(entry: &[u8]) -> Attributes {
    let attributes = entry.get(ATTRIBUTES_AT).copied().unwrap_or_default();
    Attributes(i16::from(attributes))
}
