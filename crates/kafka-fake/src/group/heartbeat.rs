//! Heartbeats and the sessions they keep alive.

use std::time::Instant;

use kafka_wire::ErrorCode;

use super::Coordinator;
use super::answer::Turn;
use super::classic_group::{ClassicGroup, GroupState};

/// A `Heartbeat`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatRequest {
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
}

// === impl Coordinator ===

impl Coordinator {
    /// A member shows that it lives.
    ///
    /// # Errors
    /// `REBALANCE_IN_PROGRESS` tells it to join again; its session goes on nevertheless.
    pub fn heartbeat(&mut self, now: Instant, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        let (group, _) = self
            .turn(now, &request.group_id)
            .map_err(|missing| missing.code(ErrorCode::UNKNOWN_MEMBER_ID))?;
        group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != group.generation_id {
            return Err(ErrorCode::ILLEGAL_GENERATION);
        }
        group.heard(now, &request.member_id);
        match group.state {
            GroupState::PreparingRebalance(_) => Err(ErrorCode::REBALANCE_IN_PROGRESS),
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    /// The member's session begins anew.
    pub(super) fn heard(&mut self, now: Instant, member_id: &str) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.heard(now);
        }
    }

    /// A session's time is up.
    pub(super) fn session_due(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        let Some(member) = self.members.get_mut(member_id) else {
            return;
        };
        if member.is_alive_without_heartbeat() {
            // The next session begins when the member gets its answer.
            member.session_due = None;
            return;
        }
        self.remove(turn, member_id);
        match self.state {
            GroupState::CompletingRebalance | GroupState::Stable => self.prepare_rebalance(turn),
            GroupState::PreparingRebalance(_) if self.has_all_members_joined() => self.complete_join(turn),
            GroupState::PreparingRebalance(_) | GroupState::Empty => {}
        }
    }

    /// A member that was told to come again with its new id did not.
    pub(super) fn pending_join_due(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        self.remove(turn, member_id);
        if matches!(self.state, GroupState::PreparingRebalance(_)) && self.has_all_members_joined() {
            self.complete_join(turn);
        }
    }
}

#[cfg(test)]
mod tests;
