//! Requests as they left a mirror, read by the generated protocol crate: another reading than the one that wrote them.

use anyhow::{Context as _, Result};
use bytes::Bytes;
use kafka_protocol::messages::{self as kafka, OffsetCommitRequest, ProduceRequest, RequestHeader};
use kafka_protocol::protocol::Decodable;
use kafka_record::RecordBatch;
use kafka_wire::ApiKey;

/// A request whose header was read.
pub(super) struct SentRequest {
    pub(super) api: ApiKey,
    version: i16,
    body: Bytes,
}

/// A batch in a produce request.
pub(super) struct SentBatch {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) batch: RecordBatch,
}

/// Where a source partition stands, by the word of a mirror.
pub(super) struct WrittenPosition {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

// === impl SentRequest ===

impl SentRequest {
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let code = i16::from_be_bytes(*frame.first_chunk()?);
        let version = i16::from_be_bytes(*frame.get(2..)?.first_chunk()?);
        let header_version = kafka::ApiKey::try_from(code)
            .ok()?
            .request_header_version(version);
        let mut body = Bytes::copy_from_slice(frame);
        RequestHeader::decode(&mut body, header_version).ok()?;
        Some(Self {
            api: ApiKey::from_code(code)?,
            version,
            body,
        })
    }

    /// The batches of a produce request.
    pub(super) fn produced(&self) -> Result<Vec<SentBatch>> {
        let request = ProduceRequest::decode(&mut self.body.clone(), self.version)?;
        let mut batches = Vec::new();
        for topic in request.topic_data {
            for partition in topic.partition_data {
                let bytes = partition.records.context("a partition without records")?;
                batches.push(SentBatch {
                    topic: topic.name.to_string(),
                    partition: partition.index,
                    batch: RecordBatch::parse(bytes)?,
                });
            }
        }
        Ok(batches)
    }

    /// The positions of an offset commit.
    pub(super) fn committed(&self) -> Result<Vec<WrittenPosition>> {
        let request = OffsetCommitRequest::decode(&mut self.body.clone(), self.version)?;
        let positions = request.topics.into_iter().flat_map(|topic| {
            let name = topic.name.to_string();
            topic
                .partitions
                .into_iter()
                .map(move |partition| WrittenPosition {
                    topic: name.clone(),
                    partition: partition.partition_index,
                    offset: partition.committed_offset,
                })
        });
        Ok(positions.collect())
    }
}
