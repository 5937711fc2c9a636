//! Rules of `SyncGroup`.

use bytes::Bytes;
use kafka_wire::ErrorCode;

use crate::group::testing::{Bench, INITIAL_DELAY, REBALANCE, SESSION, join_request, sync_request};
use crate::group::{JoinAnswer, SyncRequest};

/// Two members that have joined: the leader's answer first.
fn two_joined(bench: &mut Bench) -> [JoinAnswer; 2] {
    let waiters = [bench.join(join_request("")), bench.join(join_request(""))];
    bench.pass(INITIAL_DELAY * 2);
    let mut joined = waiters.map(|waiter| bench.joined(waiter));
    joined.sort_by_key(|answer| answer.leader != answer.member_id);
    joined
}

fn leader_sync(leader: &JoinAnswer, assignments: &[(&str, &'static str)]) -> SyncRequest {
    SyncRequest {
        assignments: assignments
            .iter()
            .map(|(id, assignment)| ((*id).to_owned(), Bytes::from_static(assignment.as_bytes())))
            .collect(),
        ..sync_request(&leader.member_id, leader.generation_id)
    }
}

#[test]
fn a_follower_waits_for_the_leaders_assignment() {
    let mut bench = Bench::new();
    let [leader, follower] = two_joined(&mut bench);
    let follows = bench.sync(sync_request(&follower.member_id, 1));
    assert!(bench.is_waiting(follows));
    let leads = bench.sync(leader_sync(
        &leader,
        &[
            (&leader.member_id, "a"),
            (&follower.member_id, "b"),
            ("nobody", "c"),
        ],
    ));
    let answer = bench.synced(follows);
    assert_eq!(
        (answer.error, answer.assignment),
        (ErrorCode::NONE, Bytes::from_static(b"b"))
    );
    assert_eq!(answer.protocol_name.as_deref(), Some("range"));
    assert_eq!(bench.synced(leads).assignment, "a");
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_member_that_the_leader_left_out_gets_an_empty_assignment() {
    let mut bench = Bench::new();
    let [leader, follower] = two_joined(&mut bench);
    bench.sync(leader_sync(&leader, &[(&leader.member_id, "a")]));
    let late = bench.sync(sync_request(&follower.member_id, 1));
    let answer = bench.synced(late);
    assert_eq!((answer.error, answer.assignment), (ErrorCode::NONE, Bytes::new()));
}

#[test]
fn a_sync_must_name_member_generation_and_protocol_of_the_group() {
    let mut bench = Bench::new();
    let in_no_group = bench.sync(sync_request("c-1", 1));
    assert_eq!(bench.synced(in_no_group).error, ErrorCode::UNKNOWN_MEMBER_ID);
    let [leader, _] = two_joined(&mut bench);
    let good = leader_sync(&leader, &[]);
    for (request, expected) in [
        (
            SyncRequest {
                group_id: String::new(),
                ..good.clone()
            },
            ErrorCode::INVALID_GROUP_ID,
        ),
        (sync_request("c-1", 1), ErrorCode::UNKNOWN_MEMBER_ID),
        (
            SyncRequest {
                generation_id: 0,
                ..good.clone()
            },
            ErrorCode::ILLEGAL_GENERATION,
        ),
        (
            SyncRequest {
                protocol_type: Some("connect".to_owned()),
                ..good.clone()
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            SyncRequest {
                protocol_name: Some("sticky".to_owned()),
                ..good.clone()
            },
            ErrorCode::INCONSISTENT_GROUP_PROTOCOL,
        ),
        (
            SyncRequest {
                group_instance_id: Some("i-0".to_owned()),
                ..good.clone()
            },
            ErrorCode::UNKNOWN_MEMBER_ID,
        ),
    ] {
        let waiter = bench.sync(request.clone());
        assert_eq!(bench.synced(waiter).error, expected, "{request:?}");
    }
    assert_eq!(bench.state(), "CompletingRebalance");
}

#[test]
fn who_waits_for_an_assignment_is_told_of_the_next_rebalance() {
    let mut bench = Bench::new();
    let [_, follower] = two_joined(&mut bench);
    let waiter = bench.sync(sync_request(&follower.member_id, 1));
    bench.join(join_request(""));
    assert_eq!(bench.synced(waiter).error, ErrorCode::REBALANCE_IN_PROGRESS);
    let too_late = bench.sync(sync_request(&follower.member_id, 1));
    assert_eq!(bench.synced(too_late).error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_member_may_ask_again_for_its_assignment() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let again = bench.sync(sync_request(&members[1], 1));
    assert_eq!(bench.synced(again).assignment, members[1].as_bytes());
}

#[test]
fn a_second_sync_of_a_member_takes_the_place_of_the_first() {
    let mut bench = Bench::new();
    let [leader, follower] = two_joined(&mut bench);
    let first = bench.sync(sync_request(&follower.member_id, 1));
    let second = bench.sync(sync_request(&follower.member_id, 1));
    assert_eq!(bench.synced(first).error, ErrorCode::REBALANCE_IN_PROGRESS);
    bench.sync(leader_sync(&leader, &[]));
    assert_eq!(bench.synced(second).error, ErrorCode::NONE);
}

#[test]
fn a_member_that_never_syncs_is_removed_although_it_sends_heartbeats() {
    let mut bench = Bench::new();
    let [leader, follower] = two_joined(&mut bench);
    bench.sync(leader_sync(&leader, &[]));
    let mut elapsed = SESSION / 2;
    while elapsed < REBALANCE {
        bench.pass(SESSION / 2);
        assert_eq!(bench.heartbeat(&leader.member_id, 1), ErrorCode::NONE);
        assert_eq!(bench.heartbeat(&follower.member_id, 1), ErrorCode::NONE);
        elapsed += SESSION / 2;
    }
    bench.pass(SESSION / 2);
    assert_eq!(
        bench.heartbeat(&follower.member_id, 1),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    assert_eq!(
        bench.heartbeat(&leader.member_id, 1),
        ErrorCode::REBALANCE_IN_PROGRESS
    );
}
