//! `OffsetCommit` (key 8): stores how far a consumer group has read.
//!
//! Version notes, request: v2 to v4 carry a retention time, left at the broker's default here; v6 leader epochs; v7
//! group instance ids (not sent here); v8 flexible; v9 the new group protocol (KIP-848), same layout. Response: v3
//! throttle time; v8 flexible. v0 and v1 (offsets in `ZooKeeper`, commit timestamps) are not here.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::offset_commit_request as generated;
use kafka_protocol::messages::{GroupId, OffsetCommitRequest as Generated};

use super::generated::{nullable_text, text, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index and error code.
const PARTITION_LEN_MIN: usize = 6;

/// Commits positions to the coordinator of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitRequest {
    /// The group.
    pub group_id: String,
    /// The generation of the member that commits; -1 outside of any membership, which a broker accepts only while
    /// the group has no members.
    pub generation_id: i32,
    /// The member that commits; empty outside of any membership.
    pub member_id: String,
    /// The positions, by topic.
    pub topics: Vec<OffsetCommitTopic>,
}

/// One topic of an [`OffsetCommitRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<OffsetCommitPartition>,
}

/// One partition of an [`OffsetCommitRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitPartition {
    /// Number of the partition.
    pub partition_index: i32,
    /// The offset to read next.
    pub committed_offset: i64,
    /// The leader epoch of the last record read (v6+), or -1.
    pub committed_leader_epoch: i32,
    /// Free text, at most `offset.metadata.max.bytes` (4096 by default).
    pub metadata: Option<String>,
}

/// What became of each position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitResponse {
    /// How long to be silent on this connection, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<OffsetCommitTopicResponse>,
}

/// One topic of an [`OffsetCommitResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetCommitTopicResponse {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<OffsetCommitPartitionResponse>,
}

/// One partition of an [`OffsetCommitResponse`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetCommitPartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// What went wrong, if anything. Errors of the whole group stand here, too, once for each partition.
    pub error_code: ErrorCode,
}

// === impl OffsetCommitRequest ===

impl Request for OffsetCommitRequest {
    const API: ApiKey = ApiKey::OffsetCommit;
    const VERSIONS: VersionRange = VersionRange::new(2, 9);
    type Response = OffsetCommitResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let request = Generated::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_generation_id_or_member_epoch(self.generation_id)
            .with_member_id(text(&self.member_id))
            .with_topics(
                self.topics
                    .iter()
                    .map(|topic| generate_topic(topic, version))
                    .collect(),
            );
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<OffsetCommitResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn generate_topic(topic: &OffsetCommitTopic, version: i16) -> generated::OffsetCommitRequestTopic {
    let partitions = topic.partitions.iter().map(|partition| {
        generated::OffsetCommitRequestPartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(if version >= 6 {
                partition.committed_leader_epoch
            } else {
                -1
            })
            .with_committed_metadata(nullable_text(partition.metadata.as_deref()))
    });
    generated::OffsetCommitRequestTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partitions(partitions.collect())
}

fn read_response(reader: &mut Reader, version: i16) -> Result<OffsetCommitResponse, Malformed> {
    let response = OffsetCommitResponse {
        throttle_time_ms: if version >= 3 { reader.i32()? } else { 0 },
        topics: reader.array(TOPIC_LEN_MIN, read_topic)?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader) -> Result<OffsetCommitTopicResponse, Malformed> {
    let topic = OffsetCommitTopicResponse {
        name: reader.name()?,
        partitions: reader.array(PARTITION_LEN_MIN, read_partition)?,
    };
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader) -> Result<OffsetCommitPartitionResponse, Malformed> {
    let partition = OffsetCommitPartitionResponse {
        partition_index: reader.i32()?,
        error_code: reader.error_code()?,
    };
    reader.end_struct()?;
    Ok(partition)
}
