//! One partition's part of a fetch answer, batch by batch: what is void or control is passed over, what is compressed is
//! decompressed.

use bytes::Bytes;
use kafka_record::{
    AbortedTransactions, Batch, Batches, Codec, CodecContexts, ControlRecord, LegacyBatch, RecordBatch,
    RecordError, up_convert,
};
use kafka_wire::api::fetch::AbortedTransaction;
use kafka_wire::ids::TopicPartition;

use super::records::{ReadRecords, TimestampKind};

/// Bytes a batch may decompress to: more than any broker takes in one request, and bounded whatever the bytes claim.
pub(super) const DECOMPRESSED_MAX: usize = 256 * 1024 * 1024;

/// The walk through what one partition answered.
#[derive(Debug)]
pub(super) struct Walk {
    pub(super) tp: TopicPartition,
    /// The next offset that is wanted.
    pub(super) position: i64,
    batches: Batches,
    aborted: AbortedTransactions,
    has_batch: bool,
}

/// What stands next in a log.
pub(super) enum Step {
    Records(ReadRecords),
    /// Nothing to hand out; the walk goes on behind it.
    Passed,
    /// The batch that begins at `offset` is damaged; the walk can go on behind it.
    Damaged {
        offset: i64,
        reason: RecordError,
    },
    /// Bytes that are no batch.
    Unreadable(RecordError),
    /// Nothing is left. `Some`: not even one whole batch was there, it needs so many bytes.
    End {
        wants_bytes: Option<usize>,
    },
}

// === impl Walk ===

impl Walk {
    /// `position` is the offset that was asked for.
    pub(super) fn new(
        tp: TopicPartition,
        position: i64,
        records: Bytes,
        aborted: &[AbortedTransaction],
    ) -> Self {
        let listed = aborted
            .iter()
            .map(|aborted| (aborted.producer_id, aborted.first_offset));
        Self {
            tp,
            position,
            batches: Batches::new(records),
            aborted: AbortedTransactions::listed(listed),
            has_batch: false,
        }
    }

    /// Looks at the next batch.
    pub(super) fn step(&mut self, codecs: &mut CodecContexts) -> Step {
        let batch = match self.batches.next() {
            None => {
                let wants_bytes = if self.has_batch {
                    None
                } else {
                    self.batches.partial_tail_size()
                };
                return Step::End { wants_bytes };
            }
            Some(Err(reason)) => return Step::Unreadable(reason),
            Some(Ok(batch)) => batch,
        };
        self.has_batch = true;
        let next_offset = batch.next_offset();
        if next_offset <= self.position {
            return Step::Passed;
        }
        let from = self.position;
        self.position = next_offset;
        let read = match batch {
            Batch::V2(batch) => self.read(from, batch, codecs),
            Batch::Legacy(entry) => self.read_legacy(from, &entry, codecs),
        };
        match read {
            Ok(Some(records)) => Step::Records(records),
            Ok(None) => Step::Passed,
            Err(reason) => Step::Damaged { offset: from, reason },
        }
    }

    fn read(
        &mut self,
        from: i64,
        batch: RecordBatch,
        codecs: &mut CodecContexts,
    ) -> Result<Option<ReadRecords>, RecordError> {
        batch.verify_crc()?;
        self.aborted.reach(&batch.header);
        if batch.header.attributes.is_control() {
            let marker = ControlRecord::of(&batch)?;
            self.aborted.end(&batch.header, marker);
            return Ok(None);
        }
        if self.aborted.is_void(&batch.header) || batch.header.record_count == 0 {
            return Ok(None);
        }
        let timestamp_kind = if batch.header.attributes.is_log_append_time() {
            TimestampKind::LogAppendTime
        } else {
            TimestampKind::CreateTime
        };
        self.decompressed(from, batch, timestamp_kind, codecs).map(Some)
    }

    fn decompressed(
        &self,
        from: i64,
        batch: RecordBatch,
        timestamp_kind: TimestampKind,
        codecs: &mut CodecContexts,
    ) -> Result<ReadRecords, RecordError> {
        let codec = batch.header.attributes.codec()?;
        let mut decompressed = None;
        if codec != Codec::None {
            let out = decompressed.insert(Vec::new());
            codecs.decompress(codec, batch.payload_bytes(), DECOMPRESSED_MAX, out)?;
        }
        Ok(ReadRecords {
            tp: self.tp.clone(),
            from,
            batch,
            decompressed,
            timestamp_kind,
        })
    }

    /// A message set of a format from before 0.11.
    fn read_legacy(
        &self,
        from: i64,
        set: &LegacyBatch,
        codecs: &mut CodecContexts,
    ) -> Result<Option<ReadRecords>, RecordError> {
        let timestamp_kind = match set.magic {
            0 => TimestampKind::None,
            _ if is_append_time(set) => TimestampKind::LogAppendTime,
            _ => TimestampKind::CreateTime,
        };
        let batch = up_convert(set, codecs, DECOMPRESSED_MAX)?;
        self.decompressed(from, batch, timestamp_kind, codecs).map(Some)
    }
}

/// Does the first entry say that its time is the broker's? (`LegacyRecord`: bit 3 of the attributes, at byte 17.)
fn is_append_time(set: &LegacyBatch) -> bool {
    const ATTRIBUTES_AT: usize = 17;
    const APPEND_TIME: u8 = 1 << 3;
    let attributes = set.bytes.get(ATTRIBUTES_AT);
    attributes.is_some_and(|attributes| attributes & APPEND_TIME != 0)
}
