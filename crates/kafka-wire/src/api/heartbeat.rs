//! `Heartbeat` (key 12): a member of a group says that it lives, and hears whether a rebalance has begun.
//!
//! Version notes: v1 throttle time; v3 group instance ids (not sent here); v4 flexible.

use bytes::Bytes;
use kafka_protocol::messages::{GroupId, HeartbeatRequest as Generated};

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// One sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group.
    pub group_id: String,
    /// The generation this member believes in.
    pub generation_id: i32,
    /// This member.
    pub member_id: String,
}

/// What the coordinator thinks of the member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// `REBALANCE_IN_PROGRESS` from a member's coordinator is a sign of life taken note of, too.
    pub error_code: ErrorCode,
}

// === impl HeartbeatRequest ===

impl Request for HeartbeatRequest {
    const API: ApiKey = ApiKey::Heartbeat;
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    type Response = HeartbeatResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let request = Generated::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_generation_id(self.generation_id)
            .with_member_id(text(&self.member_id));
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<HeartbeatResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<HeartbeatResponse, Malformed> {
    let response = HeartbeatResponse {
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
        error_code: reader.error_code()?,
    };
    reader.end_struct()?;
    Ok(response)
}
