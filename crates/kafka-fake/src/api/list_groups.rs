//! `ListGroups`: the groups that this broker coordinates. Filters by state came with version 4 (KIP-518), by type with
//! version 5 (KIP-848); every group here is a classic one.

use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse};
use kafka_protocol::protocol::StrBytes;
use kafka_wire::ErrorCode;

use super::text;
use crate::call::Call;

/// What a type filter calls the groups of this coordinator.
const GROUP_TYPE: &str = "classic";

pub(super) fn answer(call: &Call, request: &ListGroupsRequest) -> ListGroupsResponse {
    let is_asked = |filter: &[StrBytes], value: &str| {
        filter.is_empty() || filter.iter().any(|asked| asked.eq_ignore_ascii_case(value))
    };
    let groups = call.shared.coordinate(|state, _| {
        let groups = state.coordinators.groups.list().into_iter().filter(|group| {
            state.coordinator_of(&group.group_id) == Some(call.broker)
                && is_asked(&request.states_filter, group.state)
                && is_asked(&request.types_filter, GROUP_TYPE)
        });
        groups.collect::<Vec<_>>()
    });
    let listed = groups.into_iter().map(|group| {
        let mut listed = ListedGroup::default()
            .with_group_id(GroupId(text(group.group_id)))
            .with_protocol_type(text(group.protocol_type));
        if call.version >= 4 {
            listed.group_state = text(group.state);
        }
        if call.version >= 5 {
            listed.group_type = text(GROUP_TYPE);
        }
        listed
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

pub(super) fn refuse(_: &ListGroupsRequest, code: ErrorCode) -> ListGroupsResponse {
    ListGroupsResponse::default().with_error_code(code.0)
}
