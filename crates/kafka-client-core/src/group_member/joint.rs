//! The members of one process as one: they join together, are assigned together and give up together.
//!
//! ```text
//!                 all stable in one generation
//!   joining ────────────────────────────────────▶ holding
//!      ▲                                           │   │
//!      │ release                   rebalance,      │   │ expelled, or no heartbeat
//!      │                           changed topics  ▼   ▼ for the session time-out
//!      ├──────────────────────────────────── revoking ─▶ lost
//!      └────────────────────────────────────────────────────┘
//! ```
//!
//! Legal calls: `handle_*`, `set_*` and [`JointMembers::release`] at any time; after each of them, and whenever
//! [`JointMembers::next_timeout`] is over, [`JointMembers::poll_action`] until it has nothing, then
//! [`JointMembers::poll_event`] until it has nothing.
//!
//! Invariants:
//! - (A) Between an [`JointEvent::Assigned`] and the release that follows no member joins: nobody else can be given these
//!   partitions by our own doing before they are given up.
//! - (B) [`JointMembers::owned_until`] is never later than the moment at which the coordinator may give any of the
//!   partitions away: the end of a member's session, or the end of a rebalance, which may have begun right after the last
//!   sign that none had, whether we heard of it or not.
//! - (C) Ids come first: once a member asks for its id (KIP-394), those that have theirs wait, so that all stand in the
//!   same rebalance. A coordinator that waits with the answer to the first one (before 2.2) is not waited for long.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_wire::api::join_group::JoinGroupResponse;
use kafka_wire::api::sync_group::{SyncGroupAssignment, SyncGroupResponse};
use kafka_wire::error_code::ErrorCode;

use super::{Due, GroupMember, Leadership, MemberCall, MemberEvent, MemberTiming};
use crate::backoff::Backoff;
use crate::retry::{MembershipDisposition, classify_membership};

/// So long those that have an id wait for those that ask for one.
const IDS_WAIT_MAX: Duration = Duration::from_millis(500);
/// While one member is joining, the stable ones ask so often whether they have to join again.
const HASTY_PACE: Duration = Duration::from_millis(100);

/// What is to be done outside of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JointAction {
    /// Find the coordinator, then [`JointMembers::handle_coordinator`].
    FindCoordinator,
    /// Send a request on the connection of this member, then call the `handle_*` of its kind or
    /// [`JointMembers::handle_failure`].
    Send {
        /// Index of the member.
        member: usize,
        call: MemberCall,
    },
    /// Share the partitions out, then [`JointMembers::handle_assignments`].
    Assign {
        /// Index of the member that leads.
        member: usize,
        leadership: Leadership,
    },
}

/// What the owner of the members has to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JointEvent {
    /// All members are in this generation and know their shares.
    Assigned {
        generation_id: i32,
        /// Shares by index of the member.
        shares: Vec<Bytes>,
        /// One of the members leads the group.
        leads: bool,
    },
    /// What is owned is to be given up until `deadline`, then [`JointMembers::release`].
    Revoking { deadline: Instant },
    /// What was owned may belong to others. [`JointMembers::release`] follows.
    Lost(LostCause),
    /// No retry will change this answer; nothing more happens.
    Failed(ErrorCode),
}

/// Why ownership ended without having been given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostCause {
    /// The coordinator has gone on without a member.
    Expelled(ErrorCode),
    /// No heartbeat of some member was answered for [`MemberTiming::silence_max`].
    Silence,
    /// What was being revoked was not released in time.
    Overdue,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Joining { since: Instant },
    Holding,
    Revoking { deadline: Instant },
    Lost,
    Failed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinator {
    Unknown { ask_at: Due },
    Asked,
    Known,
}

/// What a member joined with: numbers that grow with each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Wishes {
    topics: u64,
    /// Counts of partitions; only what the leader goes by matters.
    counts: u64,
}

#[derive(Debug)]
struct Seat {
    member: GroupMember,
    joined_with: Wishes,
    leadership: Option<Leadership>,
}

