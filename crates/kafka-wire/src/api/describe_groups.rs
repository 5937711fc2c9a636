//! `DescribeGroups` (key 15): the state and the members of classic consumer groups.
//!
//! Version notes: v1 throttle time; v3 authorized operations (not asked for); v4 group instance ids; v5 flexible.
//! A group that does not exist is described as `Dead` and without members, with no error.

use bytes::Bytes;
use kafka_protocol::messages::{DescribeGroupsRequest as Generated, GroupId};

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Error code, four texts and the number of members.
const GROUP_LEN_MIN: usize = 7;
/// Three texts and two byte strings.
const MEMBER_LEN_MIN: usize = 5;

/// Asks the coordinator of groups for their state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeGroupsRequest {
    /// The groups.
    pub groups: Vec<String>,
}

/// The groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeGroupsResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// One entry for each group asked for.
    pub groups: Vec<DescribedGroup>,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// What went wrong, if anything.
    pub error_code: ErrorCode,
    /// The group.
    pub group_id: String,
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Stable`, `Dead`, or nothing.
    pub state: String,
    /// `consumer` for consumers, empty for a group that has commits alone.
    pub protocol_type: String,
    /// The assignor the members agreed on, empty unless the group is stable.
    pub protocol_data: String,
    /// The members.
    pub members: Vec<DescribedGroupMember>,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroupMember {
    /// Its id, given by the coordinator.
    pub member_id: String,
    /// The id of a static member (v4+, KIP-345).
    pub group_instance_id: Option<String>,
    /// What the client calls itself.
    pub client_id: String,
    /// Where it connects from, such as `/10.0.0.7`.
    pub client_host: String,
}

// === impl DescribeGroupsRequest ===

impl Request for DescribeGroupsRequest {
    const API: ApiKey = ApiKey::DescribeGroups;
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    type Response = DescribeGroupsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let groups = self.groups.iter().map(|group| GroupId(text(group))).collect();
        encode_generated::<Self>(&Generated::default().with_groups(groups), version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<DescribeGroupsResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<DescribeGroupsResponse, Malformed> {
    let response = DescribeGroupsResponse {
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
        groups: reader.array(GROUP_LEN_MIN, |reader| read_group(reader, version))?,
    };
    reader.end_struct()?;
    Ok(response)
}

fn read_group(reader: &mut Reader, version: i16) -> Result<DescribedGroup, Malformed> {
    let group = DescribedGroup {
        error_code: reader.error_code()?,
        group_id: reader.text()?,
        state: reader.text()?,
        protocol_type: reader.text()?,
        protocol_data: reader.text()?,
        members: reader.array(MEMBER_LEN_MIN, |reader| read_member(reader, version))?,
    };
    if version >= 3 {
        let _authorized_operations = reader.i32()?;
    }
    reader.end_struct()?;
    Ok(group)
}

fn read_member(reader: &mut Reader, version: i16) -> Result<DescribedGroupMember, Malformed> {
    let member = DescribedGroupMember {
        member_id: reader.text()?,
        group_instance_id: if version >= 4 {
            reader.nullable_text()?
        } else {
            None
        },
        client_id: reader.text()?,
        client_host: reader.text()?,
    };
    let _metadata = reader.nullable_bytes()?;
    let _assignment = reader.nullable_bytes()?;
    reader.end_struct()?;
    Ok(member)
}
