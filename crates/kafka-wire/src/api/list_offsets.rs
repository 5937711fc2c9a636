//! `ListOffsets` (key 2): the first or last offset of partitions, or the first one at or after a time.
//!
//! Version notes, request: v2 isolation level; v4 current leader epoch; v6 flexible; v7 the greatest timestamp
//! (-3, KIP-734); v10 a timeout for offsets in tiered storage. Response: v1 one offset with its timestamp; v2
//! throttle time; v4 leader epoch; v6 flexible.
//!
//! v0 (Kafka 0.10.0) answers with a list of offsets where segments begin. Its first element is the earliest or the
//! latest offset where that was asked for, and nothing exact for a time, so a time cannot be asked for in v0.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::ListOffsetsRequest as Generated;
use kafka_protocol::messages::list_offsets_request as generated;

use super::generated::{CONSUMER, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::{Encoding, Reader, Writer};
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// The first version that finds an offset by time.
pub const BY_TIME_SINCE: i16 = 1;

/// The end of the log: the high watermark, or under `READ_COMMITTED` the last stable offset.
pub const LATEST_TIMESTAMP: i64 = -1;
/// The first offset still kept.
pub const EARLIEST_TIMESTAMP: i64 = -2;

/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, error code, timestamp and offset.
const PARTITION_LEN_MIN: usize = 22;
/// Index, error code and the number of offsets (v0).
const PARTITION_V0_LEN_MIN: usize = 10;
/// An offset of v0's list.
const OFFSET_LEN: usize = 8;
/// How many offsets are asked for in v0: the first one is the one that is wanted.
const MAX_NUM_OFFSETS_V0: i32 = 1;

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
    /// [`LATEST_TIMESTAMP`], [`EARLIEST_TIMESTAMP`], or milliseconds since the epoch (v1+).
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
    const VERSIONS: VersionRange = VersionRange::new(0, 10);
    type Response = ListOffsetsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        if version == 0 {
            return self.encode_v0(out);
        }
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

impl ListOffsetsRequest {
    fn encode_v0(&self, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let mut writer = Writer::new(out, Encoding::of(Self::API, 0));
        writer.out.put_i32(CONSUMER.0);
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            writer.string(&topic.name)?;
            writer.array_length(topic.partitions.len())?;
            for partition in &topic.partitions {
                if !matches!(partition.timestamp, LATEST_TIMESTAMP | EARLIEST_TIMESTAMP) {
                    return Err(EncodeError::NotExpressible {
                        api: Self::API,
                        version: 0,
                        reason: "a broker this old (Kafka 0.10.0) cannot find an offset by time".to_owned(),
                    });
                }
                writer.out.put_i32(partition.partition_index);
                writer.out.put_i64(partition.timestamp);
                writer.out.put_i32(MAX_NUM_OFFSETS_V0);
            }
        }
        Ok(())
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
        partitions: if version == 0 {
            reader.array(PARTITION_V0_LEN_MIN, read_partition_v0)?
        } else {
            reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?
        },
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

fn read_partition_v0(reader: &mut Reader) -> Result<ListOffsetsPartitionResponse, Malformed> {
    let (partition_index, error_code) = (reader.i32()?, reader.error_code()?);
    let mut offset = None;
    reader.skip_array(OFFSET_LEN, |reader| {
        let listed = reader.i64()?;
        offset.get_or_insert(listed);
        Ok(())
    })?;
    Ok(ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp: -1,
        offset: offset.unwrap_or(-1),
        leader_epoch: -1,
    })
}
