//! `DescribeGroups`: state and members of groups. A group that does not exist is `Dead`, and from version 6 on an error
//! besides (KIP-1043).

use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as GroupResponse, DescribedGroupMember,
};
use kafka_protocol::messages::{DescribeGroupsRequest, DescribeGroupsResponse, GroupId};
use kafka_wire::ErrorCode;

use super::text;
use crate::call::Call;
use crate::group::DescribedGroup;
use crate::state::State;

/// The state of a group that is not there.
const DEAD: &str = "Dead";

pub(super) fn answer(call: &Call, request: &DescribeGroupsRequest) -> DescribeGroupsResponse {
    let groups = call.shared.coordinate(|state, _| {
        let described = request
            .groups
            .iter()
            .map(|group_id| describe(call, state, group_id));
        described.collect::<Vec<_>>()
    });
    DescribeGroupsResponse::default().with_groups(groups)
}

pub(super) fn refuse(request: &DescribeGroupsRequest, code: ErrorCode) -> DescribeGroupsResponse {
    let groups = request.groups.iter().map(|group_id| {
        GroupResponse::default()
            .with_group_id(group_id.clone())
            .with_error_code(code.0)
    });
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn describe(call: &Call, state: &State, group_id: &GroupId) -> GroupResponse {
    let answer = GroupResponse::default().with_group_id(group_id.clone());
    if let Err(code) = state.check_coordinator(call.broker, group_id) {
        return answer.with_error_code(code.0);
    }
    match state.coordinators.groups.describe(group_id) {
        Some(group) => described(answer, group),
        None if call.version < 6 => answer.with_group_state(text(DEAD)),
        None => answer
            .with_group_state(text(DEAD))
            .with_error_code(ErrorCode::GROUP_ID_NOT_FOUND.0)
            .with_error_message(Some(text(format!("Group {} not found.", group_id.as_str())))),
    }
}

fn described(answer: GroupResponse, group: DescribedGroup) -> GroupResponse {
    let members = group.members.into_iter().map(|member| {
        DescribedGroupMember::default()
            .with_member_id(text(member.member_id))
            .with_group_instance_id(member.group_instance_id.map(text))
            .with_client_id(text(member.client_id))
            .with_client_host(text(member.client_host))
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment)
    });
    answer
        .with_group_state(text(group.state))
        .with_protocol_type(text(group.protocol_type))
        .with_protocol_data(text(group.protocol_name))
        .with_members(members.collect())
}
