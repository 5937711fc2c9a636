//! `LeaveGroup`: members go. From version 3 on several at once, and static ones by their instance id (KIP-345); before, the
//! one member's outcome is the outcome of the request.

use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{LeaveGroupRequest, LeaveGroupResponse};
use kafka_protocol::protocol::StrBytes;
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::group::LeavingMember;

/// The first version whose request and answer have a list of members.
const BATCHED_SINCE: i16 = 3;

pub(super) fn answer(call: &Call, request: &LeaveGroupRequest) -> LeaveGroupResponse {
    let members = if call.version >= BATCHED_SINCE {
        let leaving = request.members.iter().map(|member| LeavingMember {
            member_id: member.member_id.to_string(),
            group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
        });
        leaving.collect()
    } else {
        vec![LeavingMember {
            member_id: request.member_id.to_string(),
            group_instance_id: None,
        }]
    };
    let outcome = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        state.coordinators.groups.leave(now, &request.group_id, members)
    });
    match outcome {
        Err(code) => refuse(request, code),
        Ok(left) if call.version < BATCHED_SINCE => {
            let code = left.first().map_or(ErrorCode::NONE, |left| left.error);
            refuse(request, code)
        }
        Ok(left) => {
            let members = left.into_iter().map(|left| {
                MemberResponse::default()
                    .with_member_id(StrBytes::from_string(left.member.member_id))
                    .with_group_instance_id(left.member.group_instance_id.map(StrBytes::from_string))
                    .with_error_code(left.error.0)
            });
            LeaveGroupResponse::default().with_members(members.collect())
        }
    }
}

pub(super) fn refuse(_: &LeaveGroupRequest, code: ErrorCode) -> LeaveGroupResponse {
    LeaveGroupResponse::default().with_error_code(code.0)
}
