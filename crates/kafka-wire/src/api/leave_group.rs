//! `LeaveGroup` (key 13): members give their partitions up at once instead of being waited for.
//!
//! Version notes: v1 throttle time; v3 several members in one request (KIP-345), each answered with an error code of
//! its own; v4 flexible; v5 a reason (KIP-800, sent).

use bytes::Bytes;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{GroupId, LeaveGroupRequest as Generated};

use super::generated::{nullable_text, text};
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::VersionRange;

/// Member id, instance id and error code.
const MEMBER_LEN_MIN: usize = 4;

/// The first version that can name more than one member.
pub const SEVERAL_MEMBERS_SINCE: i16 = 3;

/// Takes members out of their group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveGroupRequest {
    /// The group.
    pub group_id: String,
    /// The members; exactly one before [`SEVERAL_MEMBERS_SINCE`].
    pub member_ids: Vec<String>,
    /// Why they leave, for the broker's log (v5+).
    pub reason: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaveGroupResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// What went wrong with the request as a whole; before v3 with its one member.
    pub error_code: ErrorCode,
    /// The members of the request (v3+).
    pub members: Vec<LeavingMember>,
}

/// One member of a [`LeaveGroupResponse`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// The member.
    pub member_id: String,
    /// Why it could not leave, if so.
    pub error_code: ErrorCode,
}

// === impl LeaveGroupRequest ===

impl Request for LeaveGroupRequest {
    const API: ApiKey = ApiKey::LeaveGroup;
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    type Response = LeaveGroupResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        let request = Generated::default().with_group_id(GroupId(text(&self.group_id)));
        let request = if version >= SEVERAL_MEMBERS_SINCE {
            let reason = self.reason.as_deref().filter(|_| version >= 5);
            let members = self.member_ids.iter().map(|member_id| {
                MemberIdentity::default()
                    .with_member_id(text(member_id))
                    .with_reason(nullable_text(reason))
            });
            request.with_members(members.collect())
        } else if let [member_id] = self.member_ids.as_slice() {
            request.with_member_id(text(member_id))
        } else {
            return Err(EncodeError::NotExpressible {
                api: Self::API,
                version,
                reason: format!("{} members where exactly one must be", self.member_ids.len()),
            });
        };
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<LeaveGroupResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<LeaveGroupResponse, Malformed> {
    let response = LeaveGroupResponse {
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
        error_code: reader.error_code()?,
        members: if version >= SEVERAL_MEMBERS_SINCE {
            reader.array(MEMBER_LEN_MIN, read_member)?
        } else {
            Vec::new()
        },
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_member(reader: &mut Reader) -> Result<LeavingMember, Malformed> {
    let member_id = reader.string()?;
    reader.skip_string()?;
    let member = LeavingMember {
        member_id,
        error_code: reader.error_code()?,
    };
    reader.end_struct()?;
    Ok(member)
}
