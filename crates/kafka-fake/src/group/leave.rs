//! `LeaveGroup`: members go of their own accord, or are sent away by an administrator (KIP-345).

use std::time::Instant;

use kafka_wire::ErrorCode;

use super::Coordinator;
use super::answer::Turn;
use super::classic_group::{ClassicGroup, GroupState};

/// Who is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeavingMember {
    /// Empty to name a static member by its instance id alone.
    pub member_id: String,
    pub group_instance_id: Option<String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftMember {
    pub member: LeavingMember,
    pub error: ErrorCode,
}

// === impl Coordinator ===

impl Coordinator {
    /// Members leave; one in versions 0 to 2, any number from version 3 on. The answer keeps their order.
    ///
    /// # Errors
    /// `INVALID_GROUP_ID` for all of them; a group that does not exist is an error of each member instead.
    pub fn leave(
        &mut self,
        now: Instant,
        group_id: &str,
        members: Vec<LeavingMember>,
    ) -> Result<Vec<LeftMember>, ErrorCode> {
        match self.turn(now, group_id) {
            Ok((group, mut turn)) => {
                let left = group.leave(&mut turn, members);
                group.check();
                Ok(left)
            }
            Err(super::MissingGroup::InvalidId) => Err(ErrorCode::INVALID_GROUP_ID),
            Err(super::MissingGroup::Unknown) => Ok(members
                .into_iter()
                .map(|member| LeftMember {
                    member,
                    error: ErrorCode::UNKNOWN_MEMBER_ID,
                })
                .collect()),
        }
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    fn leave(&mut self, turn: &mut Turn<'_>, members: Vec<LeavingMember>) -> Vec<LeftMember> {
        let mut somebody_left = false;
        let mut left = Vec::with_capacity(members.len());
        for member in members {
            let error = match self.leaving_id(&member) {
                Ok(member_id) => {
                    self.remove(turn, &member_id);
                    somebody_left = true;
                    ErrorCode::NONE
                }
                Err(error) => error,
            };
            left.push(LeftMember { member, error });
        }
        if somebody_left && self.state != GroupState::Empty {
            self.rebalance_or_complete_join(turn);
        }
        left
    }

    fn leaving_id(&self, member: &LeavingMember) -> Result<String, ErrorCode> {
        if member.member_id.is_empty() {
            return member
                .group_instance_id
                .as_ref()
                .and_then(|instance_id| self.static_members.get(instance_id))
                .cloned()
                .ok_or(ErrorCode::UNKNOWN_MEMBER_ID);
        }
        if !self.pending_joins.contains_key(&member.member_id) {
            self.validate_member(&member.member_id, member.group_instance_id.as_deref())?;
        }
        Ok(member.member_id.clone())
    }
}

#[cfg(test)]
mod tests;
