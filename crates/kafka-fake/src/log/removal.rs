//! What takes records out of a log by their place: `DeleteRecords`, retention, and an unclean election's truncation.

use kafka_record::Batch;
use kafka_wire::ErrorCode;

use super::producers::Producers;
use super::{PartitionLog, StoredBatch};
use crate::settings::LogSettings;

// === impl PartitionLog ===

impl PartitionLog {
    /// Moves the log's start to `before`, -1 meaning the high watermark, and answers where it is now.
    ///
    /// A batch that straddles the new start stays: a fetch there returns it whole.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` above the high watermark or below -1.
    pub(crate) fn delete_records(&mut self, before: i64) -> Result<i64, ErrorCode> {
        let start = if before == -1 { self.high_watermark } else { before };
        if !(0..=self.high_watermark).contains(&start) {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        self.advance_start(start);
        Ok(self.start)
    }

    /// Removes what is older or more than the topic keeps. Each batch counts as a segment of its own.
    pub(crate) fn enforce_retention(&mut self, settings: &LogSettings, now_ms: i64) {
        if !settings.is_deleted {
            return;
        }
        let mut start = self.start;
        let mut size = i64::try_from(self.size_bytes).unwrap_or(i64::MAX);
        for stored in &self.batches {
            let is_expired =
                settings.retention_ms >= 0 && now_ms - stored.max_timestamp() > settings.retention_ms;
            let is_too_much = settings.retention_bytes >= 0 && size > settings.retention_bytes;
            if !(is_expired || is_too_much) || stored.next_offset() > self.high_watermark {
                break;
            }
            size -= i64::try_from(stored.bytes().len()).unwrap_or(0);
            start = stored.next_offset();
        }
        self.advance_start(start);
    }

    /// Cuts the log at `end`, as a new leader without the rest does: whole batches go, also the one that holds `end`.
    pub(crate) fn truncate_to(&mut self, end: i64) {
        let end = end.clamp(self.start, self.end);
        self.batches.retain(|stored| stored.next_offset() <= end);
        self.end = end;
        self.high_watermark = self.high_watermark.min(end);
        self.epochs.truncate_to(end);
        self.aborted = super::AbortedTransactions::default();
        self.undecided.clear();
        self.producers = Producers::default();
        self.recount();
        let batches: Vec<StoredBatch> = self.batches.iter().cloned().collect();
        for stored in &batches {
            if let Batch::V2(batch) = &stored.batch {
                self.note(batch);
            }
        }
        self.advance_high_watermark();
    }

    fn advance_start(&mut self, start: i64) {
        if start <= self.start {
            return;
        }
        self.start = start;
        let kept_from = self.index_of(start);
        self.batches.drain(..kept_from);
        self.epochs.advance_start(start);
        self.aborted.advance_start(start);
        self.recount();
    }

    pub(super) fn recount(&mut self) {
        self.size_bytes = self.batches.iter().map(|stored| stored.bytes().len()).sum();
    }
}
