//! All members of a process, step by step; then at random, against the invariants.

use super::*;
use crate::backoff::BackoffConfig;
use crate::group_member::MemberRequest;
use crate::testing::start;
use proptest::prelude::*;

const SESSION: Duration = Duration::from_secs(10);
const HEARTBEAT: Duration = Duration::from_secs(3);
const REBALANCE: Duration = Duration::from_mins(1);

fn timing() -> MemberTiming {
    MemberTiming {
        session_timeout: SESSION,
        heartbeat_interval: HEARTBEAT,
        rebalance_timeout: REBALANCE,
        backoff: BackoffConfig::default(),
    }
}

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// The machine, and what it wants sent.
struct Trial {
    machine: JointMembers,
    now: Instant,
    /// The call each member waits for.
    sent: Vec<Option<MemberCall>>,
    leadership: Option<(usize, Leadership)>,
}

// === impl Trial ===

impl Trial {
    fn new(ids: &[&str]) -> Self {
        Self::with(timing(), ids)
    }

    fn with(timing: MemberTiming, ids: &[&str]) -> Self {
        let now = start();
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let mut trial = Self {
            sent: vec![None; ids.len()],
            machine: JointMembers::new(now, timing, ids, 7),
            now,
            leadership: None,
        };
        assert_eq!(trial.machine.poll_action(now), Some(JointAction::FindCoordinator));
        trial.machine.handle_coordinator(now, Ok(()));
        trial.act();
        trial
    }

    /// Takes what is to be done now; finds the coordinator whenever asked to.
    fn act(&mut self) {
        while let Some(action) = self.machine.poll_action(self.now) {
            match action {
                JointAction::FindCoordinator => self.machine.handle_coordinator(self.now, Ok(())),
                JointAction::Send { member, call } => self.sent[member] = Some(call),
                JointAction::Assign { member, leadership } => self.leadership = Some((member, leadership)),
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.act();
    }

    fn requests(&self) -> Vec<&'static str> {
        let kind = |call: &Option<MemberCall>| match call.as_ref().map(|call| &call.request) {
            None => "-",
            Some(MemberRequest::Join { .. }) => "join",
            Some(MemberRequest::Sync { .. }) => "sync",
            Some(MemberRequest::Heartbeat { .. }) => "heartbeat",
        };
        self.sent.iter().map(kind).collect()
    }

    fn take(&mut self, member: usize) -> MemberCall {
        self.sent[member].take().expect("the member waits for an answer")
    }

    fn answer_join(&mut self, member: usize, answer: &JoinGroupResponse) {
        let number = self.take(member).number;
        self.machine.handle_join(self.now, member, number, answer);
        self.act();
    }

    fn answer_sync(&mut self, member: usize, error: ErrorCode) {
        let number = self.take(member).number;
        let answer = SyncGroupResponse {
            throttle_time_ms: 0,
            error_code: error,
            assignment: Bytes::from(format!("share {member}")),
        };
        self.machine.handle_sync(self.now, member, number, &answer);
        self.act();
    }

    fn answer_heartbeat(&mut self, member: usize, error: ErrorCode) {
        let number = self.take(member).number;
        self.machine.handle_heartbeat(self.now, member, number, error);
        self.act();
    }

    fn events(&mut self) -> Vec<JointEvent> {
        std::iter::from_fn(|| self.machine.poll_event()).collect()
    }

    /// Two members, the first leads; both are in `generation_id` afterwards.
    fn settle_two(&mut self, generation_id: i32) {
        for member in 0..2 {
            self.answer_join(member, &joined(generation_id, member));
        }
        assert_eq!(self.requests(), ["-", "sync"], "the leader shares out first");
        let (leader, leadership) = self.leadership.take().expect("the first leads");
        assert_eq!((leader, leadership.generation_id), (0, generation_id));
        self.machine
            .handle_assignments(self.now, 0, generation_id, Some(Vec::new()));
        self.act();
        self.answer_sync(0, ErrorCode::NONE);
        assert_eq!(self.events(), [], "not before all have their share");
        self.answer_sync(1, ErrorCode::NONE);
    }

    fn holding() -> Self {
        Self::holding_with(timing())
    }

    fn holding_with(timing: MemberTiming) -> Self {
        let mut trial = Self::with(timing, &["m0", "m1"]);
        trial.settle_two(1);
        assert!(matches!(trial.events()[..], [JointEvent::Assigned { .. }]));
        trial
    }
}

fn joined(generation_id: i32, member: usize) -> JoinGroupResponse {
    JoinGroupResponse {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        generation_id,
        protocol_type: Some("consumer".to_owned()),
        protocol_name: Some("range".to_owned()),
        leader: "m0".to_owned(),
        skip_assignment: false,
        member_id: format!("m{member}"),
        members: Vec::new(),
    }
}

fn refused(error_code: ErrorCode, member_id: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        error_code,
        generation_id: -1,
        leader: String::new(),
        member_id: member_id.to_owned(),
        ..joined(0, 0)
    }
}