/// All members of this process in one group.
#[derive(Debug)]
pub struct JointMembers {
    timing: MemberTiming,
    seats: Vec<Seat>,
    phase: Phase,
    coordinator: Coordinator,
    find_backoff: Backoff,
    wishes: Wishes,
    events: VecDeque<JointEvent>,
}

// === impl JointMembers ===

impl JointMembers {
    /// Members that start joining at `now`, one for each id; empty ids are new members.
    pub fn new(now: Instant, timing: MemberTiming, member_ids: Vec<String>, seed: u64) -> Self {
        let seats = member_ids.into_iter().zip(seed..).map(|(member_id, seed)| Seat {
            member: GroupMember::new(timing, member_id, seed),
            joined_with: Wishes::default(),
            leadership: None,
        });
        Self {
            timing,
            seats: seats.collect(),
            phase: Phase::Joining { since: now },
            coordinator: Coordinator::Unknown { ask_at: Due::Now },
            find_backoff: Backoff::new(timing.backoff, seed),
            wishes: Wishes::default(),
            events: VecDeque::new(),
        }
    }

    /// The ids by index; empty where the coordinator has given none yet.
    pub fn member_ids(&self) -> Vec<String> {
        let ids = self.seats.iter().map(|seat| seat.member.member_id().to_owned());
        ids.collect()
    }

