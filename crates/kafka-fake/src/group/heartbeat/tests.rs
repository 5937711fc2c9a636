//! Rules of sessions.

use std::time::Duration;

use kafka_wire::ErrorCode;

use crate::group::testing::{Bench, GROUP, INITIAL_DELAY, SESSION, code, join_request, sync_request};
use crate::group::{HeartbeatRequest, JoinRequest};

const INSTANT: Duration = Duration::from_millis(1);

/// A session but for an instant.
const ALMOST_A_SESSION: Duration = Duration::from_millis(9_999);

#[test]
fn heartbeats_keep_a_member_in_the_group() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    for _ in 0..10 {
        bench.pass(ALMOST_A_SESSION);
        assert_eq!(bench.heartbeat(&members[0], 1), ErrorCode::NONE);
    }
}

#[test]
fn a_member_without_heartbeat_is_removed_and_the_others_rebalance() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    bench.pass(SESSION / 2);
    assert_eq!(bench.heartbeat(&members[0], 1), ErrorCode::NONE);
    bench.pass(SESSION / 2);
    assert_eq!(bench.heartbeat(&members[0], 1), ErrorCode::REBALANCE_IN_PROGRESS);
    assert_eq!(bench.heartbeat(&members[1], 1), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.members(), [members[0].clone()]);
}

#[test]
fn a_session_ends_exactly_on_time() {
    let mut bench = Bench::new();
    bench.stable_group(1);
    assert_eq!(bench.coordinator.next_due(), Some(bench.now + SESSION));
    bench.pass(ALMOST_A_SESSION);
    assert_eq!(bench.state(), "Stable");
    bench.pass(INSTANT);
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn a_heartbeat_during_a_rebalance_keeps_the_session_and_says_so() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    for _ in 0..4 {
        bench.pass(ALMOST_A_SESSION);
        assert_eq!(bench.heartbeat(&members[1], 1), ErrorCode::REBALANCE_IN_PROGRESS);
    }
    assert!(bench.is_waiting(leader));
}

#[test]
fn a_heartbeat_between_join_and_sync_is_welcome() {
    let mut bench = Bench::new();
    let waiter = bench.join(join_request(""));
    bench.pass(INITIAL_DELAY);
    let member_id = bench.joined(waiter).member_id;
    assert_eq!(bench.heartbeat(&member_id, 1), ErrorCode::NONE);
}

#[test]
fn a_heartbeat_of_another_generation_is_refused() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    assert_eq!(bench.heartbeat(&members[0], 0), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(bench.heartbeat(&members[0], 2), ErrorCode::ILLEGAL_GENERATION);
    bench.pass(SESSION);
    assert_eq!(bench.state(), "Empty", "and does not keep the session");
}

#[test]
fn a_heartbeat_needs_a_group_and_a_member() {
    let mut bench = Bench::new();
    assert_eq!(bench.heartbeat("c-1", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = HeartbeatRequest {
        group_id: String::new(),
        generation_id: 1,
        member_id: "c-1".to_owned(),
        group_instance_id: None,
    };
    assert_eq!(
        code(bench.coordinator.heartbeat(bench.now, &request)),
        ErrorCode::INVALID_GROUP_ID
    );
    bench.stable_group(1);
    assert_eq!(bench.heartbeat("c-1", 1), ErrorCode::UNKNOWN_MEMBER_ID);
    let request = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        ..request
    };
    assert_eq!(
        code(bench.coordinator.heartbeat(bench.now, &request)),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
}

#[test]
fn a_member_that_waits_for_a_join_does_not_expire() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    for _ in 0..4 {
        bench.pass(ALMOST_A_SESSION);
        bench.heartbeat(&members[1], 1);
    }
    let follower = bench.join(join_request(&members[1]));
    assert_eq!(bench.joined(leader).generation_id, 2);
    assert_eq!(bench.joined(follower).generation_id, 2);
    bench.pass(SESSION);
    assert_eq!(bench.state(), "Empty", "its session began anew with the answer");
}

#[test]
fn a_member_that_waits_for_a_sync_does_not_expire() {
    let mut bench = Bench::new();
    let waiters = [bench.join(join_request("")), bench.join(join_request(""))];
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    let follower = joined
        .iter()
        .find(|answer| answer.leader != answer.member_id)
        .expect("one");
    let waiter = bench.sync(sync_request(&follower.member_id, 1));
    for _ in 0..3 {
        bench.pass(SESSION / 2);
        bench.heartbeat(&follower.leader, 1);
    }
    assert!(bench.is_waiting(waiter));
    assert_eq!(bench.members().len(), 2);
}

#[test]
fn a_new_member_whose_join_waits_for_five_minutes_is_removed() {
    let mut bench = Bench::new();
    let slow = JoinRequest {
        rebalance_timeout_ms: 600_000,
        ..join_request("")
    };
    let members = bench.stable_group(1);
    let newcomer = bench.join(slow);
    for _ in 0..60 {
        assert!(bench.is_waiting(newcomer));
        bench.heartbeat(&members[0], 1);
        bench.pass(SESSION / 2);
    }
    let removed = bench.joined(newcomer);
    assert_eq!(
        (removed.error, removed.member_id.as_str()),
        (ErrorCode::UNKNOWN_MEMBER_ID, "")
    );
}
