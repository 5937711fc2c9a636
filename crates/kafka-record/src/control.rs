//! Control records: the transaction markers of a source's log.

use crate::cursor::Cursor;
use crate::{Codec, RecordBatch, RecordError, Records};

/// What a control batch says (Kafka's `ControlRecordType.java`). It takes one offset and is never forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRecord {
    /// The producer's open transaction on this partition is void.
    Abort,
    /// The producer's open transaction on this partition is valid.
    Commit,
    /// Another type, of no concern to a mirror (leader change, snapshot header, ...).
    Unknown(i16),
}

// === impl ControlRecord ===

impl ControlRecord {
    /// Reads the record of a control batch. `None` if compaction has emptied the batch.
    pub fn of(batch: &RecordBatch) -> Result<Option<Self>, RecordError> {
        let malformed = |reason| RecordError::Control {
            base_offset: batch.header.base_offset,
            reason,
        };
        if !batch.header.attributes.is_control() {
            return Err(malformed("not a control batch"));
        }
        // Coordinators write markers uncompressed, and nothing later on recompresses them.
        if batch.header.attributes.codec()? != Codec::None {
            return Err(malformed("compressed"));
        }
        let Some(record) = Records::new(batch.payload_bytes(), batch.header.record_count)
            .next()
            .transpose()?
        else {
            return Ok(None);
        };
        let mut key = Cursor::new(record.key.ok_or_else(|| malformed("no key"))?);
        let (Some(version), Some(kind)) = (key.i16(), key.i16()) else {
            return Err(malformed("key shorter than 4 bytes"));
        };
        if version < 0 {
            return Err(malformed("negative version"));
        }
        Ok(Some(match kind {
            0 => Self::Abort,
            1 => Self::Commit,
            other => Self::Unknown(other),
        }))
    }
}
