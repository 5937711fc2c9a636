//! `DeleteGroups`: ends groups without members, their offsets included. Alike in all versions.

use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::{DeleteGroupsRequest, DeleteGroupsResponse};
use kafka_wire::ErrorCode;

use crate::call::Call;

pub(super) fn answer(call: &Call, request: &DeleteGroupsRequest) -> DeleteGroupsResponse {
    call.shared.coordinate(|state, _| {
        respond(request, |group_id| {
            let checked = state.check_coordinator(call.broker, group_id);
            let deleted = checked.and_then(|()| state.coordinators.groups.delete(group_id));
            deleted.err().unwrap_or_default()
        })
    })
}

pub(super) fn refuse(request: &DeleteGroupsRequest, code: ErrorCode) -> DeleteGroupsResponse {
    respond(request, |_| code)
}

fn respond(
    request: &DeleteGroupsRequest,
    mut code_of: impl FnMut(&str) -> ErrorCode,
) -> DeleteGroupsResponse {
    let results = request.groups_names.iter().map(|group_id| {
        DeletableGroupResult::default()
            .with_group_id(group_id.clone())
            .with_error_code(code_of(group_id).0)
    });
    DeleteGroupsResponse::default().with_results(results.collect())
}
