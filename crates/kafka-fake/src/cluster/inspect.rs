//! What a checker sees of a cluster without being its client.

use bytes::Bytes;
use kafka_record::{Batch, Batches, CodecContexts, Records};
use kafka_wire::{NodeId, TopicId, TopicPartition};

use super::FakeCluster;
use super::brokers::partition_of;
use crate::error::FakeError;

/// Decompressed bytes of one batch a checker looks at.
const DECOMPRESSED_BYTES_MAX: usize = 256 << 20;

/// One partition at one moment.
#[derive(Debug, Clone)]
pub struct LogView {
    /// The first offset that may be read.
    pub start: i64,
    /// The offset the next record gets.
    pub end: i64,
    /// What is replicated, exclusive.
    pub high_watermark: i64,
    /// What no open transaction can change, exclusive.
    pub last_stable_offset: i64,
    /// `None` while nobody can lead.
    pub leader: Option<NodeId>,
    pub leader_epoch: i32,
    pub in_sync: Vec<NodeId>,
    /// The batches with offsets as they are stored, oldest first.
    pub batches: Vec<Bytes>,
}

/// One record of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    pub offset: i64,
    /// As a reader sees it, in ms since 1970.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    /// In order, duplicates included.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

// === impl FakeCluster ===

impl FakeCluster {
    /// The names of all topics.
    pub fn topics(&self) -> Vec<String> {
        self.shared.state().topics.keys().cloned().collect()
    }

    /// The id a topic has now.
    pub fn topic_id(&self, topic: &str) -> Option<TopicId> {
        Some(self.shared.state().topics.get(topic)?.id)
    }

    /// How many partitions a topic has.
    pub fn partition_count(&self, topic: &str) -> Option<usize> {
        Some(self.shared.state().topics.get(topic)?.partitions.len())
    }

    /// A partition as it is now.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn log(&self, topic: &str, partition: i32) -> Result<LogView, FakeError> {
        let mut state = self.shared.state();
        let partition = partition_of(&mut state, topic, partition)?;
        let log = &partition.log;
        Ok(LogView {
            start: log.start(),
            end: log.end(),
            high_watermark: log.high_watermark(),
            last_stable_offset: log.last_stable_offset(),
            leader: partition.leader,
            leader_epoch: partition.leader_epoch,
            in_sync: partition.in_sync.clone(),
            batches: log.batches().map(|stored| stored.bytes().clone()).collect(),
        })
    }

    /// All data records of a partition from its start on, those of aborted transactions included.
    ///
    /// # Errors
    /// There is no such partition, or a batch cannot be read. Entries of formats 0 and 1 are left out.
    pub fn records(&self, topic: &str, partition: i32) -> Result<Vec<StoredRecord>, FakeError> {
        let view = self.log(topic, partition)?;
        let unreadable = |source| FakeError::Unreadable {
            tp: TopicPartition::new(topic, partition),
            source,
        };
        let mut codecs = CodecContexts::new();
        let mut decompressed = Vec::new();
        let mut records = Vec::new();
        for bytes in view.batches {
            for batch in Batches::new(bytes) {
                let Batch::V2(batch) = batch.map_err(unreadable)? else {
                    continue;
                };
                let header = batch.header;
                if header.attributes.is_control() {
                    continue;
                }
                let payload = batch
                    .decompressed(&mut codecs, DECOMPRESSED_BYTES_MAX, &mut decompressed)
                    .map_err(unreadable)?;
                for record in Records::new(payload, header.record_count) {
                    let record = record.map_err(unreadable)?;
                    let owned = |bytes: &[u8]| bytes.to_vec();
                    records.push(StoredRecord {
                        offset: header.base_offset + i64::from(record.offset_delta),
                        timestamp: header.record_timestamp(record.timestamp_delta),
                        key: record.key.map(owned),
                        value: record.value.map(owned),
                        headers: record
                            .headers
                            .map(|header| (owned(header.key), header.value.map(owned)))
                            .collect(),
                    });
                }
            }
        }
        records.retain(|record| record.offset >= view.start);
        Ok(records)
    }
}
