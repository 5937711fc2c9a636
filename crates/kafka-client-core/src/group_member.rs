//! One member of a classic consumer group: which request it sends when, and what each answer makes of it.
//!
//! ```text
//!              JoinGroup answered                SyncGroup answered
//!  unjoined ──────────┬──────────────▶ syncing ─────────────────▶ stable ⟲ Heartbeat
//!     ▲ ⟲ id given    │ as leader         ▲                          │
//!     │ (KIP-394)     ▼                   │ shares                   │ rejoin
//!     │            leading ───────────────┘                          │
//!     └──────────── rebalance, stale generation, unknown member ◀────┘
//! ```
//!
//! Legal calls: [`GroupMember::poll`] whenever something happened; each request it gives out is ended by one `handle_*`
//! with its number. What else happens at the same time in the other members of this process is weighed in [`joint`].
//!
//! Invariants:
//! - (A) One answer at most is awaited; any other answer is stale and changes nothing.
//! - (B) A stable member stays stable until it is told to [`rejoin`](GroupMember::rejoin): what it owns must be given up
//!   first. Until then it goes on with its heartbeats.
//! - (C) [`GroupMember::session_until`] counts from when a request was *sent*: the coordinator's clock for this member
//!   started later than that.

mod answers;
pub mod joint;

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_wire::api::join_group::{JoinGroupMember, JoinGroupResponse};
use kafka_wire::api::sync_group::{SyncGroupAssignment, SyncGroupResponse};
use kafka_wire::error_code::ErrorCode;

use crate::backoff::{Backoff, BackoffConfig};
use crate::retry::{MembershipDisposition, classify_membership};

/// A revocation ends so much before the coordinator stops waiting; less if the rebalance time-out is short.
const DEADLINE_MARGIN_MAX: Duration = Duration::from_secs(5);

/// How patient a member and its coordinator are with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberTiming {
    /// Without a heartbeat for so long the coordinator takes the member for dead.
    pub session_timeout: Duration,
    /// Pause between two heartbeats; a third of the session time-out or less.
    pub heartbeat_interval: Duration,
    /// So long the coordinator waits for all members once a rebalance began.
    pub rebalance_timeout: Duration,
    /// Pauses after failures.
    pub backoff: BackoffConfig,
}

// === impl MemberTiming ===

impl MemberTiming {
    /// So long after the last sign that no rebalance had begun the coordinator certainly has not gone on without us: it
    /// waits for the longest rebalance time-out of all members, of which ours is one. Less a margin of a tenth, at most
    /// five seconds, for what still has to stop.
    pub fn rebalance_patience(&self) -> Duration {
        let margin = DEADLINE_MARGIN_MAX.min(self.rebalance_timeout / 10);
        self.rebalance_timeout.saturating_sub(margin)
    }

    /// So long without an answered heartbeat ownership lasts at most. Not the session time-out alone: a member that is
    /// alive for the coordinator is left behind all the same by a rebalance that ends before it came back.
    pub fn silence_max(&self) -> Duration {
        self.session_timeout.min(self.rebalance_patience())
    }
}

/// What a member wants to send, without what is the same for all requests of the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRequest {
    Join {
        member_id: String,
    },
    Sync {
        generation_id: i32,
        member_id: String,
        protocol_name: String,
        /// Everybody's shares, from the leader.
        assignments: Vec<SyncGroupAssignment>,
    },
    Heartbeat {
        generation_id: i32,
        member_id: String,
    },
}

/// A request to send, and the number its answer is handed in with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberCall {
    pub number: u64,
    pub request: MemberRequest,
}

/// What an answer changed for those who watch the member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberEvent {
    /// Nothing that concerns others.
    Nothing,
    /// This member leads the generation: it awaits [`GroupMember::handle_assignments`].
    Leads(Leadership),
    /// A rebalance has begun; the member still owns what it owns.
    Disturbed,
    /// The coordinator has gone on without this member, which is unjoined now: what it owned may belong to others.
    Expelled(ErrorCode),
    /// The coordinator must be found again.
    CoordinatorGone,
    /// No retry will change this answer.
    Failed(ErrorCode),
}

/// What a leader needs for sharing out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leadership {
    pub generation_id: i32,
    /// The assignor that the coordinator chose.
    pub protocol_name: String,
    pub members: Vec<JoinGroupMember>,
}

