//! `OffsetFetch` (key 9): how far a consumer group has read, by its own commits.
//!
//! Version notes, request: v2 a null list means "all topics"; v6 flexible; v7 `require_stable`; v8 many groups in
//! one request: one is sent and one answer expected here; v9 the new group protocol (KIP-848). Response: v2 an
//! error code for the whole group (in v1 it stands at each partition); v3 throttle time; v5 leader epochs; v6
//! flexible; v8 a list of groups. v0 (offsets in `ZooKeeper`) is not here.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::offset_fetch_request as generated;
use kafka_protocol::messages::{GroupId, OffsetFetchRequest as Generated};

use super::generated::{text, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// Group id, number of topics, error code, no tagged fields (v8+).
const GROUP_LEN_MIN: usize = 5;
/// Name, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, offset, metadata and error code.
const PARTITION_LEN_MIN: usize = 15;

/// Asks the coordinator of a group for its positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchRequest {
    /// The group.
    pub group_id: String,
    /// The partitions wanted; `None` for all the group has committed (v2+).
    pub topics: Option<Vec<OffsetFetchTopic>>,
    /// Refuse to answer with `UNSTABLE_OFFSET_COMMIT` while a transaction may still move a position (v7+; not sent
    /// before).
    pub require_stable: bool,
}

/// One topic of an [`OffsetFetchRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partition_indexes: Vec<i32>,
}

/// The positions of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchResponse {
    /// How long to be silent on this connection, in milliseconds (v3+).
    pub throttle_time_ms: i32,
    /// An error of the whole group (v2+).
    pub error_code: ErrorCode,
    /// The topics asked for.
    pub topics: Vec<OffsetFetchTopicResponse>,
}

/// One topic of an [`OffsetFetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchTopicResponse {
    /// Its name.
    pub name: Arc<str>,
    /// Its partitions.
    pub partitions: Vec<OffsetFetchPartitionResponse>,
}

/// One partition of an [`OffsetFetchResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetFetchPartitionResponse {
    /// Number of the partition.
    pub partition_index: i32,
    /// The offset to read next; -1 when the group has committed none.
    pub committed_offset: i64,
    /// The leader epoch of the last record read (v5+), or -1.
    pub committed_leader_epoch: i32,
    /// The text that was committed with it.
    pub metadata: Option<String>,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
}

// === impl OffsetFetchRequest ===

impl Request for OffsetFetchRequest {
    const API: ApiKey = ApiKey::OffsetFetch;
    const VERSIONS: VersionRange = VersionRange::new(1, 9);
    type Response = OffsetFetchResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        if version < 2 && self.topics.is_none() {
            return Err(EncodeError::NotExpressible {
                api: Self::API,
                version,
                reason: "all topics of a group cannot be asked for".to_owned(),
            });
        }
        let group_id = GroupId(text(&self.group_id));
        let request = Generated::default().with_require_stable(version >= 7 && self.require_stable);
        let request = if version >= 8 {
            let group = generated::OffsetFetchRequestGroup::default()
                .with_group_id(group_id)
                .with_topics(self.generate_topics(generate_topic_of_group));
            request.with_groups(vec![group])
        } else {
            request
                .with_group_id(group_id)
                .with_topics(self.generate_topics(generate_topic))
        };
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<OffsetFetchResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| {
            if version >= 8 {
                read_groups(reader)
            } else {
                read_single(reader, version)
            }
        })
    }
}

impl OffsetFetchRequest {
    fn generate_topics<T>(&self, generate: impl Fn(&OffsetFetchTopic) -> T) -> Option<Vec<T>> {
        self.topics
            .as_ref()
            .map(|topics| topics.iter().map(generate).collect())
    }
}

fn generate_topic(topic: &OffsetFetchTopic) -> generated::OffsetFetchRequestTopic {
    generated::OffsetFetchRequestTopic::default()
        .with_name(topic_name(&topic.name))
        .with_partition_indexes(topic.partition_indexes.clone())
}

fn generate_topic_of_group(topic: &OffsetFetchTopic) -> generated::OffsetFetchRequestTopics {
    generated::OffsetFetchRequestTopics::default()
        .with_name(topic_name(&topic.name))
        .with_partition_indexes(topic.partition_indexes.clone())
}

/// The layout up to v7.
fn read_single(reader: &mut Reader, version: i16) -> Result<OffsetFetchResponse, Malformed> {
    let throttle_time_ms = if version >= 3 { reader.i32()? } else { 0 };
    let topics = reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?;
    let error_code = if version >= 2 {
        reader.error_code()?
    } else {
        ErrorCode::NONE
    };
    reader.end_struct()?;
    Ok(OffsetFetchResponse {
        throttle_time_ms,
        error_code,
        topics,
    })
}

/// The layout from v8 on.
fn read_groups(reader: &mut Reader) -> Result<OffsetFetchResponse, Malformed> {
    let throttle_time_ms = reader.i32()?;
    let (topics, error_code) = reader.array_of_one(GROUP_LEN_MIN, |reader| {
        reader.skip_string()?;
        let topics = reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, 8))?;
        let error_code = reader.error_code()?;
        reader.end_struct()?;
        Ok((topics, error_code))
    })?;
    reader.end_struct()?;
    Ok(OffsetFetchResponse {
        throttle_time_ms,
        error_code,
        topics,
    })
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<OffsetFetchTopicResponse, Malformed> {
    let topic = OffsetFetchTopicResponse {
        name: reader.name()?,
        partitions: reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?,
    };
    reader.end_struct()?;
    Ok(topic)
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<OffsetFetchPartitionResponse, Malformed> {
    let partition = OffsetFetchPartitionResponse {
        partition_index: reader.i32()?,
        committed_offset: reader.i64()?,
        committed_leader_epoch: if version >= 5 { reader.i32()? } else { -1 },
        metadata: reader.nullable_text()?,
        error_code: reader.error_code()?,
    };
    reader.end_struct()?;
    Ok(partition)
}
