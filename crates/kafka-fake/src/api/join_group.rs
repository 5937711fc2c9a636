//! `JoinGroup`: a member comes in or comes back. Waits until the rebalance is over.
//!
//! | version | what it changes |
//! |---|---|
//! | 1 | the rebalance time-out is a field; before, it is the session time-out |
//! | 4 | a new dynamic member is told its id and has to ask again (KIP-394) |
//! | 5 | static members (KIP-345) |
//! | 7 | the answer names the protocol type, and has no protocol name with an error |
//! | 9 | the answer can tell a static leader that came back not to assign (KIP-814) |

use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::{JoinGroupRequest, JoinGroupResponse};
use kafka_protocol::protocol::StrBytes;
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::group::{Answer, GroupProtocol, JoinAnswer, JoinRequest};

pub(super) async fn answer(call: &Call, request: &JoinGroupRequest) -> JoinGroupResponse {
    let waiting = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        Ok(state.coordinators.join(now, join_request(call, request)))
    });
    let answered = match waiting {
        Ok(answer) => answer
            .await
            .map_err(|_closed| ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Err(code) => Err(code),
    };
    match answered {
        Ok(Answer::Join(answer)) => response(call.version, answer),
        Ok(Answer::Sync(_)) => unreachable!("invariant: a join is answered as one"),
        Err(code) => refuse(request, code),
    }
}

pub(super) fn refuse(request: &JoinGroupRequest, code: ErrorCode) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(code.0)
        .with_generation_id(-1)
        .with_protocol_name(Some(StrBytes::default())) // up to version 6 it must not be null
        .with_member_id(request.member_id.clone())
}

fn join_request(call: &Call, request: &JoinGroupRequest) -> JoinRequest {
    let protocols = request.protocols.iter().map(|protocol| GroupProtocol {
        name: protocol.name.to_string(),
        metadata: protocol.metadata.clone(),
    });
    JoinRequest {
        group_id: request.group_id.to_string(),
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        client_id: call.client_id.clone(),
        client_host: format!("/{}", call.client_host),
        protocol_type: request.protocol_type.to_string(),
        protocols: protocols.collect(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: match call.version {
            0 => request.session_timeout_ms,
            _ => request.rebalance_timeout_ms,
        },
        requires_known_member_id: call.version >= 4,
        supports_skipping_assignment: call.version >= 9,
    }
}

fn response(version: i16, answer: JoinAnswer) -> JoinGroupResponse {
    let members = answer.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(StrBytes::from_string(member.member_id))
            .with_group_instance_id(member.group_instance_id.map(StrBytes::from_string))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_error_code(answer.error.0)
        .with_generation_id(answer.generation_id)
        .with_protocol_type(answer.protocol_type.map(StrBytes::from_string))
        .with_protocol_name(protocol_name(version, answer.protocol_name))
        .with_leader(StrBytes::from_string(answer.leader))
        .with_skip_assignment(answer.skip_assignment)
        .with_member_id(StrBytes::from_string(answer.member_id))
        .with_members(members.collect())
}

fn protocol_name(version: i16, name: Option<String>) -> Option<StrBytes> {
    let name = if version < 7 {
        Some(name.unwrap_or_default())
    } else {
        name
    };
    name.map(StrBytes::from_string)
}
