//! `CreateTopics` (key 19): makes topics.
//!
//! Version notes: v4 partition count and replication factor may be -1, the broker's default (KIP-464); v5 flexible,
//! the answer tells the configuration of the new topic (KIP-525, read past here); v6 `THROTTLING_QUOTA_EXCEEDED`;
//! v7 topic ids.
//!
//! Before 0.11: v0 (Kafka 0.10.1) has neither `validate_only` nor explanations, v1 (0.10.2) both; neither has a throttle
//! time. Only the controller answers these; another broker says `NOT_CONTROLLER`.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::CreateTopicsRequest as Generated;
use kafka_protocol::messages::create_topics_request as generated;

use super::generated::{nullable_text, text, topic_name};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::TopicId;
use crate::primitive::{Encoding, Reader, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// The first version that `kafka-protocol` writes.
const GENERATED_SINCE: i16 = 2;
/// Name and error code: four bytes in v0, and with a message as many in the flexible encoding.
const TOPIC_LEN_MIN: usize = 4;
/// Name, value, two truth values, the source, no tagged fields (v5+).
const CONFIG_LEN_MIN: usize = 6;

/// Asks the controller to make topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopicsRequest {
    /// The topics.
    pub topics: Vec<CreatableTopic>,
    /// How long the broker may wait until they exist, in milliseconds.
    pub timeout_ms: i32,
    /// Check the request, make nothing (v1+; cannot be written before).
    pub validate_only: bool,
}

/// One topic to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions; -1 for the broker's default (v4+).
    pub num_partitions: i32,
    /// How many replicas; -1 for the broker's default (v4+).
    pub replication_factor: i16,
    /// Settings that differ from the broker's defaults. A value of `None` (the default, said aloud) takes v2.
    pub configs: Vec<(String, Option<String>)>,
}

/// What became of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateTopicsResponse {
    /// How long to be silent on this connection, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<CreatableTopicResult>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatableTopicResult {
    /// Its name.
    pub name: Arc<str>,
    /// Its new id (v7+), or [`TopicId::ZERO`].
    pub topic_id: TopicId,
    /// Why it was not made, if so.
    pub error_code: ErrorCode,
    /// The broker's explanation (v1+).
    pub error_message: Option<String>,
    /// How many partitions it has (v5+); -1 when unknown or not to be told to this user.
    pub num_partitions: i32,
    /// How many replicas it has (v5+); -1 when unknown or not to be told to this user.
    pub replication_factor: i16,
}

// === impl CreateTopicsRequest ===

impl Request for CreateTopicsRequest {
    const API: ApiKey = ApiKey::CreateTopics;
    const VERSIONS: VersionRange = VersionRange::new(0, 7);
    type Response = CreateTopicsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        if version < GENERATED_SINCE {
            check_version::<Self>(version)?;
            return self.encode_before_v2(version, out);
        }
        let request = Generated::default()
            .with_topics(self.topics.iter().map(generate_topic).collect())
            .with_timeout_ms(self.timeout_ms)
            .with_validate_only(self.validate_only);
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<CreateTopicsResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

impl CreateTopicsRequest {
    fn encode_before_v2(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let not_expressible = |reason: String| EncodeError::NotExpressible {
            api: Self::API,
            version,
            reason,
        };
        if version == 0 && self.validate_only {
            return Err(not_expressible(
                "a request cannot be checked without being carried out".to_owned(),
            ));
        }
        let mut writer = Writer::new(out, Encoding::of(Self::API, version));
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            writer.string(&topic.name)?;
            writer.out.put_i32(topic.num_partitions);
            writer.out.put_i16(topic.replication_factor);
            // Which broker holds which replica is left to the controller.
            writer.array_length(0)?;
            writer.array_length(topic.configs.len())?;
            for (name, value) in &topic.configs {
                let value = value
                    .as_deref()
                    .ok_or_else(|| not_expressible(format!("the setting {name} has no value")))?;
                writer.string(name)?;
                writer.string(value)?;
            }
        }
        writer.out.put_i32(self.timeout_ms);
        if version >= 1 {
            writer.out.put_i8(i8::from(self.validate_only));
        }
        Ok(())
    }
}

fn generate_topic(topic: &CreatableTopic) -> generated::CreatableTopic {
    let configs = topic.configs.iter().map(|(name, value)| {
        generated::CreatableTopicConfig::default()
            .with_name(text(name))
            .with_value(nullable_text(value.as_deref()))
    });
    generated::CreatableTopic::default()
        .with_name(topic_name(&topic.name))
        .with_num_partitions(topic.num_partitions)
        .with_replication_factor(topic.replication_factor)
        .with_configs(configs.collect())
}

fn read_response(reader: &mut Reader, version: i16) -> Result<CreateTopicsResponse, Malformed> {
    let response = CreateTopicsResponse {
        throttle_time_ms: if version >= 2 { reader.i32()? } else { 0 },
        topics: reader.array(TOPIC_LEN_MIN, |reader| read_topic(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<CreatableTopicResult, Malformed> {
    let topic = CreatableTopicResult {
        name: reader.name()?,
        topic_id: if version >= 7 {
            reader.topic_id()?
        } else {
            TopicId::ZERO
        },
        error_code: reader.error_code()?,
        error_message: if version >= 1 {
            reader.nullable_text()?
        } else {
            None
        },
        num_partitions: if version >= 5 { reader.i32()? } else { -1 },
        replication_factor: if version >= 5 { reader.i16()? } else { -1 },
    };
    if version >= 5 {
        reader.skip_array(CONFIG_LEN_MIN, skip_config)?;
    }
    // The tagged field of v5 tells why the configuration is missing, which was not asked for.
    reader.end_struct()?;
    Ok(topic)
}

fn skip_config(reader: &mut Reader) -> Result<(), Malformed> {
    reader.skip_string()?;
    reader.skip_string()?;
    let _read_only = reader.bool()?;
    let _source = reader.i8()?;
    let _is_sensitive = reader.bool()?;
    reader.end_struct()
}