#[test]
fn ids_come_first_then_all_join_at_once() {
    let mut trial = Trial::new(&["", ""]);
    assert_eq!(trial.requests(), ["join", "join"], "both ask for an id");
    trial.answer_join(0, &refused(ErrorCode::MEMBER_ID_REQUIRED, "m0"));
    assert_eq!(trial.requests(), ["-", "join"], "the first waits for the second");
    assert_eq!(trial.machine.member_ids(), ["m0", ""]);
    trial.answer_join(1, &refused(ErrorCode::MEMBER_ID_REQUIRED, "m1"));
    assert_eq!(trial.requests(), ["join", "join"]);
    trial.settle_two(1);
    let events = trial.events();
    let shares = vec![Bytes::from("share 0"), Bytes::from("share 1")];
    assert_eq!(
        events,
        [JointEvent::Assigned {
            generation_id: 1,
            shares,
            leads: true
        }]
    );
    assert_eq!(trial.machine.owned_until(), Some(trial.now + SESSION));
}

/// Before 2.2 the coordinator gives no ids first: the answer to the first `JoinGroup` waits for the whole rebalance.
#[test]
fn whoever_has_an_id_does_not_wait_long_for_whoever_has_none() {
    let mut trial = Trial::new(&["m0", ""]);
    assert_eq!(trial.requests(), ["-", "join"]);
    let due = trial.machine.next_timeout();
    assert_eq!(due, Some(Due::At(trial.now + IDS_WAIT_MAX)));
    trial.pass(IDS_WAIT_MAX);
    assert_eq!(trial.requests(), ["join", "join"]);
}

#[test]
fn a_remembered_id_that_is_unknown_is_given_up() {
    let mut trial = Trial::new(&["m0", "m1"]);
    assert_eq!(trial.requests(), ["join", "join"], "remembered ids join directly");
    trial.answer_join(0, &refused(ErrorCode::UNKNOWN_MEMBER_ID, "m0"));
    assert_eq!(trial.machine.member_ids(), ["", "m1"]);
    trial.pass(ms(100));
    let MemberRequest::Join { member_id } = trial.take(0).request else {
        panic!("it joins anew");
    };
    assert_eq!(member_id, "");
}

