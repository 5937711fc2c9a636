//! `SyncGroup` (key 14): the leader hands in who gets what, every member is answered with its share.
//!
//! The coordinator answers the followers when the leader has sent its request, and answers nothing else on their
//! connections until then.
//!
//! Version notes, request: v3 group instance ids (not sent here); v4 flexible; v5 protocol type and name, checked
//! against those of the group. Response: v1 throttle time; v5 protocol type and name (not read here).

use bytes::Bytes;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, SyncGroupRequest as Generated};

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Asks for this member's share of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroupRequest {
    /// The group.
    pub group_id: String,
    /// The generation that `JoinGroup` was answered with.
    pub generation_id: i32,
    /// This member.
    pub member_id: String,
    /// The kind of group (v5+).
    pub protocol_type: String,
    /// The protocol that the coordinator chose (v5+).
    pub protocol_name: String,
    /// Everybody's share, from the leader; empty from followers.
    pub assignments: Vec<SyncGroupAssignment>,
}

/// One member's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroupAssignment {
    /// The member.
    pub member_id: String,
    /// Its share; opaque to the coordinator.
    pub assignment: Bytes,
}

/// This member's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncGroupResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// The share; empty if the leader left this member out.
    pub assignment: Bytes,
}

// === impl SyncGroupRequest ===

impl Request for SyncGroupRequest {
    const API: ApiKey = ApiKey::SyncGroup;
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    type Response = SyncGroupResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let assignments = self.assignments.iter().map(|share| {
            SyncGroupRequestAssignment::default()
                .with_member_id(text(&share.member_id))
                .with_assignment(share.assignment.clone())
        });
        let request = Generated::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_generation_id(self.generation_id)
            .with_member_id(text(&self.member_id))
            .with_protocol_type(Some(text(&self.protocol_type)))
            .with_protocol_name(Some(text(&self.protocol_name)))
            .with_assignments(assignments.collect());
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<SyncGroupResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<SyncGroupResponse, Malformed> {
    let throttle_time_ms = if version >= 1 { reader.i32()? } else { 0 };
    let error_code = reader.error_code()?;
    if version >= 5 {
        reader.skip_string()?;
        reader.skip_string()?;
    }
    let assignment = reader.nullable_bytes()?.unwrap_or_default();
    reader.end_struct()?;
    Ok(SyncGroupResponse {
        throttle_time_ms,
        error_code,
        assignment,
    })
}
