//! `JoinGroup`: who may come in, with which member id, and what that does to the group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::Coordinator;
use super::answer::{JoinAnswer, SyncAnswer, Turn, WaiterId};
use super::classic_group::{ClassicGroup, Gathering, GroupState};
use super::member::Member;
use super::member_id::MemberIds;
use crate::clock::from_ms;

/// A `JoinGroup`, whatever its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinRequest {
    pub group_id: String,
    /// Empty if the member has none yet.
    pub member_id: String,
    /// Set by static members (KIP-345, from version 5 on).
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// `consumer` for consumers.
    pub protocol_type: String,
    /// What the member supports, the preferred one first.
    pub protocols: Vec<GroupProtocol>,
    pub session_timeout_ms: i32,
    /// In version 0, which has no such field, the session time-out.
    pub rebalance_timeout_ms: i32,
    /// The version is 4 or newer: a dynamic member without an id gets one and has to ask again (KIP-394).
    pub requires_known_member_id: bool,
    /// The version is 9 or newer: the answer can say that the leader shall not assign anew (KIP-814).
    pub supports_skipping_assignment: bool,
}

/// One of the protocols, that is assignors, that a member supports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupProtocol {
    pub name: String,
    /// For the leader's eyes; consumers put their subscription here.
    pub metadata: Bytes,
}

// === impl JoinRequest ===

impl JoinRequest {
    pub(super) fn session_timeout(&self) -> Duration {
        from_ms(self.session_timeout_ms)
    }

    pub(super) fn rebalance_timeout(&self) -> Duration {
        from_ms(self.rebalance_timeout_ms)
    }
}

// === impl Coordinator ===

