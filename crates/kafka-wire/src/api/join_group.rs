//! `JoinGroup` (key 11): takes part in the next generation of a classic consumer group.
//!
//! The coordinator answers when all members have joined or their rebalance time-out is over, so the answer may take
//! minutes, and on this connection it answers nothing else until then.
//!
//! Version notes, request: v1 rebalance time-out (v0 uses the session time-out for both); v5 group instance ids (not
//! sent here); v6 flexible; v8 a reason. Response: v2 throttle time; v4 an empty member id is answered with
//! `MEMBER_ID_REQUIRED` and the id to join with (KIP-394); v5 group instance ids; v7 protocol type, and a protocol name
//! that may be null; v9 "skip the assignment", for static members alone (KIP-814).

use bytes::Bytes;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{GroupId, JoinGroupRequest as Generated};

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Member id, metadata, and in the flexible encoding instance id and tagged fields: four bytes there, six before it.
const MEMBER_LEN_MIN: usize = 4;

/// Asks the coordinator for membership in the next generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupRequest {
    /// The group.
    pub group_id: String,
    /// Without a heartbeat for so long, in milliseconds, the coordinator takes the member for dead.
    pub session_timeout_ms: i32,
    /// So long, in milliseconds, the coordinator waits for members to join again once a rebalance began (v1+).
    pub rebalance_timeout_ms: i32,
    /// The id the coordinator gave to this member, or nothing.
    pub member_id: String,
    /// `consumer` for consumers; all members of a group have the same.
    pub protocol_type: String,
    /// What this member offers, the best first. All members must share one.
    pub protocols: Vec<JoinGroupProtocol>,
}

/// One way of sharing partitions out that a member offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupProtocol {
    /// Its name: that of an assignor.
    pub name: String,
    /// What the leader needs to know of this member; opaque to the coordinator.
    pub metadata: Bytes,
}

/// The new generation, or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupResponse {
    /// How long to be silent on this connection, in milliseconds (v2+).
    pub throttle_time_ms: i32,
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// Number of the generation; -1 with an error.
    pub generation_id: i32,
    /// What kind of group it is (v7+).
    pub protocol_type: Option<String>,
    /// The protocol the coordinator chose: one that all members offer.
    pub protocol_name: Option<String>,
    /// Member id of the leader, who shares the partitions out.
    pub leader: String,
    /// The leader is to send no assignment: the group keeps the one it has (v9+).
    pub skip_assignment: bool,
    /// The id of this member; with `MEMBER_ID_REQUIRED` the id to join with.
    pub member_id: String,
    /// All members, told to the leader alone.
    pub members: Vec<JoinGroupMember>,
}

/// One member of the generation, as the leader is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinGroupMember {
    /// Its id.
    pub member_id: String,
    /// The id of a static member (v5+, KIP-345).
    pub group_instance_id: Option<String>,
    /// What it offered for the chosen protocol.
    pub metadata: Bytes,
}

// === impl JoinGroupRequest ===

impl Request for JoinGroupRequest {
    const API: ApiKey = ApiKey::JoinGroup;
    const VERSIONS: VersionRange = VersionRange::new(0, 9);
    type Response = JoinGroupResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let protocols = self.protocols.iter().map(|protocol| {
            JoinGroupRequestProtocol::default()
                .with_name(text(&protocol.name))
                .with_metadata(protocol.metadata.clone())
        });
        let request = Generated::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_session_timeout_ms(self.session_timeout_ms)
            .with_rebalance_timeout_ms(self.rebalance_timeout_ms)
            .with_member_id(text(&self.member_id))
            .with_protocol_type(text(&self.protocol_type))
            .with_protocols(protocols.collect());
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<JoinGroupResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<JoinGroupResponse, Malformed> {
    let response = JoinGroupResponse {
        throttle_time_ms: if version >= 2 { reader.i32()? } else { 0 },
        error_code: reader.error_code()?,
        generation_id: reader.i32()?,
        protocol_type: if version >= 7 {
            reader.nullable_string()?
        } else {
            None
        },
        protocol_name: if version >= 7 {
            reader.nullable_string()?
        } else {
            Some(reader.string()?)
        },
        leader: reader.string()?,
        skip_assignment: version >= 9 && reader.bool()?,
        member_id: reader.string()?,
        members: reader.array(MEMBER_LEN_MIN, |reader| read_member(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_member(reader: &mut Reader, version: i16) -> Result<JoinGroupMember, Malformed> {
    let member = JoinGroupMember {
        member_id: reader.string()?,
        group_instance_id: if version >= 5 {
            reader.nullable_string()?
        } else {
            None
        },
        metadata: reader.nullable_bytes()?.unwrap_or_default(),
    };
    reader.end_struct()?;
    Ok(member)
}
