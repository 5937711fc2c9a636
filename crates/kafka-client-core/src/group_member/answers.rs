//! What the coordinator's answers make of a member.

use super::{
    ErrorCode, GroupMember, InFlight, Instant, JoinGroupResponse, Joined, Kind, Leadership, MemberEvent,
    MembershipDisposition, State, SyncGroupAssignment, SyncGroupResponse, classify_membership,
};

// === impl GroupMember ===

impl GroupMember {
    /// The answer to a `JoinGroup`.
    pub fn handle_join(&mut self, now: Instant, number: u64, answer: &JoinGroupResponse) -> MemberEvent {
        let Some(in_flight) = self.end_call(number, Kind::Join) else {
            return MemberEvent::Nothing;
        };
        let disposition = classify_membership(answer.error_code);
        if disposition == MembershipDisposition::Ok {
            return self.joined(in_flight, answer);
        }
        if disposition != MembershipDisposition::TakeMemberId {
            return self.refused(now, answer.error_code);
        }
        if self.member_id == answer.member_id {
            self.pause(now); // The id we sent, or none: asking again at once would never end.
        } else {
            self.member_id.clone_from(&answer.member_id);
        }
        MemberEvent::Nothing
    }

    fn joined(&mut self, in_flight: InFlight, answer: &JoinGroupResponse) -> MemberEvent {
        self.backoff.reset();
        self.member_id.clone_from(&answer.member_id);
        self.renewed_at = Some(in_flight.sent_at);
        let joined = Joined {
            generation_id: answer.generation_id,
            protocol_name: answer.protocol_name.clone().unwrap_or_default(),
            leads: answer.leader == answer.member_id,
        };
        if joined.leads && !answer.skip_assignment {
            let leadership = Leadership {
                generation_id: joined.generation_id,
                protocol_name: joined.protocol_name.clone(),
                members: answer.members.clone(),
            };
            self.state = State::Leading {
                joined,
                heartbeat_due: in_flight.sent_at + self.timing.heartbeat_interval,
            };
            MemberEvent::Leads(leadership)
        } else {
            self.state = State::Syncing {
                joined,
                assignments: Vec::new(),
            };
            MemberEvent::Nothing
        }
    }

    /// The leader's decision on `generation_id`; `None` if it could not make one, which is tried again after a pause.
    pub fn handle_assignments(
        &mut self,
        now: Instant,
        generation_id: i32,
        assignments: Option<Vec<SyncGroupAssignment>>,
    ) {
        let State::Leading { joined, .. } = &self.state else {
            return;
        };
        if joined.generation_id != generation_id {
            return;
        }
        if let Some(assignments) = assignments {
            let joined = joined.clone();
            // A heartbeat in flight says nothing that the answer to SyncGroup will not say.
            self.in_flight = None;
            self.state = State::Syncing { joined, assignments };
        } else {
            // The coordinator answers a leader that joins again with the same generation and its members.
            self.become_unjoined();
            self.pause(now);
        }
    }

    /// The answer to a `SyncGroup`.
    pub fn handle_sync(&mut self, now: Instant, number: u64, answer: &SyncGroupResponse) -> MemberEvent {
        let Some(in_flight) = self.end_call(number, Kind::Sync) else {
            return MemberEvent::Nothing;
        };
        if classify_membership(answer.error_code) != MembershipDisposition::Ok {
            return self.refused(now, answer.error_code);
        }
        if let State::Syncing { joined, .. } = &self.state {
            self.backoff.reset();
            self.renewed_at = Some(in_flight.sent_at);
            self.undisturbed_at = Some(in_flight.sent_at);
            self.state = State::Stable {
                joined: joined.clone(),
                share: answer.assignment.clone(),
                heartbeat_due: in_flight.sent_at + self.timing.heartbeat_interval,
            };
        }
        MemberEvent::Nothing
    }

    /// The answer to a `Heartbeat`.
    pub fn handle_heartbeat(&mut self, now: Instant, number: u64, error: ErrorCode) -> MemberEvent {
        let Some(in_flight) = self.end_call(number, Kind::Heartbeat) else {
            return MemberEvent::Nothing;
        };
        let disposition = classify_membership(error);
        let disturbed = disposition == MembershipDisposition::Rebalance;
        if disposition != MembershipDisposition::Ok && !disturbed {
            return self.refused(now, error);
        }
        // The coordinator renews the session of who asks during a rebalance, too.
        self.backoff.reset();
        self.renewed_at = Some(in_flight.sent_at);
        if !disturbed {
            self.undisturbed_at = Some(in_flight.sent_at);
        } else if matches!(self.state, State::Stable { .. }) {
            return MemberEvent::Disturbed;
        }
        // Brokers before 2.3 tell every leader that has not sent its assignments yet of a rebalance. If there is one
        // indeed, the answer to SyncGroup will say so.
        MemberEvent::Nothing
    }

    /// The request had no answer: the connection could not be opened, or broke.
    pub fn handle_failure(&mut self, now: Instant, number: u64) -> MemberEvent {
        if self.in_flight.is_none_or(|call| call.number != number) {
            return MemberEvent::Nothing;
        }
        self.in_flight = None;
        self.pause(now);
        MemberEvent::CoordinatorGone
    }

    /// Everything but success, for all three requests.
    fn refused(&mut self, now: Instant, error: ErrorCode) -> MemberEvent {
        match classify_membership(error) {
            MembershipDisposition::FindCoordinator => {
                self.pause(now);
                MemberEvent::CoordinatorGone
            }
            MembershipDisposition::Retry => {
                self.pause(now);
                MemberEvent::Nothing
            }
            MembershipDisposition::Rebalance => {
                if self.is_unjoined() {
                    self.pause(now); // JoinGroup waits for rebalances; whoever refuses it for one is not ready.
                }
                self.expelled(error)
            }
            MembershipDisposition::StaleGeneration => {
                self.pause(now);
                self.expelled(error)
            }
            MembershipDisposition::UnknownMember => {
                self.member_id.clear();
                self.pause(now);
                self.expelled(error)
            }
            MembershipDisposition::Ok
            | MembershipDisposition::TakeMemberId
            | MembershipDisposition::NoCommonProtocol
            | MembershipDisposition::Fatal => MemberEvent::Failed(error),
        }
    }

    fn expelled(&mut self, error: ErrorCode) -> MemberEvent {
        let was_stable = matches!(self.state, State::Stable { .. });
        self.become_unjoined();
        if was_stable {
            MemberEvent::Expelled(error)
        } else {
            MemberEvent::Nothing
        }
    }

    /// Ends the call with this number, unless it is not the one awaited: then its answer is stale.
    fn end_call(&mut self, number: u64, kind: Kind) -> Option<InFlight> {
        self.in_flight
            .take_if(|call| call.number == number && call.kind == kind)
    }

    fn pause(&mut self, now: Instant) {
        self.not_before = Some(now + self.backoff.next_delay());
    }
}