impl Coordinator {
    /// A member joins or joins again. The answer comes through [`take_answers`](Self::take_answers), at once or when the
    /// rebalance is over.
    pub fn join(&mut self, now: Instant, request: JoinRequest, waiter: WaiterId) {
        let turn = &mut Turn::new(now, &self.settings, &mut self.answers);
        if request.group_id.is_empty() {
            return turn.answer_join(
                waiter,
                JoinAnswer::refused(ErrorCode::INVALID_GROUP_ID, request.member_id),
            );
        }
        let sessions = turn.settings.min_session_timeout..=turn.settings.max_session_timeout;
        if !sessions.contains(&request.session_timeout()) {
            return turn.answer_join(
                waiter,
                JoinAnswer::refused(ErrorCode::INVALID_SESSION_TIMEOUT, request.member_id),
            );
        }
        let group = if request.member_id.is_empty() {
            self.groups.entry(request.group_id.clone()).or_default()
        } else if let Some(group) = self.groups.get_mut(&request.group_id) {
            group
        } else {
            return turn.answer_join(
                waiter,
                JoinAnswer::refused(ErrorCode::UNKNOWN_MEMBER_ID, request.member_id),
            );
        };
        group.join(turn, request, waiter, &mut self.member_ids);
        group.check();
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    fn join(&mut self, turn: &mut Turn<'_>, request: JoinRequest, waiter: WaiterId, ids: &mut MemberIds) {
        if !self.has_room_for(turn, &request.member_id) {
            self.remove(turn, &request.member_id);
            turn.answer_join(waiter, JoinAnswer::refused(ErrorCode::GROUP_MAX_SIZE_REACHED, ""));
        } else if !self.supports(&request) {
            let refused = JoinAnswer::refused(ErrorCode::INCONSISTENT_GROUP_PROTOCOL, request.member_id);
            turn.answer_join(waiter, refused);
        } else if request.member_id.is_empty() {
            self.join_new(turn, request, waiter, ids);
        } else {
            self.join_existing(turn, request, waiter);
        }
    }

    /// While members are gathered, those count that have come: when a group is too large, the last to come back stay out.
    fn has_room_for(&self, turn: &Turn<'_>, member_id: &str) -> bool {
        let member = self.members.get(member_id);
        match self.state {
            GroupState::Empty => true,
            GroupState::PreparingRebalance(_) => {
                let joined = self
                    .members
                    .values()
                    .filter(|member| member.awaiting_join.is_some())
                    .count();
                member.is_some_and(|member| member.awaiting_join.is_some()) || joined < turn.settings.max_size
            }
            GroupState::CompletingRebalance | GroupState::Stable => {
                member.is_some() || self.members.len() < turn.settings.max_size
            }
        }
    }

    fn join_new(&mut self, turn: &mut Turn<'_>, request: JoinRequest, waiter: WaiterId, ids: &mut MemberIds) {
        if let Some(instance_id) = &request.group_instance_id {
            let member_id = ids.next(instance_id);
            match self.static_members.get(instance_id).cloned() {
                Some(old_id) => self.replace_static(turn, request, waiter, &old_id, &member_id),
                None => self.add_and_rebalance(turn, request, waiter, member_id),
            }
        } else {
            let member_id = ids.next(&request.client_id);
            if request.requires_known_member_id {
                // The id is remembered, so that a client whose answer got lost does not leave a member behind.
                self.pending_joins
                    .insert(member_id.clone(), turn.now + request.session_timeout());
                turn.answer_join(
                    waiter,
                    JoinAnswer::refused(ErrorCode::MEMBER_ID_REQUIRED, member_id),
                );
            } else {
                self.add_and_rebalance(turn, request, waiter, member_id);
            }
        }
    }

    fn join_existing(&mut self, turn: &mut Turn<'_>, request: JoinRequest, waiter: WaiterId) {
        let member_id = request.member_id.clone();
        if self.pending_joins.contains_key(&member_id) {
            if request.group_instance_id.is_some() {
                // Only dynamic members are told to come again, so this is no client of Kafka's; a broker stumbles too.
                let refused = JoinAnswer::refused(ErrorCode::UNKNOWN_SERVER_ERROR, member_id);
                return turn.answer_join(waiter, refused);
            }
            return self.add_and_rebalance(turn, request, waiter, member_id);
        }
        if let Err(error) = self.validate_member(&member_id, request.group_instance_id.as_deref()) {
            return turn.answer_join(waiter, JoinAnswer::refused(error, member_id));
        }
        let is_unchanged = self
            .members
            .get(&member_id)
            .is_some_and(|member| member.protocols == request.protocols);
        let needs_rebalance = match self.state {
            GroupState::PreparingRebalance(_) => true,
            // With the same metadata the member only missed the answer to its first request.
            GroupState::CompletingRebalance => !is_unchanged,
            // A leader asks again when something that its assignment depends on changed, such as a topic's partitions.
            GroupState::Stable => self.is_leader(&member_id) || !is_unchanged,
            GroupState::Empty => unreachable!("invariant: an empty group has no members, and this is one"),
        };
        if needs_rebalance {
            self.update_and_rebalance(turn, request, waiter, &member_id);
        } else {
            turn.answer_join(waiter, self.joined(&member_id));
        }
    }

    fn add_and_rebalance(
        &mut self,
        turn: &mut Turn<'_>,
        request: JoinRequest,
        waiter: WaiterId,
        member_id: String,
    ) {
        if let GroupState::PreparingRebalance(Gathering::Initial { new_member_added, .. }) = &mut self.state {
            *new_member_added = true;
        }
        let protocol_type = request.protocol_type.clone();
        let mut member = Member::new(request, waiter);
        member.session_due = Some(turn.now + turn.settings.new_member_join_timeout);
        self.add(member_id, protocol_type, member);
        self.rebalance_or_complete_join(turn);
    }

    fn update_and_rebalance(
        &mut self,
        turn: &mut Turn<'_>,
        request: JoinRequest,
        waiter: WaiterId,
        member_id: &str,
    ) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.rejoin(turn, member_id, request, waiter);
        }
        self.rebalance_or_complete_join(turn);
    }

    /// A static member comes back without its member id, from a restart: it takes the place of its former self. In a
    /// stable group nothing else happens, which is what static membership is for.
    fn replace_static(
        &mut self,
        turn: &mut Turn<'_>,
        request: JoinRequest,
        waiter: WaiterId,
        old_id: &str,
        member_id: &str,
    ) {
        let skips = request.supports_skipping_assignment;
        let former_leader = self.leader.clone();
        let Some(mut member) = self.members.remove(old_id) else {
            unreachable!("invariant: static_members holds keys of members");
        };
        member.answer_join(turn, JoinAnswer::refused(ErrorCode::FENCED_INSTANCE_ID, old_id));
        member.answer_sync(turn, SyncAnswer::refused(ErrorCode::FENCED_INSTANCE_ID));
        if self.is_leader(old_id) {
            self.leader = Some(member_id.to_owned());
        }
        self.pending_syncs.remove(old_id);
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members
                .insert(instance_id.clone(), member_id.to_owned());
        }
        member.heard(turn.now);
        member.rejoin(turn, member_id, request, waiter);
        self.members.insert(member_id.to_owned(), member);

        match self.state {
            GroupState::Stable if self.select_protocol() == self.protocol_name => {
                self.store();
                let mut answer = self.joined(member_id);
                if skips {
                    answer.skip_assignment = self.is_leader(member_id);
                } else {
                    // An old client is not told that it leads, because a leader of those versions assigns anew.
                    answer.leader = former_leader.unwrap_or_default();
                    answer.members.clear();
                }
                if let Some(member) = self.members.get_mut(member_id) {
                    member.answer_join(turn, answer);
                }
            }
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(turn),
            GroupState::PreparingRebalance(_) => self.complete_join_if_ready(turn),
            GroupState::Empty => unreachable!("invariant: an empty group has no members"),
        }
    }
}

#[cfg(test)]
mod static_member_tests;
#[cfg(test)]
mod tests;
