//! `DeleteTopics` (key 20): removes topics by name.
//!
//! Version notes: v1 throttle time in the response; v3 `TOPIC_DELETION_DISABLED` where the brokers do not delete; v4
//! flexible; v5 error messages. v6 can name topics by id, which is not needed here. v0 is what brokers of 0.10 have, and
//! the generated crate has it no more, so this one is written by hand.

use std::sync::Arc;

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::{Encoding, Reader, Writer};
use crate::request::{Request, RequestBuffer, check_version, decode_body};
use crate::version::VersionRange;

/// Name and error code.
const RESULT_LEN_MIN: usize = 3;

/// Asks the controller to delete topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopicsRequest {
    /// Their names.
    pub topics: Vec<Arc<str>>,
    /// How long the broker may wait until they are gone, in milliseconds.
    pub timeout_ms: i32,
}

/// What became of the topics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteTopicsResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// The topics of the request.
    pub topics: Vec<DeletedTopic>,
}

/// What became of one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedTopic {
    /// Its name.
    pub name: Arc<str>,
    /// Why it was not deleted, if so.
    pub error_code: ErrorCode,
    /// The broker's explanation (v5+).
    pub error_message: Option<String>,
}

// === impl DeleteTopicsRequest ===

impl Request for DeleteTopicsRequest {
    const API: ApiKey = ApiKey::DeleteTopics;
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    type Response = DeleteTopicsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        let mut writer = Writer::new(out, Encoding::of(Self::API, version));
        writer.array_length(self.topics.len())?;
        for topic in &self.topics {
            writer.string(topic)?;
        }
        writer.out.put_i32(self.timeout_ms);
        writer.end_struct();
        Ok(())
    }

    fn decode_response(version: i16, body: Bytes) -> Result<DeleteTopicsResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<DeleteTopicsResponse, Malformed> {
    let response = DeleteTopicsResponse {
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
        topics: reader.array(RESULT_LEN_MIN, |reader| read_topic(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_topic(reader: &mut Reader, version: i16) -> Result<DeletedTopic, Malformed> {
    let topic = DeletedTopic {
        name: reader.name()?,
        error_code: reader.error_code()?,
        error_message: if version >= 5 {
            reader.nullable_text()?
        } else {
            None
        },
    };
    reader.end_struct()?;
    Ok(topic)
}
