//! The timers of a group, and what each does when it fires.

use std::time::Instant;

use super::answer::Turn;
use super::classic_group::{ClassicGroup, Gathering, GroupState};

/// Whatever can become due.
#[derive(Debug, Clone, Copy)]
enum Timer<'a> {
    /// A rebalance has waited long enough for its members.
    Gathering(Gathering),
    /// Members did not ask for their assignment.
    Sync,
    /// Nothing was heard of a member.
    Session(&'a str),
    /// An id that was given out did not come back.
    PendingJoin(&'a str),
}

// === impl ClassicGroup ===

impl ClassicGroup {
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.next_timer().map(|(due, _)| due)
    }

    /// Fires every timer whose time has come, the earliest first, each as of its own time: so it makes no difference
    /// whether time was told often or seldom. A timer either ends or moves on.
    pub(super) fn due(&mut self, turn: &mut Turn<'_>) {
        let until = turn.now;
        while let Some((due, timer)) = self.next_timer()
            && due <= until
        {
            turn.now = due;
            match timer {
                Timer::Gathering(gathering) => self.gathering_due(turn, gathering),
                Timer::Sync => self.sync_due(turn),
                Timer::Session(member_id) => {
                    let member_id = member_id.to_owned();
                    self.session_due(turn, &member_id);
                }
                Timer::PendingJoin(member_id) => {
                    let member_id = member_id.to_owned();
                    self.pending_join_due(turn, &member_id);
                }
            }
            self.check();
        }
    }

    /// The earliest timer; of several at the same time the gathering goes first, and members by their id.
    fn next_timer(&self) -> Option<(Instant, Timer<'_>)> {
        let gathering = match self.state {
            GroupState::PreparingRebalance(gathering) => Some((gathering.due(), Timer::Gathering(gathering))),
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => None,
        };
        let sync = self.sync_due.map(|due| (due, Timer::Sync));
        let sessions = self
            .members
            .iter()
            .filter_map(|(id, member)| Some((member.session_due?, Timer::Session(id))));
        let pending = self
            .pending_joins
            .iter()
            .map(|(id, due)| (*due, Timer::PendingJoin(id)));
        gathering
            .into_iter()
            .chain(sync)
            .chain(sessions)
            .chain(pending)
            .min_by_key(|(due, _)| *due)
    }

    /// Checks invariant (B) and those of the fields; in builds without debug assertions nothing.
    pub(super) fn check(&self) {
        debug_assert_eq!(self.leader.is_some(), !self.members.is_empty(), "someone leads");
        debug_assert!(
            self.leader.iter().all(|id| self.members.contains_key(id)),
            "the leader is a member"
        );
        debug_assert!(
            self.static_members
                .values()
                .all(|id| self.members.contains_key(id)),
            "instance ids belong to members"
        );
        let waits_for_join = self.members.values().any(|member| member.awaiting_join.is_some());
        let waits_for_sync = self.members.values().any(|member| member.awaiting_sync.is_some());
        let (may_wait_for_join, may_wait_for_sync) = match self.state {
            GroupState::PreparingRebalance(_) => (true, false),
            GroupState::CompletingRebalance => (false, true),
            GroupState::Empty | GroupState::Stable => (false, false),
        };
        debug_assert!(
            may_wait_for_join || !waits_for_join,
            "(B) joins in {:?}",
            self.state
        );
        debug_assert!(
            may_wait_for_sync || !waits_for_sync,
            "(B) syncs in {:?}",
            self.state
        );
    }
}

// === impl Gathering ===

impl Gathering {
    fn due(self) -> Instant {
        match self {
            Self::Initial { due, .. } | Self::Rejoin { due } => due,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::group::testing::{Bench, SESSION, join_request};

    #[test]
    fn time_that_is_told_late_gives_what_it_gives_on_time() {
        let outcome = |steps: u32| {
            let mut bench = Bench::new();
            let members = bench.stable_group(3);
            bench.pass(SESSION / 2);
            let joins = bench.join(join_request(&members[0]));
            for _ in 0..steps {
                bench.now += SESSION / steps;
                bench.coordinator.due(bench.now);
            }
            let next_due = bench
                .coordinator
                .next_due()
                .expect("the session of the one that is left");
            (bench.joined(joins), next_due.saturating_duration_since(bench.now))
        };
        let on_time = outcome(1000);
        assert_eq!(on_time.1, SESSION / 2);
        assert_eq!(outcome(1), on_time);
    }
}