#[test]
fn a_stable_member_asks_often_while_another_joins_and_joins_again_when_told() {
    let mut trial = Trial::new(&["m0", "m1"]);
    trial.answer_join(0, &joined(1, 0));
    trial
        .machine
        .handle_assignments(trial.now, 0, 1, Some(Vec::new()));
    trial.act();
    trial.answer_sync(0, ErrorCode::NONE);
    assert_eq!(trial.events(), [], "the second has not joined");
    trial.pass(HASTY_PACE);
    assert_eq!(trial.requests(), ["heartbeat", "join"]);
    trial.answer_heartbeat(0, ErrorCode::NONE);
    trial.pass(HASTY_PACE);
    trial.answer_heartbeat(0, ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(trial.requests(), ["join", "join"]);
    trial.settle_two(2);
    assert!(matches!(
        trial.events()[..],
        [JointEvent::Assigned { generation_id: 2, .. }]
    ));
}

#[test]
fn generations_that_differ_are_no_assignment() {
    let mut trial = Trial::new(&["m0", "m1"]);
    trial.answer_join(0, &joined(1, 0));
    trial
        .machine
        .handle_assignments(trial.now, 0, 1, Some(Vec::new()));
    trial.act();
    trial.answer_sync(0, ErrorCode::NONE);
    trial.answer_join(1, &joined(2, 1));
    trial.answer_sync(1, ErrorCode::NONE);
    assert_eq!(trial.events(), []);
    trial.pass(HASTY_PACE);
    trial.answer_heartbeat(0, ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(trial.machine.member_ids()[0], "m0", "the id stays");
    trial.pass(ms(100));
    assert_eq!(trial.requests(), ["join", "heartbeat"]);
}

#[test]
fn heartbeats_keep_their_pace_when_one_leaves_late() {
    let mut trial = Trial::holding();
    let began = trial.now;
    trial.pass(HEARTBEAT + ms(400));
    assert_eq!(trial.requests(), ["heartbeat", "heartbeat"]);
    for member in 0..2 {
        trial.answer_heartbeat(member, ErrorCode::NONE);
    }
    assert_eq!(
        trial.machine.next_timeout(),
        Some(Due::At(began + 2 * HEARTBEAT)),
        "not an interval after the late one"
    );
}

#[test]
fn one_member_that_hears_of_a_rebalance_revokes_for_all_once() {
    let mut trial = Trial::holding();
    let began = trial.now;
    trial.pass(HEARTBEAT);
    trial.answer_heartbeat(1, ErrorCode::REBALANCE_IN_PROGRESS);
    trial.answer_heartbeat(0, ErrorCode::REBALANCE_IN_PROGRESS);
    let deadline = began + Duration::from_secs(55);
    assert_eq!(trial.events(), [JointEvent::Revoking { deadline }]);
    trial.pass(HEARTBEAT);
    assert_eq!(
        trial.requests(),
        ["heartbeat", "heartbeat"],
        "nobody joins before the release"
    );
    trial.machine.release(trial.now);
    trial.act();
    assert_eq!(trial.requests(), ["join", "join"]);
    assert_eq!(trial.machine.owned_until(), None);
    trial.settle_two(2);
    assert_eq!(trial.events().len(), 1);
}

#[test]
fn an_expelled_member_loses_for_all() {
    for code in [ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::ILLEGAL_GENERATION] {
        let mut trial = Trial::holding();
        trial.pass(HEARTBEAT);
        trial.answer_heartbeat(1, code);
        assert_eq!(trial.events(), [JointEvent::Lost(LostCause::Expelled(code))]);
        assert_eq!(trial.machine.owned_until(), None);
        trial.pass(HEARTBEAT);
        assert_eq!(trial.requests()[1], "-", "it waits for the release");
        trial.machine.release(trial.now);
        trial.act();
        assert_eq!(trial.requests()[1], "join", "{code}");
    }
}

#[test]
fn silence_for_the_session_timeout_is_loss_and_counts_from_the_sending() {
    let mut trial = Trial::holding();
    trial.pass(HEARTBEAT);
    trial.answer_heartbeat(0, ErrorCode::NONE);
    // The other's heartbeat left now, too, but its answer does not come.
    trial.pass(ms(6999));
    assert_eq!(trial.events(), []);
    assert_eq!(trial.machine.owned_until(), Some(trial.now + ms(1)));
    trial.pass(ms(1));
    assert_eq!(trial.events(), [JointEvent::Lost(LostCause::Silence)]);
}

/// Somebody joins while we stand still: the coordinator waits for the rebalance time-out only and then shares our
/// partitions out, although our sessions last longer.
#[test]
fn a_rebalance_that_nobody_heard_of_ends_ownership_before_the_session_does() {
    let short = MemberTiming {
        rebalance_timeout: Duration::from_secs(4),
        ..timing()
    };
    let mut trial = Trial::holding_with(short);
    let began = trial.now;
    assert_eq!(trial.machine.owned_until(), Some(began + ms(3600)));
    trial.pass(ms(1200));
    assert_eq!(
        trial.requests(),
        ["heartbeat", "heartbeat"],
        "often enough for the shorter of the two"
    );
    trial.answer_heartbeat(1, ErrorCode::NONE);
    assert_eq!(
        trial.machine.owned_until(),
        Some(began + ms(4800)),
        "one member's word is good for the group"
    );
    trial.pass(ms(3600));
    assert_eq!(trial.events(), [JointEvent::Lost(LostCause::Silence)]);
    assert_eq!(trial.machine.owned_until(), None);
}

/// A process that was stopped reads its old answers first when it wakes up.
#[test]
fn an_answer_that_is_read_late_does_not_revive_what_ran_out() {
    let mut trial = Trial::holding();
    trial.pass(HEARTBEAT);
    let number = trial.take(1).number;
    trial.now += SESSION;
    trial
        .machine
        .handle_heartbeat(trial.now, 1, number, ErrorCode::NONE);
    assert_eq!(trial.events(), [JointEvent::Lost(LostCause::Silence)]);
    assert_eq!(trial.machine.owned_until(), None);
}

#[test]
fn what_is_not_released_in_time_is_lost() {
    let mut trial = Trial::holding();
    for _ in 0..18 {
        trial.pass(HEARTBEAT);
        for member in 0..2 {
            trial.answer_heartbeat(member, ErrorCode::REBALANCE_IN_PROGRESS);
        }
    }
    assert_eq!(trial.events().len(), 1, "54 s of patience");
    trial.pass(HEARTBEAT);
    assert_eq!(trial.events(), [JointEvent::Lost(LostCause::Overdue)]);
}

#[test]
fn a_coordinator_that_moved_is_found_again_and_nothing_is_lost() {
    let mut trial = Trial::holding();
    trial.pass(HEARTBEAT);
    let number = trial.take(0).number;
    trial
        .machine
        .handle_heartbeat(trial.now, 0, number, ErrorCode::NOT_COORDINATOR);
    assert_eq!(
        trial.machine.poll_action(trial.now),
        Some(JointAction::FindCoordinator)
    );
    trial.machine.handle_coordinator(trial.now, Err(None));
    assert_eq!(
        trial.machine.poll_action(trial.now),
        None,
        "asked again after a pause"
    );
    trial.pass(ms(100));
    assert_eq!(trial.requests()[0], "heartbeat");
    assert_eq!(trial.events(), []);
    assert!(trial.machine.owned_until().is_some());
}

#[test]
fn stale_answers_change_nothing() {
    let mut trial = Trial::holding();
    trial.pass(HEARTBEAT);
    let old = trial.take(0).number;
    trial.machine.set_topics_changed(trial.now);
    trial.machine.release(trial.now);
    trial.act();
    assert_eq!(trial.requests()[0], "join");
    trial
        .machine
        .handle_heartbeat(trial.now, 0, old, ErrorCode::UNKNOWN_MEMBER_ID);
    trial.act();
    assert_eq!(
        trial.machine.member_ids()[0],
        "m0",
        "an answer to the generation before"
    );
    assert_eq!(trial.requests()[0], "join");

    // Nor does it when a heartbeat of the new generation is on its way.
    trial.events();
    trial.settle_two(2);
    trial.pass(HEARTBEAT);
    assert_eq!(trial.requests()[0], "heartbeat");
    trial
        .machine
        .handle_heartbeat(trial.now, 0, old, ErrorCode::UNKNOWN_MEMBER_ID);
    assert!(matches!(trial.events()[..], [JointEvent::Assigned { .. }]));
    assert!(trial.machine.owned_until().is_some());
}

#[test]
fn changed_topics_revoke_and_topics_that_change_while_joining_join_again() {
    let mut trial = Trial::holding();
    trial.machine.set_topics_changed(trial.now);
    assert!(matches!(trial.events()[..], [JointEvent::Revoking { .. }]));
    trial.machine.release(trial.now);
    trial.act();
    trial.machine.set_topics_changed(trial.now);
    trial.act();
    for member in 0..2 {
        trial.answer_join(member, &joined(2, member));
    }
    trial
        .machine
        .handle_assignments(trial.now, 0, 2, Some(Vec::new()));
    trial.act();
    trial.answer_sync(0, ErrorCode::NONE);
    trial.answer_sync(1, ErrorCode::NONE);
    assert_eq!(trial.events(), [], "they joined with the topics of before");
    assert_eq!(trial.requests(), ["join", "join"]);
}

#[test]
fn changed_counts_concern_the_leader_only() {
    let mut trial = Trial::holding();
    trial.machine.set_counts_changed(trial.now);
    assert!(matches!(trial.events()[..], [JointEvent::Revoking { .. }]));

    let mut follower = Trial::new(&["m1"]);
    follower.answer_join(0, &joined(1, 1));
    follower.answer_sync(0, ErrorCode::NONE);
    assert_eq!(follower.events().len(), 1);
    follower.machine.set_counts_changed(follower.now);
    assert_eq!(follower.events(), []);
}

#[test]
fn a_leader_that_cannot_share_out_joins_again_after_a_pause() {
    let mut trial = Trial::new(&["m0"]);
    trial.answer_join(0, &joined(1, 0));
    trial.machine.handle_assignments(trial.now, 0, 1, None);
    trial.act();
    assert_eq!(trial.requests(), ["-"]);
    trial.pass(ms(100));
    assert_eq!(trial.requests(), ["join"]);
}

#[test]
fn a_leader_that_takes_long_shows_that_it_lives() {
    let mut trial = Trial::new(&["m0"]);
    trial.answer_join(0, &joined(1, 0));
    trial.pass(HEARTBEAT);
    assert_eq!(trial.requests(), ["heartbeat"]);
    // Brokers before 2.3 answer so although nothing has happened.
    trial.answer_heartbeat(0, ErrorCode::REBALANCE_IN_PROGRESS);
    trial
        .machine
        .handle_assignments(trial.now, 0, 1, Some(Vec::new()));
    trial.act();
    assert_eq!(trial.requests(), ["sync"]);
}

/// The leader answered after longer than a session: whether we are still members shows only by a heartbeat.
#[test]
fn a_share_that_took_longer_than_the_session_is_believed_after_a_heartbeat() {
    let mut trial = Trial::new(&["m1"]);
    trial.answer_join(0, &joined(1, 1));
    trial.now += SESSION;
    trial.answer_sync(0, ErrorCode::NONE);
    assert_eq!(trial.events(), []);
    assert_eq!(trial.requests(), ["heartbeat"]);
    trial.answer_heartbeat(0, ErrorCode::NONE);
    assert_eq!(trial.events().len(), 1);
}

#[test]
fn refusals_that_no_retry_changes_end_everything() {
    for code in [23, 24, 26, 30, 81, 82].map(ErrorCode) {
        let mut trial = Trial::new(&["m0", "m1"]);
        trial.answer_join(0, &refused(code, ""));
        assert_eq!(trial.events(), [JointEvent::Failed(code)]);
        trial.answer_join(1, &refused(code, ""));
        trial.pass(REBALANCE);
        assert_eq!(trial.events(), [], "told once");
        assert_eq!(trial.requests(), ["-", "-"]);
        assert_eq!(trial.machine.next_timeout(), None);
    }
}

/// What a random coordinator does next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Answer {
        member: usize,
        code: i16,
        generation: i32,
    },
    Fail {
        member: usize,
    },
    ShareOut {
        works: bool,
    },
    Pass {
        milliseconds: u64,
    },
    Release,
    Topics,
    Counts,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let code = prop_oneof![
        8 => Just(0_i16), 1 => Just(14), 1 => Just(16), 1 => Just(22), 1 => Just(25), 2 => Just(27), 1 => Just(79),
    ];
    let step = prop_oneof![
        12 => (0..3_usize, code, 1..3_i32)
            .prop_map(|(member, code, generation)| Step::Answer { member, code, generation }),
        1 => (0..3_usize).prop_map(|member| Step::Fail { member }),
        3 => proptest::bool::weighted(0.9).prop_map(|works| Step::ShareOut { works }),
        3 => (0..4000_u64).prop_map(|milliseconds| Step::Pass { milliseconds }),
        2 => Just(Step::Release),
        1 => Just(Step::Topics),
        1 => Just(Step::Counts),
    ];
    proptest::collection::vec(step, 1..200)
}