    /// Until then everything assigned is certainly ours; `None` if nothing is.
    pub fn owned_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Holding => self.certain_until(),
            Phase::Revoking { deadline } => Some(deadline.min(self.session_until()?)),
            Phase::Joining { .. } | Phase::Lost | Phase::Failed => None,
        }
    }

    /// The topics have changed: all members have to join again.
    pub fn set_topics_changed(&mut self, now: Instant) {
        self.wishes.topics += 1;
        self.reconsider(now, true);
    }

    /// Counts of partitions have changed: the leader has to share out anew, if it is one of ours.
    pub fn set_counts_changed(&mut self, now: Instant) {
        self.wishes.counts += 1;
        self.reconsider(now, self.leads());
    }

    fn reconsider(&mut self, now: Instant, concerns_us: bool) {
        if self.phase == Phase::Holding && concerns_us {
            self.revoke(now);
        }
        self.settle(now);
    }

    /// What was revoked or lost is given up: all members join again. Without effect at any other time.
    pub fn release(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Revoking { .. } | Phase::Lost) {
            self.phase = Phase::Joining { since: now };
            for seat in &mut self.seats {
                seat.rejoin();
            }
        }
    }

    /// The coordinator was found, or why not; `None` stands for no answer at all.
    pub fn handle_coordinator(&mut self, now: Instant, found: Result<(), Option<ErrorCode>>) {
        if self.coordinator != Coordinator::Asked {
            return;
        }
        self.coordinator = match found {
            Ok(()) => {
                self.find_backoff.reset();
                Coordinator::Known
            }
            Err(code) => {
                let fatal = |code: &ErrorCode| classify_membership(*code) == MembershipDisposition::Fatal;
                if let Some(code) = code.filter(fatal) {
                    self.fail(code);
                }
                Coordinator::Unknown {
                    ask_at: Due::At(now + self.find_backoff.next_delay()),
                }
            }
        };
    }

    /// The answer to a member's `JoinGroup`.
    pub fn handle_join(&mut self, now: Instant, member: usize, number: u64, answer: &JoinGroupResponse) {
        self.with_member(now, member, |member| member.handle_join(now, number, answer));
    }

    /// The answer to a member's `SyncGroup`.
    pub fn handle_sync(&mut self, now: Instant, member: usize, number: u64, answer: &SyncGroupResponse) {
        self.with_member(now, member, |member| member.handle_sync(now, number, answer));
    }

    /// The answer to a member's `Heartbeat`.
    pub fn handle_heartbeat(&mut self, now: Instant, member: usize, number: u64, error: ErrorCode) {
        self.with_member(now, member, |member| member.handle_heartbeat(now, number, error));
    }

    /// A member's request had no answer.
    pub fn handle_failure(&mut self, now: Instant, member: usize, number: u64) {
        self.with_member(now, member, |member| member.handle_failure(now, number));
    }

    /// A leader's decision on `generation_id`; `None` if it could not make one.
    pub fn handle_assignments(
        &mut self,
        now: Instant,
        member: usize,
        generation_id: i32,
        assignments: Option<Vec<SyncGroupAssignment>>,
    ) {
        if let Some(seat) = self.seats.get_mut(member) {
            seat.member.handle_assignments(now, generation_id, assignments);
        }
    }

    /// The next thing to do now.
    pub fn poll_action(&mut self, now: Instant) -> Option<JointAction> {
        self.handle_time(now);
        if self.phase == Phase::Failed {
            return None;
        }
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if let Some(leadership) = seat.leadership.take() {
                seat.joined_with.counts = self.wishes.counts;
                return Some(JointAction::Assign {
                    member: index,
                    leadership,
                });
            }
        }
        match self.coordinator {
            Coordinator::Unknown { ask_at } if ask_at <= Due::At(now) => {
                self.coordinator = Coordinator::Asked;
                return Some(JointAction::FindCoordinator);
            }
            Coordinator::Unknown { .. } | Coordinator::Asked => return None,
            Coordinator::Known => {}
        }
        let (pace, wishes) = (self.pace(), self.wishes);
        for index in 0..self.seats.len() {
            let may_join = self.may_join_from(index).is_some_and(|from| from <= Due::At(now));
            let Some(seat) = self.seats.get_mut(index) else {
                break;
            };
            let joins = seat.member.is_unjoined();
            if let Some(call) = seat.member.poll(now, may_join, pace) {
                if joins {
                    seat.joined_with.topics = wishes.topics;
                }
                return Some(JointAction::Send { member: index, call });
            }
        }
        None
    }

    /// The next event, in the order in which they happened.
    pub fn poll_event(&mut self) -> Option<JointEvent> {
        self.events.pop_front()
    }

    /// When [`JointMembers::poll_action`] is to be called next if nothing else happens.
    pub fn next_timeout(&self) -> Option<Due> {
        if self.phase == Phase::Failed {
            return None;
        }
        let mut earliest = self.owned_until().map(Due::At);
        let mut consider = |due: Option<Due>| {
            earliest = match (earliest, due) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (one, other) => one.or(other),
            };
        };
        match self.coordinator {
            Coordinator::Unknown { ask_at } => consider(Some(ask_at)),
            Coordinator::Asked => {}
            Coordinator::Known => {
                for (index, seat) in self.seats.iter().enumerate() {
                    let from = self.may_join_from(index);
                    let due = seat.member.next_timeout(from.is_some(), self.pace());
                    let waits = seat.member.is_unjoined();
                    consider(due.map(|due| {
                        if waits {
                            due.max(from.unwrap_or(Due::Now))
                        } else {
                            due
                        }
                    }));
                }
            }
        }
        earliest
    }

    /// From when on an unjoined member may join; `None` in phases in which it may not.
    fn may_join_from(&self, index: usize) -> Option<Due> {
        let Phase::Joining { since } = self.phase else {
            return None;
        };
        let has_id = |seat: &Seat| !seat.member.member_id().is_empty();
        let asks_first = self.seats.get(index).is_none_or(|seat| !has_id(seat));
        Some(if asks_first || self.seats.iter().all(has_id) {
            Due::Now
        } else {
            Due::At(since + IDS_WAIT_MAX)
        })
    }

    fn pace(&self) -> Duration {
        // Three of them in the time that ownership lasts without an answer, also where somebody chose a rebalance
        // time-out of about a heartbeat interval.
        let third = (self.timing.rebalance_patience() / 3).max(HASTY_PACE);
        let calm = self.timing.heartbeat_interval.min(third);
        if matches!(self.phase, Phase::Joining { .. }) {
            HASTY_PACE.min(calm)
        } else {
            calm
        }
    }

    fn leads(&self) -> bool {
        self.seats.iter().any(|seat| seat.member.leads())
    }

    fn session_until(&self) -> Option<Instant> {
        let each = self.seats.iter().map(|seat| seat.member.session_until());
        each.min().flatten()
    }

    /// Until then no rebalance can have ended without us, even if one has begun that we know nothing of: it began after
    /// the last request was sent whose answer says that none had. The latest of all members' counts, because there is one
    /// group.
    fn undisturbed_until(&self) -> Option<Instant> {
        let each = self.seats.iter().filter_map(|seat| seat.member.undisturbed_at());
        Some(each.max()? + self.timing.rebalance_patience())
    }

    /// Until then nothing can have been given away behind our back.
    fn certain_until(&self) -> Option<Instant> {
        Some(self.session_until()?.min(self.undisturbed_until()?))
    }

    /// Ownership that ran out is lost.
    fn handle_time(&mut self, now: Instant) {
        if self.owned_until().is_some_and(|until| until <= now) {
            let unheard = self.session_until().is_none_or(|until| until <= now);
            let silent = unheard || self.phase == Phase::Holding;
            self.lose(if silent {
                LostCause::Silence
            } else {
                LostCause::Overdue
            });
        }
    }

    fn with_member(
        &mut self,
        now: Instant,
        index: usize,
        answer: impl FnOnce(&mut GroupMember) -> MemberEvent,
    ) {
        // An answer that is read late must not bring ownership back to life that ran out meanwhile.
        self.handle_time(now);
        let Some(seat) = self.seats.get_mut(index) else {
            return;
        };
        match answer(&mut seat.member) {
            MemberEvent::Nothing => {}
            MemberEvent::Leads(leadership) => seat.leadership = Some(leadership),
            MemberEvent::CoordinatorGone => {
                if self.coordinator == Coordinator::Known {
                    self.coordinator = Coordinator::Unknown { ask_at: Due::Now };
                }
            }
            MemberEvent::Failed(code) => self.fail(code),
            MemberEvent::Disturbed => match self.phase {
                Phase::Joining { .. } => seat.rejoin(),
                Phase::Holding => self.revoke(now),
                Phase::Revoking { .. } | Phase::Lost | Phase::Failed => {}
            },
            MemberEvent::Expelled(code) => match self.phase {
                Phase::Holding | Phase::Revoking { .. } => self.lose(LostCause::Expelled(code)),
                Phase::Joining { .. } | Phase::Lost | Phase::Failed => {}
            },
        }
        self.settle(now);
    }

    /// Ends the joining if everything fits together, and joins again with what does not.
    fn settle(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Joining { .. }) {
            return;
        }
        for seat in &mut self.seats {
            let wishes_are_old = seat.joined_with.topics != self.wishes.topics
                || (seat.member.leads() && seat.joined_with.counts != self.wishes.counts);
            if seat.member.share().is_some() && wishes_are_old {
                seat.rejoin();
            }
        }
        let stable: Option<Vec<(i32, &Bytes)>> = self.seats.iter().map(|seat| seat.member.share()).collect();
        let Some(stable) = stable else { return };
        let Some((generation_id, _)) = stable.first().copied() else {
            return;
        };
        // A member that synced long after it asked (the leader took its time) shows by a heartbeat that it is alive.
        let alive = self.certain_until().is_some_and(|until| until > now);
        if alive && stable.iter().all(|(generation, _)| *generation == generation_id) {
            let event = JointEvent::Assigned {
                generation_id,
                shares: stable.into_iter().map(|(_, share)| share.clone()).collect(),
                leads: self.leads(),
            };
            self.phase = Phase::Holding;
            self.events.push_back(event);
        }
    }

    /// Begins to give up, for as long as the coordinator certainly waits.
    fn revoke(&mut self, now: Instant) {
        let patience = self.timing.rebalance_patience();
        let deadline = self.undisturbed_until().unwrap_or(now + patience);
        self.phase = Phase::Revoking { deadline };
        self.events.push_back(JointEvent::Revoking { deadline });
    }

    fn lose(&mut self, cause: LostCause) {
        self.phase = Phase::Lost;
        self.events.push_back(JointEvent::Lost(cause));
    }

    fn fail(&mut self, code: ErrorCode) {
        if self.phase != Phase::Failed {
            self.phase = Phase::Failed;
            self.events.push_back(JointEvent::Failed(code));
        }
    }
}

// === impl Seat ===

impl Seat {
    fn rejoin(&mut self) {
        self.leadership = None;
        self.member.rejoin();
    }
}

#[cfg(test)]
mod tests;
