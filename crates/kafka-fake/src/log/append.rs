//! What is written to the end of a log: clients' batches, transaction markers, and bytes put there by a test.

use kafka_record::{
    Attributes, Batch, BatchHeader, Batches, Codec, CodecContexts, ControlRecord, LegacyBatch, RecordBatch,
    RecordError, Records,
};
use kafka_wire::ErrorCode;

use super::aborted::AbortedTransaction;
use super::append_error::AppendError;
use super::rewrite;
use super::validation::{DECOMPRESSED_BYTES_MAX, Rules};
use super::{PartitionLog, StoredBatch};

const CODEC_BITS: i16 = 0b111;

/// A batch that is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    /// The offset after it.
    pub(crate) next_offset: i64,
    /// The time the broker gave it, in ms since 1970; -1 where records keep their own.
    pub(crate) log_append_time_ms: i64,
}

/// The end of one producer's transaction in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionMarker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub coordinator_epoch: i32,
    pub is_commit: bool,
}

// === impl PartitionLog ===

impl PartitionLog {
    /// Appends a client's batch, or recognises it as one that was appended before.
    pub(crate) fn append(
        &mut self,
        batch: &RecordBatch,
        leader_epoch: i32,
        rules: &Rules<'_>,
        codecs: &mut CodecContexts,
    ) -> Result<Appended, AppendError> {
        let examined = rules.examine(batch, codecs)?;
        if batch.header.producer_id >= 0 {
            let refuses_unknown = rules.release.refuses_unknown_producers();
            if let Some(earlier) = self.producers.check(&batch.header, refuses_unknown)? {
                return Ok(Appended {
                    base_offset: earlier.base_offset,
                    next_offset: earlier.last_offset.saturating_add(1),
                    // Whatever the topic's timestamps are (UnifiedLog.append: setLogAppendTime(duplicate.timestamp)).
                    log_append_time_ms: earlier.max_timestamp,
                });
            }
        }
        let codec = rules.settings.codec.unwrap_or(examined.codec);
        let rebuilt = if codec == examined.codec && examined.counts_from_zero {
            None
        } else {
            Some(rebuilt(batch, codec, codecs).map_err(|error| AppendError::corrupt(&error))?)
        };
        let batch = rebuilt.as_ref().unwrap_or(batch);
        let (attributes, max_timestamp) = if rules.settings.log_append_time {
            let flagged = batch.header.attributes.0 | rewrite::LOG_APPEND_TIME;
            (Attributes(flagged), rules.now_ms)
        } else {
            let cleared = batch.header.attributes.0 & !rewrite::LOG_APPEND_TIME;
            (Attributes(cleared), examined.max_timestamp)
        };
        let stored = rewrite::stamped(batch, self.end, leader_epoch, attributes, max_timestamp)
            .map_err(|error| AppendError::corrupt(&error))?;
        let base_offset = self.end;
        self.push(stored);
        Ok(Appended {
            base_offset,
            next_offset: self.end,
            log_append_time_ms: append_time(rules, max_timestamp),
        })
    }

    /// Ends a producer's transaction: a control batch, and the end of its hold on the last stable offset.
    ///
    /// # Errors
    /// An older producer epoch or coordinator epoch than the log has seen.
    pub(crate) fn append_marker(
        &mut self,
        marker: TransactionMarker,
        leader_epoch: i32,
        now_ms: i64,
    ) -> Result<i64, ErrorCode> {
        let TransactionMarker {
            producer_id,
            producer_epoch,
            coordinator_epoch,
            is_commit,
        } = marker;
        self.producers
            .check_marker(producer_id, producer_epoch, coordinator_epoch)?;
        let header = BatchHeader {
            base_offset: self.end,
            batch_length: 0, // computed
            partition_leader_epoch: leader_epoch,
            magic: 2,
            crc: 0, // computed
            attributes: Attributes(rewrite::TRANSACTIONAL | rewrite::CONTROL),
            last_offset_delta: 0,
            base_timestamp: now_ms,
            max_timestamp: now_ms,
            producer_id,
            producer_epoch,
            base_sequence: -1,
            record_count: 1,
        };
        let record = rewrite::marker_record(is_commit, coordinator_epoch);
        let batch = rewrite::assembled(&header, &record).map_err(|_error| ErrorCode::UNKNOWN_SERVER_ERROR)?;
        let offset = self.end;
        self.push(batch);
        Ok(offset)
    }

