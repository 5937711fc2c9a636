//! What a group's members see when its coordinator's broker dies.

use kafka_wire::ErrorCode;

use crate::group::JoinRequest;
use crate::group::testing::{
    Bench, GROUP, INITIAL_DELAY, SESSION, commit_request, join_request, sync_request,
};

#[test]
fn a_stable_group_goes_on_with_fresh_sessions() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    bench.pass(SESSION / 2);
    bench.coordinator.fail_over(bench.now, GROUP);
    bench.pass(SESSION / 2);
    for member_id in &members {
        assert_eq!(bench.heartbeat(member_id, 1), ErrorCode::NONE);
    }
    let waiter = bench.sync(sync_request(&members[1], 1));
    assert_eq!(bench.synced(waiter).assignment, members[1].as_bytes());
}

#[test]
fn a_rebalance_under_way_has_not_happened() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let newcomer = bench.join(join_request(""));
    let leader = bench.join(join_request(&members[0]));
    bench.coordinator.fail_over(bench.now, GROUP);
    assert_eq!(bench.joined(newcomer).error, ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.joined(leader).error, ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.members().len(), 2);
    assert_eq!(bench.heartbeat(&members[1], 1), ErrorCode::NONE);
}

#[test]
fn a_generation_without_assignment_is_forgotten() {
    let mut bench = Bench::new();
    let waiters = [bench.join(join_request("")), bench.join(join_request(""))];
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    let follower = joined
        .iter()
        .find(|answer| answer.leader != answer.member_id)
        .expect("one");
    let syncs = bench.sync(sync_request(&follower.member_id, 1));
    bench.coordinator.fail_over(bench.now, GROUP);
    assert_eq!(bench.synced(syncs).error, ErrorCode::NOT_COORDINATOR);
    assert_eq!(bench.state(), "Empty");
    assert_eq!(
        bench.heartbeat(&follower.member_id, 1),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
}

#[test]
fn ids_that_were_given_out_are_forgotten_and_offsets_are_not() {
    let mut bench = Bench::new();
    bench
        .coordinator
        .commit_offsets(bench.now, commit_request("", -1, 7))
        .unwrap();
    let v4 = |member_id: &str| JoinRequest {
        requires_known_member_id: true,
        ..join_request(member_id)
    };
    let waiter = bench.join(v4(""));
    let id = bench.joined(waiter).member_id;
    bench.coordinator.fail_over(bench.now, GROUP);
    let waiter = bench.join(v4(&id));
    assert_eq!(bench.joined(waiter).error, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.coordinator.fetch_offsets(GROUP, None, false).len(), 1);
}
