//! `OffsetForLeaderEpoch` (key 23): where a leader epoch ends in the leader's log (KIP-101, KIP-320).
//!
//! A reader of brokers that do not check `last_fetched_epoch` (Fetch below v12) asks this before it goes on from a
//! remembered position. Version notes: v2 current leader epoch and throttle time; v3 the replica id, -1 for a
//! consumer, and the right to describe the topic suffices (before, a right on the cluster is needed); v4 flexible.
//! Before 2.1: v0 (Kafka 0.11) answers with the end of the epoch that was asked for alone, v1 (2.0) says which epoch it
//! is the end of (KIP-279).

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::OffsetForLeaderEpochRequest as Generated;
use kafka_protocol::messages::offset_for_leader_epoch_request as generated;

use super::generated::{CONSUMER, NOT_SENT, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::{Encoding, Reader, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Error code, index and offset (v0; later versions take more).
const PARTITION_LEN_MIN: usize = 14;
/// The first version that `kafka-protocol` writes.
const GENERATED_SINCE: i16 = 2;

/// Asks the leader of partitions for the end of epochs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderEpochRequest {
    /// The partitions, by topic.
    pub topics: Vec<OffsetForLeaderTopic>,
}

/// One topic of an [`OffsetForLeaderEpochRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderTopic {
    /// Its name.
    pub topic: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<OffsetForLeaderPartition>,
}

/// One partition of an [`OffsetForLeaderEpochRequest`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetForLeaderPartition {
    /// Number of the partition.
    pub partition: i32,
    /// The leader epoch the client knows (v2+), or -1 to skip that check.
    pub current_leader_epoch: i32,
    /// The epoch whose end is wanted.
    pub leader_epoch: i32,
}

/// The ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderEpochResponse {
    /// How long to be silent on this connection, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<OffsetForLeaderTopicResult>,
}

/// One topic of an [`OffsetForLeaderEpochResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetForLeaderTopicResult {
    /// Its name.
    pub topic: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<OffsetForLeaderPartitionResult>,
}

/// One partition of an [`OffsetForLeaderEpochResponse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetForLeaderPartitionResult {
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// Number of the partition.
    pub partition: i32,
    /// The largest epoch in the leader's log that is not above the one asked for (v1+), or -1.
    pub leader_epoch: i32,
    /// Where that epoch ends, exclusive, or -1.
    pub end_offset: i64,
}

// === impl OffsetForLeaderEpochRequest ===

impl Request for OffsetForLeaderEpochRequest {
    const API: ApiKey = ApiKey::OffsetForLeaderEpoch;
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    type Response = OffsetForLeaderEpochResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        if version < GENERATED_SINCE {
            check_version::<Self>(version)?;
            return self.encode_before_v2(version, out);
        }
        let request = Generated::default()
            .with_replica_id(if version >= 3 { CONSUMER } else { NOT_SENT })
            .with_topics(self.topics.iter().map(generate_topic).collect());
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<OffsetForLeaderEpochResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

impl OffsetForLeaderEpochRequest {
    fn encode_before_v2(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let mut writer = Writer::new(out, Encoding::of(Self::API, version));
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            writer.string(&topic.topic)?;
            writer.array_length(topic.partitions.len())?;
            for partition in &topic.partitions {
                writer.out.put_i32(partition.partition);
                writer.out.put_i32(partition.leader_epoch);
            }
        }
        Ok(())
    }
}

fn generate_topic(topic: &OffsetForLeaderTopic) -> generated::OffsetForLeaderTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        generated::OffsetForLeaderPartition::default()
            .with_partition(partition.partition)
            .with_current_leader_epoch(partition.current_leader_epoch)
            .with_leader_epoch(partition.leader_epoch)
    });
    generated::OffsetForLeaderTopic::default()
        .with_topic(topic_name(&topic.topic))
        .with_partitions(partitions.collect())
}

fn read_response(reader: &mut Reader, version: i16) -> Result<OffsetForLeaderEpochResponse, Malformed> {
    let response = OffsetForLeaderEpochResponse {
        throttle_time_ms: if version >= 2 { reader.i32()? } else { 0 },
        topics: reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<OffsetForLeaderTopicResult, Malformed> {
    let topic = OffsetForLeaderTopicResult {
        topic: reader.name()?,
        partitions: reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?,
    };
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<OffsetForLeaderPartitionResult, Malformed> {
    let partition = OffsetForLeaderPartitionResult {
        error_code: reader.error_code()?,
        partition: reader.i32()?,
        leader_epoch: if version >= 1 { reader.i32()? } else { -1 },
        end_offset: reader.i64()?,
    };
    reader.end_struct()?;
    Ok(partition)
}
