//! `SyncGroup`: the leader hands in the assignment, everybody gets a share.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::Coordinator;
use super::answer::{SyncAnswer, Turn, WaiterId};
use super::classic_group::{ClassicGroup, GroupState};

/// A `SyncGroup`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRequest {
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// What the member believes was chosen (KIP-559, from version 5 on).
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    /// By member id; empty unless the member leads.
    pub assignments: Vec<(String, Bytes)>,
}

// === impl Coordinator ===

impl Coordinator {
    /// A member asks for its assignment. The answer comes through [`take_answers`](Self::take_answers), at once or when
    /// the leader has assigned.
    pub fn sync(&mut self, now: Instant, request: SyncRequest, waiter: WaiterId) {
        match self.turn(now, &request.group_id) {
            Ok((group, mut turn)) => {
                group.sync(&mut turn, request, waiter);
                group.check();
            }
            Err(missing) => {
                let error = missing.code(ErrorCode::UNKNOWN_MEMBER_ID);
                let turn = &mut Turn::new(now, &self.settings, &mut self.answers);
                turn.answer_sync(waiter, SyncAnswer::refused(error));
            }
        }
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    fn sync(&mut self, turn: &mut Turn<'_>, request: SyncRequest, waiter: WaiterId) {
        if let Err(error) = self.validate_sync(&request) {
            return turn.answer_sync(waiter, SyncAnswer::refused(error));
        }
        match self.state {
            GroupState::Empty => unreachable!("invariant: an empty group has no members, and this is one"),
            GroupState::PreparingRebalance(_) => {
                turn.answer_sync(waiter, SyncAnswer::refused(ErrorCode::REBALANCE_IN_PROGRESS));
            }
            GroupState::CompletingRebalance => {
                if let Some(member) = self.members.get_mut(&request.member_id) {
                    // The earlier request's connection is gone, or its client would not have sent another.
                    member.answer_sync(turn, SyncAnswer::refused(ErrorCode::REBALANCE_IN_PROGRESS));
                    member.awaiting_sync = Some(waiter);
                }
                self.has_synced(&request.member_id);
                if self.is_leader(&request.member_id) {
                    self.assign(turn, request.assignments);
                }
            }
            GroupState::Stable => {
                self.has_synced(&request.member_id);
                let answer = self.synced(&request.member_id);
                turn.answer_sync(waiter, answer);
            }
        }
    }

    fn validate_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        let contradicts =
            |claimed: &Option<String>, actual: &Option<String>| claimed.is_some() && claimed != actual;

        self.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.generation_id {
            Err(ErrorCode::ILLEGAL_GENERATION)
        } else if contradicts(&request.protocol_type, &self.protocol_type)
            || contradicts(&request.protocol_name, &self.protocol_name)
        {
            Err(ErrorCode::INCONSISTENT_GROUP_PROTOCOL)
        } else {
            Ok(())
        }
    }

    fn has_synced(&mut self, member_id: &str) {
        self.pending_syncs.remove(member_id);
        if self.pending_syncs.is_empty() {
            self.sync_due = None;
        }
    }

    /// The leader has spoken. Members that it left out get an empty assignment; others that it named are ignored.
    fn assign(&mut self, turn: &mut Turn<'_>, assignments: Vec<(String, Bytes)>) {
        let mut assignments: BTreeMap<String, Bytes> = assignments.into_iter().collect();
        self.state = GroupState::Stable;
        let member_ids: Vec<String> = self.members.keys().cloned().collect();
        for member_id in member_ids {
            let assignment = assignments.remove(&member_id).unwrap_or_default();
            if let Some(member) = self.members.get_mut(&member_id) {
                member.assignment = assignment;
            }
            let answer = self.synced(&member_id);
            if let Some(member) = self.members.get_mut(&member_id)
                && member.answer_sync(turn, answer)
            {
                // While it waited, its session may have run out without consequence.
                member.heard(turn.now);
            }
        }
        self.store();
    }

    fn synced(&self, member_id: &str) -> SyncAnswer {
        SyncAnswer {
            error: ErrorCode::NONE,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self
                .members
                .get(member_id)
                .map(|member| member.assignment.clone())
                .unwrap_or_default(),
        }
    }

    /// Members that joined but never asked for their assignment are removed: they hold partitions and read nothing
    /// (KAFKA-13435).
    pub(super) fn sync_due(&mut self, turn: &mut Turn<'_>) {
        self.sync_due = None;
        for member_id in std::mem::take(&mut self.pending_syncs) {
            self.remove(turn, &member_id);
        }
        self.prepare_rebalance(turn);
    }
}

#[cfg(test)]
mod tests;
