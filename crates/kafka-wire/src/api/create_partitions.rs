//! `CreatePartitions` (key 37): gives topics more partitions.
//!
//! Version notes: v2 flexible; v3 `THROTTLING_QUOTA_EXCEEDED`.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::CreatePartitionsRequest as Generated;
use kafka_protocol::messages::create_partitions_request as generated;

use super::generated::topic_name;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Name, error code and error message.
const RESULT_LEN_MIN: usize = 4;

/// Asks the controller for more partitions; the broker places the replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsRequest {
    /// The topics.
    pub topics: Vec<CreatePartitionsTopic>,
    /// How long the broker may wait until they exist, in milliseconds.
    pub timeout_ms: i32,
    /// Check the request, make nothing.
    pub validate_only: bool,
}

/// One topic that grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsTopic {
    /// Its name.
    pub name: Arc<str>,
    /// How many partitions it shall have in all.
    pub count: i32,
}

/// What became of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsResponse {
    /// How long to be silent on this connection, in milliseconds.
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub results: Vec<CreatePartitionsTopicResult>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatePartitionsTopicResult {
    /// Its name.
    pub name: Arc<str>,
    /// Why it did not grow, if so.
    pub error_code: ErrorCode,
    /// The broker's explanation.
    pub error_message: Option<String>,
}

// === impl CreatePartitionsRequest ===

impl Request for CreatePartitionsRequest {
    const API: ApiKey = ApiKey::CreatePartitions;
    const VERSIONS: VersionRange = VersionRange::new(0, 3);
    type Response = CreatePartitionsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let topics = self.topics.iter().map(|topic| {
            generated::CreatePartitionsTopic::default()
                .with_name(topic_name(&topic.name))
                .with_count(topic.count)
                .with_assignments(None)
        });
        let request = Generated::default()
            .with_topics(topics.collect())
            .with_timeout_ms(self.timeout_ms)
            .with_validate_only(self.validate_only);
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<CreatePartitionsResponse, DecodeError> {
        decode_body::<Self>(version, body, read_response)
    }
}

fn read_response(reader: &mut Reader) -> Result<CreatePartitionsResponse, Malformed> {
    let response = CreatePartitionsResponse {
        throttle_time_ms: reader.i32()?,
        results: reader.array(RESULT_LEN_MIN, read_result)?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_result(reader: &mut Reader) -> Result<CreatePartitionsTopicResult, Malformed> {
    let result = CreatePartitionsTopicResult {
        name: reader.name()?,
        error_code: reader.error_code()?,
        error_message: reader.nullable_text()?,
    };
    reader.end_struct()?;
    Ok(result)
}
