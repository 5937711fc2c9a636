//! Rules of `JoinGroup` for static members (KIP-345, KIP-814).

use kafka_wire::ErrorCode;

use crate::group::testing::{
    Bench, GROUP, INITIAL_DELAY, code, join_request, protocols, static_join, sync_request,
};
use crate::group::{HeartbeatRequest, JoinRequest, SyncRequest};

/// A stable group of the static members `i-0` and `i-1`; the leader's member id and instance id first.
fn stable_static_group(bench: &mut Bench) -> [(String, &'static str); 2] {
    let waiters = ["i-0", "i-1"].map(|instance_id| bench.join(static_join("", instance_id)));
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    bench.assign(&joined);
    let mut members = [
        (joined[0].member_id.clone(), "i-0"),
        (joined[1].member_id.clone(), "i-1"),
    ];
    members.sort_by_key(|(member_id, _)| *member_id != joined[0].leader);
    members
}

fn sync_of(member_id: &str, instance_id: &str) -> SyncRequest {
    SyncRequest {
        group_instance_id: Some(instance_id.to_owned()),
        ..sync_request(member_id, 1)
    }
}

#[test]
fn a_static_member_needs_no_second_join_and_is_named_after_its_instance() {
    let mut bench = Bench::new();
    let waiter = bench.join(static_join("", "i-0"));
    bench.pass(INITIAL_DELAY);
    let joined = bench.joined(waiter);
    assert_eq!(joined.error, ErrorCode::NONE);
    assert!(joined.member_id.starts_with("i-0-"), "{}", joined.member_id);
    assert_eq!(joined.members[0].group_instance_id.as_deref(), Some("i-0"));
}

#[test]
fn a_restarted_static_member_gets_its_old_assignment_without_a_rebalance() {
    let mut bench = Bench::new();
    let [_, (old_id, instance_id)] = stable_static_group(&mut bench);
    let waiter = bench.join(static_join("", instance_id));
    let joined = bench.joined(waiter);
    assert_eq!((joined.error, joined.generation_id), (ErrorCode::NONE, 1));
    assert_ne!(joined.member_id, old_id);
    assert_eq!(bench.state(), "Stable");
    let waiter = bench.sync(sync_of(&joined.member_id, instance_id));
    assert_eq!(bench.synced(waiter).assignment, old_id.as_bytes());
}

#[test]
fn a_restarted_leader_is_told_not_to_assign_from_version_9_on() {
    let mut bench = Bench::new();
    let [(_, instance_id), _] = stable_static_group(&mut bench);
    let waiter = bench.join(static_join("", instance_id));
    let joined = bench.joined(waiter);
    assert!(joined.skip_assignment);
    assert_eq!(
        (joined.leader.as_str(), joined.members.len()),
        (joined.member_id.as_str(), 2)
    );
}

#[test]
fn a_restarted_leader_takes_itself_for_a_follower_before_version_9() {
    let mut bench = Bench::new();
    let [(old_id, instance_id), _] = stable_static_group(&mut bench);
    let waiter = bench.join(JoinRequest {
        supports_skipping_assignment: false,
        ..static_join("", instance_id)
    });
    let joined = bench.joined(waiter);
    assert!(!joined.skip_assignment);
    assert_eq!((joined.leader, joined.members), (old_id, Vec::new()));
}

#[test]
fn two_processes_with_one_instance_id_fence_each_other() {
    let mut bench = Bench::new();
    let [_, (old_id, instance_id)] = stable_static_group(&mut bench);
    let waiter = bench.join(static_join("", instance_id));
    let new_id = bench.joined(waiter).member_id;
    let heartbeat = |member_id: &str| HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: 1,
        member_id: member_id.to_owned(),
        group_instance_id: Some(instance_id.to_owned()),
    };
    let old = bench.coordinator.heartbeat(bench.now, &heartbeat(&old_id));
    assert_eq!(code(old), ErrorCode::FENCED_INSTANCE_ID);
    let new = bench.coordinator.heartbeat(bench.now, &heartbeat(&new_id));
    assert_eq!(code(new), ErrorCode::NONE);
    let waiter = bench.join(static_join(&old_id, instance_id));
    assert_eq!(bench.joined(waiter).error, ErrorCode::FENCED_INSTANCE_ID);
    let waiter = bench.sync(sync_of(&old_id, instance_id));
    assert_eq!(bench.synced(waiter).error, ErrorCode::FENCED_INSTANCE_ID);
}

#[test]
fn who_waits_under_the_instance_id_of_another_is_fenced() {
    let mut bench = Bench::new();
    let [(leader_id, leader), (follower_id, follower)] = stable_static_group(&mut bench);
    let joins = bench.join(static_join(&leader_id, leader));
    assert!(bench.is_waiting(joins));
    let successor = bench.join(static_join("", leader));
    assert_eq!(bench.joined(joins).error, ErrorCode::FENCED_INSTANCE_ID);
    let back = bench.join(static_join(&follower_id, follower));
    assert_eq!(bench.joined(back).generation_id, 2);
    assert_eq!(bench.joined(successor).generation_id, 2);
}

#[test]
fn a_static_member_that_comes_back_before_the_assignment_begins_a_rebalance() {
    let mut bench = Bench::new();
    let waiters = ["i-0", "i-1"].map(|instance_id| bench.join(static_join("", instance_id)));
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    let (follower, leaders_instance) = if joined[0].leader == joined[0].member_id {
        (&joined[1], "i-0")
    } else {
        (&joined[0], "i-1")
    };
    let syncs = bench.sync(sync_request(&follower.member_id, 1));
    let waiter = bench.join(static_join("", leaders_instance));
    assert!(bench.is_waiting(waiter));
    assert_eq!(bench.state(), "PreparingRebalance");
    assert_eq!(bench.synced(syncs).error, ErrorCode::REBALANCE_IN_PROGRESS);
}

#[test]
fn a_static_member_that_changes_the_choice_of_protocol_begins_a_rebalance() {
    let mut bench = Bench::new();
    let both = |instance_id| JoinRequest {
        protocols: protocols(&["range", "sticky"]),
        ..static_join("", instance_id)
    };
    let waiters = ["i-0", "i-1"].map(|instance_id| bench.join(both(instance_id)));
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    bench.assign(&joined);
    let waiter = bench.join(JoinRequest {
        protocols: protocols(&["sticky"]),
        ..static_join("", "i-1")
    });
    assert!(bench.is_waiting(waiter));
    assert_eq!(bench.state(), "PreparingRebalance");
}

#[test]
fn an_instance_id_on_an_id_that_was_given_out_is_refused() {
    let mut bench = Bench::new();
    let waiter = bench.join(JoinRequest {
        requires_known_member_id: true,
        ..join_request("")
    });
    let id = bench.joined(waiter).member_id;
    let waiter = bench.join(static_join(&id, "i-0"));
    assert_eq!(bench.joined(waiter).error, ErrorCode::UNKNOWN_SERVER_ERROR);
}
