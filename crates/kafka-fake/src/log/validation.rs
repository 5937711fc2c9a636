//! What a broker checks in a client's batch before it appends it.
//!
//! Order and answers as in Kafka's `UnifiedLog.scala` (`analyzeAndValidateRecords`) and `LogValidator.java`. The broker
//! looks into every record of every batch, compressed or not; so does this one.

use kafka_record::{Codec, CodecContexts, RecordBatch, RecordError, Records};
use kafka_wire::ErrorCode;

use super::append_error::AppendError;
use crate::release::KafkaRelease;
use crate::settings::LogSettings;

/// Decompressed bytes of one batch, so that a small request cannot fill the memory.
pub(crate) const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// Records whose faults are told one by one; Kafka's answer names no more either.
const RECORD_ERRORS_MAX: usize = 3;

/// What the batches of one partition are measured by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) settings: &'a LogSettings,
    pub(crate) release: KafkaRelease,
    /// The broker's wall clock, in ms since 1970.
    pub(crate) now_ms: i64,
}

/// What was found out on the way through a batch that may be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Examined {
    /// Highest timestamp of its records, in ms since 1970.
    pub(crate) max_timestamp: i64,
    pub(crate) codec: Codec,
    /// Do its records' offset deltas count 0, 1, 2, ..? A compressed batch where they do not is written anew.
    pub(crate) counts_from_zero: bool,
}

// === impl Rules ===

impl Rules<'_> {
    /// Checks a client's batch in full.
    pub(crate) fn examine(
        &self,
        batch: &RecordBatch,
        codecs: &mut CodecContexts,
    ) -> Result<Examined, AppendError> {
        self.check_frame(batch)?;
        self.check_header(batch)?;
        let corrupt = |error: RecordError| AppendError::corrupt(&error);
        let codec = batch.header.attributes.codec().map_err(corrupt)?;
        let mut decompressed = Vec::new();
        let payload = batch
            .decompressed(codecs, DECOMPRESSED_BYTES_MAX, &mut decompressed)
            .map_err(corrupt)?;
        self.check_records(batch, codec, payload)
    }

    fn check_frame(&self, batch: &RecordBatch) -> Result<(), AppendError> {
        if batch.header.base_offset != 0 {
            let what = format!(
                "The baseOffset of the record batch in the append should be 0, but it is {}",
                batch.header.base_offset
            );
            return Err(self.invalid(what));
        }
        if batch.size() > self.settings.message_bytes_max {
            let what = format!(
                "The record batch size in the append is {} bytes which exceeds the maximum configured value of {}.",
                batch.size(),
                self.settings.message_bytes_max
            );
            return Err(AppendError::new(ErrorCode::MESSAGE_TOO_LARGE, what));
        }
        batch
            .verify_crc()
            .map_err(|error| AppendError::new(ErrorCode::CORRUPT_MESSAGE, error.to_string()))
    }

    fn check_header(&self, batch: &RecordBatch) -> Result<(), AppendError> {
        let header = &batch.header;
        if header.attributes.is_control() {
            return Err(self.invalid("Clients are not allowed to write control records"));
        }
        if header.record_count <= 0 || header.record_count != header.last_offset_delta.saturating_add(1) {
            let what = format!(
                "Inconsistent batch offset range: {} records, last offset delta {}",
                header.record_count, header.last_offset_delta
            );
            return Err(self.invalid(what));
        }
        if header.producer_id >= 0 && header.base_sequence < 0 {
            let what = format!(
                "Invalid sequence number {} in record batch with producerId {}",
                header.base_sequence, header.producer_id
            );
            return Err(self.invalid(what));
        }
        if header.attributes.is_log_append_time()
            && (self.settings.log_append_time || self.release.refuses_log_append_time_bit())
        {
            let what = "Invalid timestamp type in batch: producers must not set LogAppendTime";
            return Err(AppendError::new(ErrorCode::INVALID_TIMESTAMP, what));
        }
        Ok(())
    }

    fn check_records(
        &self,
        batch: &RecordBatch,
        codec: Codec,
        payload: &[u8],
    ) -> Result<Examined, AppendError> {
        let mut max_timestamp = -1;
        let mut counts_from_zero = true;
        let mut faults = Vec::new();
        let mut has_timestamp_fault = false;
        for (index, record) in (0..).zip(Records::new(payload, batch.header.record_count)) {
            let record = record.map_err(|error| self.invalid(error.to_string()))?;
            if record.offset_delta != index && codec != Codec::None {
                self.check_offset_delta(record.offset_delta, index)?;
                counts_from_zero = false;
            }
            let timestamp = batch.header.base_timestamp.wrapping_add(record.timestamp_delta);
            max_timestamp = max_timestamp.max(timestamp);
            if self.settings.is_compacted && record.key.is_none() {
                let what = "Compacted topic cannot accept message without key";
                faults.push((index, what.to_owned()));
            } else if let Some(what) = self.timestamp_fault(timestamp) {
                has_timestamp_fault = true;
                faults.push((index, what));
            }
        }
        if faults.is_empty() {
            return Ok(Examined {
                max_timestamp,
                codec,
                counts_from_zero,
            });
        }
        let error = if has_timestamp_fault {
            let what = "One or more records have been rejected due to invalid timestamp";
            AppendError::new(ErrorCode::INVALID_TIMESTAMP, what)
        } else {
            let what = format!(
                "One or more records have been rejected due to {} record errors in total, and only showing the first \
                 three errors at most",
                faults.len()
            );
            self.invalid(what)
        };
        faults.truncate(RECORD_ERRORS_MAX);
        Err(AppendError {
            records: faults,
            ..error
        })
    }

    /// 2.4 refuses inner offsets of a compressed batch that do not count from 0; other releases write them anew.
    fn check_offset_delta(&self, delta: i32, index: i32) -> Result<(), AppendError> {
        if self.release != KafkaRelease::V2_4 {
            return Ok(());
        }
        let what = format!("Inner record with offset delta {delta} stands at {index} in a compressed batch");
        Err(self.invalid(what))
    }

    fn timestamp_fault(&self, timestamp: i64) -> Option<String> {
        if self.settings.log_append_time || timestamp < 0 {
            return None; // the broker's own time counts, or there is none to judge
        }
        let too_old = self.now_ms.saturating_sub(timestamp) > self.settings.timestamp_before_ms_max;
        let too_new = timestamp.saturating_sub(self.now_ms) > self.settings.timestamp_after_ms_max;
        (too_old || too_new).then(|| {
            format!(
                "Timestamp {timestamp} of message is out of range. The timestamp should be within [{}, {}]",
                self.now_ms.saturating_sub(self.settings.timestamp_before_ms_max),
                self.now_ms.saturating_add(self.settings.timestamp_after_ms_max)
            )
        })
    }

    fn invalid(&self, what: impl Into<String>) -> AppendError {
        let code = if self.release.knows_invalid_record() {
            ErrorCode::INVALID_RECORD
        } else {
            ErrorCode::CORRUPT_MESSAGE
        };
        AppendError::new(code, what)
    }
}
