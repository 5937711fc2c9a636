//! `Produce` (key 0): writes record batches. Written and read by hand: this is the other half of the hot path.
//!
//! Version notes, request: v3 record batch v2 and the transactional id; v7 zstd (KIP-110); v9 flexible; v12 the
//! second part of KIP-890 (matters to transactions only); v13 topic ids in place of names (KIP-516).
//! Response: v5 `log_start_offset`; v8 `record_errors` and `error_message` (KIP-467); v9 flexible; v10 the tagged
//! fields `current_leader` and `node_endpoints` (KIP-951); v13 topic ids in place of names.
//!
//! Before 0.11 (v0 to v2): v0 and v1 take message sets of format v0 alone, v2 those of format v1, too; v1 adds the
//! throttle time to the response, v2 the log append time. They have no transactional id.
//!
//! With `acks` 0 a broker sends no response at all.

use std::sync::Arc;

use bytes::Bytes;

use super::node_endpoint::{LeaderIdAndEpoch, NodeEndpoint};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::TopicId;
use crate::primitive::{Encoding, Reader, Tag, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body};
use crate::version::VersionRange;

/// The first version that takes record batches (format v2); those before take message sets (formats v0 and v1).
pub const RECORD_BATCHES_SINCE: i16 = 3;

/// The first version of brokers that know zstd (KIP-110, Kafka 2.1). Earlier ones answer such a batch with `UNKNOWN_SERVER_ERROR[-1]`.
pub const ZSTD_SINCE: i16 = 7;

/// Name or id, and the number of partitions.
const TOPIC_LEN_MIN: usize = 3;
/// Index, error code and base offset (v0; later versions take more).
const PARTITION_LEN_MIN: usize = 14;
/// Index and a null text.
const RECORD_ERROR_LEN_MIN: usize = 5;

/// Hands record batches to the leader of their partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceRequest {
    /// The transactional id of the producer, if it has one (v3+).
    pub transactional_id: Option<String>,
    /// Who must have the records before the broker answers: -1 all replicas in sync, 1 the leader, 0 nobody.
    pub acks: i16,
    /// How long the broker may wait for those acknowledgements, in milliseconds.
    pub timeout_ms: i32,
    /// The batches, by topic. A broker refuses a request that names a partition twice.
    pub topics: Vec<ProduceTopic>,
}

/// One topic of a [`ProduceRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceTopic {
    /// Its name (sent up to v12).
    pub topic: Arc<str>,
    /// Its id (sent from v13 on, and must not be zero there).
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<ProducePartition>,
}

/// One record batch (v2), in two pieces that are sent one after the other and never copied. Below
/// [`RECORD_BATCHES_SINCE`] the two pieces together are a message set of format v0 or v1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducePartition {
    /// Number of the partition.
    pub partition: i32,
    /// The 61 bytes of the batch header; below v3 the start of a message set.
    pub header: Bytes,
    /// The records behind it, compressed or not; below v3 the rest of the message set.
    pub payload: Bytes,
}

/// What became of the batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProduceResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<ProducedTopic>,
    /// Where the brokers listen that `current_leader` fields name (v10+).
    pub node_endpoints: Vec<NodeEndpoint>,
}

/// One topic of a [`ProduceResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedTopic {
    /// Its name up to v12, `None` from v13 on.
    pub topic: Option<Arc<str>>,
    /// Its id from v13 on, [`TopicId::ZERO`] before.
    pub topic_id: TopicId,
    /// Its partitions.
    pub partitions: Vec<ProducedPartition>,
}

/// One partition of a [`ProduceResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedPartition {
    /// Number of the partition.
    pub partition: i32,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// The offset of the batch's first record; -1 if there is none to tell.
    pub base_offset: i64,
    /// The time the broker stamped the batch with (v2+), in milliseconds since the epoch; -1 where the topic keeps the
    /// producer's timestamps.
    pub log_append_time_ms: i64,
    /// First offset still kept (v5+), or -1.
    pub log_start_offset: i64,
    /// The records a batch was refused for (v8+).
    pub record_errors: Vec<RecordError>,
    /// The broker's explanation (v8+).
    pub error_message: Option<String>,
    /// The leader to turn to (v10+).
    pub current_leader: Option<LeaderIdAndEpoch>,
}