// === impl Trial: at random ===

impl Trial {
    fn step(&mut self, step: Step) {
        match step {
            Step::Answer {
                member,
                code,
                generation,
            } => self.answer_somehow(member, ErrorCode(code), generation),
            Step::Fail { member } => {
                if let Some(call) = self.sent[member].take() {
                    self.machine.handle_failure(self.now, member, call.number);
                }
            }
            Step::ShareOut { works } => {
                if let Some((member, leadership)) = self.leadership.take() {
                    let assignments = works.then(Vec::new);
                    self.machine
                        .handle_assignments(self.now, member, leadership.generation_id, assignments);
                }
            }
            Step::Pass { milliseconds } => self.now += ms(milliseconds),
            Step::Release => self.machine.release(self.now),
            Step::Topics => self.machine.set_topics_changed(self.now),
            Step::Counts => self.machine.set_counts_changed(self.now),
        }
        self.act();
    }

    fn answer_somehow(&mut self, member: usize, code: ErrorCode, generation: i32) {
        match self.sent[member].as_ref().map(|call| &call.request) {
            None => {}
            Some(MemberRequest::Join { .. }) if code.is_ok() => {
                self.answer_join(member, &joined(generation, member));
            }
            Some(MemberRequest::Join { .. }) => {
                self.answer_join(member, &refused(code, &format!("m{member}")));
            }
            // Only a JoinGroup is answered with an id.
            Some(_) if code == ErrorCode::MEMBER_ID_REQUIRED => {}
            Some(MemberRequest::Sync { .. }) => self.answer_sync(member, code),
            Some(MemberRequest::Heartbeat { .. }) => self.answer_heartbeat(member, code),
        }
    }

