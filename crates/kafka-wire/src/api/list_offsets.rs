//! `ListOffsets` (key 2): the first or last offset of partitions, or the first one at or after a time.
//!
//! Version notes, request: v2 isolation level; v4 current leader epoch; v6 flexible; v7 the greatest timestamp
//! (-3, KIP-734); v10 a timeout for offsets in tiered storage. Response: v1 one offset with its timestamp; v2
//! throttle time; v4 leader epoch; v6 flexible. v0 (a list of segment offsets) is not here.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ListOffsetsRequest as Generated;
use kafka_protocol::messages::list_offsets_request as generated;

use super::generated::{CONSUMER, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// The end of the log: the high watermark, or under `READ_COMMITTED` the last stable offset.
pub const LATEST_TIMESTAMP: i64 = -1;
/// The first offset still kept.
pub const EARLIEST_TIMESTAMP: i64 = -2;

/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, error code, timestamp and offset.
const PARTITION_LEN_MIN: usize = 22;

/// Asks the leader of partitions for offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsRequest {
    /// [`READ_UNCOMMITTED`](super::fetch::READ_UNCOMMITTED) or [`READ_COMMITTED`](super::fetch::READ_COMMITTED)
    /// (v2+; brokers that speak v1 alone know no transactions).
    pub isolation_level: i8,
    /// The partitions, by topic.
    pub topics: Vec<ListOffsetsTopic>,
    /// How long the broker may look into tiered storage, in milliseconds (v10+).
    pub timeout_ms: i32,
}

/// One topic of a [`ListOffsetsRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartition>,
}

/// One partition of a [`ListOffsetsRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOffsetsPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The leader epoch the client knows (v4+), or -1 to skip that check.
    pub current_leader_epoch: i32,
    /// [`LATEST_TIMESTAMP`], [`EARLIEST_TIMESTAMP`], or milliseconds since the epoch.
    pub timestamp: i64,
}

/// The offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsResponse {
    /// How long to be silent on this connection, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<ListOffsetsTopicResponse>,
}

/// One topic of a [`ListOffsetsResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOffsetsTopicResponse {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<ListOffsetsPartitionResponse>,
}

/// One partition of a [`ListOffsetsResponse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListOffsetsPartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// Timestamp of the record found, or -1: always so for the earliest and the latest offset.
    pub timestamp: i64,
    /// The offset, or -1 when no record is that young.
    pub offset: i64,
    /// The leader epoch of that offset (v4+), or -1.
    pub leader_epoch: i32,
}

// === impl ListOffsetsRequest ===

impl Request for ListOffsetsRequest {
    const API: ApiKey = ApiKey::ListOffsets;
    const VERSIONS: VersionRange = VersionRange::new(1, 10);
    type Response = ListOffsetsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let topics = self
            .topics
            .iter()
            .map(|topic| generate_topic(topic, version))
            .collect();
        let request = Generated::default()
            .with_replica_id(CONSUMER)
            .with_isolation_level(if version >= 2 { self.isolation_level } else { 0 })
            .with_topics(topics)
            .with_timeout_ms(if version >= 10 { self.timeout_ms } else { 0 });
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<ListOffsetsResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn generate_topic(topic: &ListOffsetsTopic, version: i16) -> generated::ListOffsetsTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        generated::ListOffsetsPartition::default()
            .with_partition_index(partition.partition_index)
            .with_current_leader_epoch(if version >= 4 {
                partition.current_leader_epoch
            } else {
                -1
            })
            .with_timestamp(partition.timestamp)
    });
    generated::ListOffsetsTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(partitions.collect())
}

fn read_response(reader: &mut Reader, version: i16) -> Result<ListOffsetsResponse, Malformed> {
    let response = ListOffsetsResponse {
        throttle_time_ms: if version >= 2 { reader.i32()? } else { 0 },
        topics: reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<ListOffsetsTopicResponse, Malformed> {
    let topic = ListOffsetsTopicResponse {
        name: reader.name()?,
        partitions: reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?,
    };
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<ListOffsetsPartitionResponse, Malformed> {
    let partition = ListOffsetsPartitionResponse {
        partition_index: reader.i32()?,
        error_code: reader.error_code()?,
        timestamp: reader.i64()?,
        offset: reader.i64()?,
        leader_epoch: if version >= 4 { reader.i32()? } else { -1 },
    };
    reader.end_struct()?;
    Ok(partition)
}
