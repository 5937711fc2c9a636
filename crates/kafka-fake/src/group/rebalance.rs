//! Rebalances: gathering the members of a generation, and completing it.

use std::time::Duration;

use kafka_wire::ErrorCode;

use super::answer::{JoinAnswer, SyncAnswer, Turn};
use super::classic_group::{ClassicGroup, Gathering, GroupState};

/// A wait that is to happen again lasts at least so long: a rebalance time-out of zero is no reason to spin.
const WAIT_MIN: Duration = Duration::from_millis(1);

// === impl ClassicGroup ===

impl ClassicGroup {
    /// The set of members, or what one of them supports, has changed.
    pub(super) fn rebalance_or_complete_join(&mut self, turn: &mut Turn<'_>) {
        match self.state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => {
                self.prepare_rebalance(turn);
            }
            GroupState::PreparingRebalance(_) => self.complete_join_if_ready(turn),
        }
    }

    /// Has everybody join (again).
    pub(super) fn prepare_rebalance(&mut self, turn: &mut Turn<'_>) {
        if self.state == GroupState::CompletingRebalance {
            for member in self.members.values_mut() {
                member.assignment.clear();
                if member.answer_sync(turn, SyncAnswer::refused(ErrorCode::REBALANCE_IN_PROGRESS)) {
                    member.heard(turn.now);
                }
            }
        }
        self.pending_syncs.clear();
        self.sync_due = None;

        if self.state == GroupState::Empty {
            let delay = turn.settings.initial_rebalance_delay;
            self.state = GroupState::PreparingRebalance(Gathering::Initial {
                due: turn.now + delay,
                delay,
                remaining: self.rebalance_timeout().saturating_sub(delay),
                new_member_added: false,
            });
        } else {
            self.await_rejoins(turn);
            self.complete_join_if_ready(turn);
        }
    }

    /// Ends the gathering if everybody is there; not the initial one, which waits for those nobody knows of.
    pub(super) fn complete_join_if_ready(&mut self, turn: &mut Turn<'_>) {
        let is_rejoin = matches!(
            self.state,
            GroupState::PreparingRebalance(Gathering::Rejoin { .. })
        );
        if is_rejoin && self.has_all_members_joined() {
            self.complete_join(turn);
        }
    }

    /// The time of the gathering is up.
    pub(super) fn gathering_due(&mut self, turn: &mut Turn<'_>, gathering: Gathering) {
        match gathering {
            Gathering::Initial {
                delay,
                remaining,
                new_member_added: true,
                ..
            } if !remaining.is_zero() => {
                let next_delay = turn.settings.initial_rebalance_delay.min(remaining);
                self.state = GroupState::PreparingRebalance(Gathering::Initial {
                    due: turn.now + next_delay,
                    delay: next_delay,
                    remaining: remaining.saturating_sub(delay),
                    new_member_added: false,
                });
            }
            Gathering::Initial { .. } | Gathering::Rejoin { .. } => self.complete_join(turn),
        }
    }

    /// Begins the next generation with those who came, and answers them. Static members stay without coming.
    pub(super) fn complete_join(&mut self, turn: &mut Turn<'_>) {
        let missing: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.awaiting_join.is_none() && !member.is_static())
            .map(|(member_id, _)| member_id.clone())
            .collect();
        for member_id in missing {
            self.remove(turn, &member_id);
        }
        if !self.members.is_empty() && !self.elect_joined_leader() {
            // Only static members are left, and none came. Their sessions will end, or one of them comes after all.
            return self.await_rejoins(turn);
        }

        self.generation_id += 1;
        self.pending_syncs.clear();
        if self.members.is_empty() {
            self.protocol_name = None;
            self.state = GroupState::Empty;
            self.store();
            return;
        }
        self.protocol_name = self.select_protocol();
        self.state = GroupState::CompletingRebalance;
        let answers: Vec<(String, JoinAnswer)> = self
            .members
            .keys()
            .map(|member_id| (member_id.clone(), self.joined(member_id)))
            .collect();
        for (member_id, answer) in answers {
            if let Some(member) = self.members.get_mut(&member_id) {
                member.answer_join(turn, answer);
                member.heard(turn.now);
                member.is_new = false;
            }
            self.pending_syncs.insert(member_id);
        }
        self.sync_due = Some(turn.now + self.rebalance_timeout());
    }

    fn await_rejoins(&mut self, turn: &Turn<'_>) {
        self.state = GroupState::PreparingRebalance(Gathering::Rejoin {
            due: turn.now + self.rebalance_timeout().max(WAIT_MIN),
        });
    }
}

#[cfg(test)]
mod tests;