    /// Puts bytes at the end of the log as they are, offsets included: old formats, compacted batches, damage.
    ///
    /// # Errors
    /// No entry can be made out, or an offset is not beyond the end of the log.
    pub(crate) fn append_as_is(&mut self, bytes: &bytes::Bytes) -> Result<(), RecordError> {
        for batch in Batches::new(bytes.clone()) {
            match batch? {
                Batch::V2(batch) if batch.header.base_offset >= self.end => self.push(batch),
                Batch::Legacy(set) if set.first_offset >= self.end => {
                    // A log finds every entry by its own offset.
                    for entry in set.entries() {
                        self.store(StoredBatch::of(Batch::Legacy(entry)));
                    }
                }
                Batch::V2(RecordBatch {
                    header: BatchHeader { base_offset, .. },
                    ..
                })
                | Batch::Legacy(LegacyBatch {
                    first_offset: base_offset,
                    ..
                }) => {
                    return Err(RecordError::OffsetRange {
                        base_offset,
                        last_offset_delta: 0,
                    });
                }
            }
        }
        Ok(())
    }

    /// Takes a batch whose header is final.
    fn push(&mut self, batch: RecordBatch) {
        self.note(&batch);
        self.epochs
            .assign(batch.header.partition_leader_epoch, batch.header.base_offset);
        self.store(StoredBatch::of(Batch::V2(batch)));
    }

    fn store(&mut self, stored: StoredBatch) {
        self.end = stored.next_offset();
        self.size_bytes += stored.bytes().len();
        self.batches.push_back(stored);
        self.advance_high_watermark();
    }

    /// What the batch says about its producer.
    pub(super) fn note(&mut self, batch: &RecordBatch) {
        let header = &batch.header;
        if header.producer_id < 0 {
            return;
        }
        if !header.attributes.is_control() {
            self.producers.note(header);
            return;
        }
        let is_commit = match ControlRecord::of(batch) {
            Ok(Some(ControlRecord::Commit)) => true,
            Ok(Some(ControlRecord::Abort)) => false,
            Ok(Some(_) | None) | Err(_) => return,
        };
        let coordinator_epoch = coordinator_epoch(batch).unwrap_or(-1);
        let began = self
            .producers
            .note_marker(header.producer_id, header.producer_epoch, coordinator_epoch);
        if let Some(first_offset) = began {
            self.undecided.push((first_offset, header.base_offset));
            if !is_commit {
                self.aborted.add(AbortedTransaction {
                    producer_id: header.producer_id,
                    first_offset,
                    last_offset: header.base_offset,
                });
            }
        }
    }
}

fn append_time(rules: &Rules<'_>, max_timestamp: i64) -> i64 {
    if rules.settings.log_append_time {
        max_timestamp
    } else {
        -1
    }
}

/// The last four bytes of a marker's value, which stands before the empty list of headers.
fn coordinator_epoch(batch: &RecordBatch) -> Option<i32> {
    let record = Records::new(batch.payload_bytes(), batch.header.record_count)
        .next()?
        .ok()?;
    let epoch = record.value?.last_chunk::<4>()?;
    Some(i32::from_be_bytes(*epoch))
}

/// The same records, numbered from 0, under a codec.
fn rebuilt(
    batch: &RecordBatch,
    codec: Codec,
    codecs: &mut CodecContexts,
) -> Result<RecordBatch, RecordError> {
    let mut decompressed = Vec::new();
    let payload = batch.decompressed(codecs, DECOMPRESSED_BYTES_MAX, &mut decompressed)?;
    let mut records = Vec::with_capacity(payload.len());
    for (delta, record) in (0..).zip(Records::new(payload, batch.header.record_count)) {
        let record = record?;
        rewrite::write_record(record.timestamp_delta, delta, record.tail, &mut records);
    }
    let mut compressed = Vec::new();
    codecs.compress(codec, None, &records, &mut compressed)?;
    let header = BatchHeader {
        attributes: Attributes((batch.header.attributes.0 & !CODEC_BITS) | codec.id()),
        ..batch.header
    };
    rewrite::assembled(&header, &compressed)
}
