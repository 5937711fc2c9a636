//! Requests of a member of a group.

use bytes::Bytes;
use kafka_protocol::messages as generated;
use kafka_wire::EncodeError;
use kafka_wire::api::heartbeat::HeartbeatRequest;
use kafka_wire::api::join_group::{JoinGroupProtocol, JoinGroupRequest};
use kafka_wire::api::leave_group::LeaveGroupRequest;
use kafka_wire::api::sync_group::{SyncGroupAssignment, SyncGroupRequest};

use super::{check_bounds, check_read_back, encode};
use crate::samples::{since, text, versions};

#[test]
fn join_group_requests_offer_protocols_in_order() {
    for version in versions::<JoinGroupRequest>() {
        let request = JoinGroupRequest {
            group_id: "group".to_owned(),
            session_timeout_ms: 45_000,
            rebalance_timeout_ms: 300_000,
            member_id: "stream-0-4e".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocols: ["range", "roundrobin"]
                .map(|name| JoinGroupProtocol {
                    name: name.to_owned(),
                    metadata: Bytes::from(name),
                })
                .to_vec(),
        };
        let protocols = ["range", "roundrobin"].map(|name| {
            generated::join_group_request::JoinGroupRequestProtocol::default()
                .with_name(text(name))
                .with_metadata(Bytes::from(name))
        });
        let expected = generated::JoinGroupRequest::default()
            .with_group_id(generated::GroupId(text("group")))
            .with_session_timeout_ms(45_000)
            .with_rebalance_timeout_ms(since(1, version, 300_000, -1))
            .with_member_id(text("stream-0-4e"))
            .with_protocol_type(text("consumer"))
            .with_protocols(protocols.to_vec());
        assert_eq!(expected.group_instance_id, None, "a dynamic member");
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn sync_group_requests_read_back() {
    for version in versions::<SyncGroupRequest>() {
        let request = SyncGroupRequest {
            group_id: "group".to_owned(),
            generation_id: 12,
            member_id: "stream-0-4e".to_owned(),
            protocol_type: "consumer".to_owned(),
            protocol_name: "range".to_owned(),
            assignments: vec![SyncGroupAssignment {
                member_id: "stream-1-5f".to_owned(),
                assignment: Bytes::from_static(b"share"),
            }],
        };
        let share = generated::sync_group_request::SyncGroupRequestAssignment::default()
            .with_member_id(text("stream-1-5f"))
            .with_assignment(Bytes::from_static(b"share"));
        let expected = generated::SyncGroupRequest::default()
            .with_group_id(generated::GroupId(text("group")))
            .with_generation_id(12)
            .with_member_id(text("stream-0-4e"))
            .with_protocol_type(since(5, version, Some(text("consumer")), None))
            .with_protocol_name(since(5, version, Some(text("range")), None))
            .with_assignments(vec![share]);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn heartbeat_requests_read_back() {
    for version in versions::<HeartbeatRequest>() {
        let request = HeartbeatRequest {
            group_id: "group".to_owned(),
            generation_id: 12,
            member_id: "stream-0-4e".to_owned(),
        };
        let expected = generated::HeartbeatRequest::default()
            .with_group_id(generated::GroupId(text("group")))
            .with_generation_id(12)
            .with_member_id(text("stream-0-4e"));
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn leave_group_requests_name_one_member_before_v3_and_all_since() {
    for version in versions::<LeaveGroupRequest>() {
        let request = LeaveGroupRequest {
            group_id: "group".to_owned(),
            member_ids: vec!["stream-0-4e".to_owned()],
            reason: Some("shut down".to_owned()),
        };
        let identity = |id: &str| {
            generated::leave_group_request::MemberIdentity::default()
                .with_member_id(text(id))
                .with_reason(since(5, version, Some(text("shut down")), None))
        };
        let bare = generated::LeaveGroupRequest::default().with_group_id(generated::GroupId(text("group")));
        let expected = if version >= 3 {
            bare.clone().with_members(vec![identity("stream-0-4e")])
        } else {
            bare.clone().with_member_id(text("stream-0-4e"))
        };
        check_read_back(&request, version, &expected);
        check_bounds(&request);

        let several = LeaveGroupRequest {
            member_ids: vec!["stream-0-4e".to_owned(), "stream-1-5f".to_owned()],
            ..request
        };
        if version >= 3 {
            let members = vec![identity("stream-0-4e"), identity("stream-1-5f")];
            check_read_back(&several, version, &bare.with_members(members));
        } else {
            assert!(matches!(
                encode(&several, version),
                Err(EncodeError::NotExpressible { .. })
            ));
        }
    }
}