    /// Something is awaited or due.
    fn goes_on(&self) -> bool {
        self.machine.next_timeout().is_some()
            || self.leadership.is_some()
            || self.sent.iter().any(Option::is_some)
            || matches!(self.machine.phase, Phase::Lost)
    }
}

proptest! {
    /// Whatever the coordinator answers: events come in their order, nobody joins between an assignment and its release,
    /// ownership never outlasts a session, and the machine never stands still.
    #[test]
    fn events_alternate_and_nobody_joins_while_something_is_owned(
        remembered in any::<bool>(),
        steps in steps(),
    ) {
        let mut trial = Trial::new(if remembered { &["m0", "m1", "m2"] } else { &["", "", ""] });
        let mut owned = false;
        for step in steps {
            let releases = matches!(step, Step::Release);
            let before: Vec<Option<u64>> =
                trial.sent.iter().map(|call| call.as_ref().map(|call| call.number)).collect();
            trial.step(step);
            let events = trial.events();
            let joins = trial.sent.iter().zip(&before).any(|(call, before)| {
                call.as_ref().is_some_and(|call| {
                    Some(call.number) != *before && matches!(call.request, MemberRequest::Join { .. })
                })
            });
            prop_assert!(!(joins && owned && !releases), "a join although {events:?}");
            for event in events {
                match event {
                    JointEvent::Assigned { .. } => {
                        prop_assert!(!owned, "assigned twice");
                        let generations: Vec<Option<i32>> = trial
                            .machine
                            .seats
                            .iter()
                            .map(|seat| seat.member.share().map(|(generation, _)| generation))
                            .collect();
                        prop_assert!(generations.iter().all(|one| one.is_some() && *one == generations[0]));
                        owned = true;
                    }
                    JointEvent::Revoking { .. } | JointEvent::Lost(_) => prop_assert!(owned),
                    JointEvent::Failed(code) => prop_assert!(false, "{code}"),
                }
            }
            if releases && matches!(trial.machine.phase, Phase::Joining { .. }) {
                owned = false;
            }
            if let Some(until) = trial.machine.owned_until() {
                prop_assert!(owned && until > trial.now && until <= trial.now + SESSION);
            }
            prop_assert!(trial.goes_on(), "nothing is awaited or due");
        }
    }
}
