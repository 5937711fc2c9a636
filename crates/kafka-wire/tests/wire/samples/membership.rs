//! Responses to members of a group.

use bytes::Bytes;
use kafka_protocol::messages::{
    HeartbeatResponse as GeneratedHeartbeat, JoinGroupResponse as GeneratedJoinGroup,
    LeaveGroupResponse as GeneratedLeaveGroup, SyncGroupResponse as GeneratedSyncGroup,
};
use kafka_protocol::messages::{join_group_response, leave_group_response};
use kafka_wire::ErrorCode;
use kafka_wire::api::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use kafka_wire::api::join_group::{JoinGroupMember, JoinGroupRequest, JoinGroupResponse};
use kafka_wire::api::leave_group::{LeaveGroupRequest, LeaveGroupResponse, LeavingMember};
use kafka_wire::api::sync_group::{SyncGroupRequest, SyncGroupResponse};

use super::{MANY, Visitor, long_name, since, text, unknown_tags, versions};

pub(super) fn visit_join_group(visitor: &mut impl Visitor) {
    for version in versions::<JoinGroupRequest>() {
        let generated = GeneratedJoinGroup::default()
            .with_throttle_time_ms(since(2, version, 8, 0))
            .with_generation_id(12)
            .with_protocol_type(since(7, version, Some(text("consumer")), None))
            .with_protocol_name(Some(text("range")))
            .with_leader(text(&long_name()))
            .with_skip_assignment(version >= 9)
            .with_member_id(text("stream-1-5f"))
            .with_members(generated_members(version));
        let expected = JoinGroupResponse {
            throttle_time_ms: since(2, version, 8, 0),
            error_code: ErrorCode::NONE,
            generation_id: 12,
            protocol_type: since(7, version, Some("consumer".to_owned()), None),
            protocol_name: Some("range".to_owned()),
            leader: long_name(),
            skip_assignment: version >= 9,
            member_id: "stream-1-5f".to_owned(),
            members: expected_members(version),
        };
        let generated = if version >= 6 {
            generated.with_unknown_tagged_fields(unknown_tags())
        } else {
            generated
        };
        visitor.case::<JoinGroupRequest>(version, &generated, &expected);

        // KIP-394: the first round gives an id and nothing else.
        let named = GeneratedJoinGroup::default()
            .with_error_code(79)
            .with_protocol_name(since(7, version, None, Some(text(""))))
            .with_member_id(text("stream-1-5f"));
        let expected = JoinGroupResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::MEMBER_ID_REQUIRED,
            generation_id: -1,
            protocol_type: None,
            protocol_name: since(7, version, None, Some(String::new())),
            leader: String::new(),
            skip_assignment: false,
            member_id: "stream-1-5f".to_owned(),
            members: Vec::new(),
        };
        visitor.case::<JoinGroupRequest>(version, &named, &expected);
    }
}

fn generated_members(version: i16) -> Vec<join_group_response::JoinGroupResponseMember> {
    let mut member = join_group_response::JoinGroupResponseMember::default()
        .with_member_id(text("stream-0-4e"))
        .with_group_instance_id(since(5, version, Some(text("instance-1")), None))
        .with_metadata(Bytes::from_static(b"subscription"));
    if version >= 6 {
        member = member.with_unknown_tagged_fields(unknown_tags());
    }
    let smallest = join_group_response::JoinGroupResponseMember::default();
    std::iter::once(member).chain(vec![smallest; MANY]).collect()
}

fn expected_members(version: i16) -> Vec<JoinGroupMember> {
    let member = JoinGroupMember {
        member_id: "stream-0-4e".to_owned(),
        group_instance_id: since(5, version, Some("instance-1".to_owned()), None),
        metadata: Bytes::from_static(b"subscription"),
    };
    let smallest = JoinGroupMember {
        member_id: String::new(),
        group_instance_id: None,
        metadata: Bytes::new(),
    };
    std::iter::once(member).chain(vec![smallest; MANY]).collect()
}

pub(super) fn visit_sync_group(visitor: &mut impl Visitor) {
    for version in versions::<SyncGroupRequest>() {
        let mut generated = GeneratedSyncGroup::default()
            .with_throttle_time_ms(since(1, version, 8, 0))
            .with_error_code(27)
            .with_protocol_type(since(5, version, Some(text("consumer")), None))
            .with_protocol_name(since(5, version, Some(text("range")), None))
            .with_assignment(Bytes::from_static(b"share"));
        if version >= 4 {
            generated = generated.with_unknown_tagged_fields(unknown_tags());
        }
        let expected = SyncGroupResponse {
            throttle_time_ms: since(1, version, 8, 0),
            error_code: ErrorCode::REBALANCE_IN_PROGRESS,
            assignment: Bytes::from_static(b"share"),
        };
        visitor.case::<SyncGroupRequest>(version, &generated, &expected);

        let expected = SyncGroupResponse {
            throttle_time_ms: 0,
            error_code: ErrorCode::NONE,
            assignment: Bytes::new(),
        };
        visitor.case::<SyncGroupRequest>(version, &GeneratedSyncGroup::default(), &expected);
    }
}

pub(super) fn visit_heartbeat(visitor: &mut impl Visitor) {
    for version in versions::<HeartbeatRequest>() {
        let mut generated = GeneratedHeartbeat::default()
            .with_throttle_time_ms(since(1, version, 8, 0))
            .with_error_code(25);
        if version >= 4 {
            generated = generated.with_unknown_tagged_fields(unknown_tags());
        }
        let expected = HeartbeatResponse {
            throttle_time_ms: since(1, version, 8, 0),
            error_code: ErrorCode::UNKNOWN_MEMBER_ID,
        };
        visitor.case::<HeartbeatRequest>(version, &generated, &expected);
    }
}

pub(super) fn visit_leave_group(visitor: &mut impl Visitor) {
    for version in versions::<LeaveGroupRequest>() {
        let mut generated = GeneratedLeaveGroup::default()
            .with_throttle_time_ms(since(1, version, 8, 0))
            .with_error_code(16);
        let mut members = Vec::new();
        if version >= 3 {
            let mut member = leave_group_response::MemberResponse::default()
                .with_member_id(text("stream-0-4e"))
                .with_group_instance_id(Some(text("instance-1")))
                .with_error_code(25);
            if version >= 4 {
                member = member.with_unknown_tagged_fields(unknown_tags());
                generated = generated.with_unknown_tagged_fields(unknown_tags());
            }
            let smallest = leave_group_response::MemberResponse::default().with_group_instance_id(None);
            generated = generated.with_members(std::iter::once(member).chain(vec![smallest; MANY]).collect());
            let member = LeavingMember {
                member_id: "stream-0-4e".to_owned(),
                error_code: ErrorCode::UNKNOWN_MEMBER_ID,
            };
            let smallest = LeavingMember {
                member_id: String::new(),
                error_code: ErrorCode::NONE,
            };
            members = std::iter::once(member).chain(vec![smallest; MANY]).collect();
        }
        let expected = LeaveGroupResponse {
            throttle_time_ms: since(1, version, 8, 0),
            error_code: ErrorCode::NOT_COORDINATOR,
            members,
        };
        visitor.case::<LeaveGroupRequest>(version, &generated, &expected);
    }
}
