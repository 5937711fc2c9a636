//! `Heartbeat`: a member lives, and learns of a rebalance. Version 3 brought static members (KIP-345).

use kafka_protocol::messages::{HeartbeatRequest, HeartbeatResponse};
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::group;

pub(super) fn answer(call: &Call, request: &HeartbeatRequest) -> HeartbeatResponse {
    let outcome = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        let heartbeat = group::HeartbeatRequest {
            group_id: request.group_id.to_string(),
            generation_id: request.generation_id,
            member_id: request.member_id.to_string(),
            group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        };
        state.coordinators.groups.heartbeat(now, &heartbeat)
    });
    refuse(request, outcome.err().unwrap_or_default())
}

pub(super) fn refuse(_: &HeartbeatRequest, code: ErrorCode) -> HeartbeatResponse {
    HeartbeatResponse::default().with_error_code(code.0)
}
