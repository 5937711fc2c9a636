//! What happens to a group when its coordinator's broker dies: another broker finds what was stored, and nothing more.

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_wire::ErrorCode;

use super::Coordinator;
use super::answer::{JoinAnswer, SyncAnswer};
use super::classic_group::{ClassicGroup, GroupState};
use super::member::Member;

/// A group as it stands in `__consumer_offsets`. It is written when the leader has assigned, when a static member came
/// back, and when the last member left; a rebalance under way is not in it.
#[derive(Debug, Clone, Default)]
pub(super) struct StoredGroup {
    generation_id: i32,
    protocol_type: Option<String>,
    protocol_name: Option<String>,
    leader: Option<String>,
    members: BTreeMap<String, Member>,
}

// === impl Coordinator ===

impl Coordinator {
    /// The group's broker is gone, or gave the group away, and another one takes over: whoever waits gets
    /// `NOT_COORDINATOR`, the members of the last complete generation get a new session, and a rebalance that was under
    /// way has not happened. Offsets stay.
    pub fn fail_over(&mut self, now: Instant, group_id: &str) {
        if let Ok((group, mut turn)) = self.turn(now, group_id) {
            for (member_id, member) in &mut group.members {
                let error = ErrorCode::NOT_COORDINATOR;
                member.answer_join(&mut turn, JoinAnswer::refused(error, member_id.as_str()));
                member.answer_sync(&mut turn, SyncAnswer::refused(error));
            }
            group.load(now);
            group.check();
        }
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    /// Writes the group down.
    pub(super) fn store(&mut self) {
        let mut members = self.members.clone();
        for member in members.values_mut() {
            member.awaiting_join = None;
            member.awaiting_sync = None;
        }
        self.stored = StoredGroup {
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            members,
        };
    }

    fn load(&mut self, now: Instant) {
        let stored = self.stored.clone();
        self.generation_id = stored.generation_id;
        self.protocol_type = stored.protocol_type;
        self.protocol_name = stored.protocol_name;
        self.leader = stored.leader;
        self.members = stored.members;
        for member in self.members.values_mut() {
            member.is_new = false;
            member.heard(now);
        }
        self.static_members = self
            .members
            .iter()
            .filter_map(|(id, member)| Some((member.group_instance_id.clone()?, id.clone())))
            .collect();
        self.pending_joins.clear();
        self.pending_syncs.clear();
        self.sync_due = None;
        self.state = if self.members.is_empty() {
            GroupState::Empty
        } else {
            GroupState::Stable
        };
    }
}

#[cfg(test)]
mod tests;
