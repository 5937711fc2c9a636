//! A batch of the source as the router works on it: in the present format, with what the log shows of it.

use kafka_record::{Batch, Codec, RecordBatch, RecordError};

use crate::Workbench;
use crate::routed::Answer;

/// A batch whose checksum was verified.
#[derive(Debug, Clone)]
pub(crate) struct SourceBatch {
    /// The records; of a message set in the format of today, uncompressed.
    pub(crate) batch: RecordBatch,
    pub(crate) in_log: InLog,
}

/// What the source's log shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct InLog {
    pub(crate) crc: u32,
    /// The offset under which the log shows the checksum.
    pub(crate) crc_at: i64,
    pub(crate) bytes: usize,
    /// Of a message set: the codec its records had.
    pub(crate) converted_from: Option<Codec>,
}

// === impl SourceBatch ===

impl SourceBatch {
    /// Verifies `batch`, and brings a message set into the present format. `cap` bounds what that may decompress to.
    pub(crate) fn verified(batch: Batch, cap: usize, bench: &mut Workbench) -> Result<Self, RecordError> {
        let in_log = match &batch {
            Batch::V2(batch) => InLog {
                crc: batch.header.crc,
                crc_at: batch.header.base_offset,
                bytes: batch.size(),
                converted_from: None,
            },
            Batch::Legacy(set) => InLog {
                crc: set.last_crc(),
                crc_at: set.last_offset,
                bytes: set.size(),
                converted_from: Some(set.codec()?),
            },
        };
        let batch = batch.verified(&mut bench.codecs, cap)?;
        Ok(Self { batch, in_log })
    }
}

// === impl InLog ===

impl InLog {
    /// What a batch that was brought into the present format is answered with, where others have `answer`.
    pub(crate) fn answer(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Forward | Answer::ForwardAfterLook | Answer::Reframe if self.converted_from.is_some() => {
                Answer::UpConvert
            }
            Answer::Forward
            | Answer::ForwardAfterLook
            | Answer::Reframe
            | Answer::UpConvert
            | Answer::Split
            | Answer::Merge => answer,
        }
    }
}
