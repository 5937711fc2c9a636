//! `SyncGroup`: the leader assigns, the others wait for it.
//!
//! | version | what it changes |
//! |---|---|
//! | 3 | static members (KIP-345) |
//! | 5 | both sides name the protocol, and a contradiction is an error (KIP-559) |

use kafka_protocol::messages::{SyncGroupRequest, SyncGroupResponse};
use kafka_protocol::protocol::StrBytes;
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::group::{Answer, SyncRequest};

pub(super) async fn answer(call: &Call, request: &SyncGroupRequest) -> SyncGroupResponse {
    let waiting = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        Ok(state.coordinators.sync(now, sync_request(request)))
    });
    let answered = match waiting {
        Ok(answer) => answer
            .await
            .map_err(|_closed| ErrorCode::COORDINATOR_NOT_AVAILABLE),
        Err(code) => Err(code),
    };
    match answered {
        Ok(Answer::Sync(answer)) => SyncGroupResponse::default()
            .with_error_code(answer.error.0)
            .with_protocol_type(answer.protocol_type.map(StrBytes::from_string))
            .with_protocol_name(answer.protocol_name.map(StrBytes::from_string))
            .with_assignment(answer.assignment),
        Ok(Answer::Join(_)) => unreachable!("invariant: a sync is answered as one"),
        Err(code) => refuse(request, code),
    }
}

pub(super) fn refuse(_: &SyncGroupRequest, code: ErrorCode) -> SyncGroupResponse {
    SyncGroupResponse::default().with_error_code(code.0)
}

fn sync_request(request: &SyncGroupRequest) -> SyncRequest {
    let assignments = request
        .assignments
        .iter()
        .map(|given| (given.member_id.to_string(), given.assignment.clone()));
    SyncRequest {
        group_id: request.group_id.to_string(),
        generation_id: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        protocol_type: request.protocol_type.as_ref().map(ToString::to_string),
        protocol_name: request.protocol_name.as_ref().map(ToString::to_string),
        assignments: assignments.collect(),
    }
}
