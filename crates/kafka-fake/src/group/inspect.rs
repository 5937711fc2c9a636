//! `DescribeGroups`, `ListGroups`, `DeleteGroups`: what an administrator sees of groups, and the end of a group.

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::Coordinator;
use super::classic_group::GroupState;

/// A group as `DescribeGroups` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedGroup {
    /// `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Stable`.
    pub state: &'static str,
    /// Empty for a group that only has offsets.
    pub protocol_type: String,
    /// The chosen assignor; empty unless the group is stable.
    pub protocol_name: String,
    /// Ordered by member id.
    pub members: Vec<DescribedMember>,
}

/// A member as `DescribeGroups` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// What the member sent for the chosen protocol; empty unless the group is stable.
    pub metadata: Bytes,
    pub assignment: Bytes,
}

/// A group as `ListGroups` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGroup {
    pub group_id: String,
    pub protocol_type: String,
    /// As in [`DescribedGroup::state`].
    pub state: &'static str,
}

// === impl Coordinator ===

impl Coordinator {
    /// A group's state and members. `None` for a group that does not exist: up to version 5 that is a group in the state
    /// `Dead` and no error, from version 6 on `GROUP_ID_NOT_FOUND` besides (KIP-1043).
    pub fn describe(&self, group_id: &str) -> Option<DescribedGroup> {
        let group = self.groups.get(group_id)?;
        let is_stable = group.state == GroupState::Stable;
        let protocol_name = group.protocol_name.as_deref().filter(|_| is_stable);
        let members = group
            .members
            .iter()
            .map(|(member_id, member)| DescribedMember {
                member_id: member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                client_id: member.client_id.clone(),
                client_host: member.client_host.clone(),
                metadata: member.metadata(protocol_name),
                assignment: member.assignment.clone(),
            })
            .collect();
        Some(DescribedGroup {
            state: group.state.name(),
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol_name: protocol_name.unwrap_or_default().to_owned(),
            members,
        })
    }

    /// All groups, by name.
    pub fn list(&self) -> Vec<ListedGroup> {
        self.groups
            .iter()
            .map(|(group_id, group)| ListedGroup {
                group_id: group_id.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                state: group.state.name(),
            })
            .collect()
    }

    /// Deletes a group without members, its offsets included.
    ///
    /// # Errors
    /// `GROUP_ID_NOT_FOUND`, `NON_EMPTY_GROUP`.
    pub fn delete(&mut self, group_id: &str) -> Result<(), ErrorCode> {
        match self.groups.get(group_id).map(|group| group.state) {
            None => Err(ErrorCode::GROUP_ID_NOT_FOUND),
            Some(GroupState::Empty) => {
                self.groups.remove(group_id);
                Ok(())
            }
            Some(
                GroupState::PreparingRebalance(_) | GroupState::CompletingRebalance | GroupState::Stable,
            ) => Err(ErrorCode::NON_EMPTY_GROUP),
        }
    }
}

#[cfg(test)]
mod tests;
