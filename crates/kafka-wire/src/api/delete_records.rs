//! `DeleteRecords` (key 21): moves the start of partitions forward.
//!
//! Version notes: v2 flexible. A topic without `delete` in its `cleanup.policy` refuses with `POLICY_VIOLATION`.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::DeleteRecordsRequest as Generated;
use kafka_protocol::messages::delete_records_request as generated;

use super::generated::topic_name;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, offset and error code.
const PARTITION_LEN_MIN: usize = 14;

/// Asks the leader of partitions to forget records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsRequest {
    /// The partitions, by topic.
    pub topics: Vec<DeleteRecordsTopic>,
    /// How long the broker may wait for the replicas, in milliseconds.
    pub timeout_ms: i32,
}

/// One topic of a [`DeleteRecordsRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<DeleteRecordsPartition>,
}

/// One partition of a [`DeleteRecordsRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteRecordsPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset to keep; -1 for the high watermark.
    pub offset: i64,
}

/// What became of the partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsResponse {
    /// How long to be silent on this connection, in milliseconds.
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<DeleteRecordsTopicResult>,
}

/// One topic of a [`DeleteRecordsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRecordsTopicResult {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<DeleteRecordsPartitionResult>,
}

/// One partition of a [`DeleteRecordsResponse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeleteRecordsPartitionResult {
    /// Number of the partition.
    pub partition_index: i32,
    /// The first offset that is kept now, or -1.
    pub low_watermark: i64,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
}

// === impl DeleteRecordsRequest ===

impl Request for DeleteRecordsRequest {
    const API: ApiKey = ApiKey::DeleteRecords;
    const VERSIONS: VersionRange = VersionRange::new(0, 2);
    type Response = DeleteRecordsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let request = Generated::default()
            .with_topics(self.topics.iter().map(generate_topic).collect())
            .with_timeout_ms(self.timeout_ms);
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<DeleteRecordsResponse, DecodeError> {
        decode_body::<Self>(version, body, read_response)
    }
}

fn generate_topic(topic: &DeleteRecordsTopic) -> generated::DeleteRecordsTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        generated::DeleteRecordsPartition::default()
            .with_partition_index(partition.partition_index)
            .with_offset(partition.offset)
    });
    generated::DeleteRecordsTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(partitions.collect())
}

fn read_response(reader: &mut Reader) -> Result<DeleteRecordsResponse, Malformed> {
    let response = DeleteRecordsResponse {
        throttle_time_ms: reader.i32()?,
        topics: reader.array(TOPIC_LEN_MIN, read_topic)?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader) -> Result<DeleteRecordsTopicResult, Malformed> {
    let topic = DeleteRecordsTopicResult {
        name: reader.name()?,
        partitions: reader.array(PARTITION_LEN_MIN, read_partition)?,
    };
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader) -> Result<DeleteRecordsPartitionResult, Malformed> {
    let partition = DeleteRecordsPartitionResult {
        partition_index: reader.i32()?,
        low_watermark: reader.i64()?,
        error_code: reader.error_code()?,
    };
    reader.end_struct()?;
    Ok(partition)
}