/// A generation this member belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Joined {
    generation_id: i32,
    protocol_name: String,
    leads: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Unjoined,
    Leading {
        joined: Joined,
        heartbeat_due: Instant,
    },
    Syncing {
        joined: Joined,
        assignments: Vec<SyncGroupAssignment>,
    },
    Stable {
        joined: Joined,
        share: Bytes,
        heartbeat_due: Instant,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InFlight {
    number: u64,
    kind: Kind,
    sent_at: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Join,
    Sync,
    Heartbeat,
}

/// The state of one member. Time is an argument of every call.
#[derive(Debug)]
pub struct GroupMember {
    timing: MemberTiming,
    member_id: String,
    state: State,
    calls: u64,
    in_flight: Option<InFlight>,
    backoff: Backoff,
    /// After a failure: nothing is sent before this.
    not_before: Option<Instant>,
    /// When the last request was sent that renewed the session.
    renewed_at: Option<Instant>,
    /// When the last request was sent whose answer says that no rebalance had begun.
    undisturbed_at: Option<Instant>,
}

// === impl GroupMember ===

impl GroupMember {
    /// A member that joins under `member_id`, remembered from an earlier life, or anew if that is empty. `seed` spreads
    /// the pauses of members that fail together.
    pub fn new(timing: MemberTiming, member_id: String, seed: u64) -> Self {
        Self {
            timing,
            member_id,
            state: State::Unjoined,
            calls: 0,
            in_flight: None,
            backoff: Backoff::new(timing.backoff, seed),
            not_before: None,
            renewed_at: None,
            undisturbed_at: None,
        }
    }

    /// The id the coordinator knows this member by; empty before it gave one.
    pub fn member_id(&self) -> &str {
        &self.member_id
    }

    /// Is the member in no generation? It may be waiting for the answer to its `JoinGroup`.
    pub fn is_unjoined(&self) -> bool {
        self.state == State::Unjoined
    }

    /// The generation and this member's share of it, once both are known.
    pub fn share(&self) -> Option<(i32, &Bytes)> {
        match &self.state {
            State::Stable { joined, share, .. } => Some((joined.generation_id, share)),
            State::Unjoined | State::Leading { .. } | State::Syncing { .. } => None,
        }
    }

    /// Does this member lead the generation it is in?
    pub fn leads(&self) -> bool {
        match &self.state {
            State::Leading { joined, .. } | State::Syncing { joined, .. } | State::Stable { joined, .. } => {
                joined.leads
            }
            State::Unjoined => false,
        }
    }

    /// Until then the coordinator certainly does not take this member for dead.
    pub fn session_until(&self) -> Option<Instant> {
        self.renewed_at.map(|sent| sent + self.timing.session_timeout)
    }

    /// When the last request was sent whose answer says that no rebalance had begun yet.
    pub fn undisturbed_at(&self) -> Option<Instant> {
        self.undisturbed_at
    }

    /// The request to send now, if any. An unjoined member joins if it `may_join`; heartbeats are at most `pace` apart.
    pub fn poll(&mut self, now: Instant, may_join: bool, pace: Duration) -> Option<MemberCall> {
        if self.due(may_join, pace)? > Due::At(now) {
            return None;
        }
        let (kind, request) = match &mut self.state {
            State::Unjoined => (
                Kind::Join,
                MemberRequest::Join {
                    member_id: self.member_id.clone(),
                },
            ),
            State::Syncing { joined, assignments } => (
                Kind::Sync,
                MemberRequest::Sync {
                    generation_id: joined.generation_id,
                    member_id: self.member_id.clone(),
                    protocol_name: joined.protocol_name.clone(),
                    assignments: assignments.clone(),
                },
            ),
            State::Leading {
                joined,
                heartbeat_due,
            }
            | State::Stable {
                joined,
                heartbeat_due,
                ..
            } => {
                // From when it was due, so that one that left late does not delay the next; but a member that slept
                // does not make up for those it missed.
                let on_time = *heartbeat_due + self.timing.heartbeat_interval;
                let late = *heartbeat_due <= now && now < on_time;
                *heartbeat_due = if late {
                    on_time
                } else {
                    now + self.timing.heartbeat_interval
                };
                let request = MemberRequest::Heartbeat {
                    generation_id: joined.generation_id,
                    member_id: self.member_id.clone(),
                };
                (Kind::Heartbeat, request)
            }
        };
        self.calls += 1;
        self.not_before = None;
        self.in_flight = Some(InFlight {
            number: self.calls,
            kind,
            sent_at: now,
        });
        Some(MemberCall {
            number: self.calls,
            request,
        })
    }

    /// When [`GroupMember::poll`] with the same arguments has something to send; `None` while an answer is awaited.
    pub fn next_timeout(&self, may_join: bool, pace: Duration) -> Option<Due> {
        self.due(may_join, pace)
    }

    fn due(&self, may_join: bool, pace: Duration) -> Option<Due> {
        if self.in_flight.is_some() {
            return None;
        }
        let due = match &self.state {
            State::Unjoined if !may_join => return None,
            State::Unjoined | State::Syncing { .. } => Due::Now,
            State::Leading { heartbeat_due, .. } | State::Stable { heartbeat_due, .. } => {
                let hasty = self.renewed_at.map(|sent| sent + pace);
                Due::At(hasty.map_or(*heartbeat_due, |hasty| hasty.min(*heartbeat_due)))
            }
        };
        Some(due.max(self.not_before.map_or(Due::Now, Due::At)))
    }

    /// Leaves the generation behind and joins the next one as soon as it may. What was owned must have been given up.
    pub fn rejoin(&mut self) {
        // A JoinGroup that waits for its answer is left alone: it *is* the next join, and a second one on the same
        // connection would not be looked at before the first is answered.
        if self.state != State::Unjoined {
            self.become_unjoined();
        }
    }

    fn become_unjoined(&mut self) {
        self.state = State::Unjoined;
        self.in_flight = None;
        self.renewed_at = None;
        self.undisturbed_at = None;
    }
}

/// When something is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Now,
    At(Instant),
}
