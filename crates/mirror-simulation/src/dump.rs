//! What a consumer would read from an embedded cluster, for the oracle.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use kafka_fake::FakeCluster;
use kafka_record::{Batch, Batches, CodecContexts, ControlRecord, RecordBatch, Records};
use mirror_oracle::{Dump, Record};

/// Which records of transactions a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// All that is replicated.
    ReadUncommitted,
    /// Those of committed transactions and those outside of any, below the last stable offset.
    ReadCommitted,
}

/// Far above what a simulation writes in one batch.
const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// All records of the topics whose name `is_wanted`.
pub(crate) fn dump(
    cluster: &FakeCluster,
    isolation: Isolation,
    is_wanted: impl Fn(&str) -> bool,
) -> Result<Dump> {
    let mut topics = cluster.topics();
    topics.retain(|topic| is_wanted(topic));
    let mut records = Vec::new();
    for topic in &topics {
        let partitions = cluster.partition_count(topic).unwrap_or(0);
        for partition in 0..i32::try_from(partitions)? {
            records.extend(read(cluster, topic, partition, isolation)?);
        }
    }
    let mut dump = Dump::with_offsets(records.iter().map(|(offset, record)| (*offset, record)))?;
    dump.cluster_topics = Some(topics);
    Ok(dump)
}

/// One partition's records with their offsets, in the order of its log.
pub(crate) fn read(
    cluster: &FakeCluster,
    topic: &str,
    partition: i32,
    isolation: Isolation,
) -> Result<Vec<(i64, Record)>> {
    let log = cluster.log(topic, partition)?;
    let end = match isolation {
        Isolation::ReadUncommitted => log.high_watermark,
        Isolation::ReadCommitted => log.last_stable_offset,
    };
    let mut reader = Reader {
        topic,
        partition,
        codecs: CodecContexts::new(),
        seen: Vec::new(),
        open: BTreeMap::new(),
    };
    for bytes in log.batches {
        for batch in Batches::new(bytes) {
            let Batch::V2(batch) = batch.with_context(|| format!("{topic}-{partition}"))? else {
                continue;
            };
            if batch.header.next_offset() > log.start && batch.header.base_offset < end {
                reader.take(&batch, isolation)?;
            }
        }
    }
    let seen = reader.seen.into_iter();
    let readable = seen.filter(|seen| (log.start..end).contains(&seen.offset));
    Ok(readable.map(|seen| (seen.offset, seen.record)).collect())
}

struct Seen {
    offset: i64,
    /// The producer in whose transaction it was written.
    transaction_of: Option<i64>,
    record: Record,
}

struct Reader<'a> {
    topic: &'a str,
    partition: i32,
    codecs: CodecContexts,
    seen: Vec<Seen>,
    /// By producer: where its open transaction begins.
    open: BTreeMap<i64, i64>,
}

// === impl Reader ===

impl Reader<'_> {
    fn take(&mut self, batch: &RecordBatch, isolation: Isolation) -> Result<()> {
        let header = &batch.header;
        if header.attributes.is_control() {
            let began = self.open.remove(&header.producer_id);
            let is_aborted = ControlRecord::of(batch)? == Some(ControlRecord::Abort);
            if let (Some(first), true, Isolation::ReadCommitted) = (began, is_aborted, isolation) {
                let producer = Some(header.producer_id);
                self.seen
                    .retain(|seen| seen.transaction_of != producer || seen.offset < first);
            }
            return Ok(());
        }
        let transaction_of = header.attributes.is_transactional().then_some(header.producer_id);
        if transaction_of.is_some() {
            self.open.entry(header.producer_id).or_insert(header.base_offset);
        }
        let mut decompressed = Vec::new();
        let plain = batch.decompressed(&mut self.codecs, DECOMPRESSED_BYTES_MAX, &mut decompressed)?;
        for record in Records::new(plain, header.record_count) {
            let record = record?;
            let read = Record {
                topic: self.topic.to_owned(),
                partition: Some(self.partition),
                timestamp: Some(header.record_timestamp(record.timestamp_delta)),
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record
                    .headers
                    .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
                    .collect(),
            };
            self.seen.push(Seen {
                offset: header.base_offset + i64::from(record.offset_delta),
                transaction_of,
                record: read,
            });
        }
        Ok(())
    }
}
