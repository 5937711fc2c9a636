//! Compaction: of each key the newest record stays, offsets do not move.
//!
//! What it leaves behind, as Kafka's `Cleaner.java` and `MemoryRecords.filterTo` do: offsets with gaps, batches whose
//! last offset is that of a record that is gone, and empty batches where a producer's last sequence must be remembered.

use std::collections::BTreeMap;

use kafka_record::{Batch, BatchHeader, CodecContexts, RecordBatch, RecordError, Records};

use super::validation::DECOMPRESSED_BYTES_MAX;
use super::{PartitionLog, StoredBatch, rewrite};

/// What happens to records with a key and no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tombstones {
    /// The newest tombstone of a key stays, as within `delete.retention.ms`.
    Keep,
    /// It goes as well, as after `delete.retention.ms`.
    Remove,
}

// === impl PartitionLog ===

impl PartitionLog {
    /// Compacts everything before `end` (the cleaner never touches the active segment; name its start here).
    ///
    /// # Errors
    /// A batch that cannot be read stops the work; what was cleaned before it is kept.
    pub(crate) fn compact(&mut self, end: i64, tombstones: Tombstones) -> Result<(), RecordError> {
        let newest = self.newest_by_key(end)?;
        let mut cleaned = Vec::with_capacity(self.batches.len());
        for stored in &self.batches {
            match &stored.batch {
                Batch::V2(batch)
                    if batch.header.next_offset() <= end && !batch.header.attributes.is_control() =>
                {
                    cleaned.extend(self.filtered(batch, &newest, tombstones)?);
                }
                Batch::V2(_) | Batch::Legacy(_) => cleaned.push(stored.clone()),
            }
        }
        self.batches = cleaned.into();
        self.recount();
        Ok(())
    }

    /// The offset of each key's newest record below `end`; aborted records do not count.
    fn newest_by_key(&self, end: i64) -> Result<BTreeMap<Vec<u8>, i64>, RecordError> {
        let mut newest = BTreeMap::new();
        for batch in self.data_batches(end).filter(|batch| !self.is_aborted(batch)) {
            let mut decompressed = Vec::new();
            let payload = batch.decompressed(
                &mut CodecContexts::new(),
                DECOMPRESSED_BYTES_MAX,
                &mut decompressed,
            )?;
            for record in Records::new(payload, batch.header.record_count) {
                let record = record?;
                if let Some(key) = record.key {
                    newest.insert(key.to_vec(), offset_of(batch, record.offset_delta));
                }
            }
        }
        Ok(newest)
    }

    fn data_batches(&self, end: i64) -> impl Iterator<Item = &RecordBatch> {
        self.batches.iter().filter_map(move |stored| match &stored.batch {
            Batch::V2(batch) => Some(batch)
                .filter(|batch| batch.header.next_offset() <= end && !batch.header.attributes.is_control()),
            Batch::Legacy(_) => None,
        })
    }

    fn is_aborted(&self, batch: &RecordBatch) -> bool {
        let header = &batch.header;
        header.attributes.is_transactional()
            && self
                .aborted
                .overlapping(header.base_offset, header.next_offset())
                .iter()
                .any(|aborted| aborted.producer_id == header.producer_id)
    }

    /// The batch with only the records that stay; `None` if nothing of it does. Aborted records are nobody's newest.
    fn filtered(
        &self,
        batch: &RecordBatch,
        newest: &BTreeMap<Vec<u8>, i64>,
        tombstones: Tombstones,
    ) -> Result<Option<StoredBatch>, RecordError> {
        let header = &batch.header;
        let mut codecs = CodecContexts::new();
        let mut decompressed = Vec::new();
        let payload = batch.decompressed(&mut codecs, DECOMPRESSED_BYTES_MAX, &mut decompressed)?;
        let mut kept = Vec::new();
        let mut count = 0;
        let mut max_timestamp = -1;
        for record in Records::new(payload, header.record_count) {
            let record = record?;
            let is_newest = record
                .key
                .is_some_and(|key| newest.get(key) == Some(&offset_of(batch, record.offset_delta)));
            let is_removed_tombstone = record.value.is_none() && tombstones == Tombstones::Remove;
            if !is_newest || is_removed_tombstone {
                continue;
            }
            count += 1;
            max_timestamp = header.record_timestamp(record.timestamp_delta).max(max_timestamp);
            rewrite::write_record(
                record.timestamp_delta,
                record.offset_delta,
                record.tail,
                &mut kept,
            );
        }
        if count == header.record_count {
            return Ok(Some(StoredBatch::of(Batch::V2(batch.clone()))));
        }
        if count == 0 && !(header.producer_id >= 0 && self.producers.is_newest(header)) {
            return Ok(None);
        }
        let mut compressed = Vec::new();
        if count > 0 {
            codecs.compress(header.attributes.codec()?, None, &kept, &mut compressed)?;
        }
        let header = BatchHeader {
            record_count: count,
            max_timestamp: if header.attributes.is_log_append_time() {
                header.max_timestamp
            } else {
                max_timestamp
            },
            ..*header
        };
        let batch = rewrite::assembled(&header, &compressed)?;
        Ok(Some(StoredBatch::of(Batch::V2(batch))))
    }
}

fn offset_of(batch: &RecordBatch, offset_delta: i32) -> i64 {
    batch.header.base_offset.saturating_add(i64::from(offset_delta))
}