/// A record for which the broker refused its whole batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordError {
    /// Index of the record in the batch, from 0.
    pub batch_index: i32,
    /// The broker's explanation.
    pub message: Option<String>,
}

// === impl ProduceRequest ===

impl Request for ProduceRequest {
    const API: ApiKey = ApiKey::Produce;
    const VERSIONS: VersionRange = VersionRange::new(0, 13);
    type Response = ProduceResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        let mut writer = Writer::new(out, Encoding::of(Self::API, version));
        if version >= RECORD_BATCHES_SINCE {
            writer.nullable_string(self.transactional_id.as_deref())?;
        } else if self.transactional_id.is_some() {
            return Err(EncodeError::NotExpressible {
                api: Self::API,
                version,
                reason: "a broker this old knows no transactions".to_owned(),
            });
        }
        writer.out.put_i16(self.acks);
        writer.out.put_i32(self.timeout_ms);
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            write_topic(&mut writer, version, topic)?;
        }
        writer.end_struct();
        Ok(())
    }

    fn decode_response(version: i16, body: Bytes) -> Result<ProduceResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn write_topic(writer: &mut Writer<'_>, version: i16, topic: &ProduceTopic) -> Result<(), EncodeError> {
    if version <= 12 {
        writer.string(&topic.topic)?;
    } else if topic.topic_id.is_zero() {
        return Err(EncodeError::Missing {
            api: ApiKey::Produce,
            version,
            what: "topic ids",
        });
    } else {
        writer.topic_id(topic.topic_id);
    }
    writer.array_length(topic.partitions.len())?;
    for partition in &topic.partitions {
        writer.out.put_i32(partition.partition);
        writer.bytes_length(partition.header.len() + partition.payload.len())?;
        writer.out.put_shared(partition.header.clone());
        writer.out.put_shared(partition.payload.clone());
        writer.end_struct();
    }
    writer.end_struct();
    Ok(())
}

// === impl ProduceResponse ===

fn read_response(reader: &mut Reader, version: i16) -> Result<ProduceResponse, Malformed> {
    let topics = reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?;
    let throttle_time_ms = if version >= 1 { reader.i32()? } else { 0 };
    let mut node_endpoints = Vec::new();
    reader.end_struct_with(|tag, field| match tag {
        0 if version >= 10 => {
            node_endpoints = NodeEndpoint::read_array(field)?;
            Ok(Tag::Read)
        }
        _ => Ok(Tag::Skip),
    })?;
    Ok(ProduceResponse {
        throttle_time_ms,
        topics,
        node_endpoints,
    })
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<ProducedTopic, Malformed> {
    let (topic, topic_id) = if version >= 13 {
        (None, reader.topic_id()?)
    } else {
        (Some(reader.name()?), TopicId::ZERO)
    };
    let partitions = reader.array(PARTITION_LEN_MIN, |reader| read_partition(reader, version))?;
    reader.end_struct()?;
    Ok(ProducedTopic {
        topic,
        topic_id,
        partitions,
    })
}

fn read_partition(reader: &mut Reader, version: i16) -> Result<ProducedPartition, Malformed> {
    let mut partition = ProducedPartition {
        partition: reader.i32()?,
        error_code: reader.error_code()?,
        base_offset: reader.i64()?,
        log_append_time_ms: if version >= 2 { reader.i64()? } else { -1 },
        log_start_offset: if version >= 5 { reader.i64()? } else { -1 },
        record_errors: if version >= 8 {
            reader.array(RECORD_ERROR_LEN_MIN, read_record_error)?
        } else {
            Vec::new()
        },
        error_message: if version >= 8 {
            reader.nullable_text()?
        } else {
            None
        },
        current_leader: None,
    };
    reader.end_struct_with(|tag, field| match tag {
        0 if version >= 10 => {
            partition.current_leader = Some(LeaderIdAndEpoch::read(field)?);
            Ok(Tag::Read)
        }
        _ => Ok(Tag::Skip),
    })?;
    Ok(partition)
}

fn read_record_error(reader: &mut Reader) -> Result<RecordError, Malformed> {
    let error = RecordError {
        batch_index: reader.i32()?,
        message: reader.nullable_text()?,
    };
    reader.end_struct()?;
    Ok(error)
}
