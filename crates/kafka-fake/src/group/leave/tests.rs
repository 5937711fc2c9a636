//! Rules of `LeaveGroup`.

use kafka_wire::ErrorCode;

use crate::group::testing::{Bench, GROUP, INITIAL_DELAY, SESSION, code, join_request, static_join};
use crate::group::{JoinRequest, LeavingMember};

fn leaving(member_id: &str, instance_id: Option<&str>) -> LeavingMember {
    LeavingMember {
        member_id: member_id.to_owned(),
        group_instance_id: instance_id.map(str::to_owned),
    }
}

#[test]
fn the_others_rebalance_when_a_member_leaves() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    assert_eq!(bench.leave(&members[1]), ErrorCode::NONE);
    assert_eq!(bench.heartbeat(&members[0], 1), ErrorCode::REBALANCE_IN_PROGRESS);
    let waiter = bench.join(join_request(&members[0]));
    assert_eq!(bench.joined(waiter).members.len(), 1);
}

#[test]
fn a_rebalance_does_not_wait_for_who_left() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    assert!(bench.is_waiting(leader));
    bench.leave(&members[1]);
    assert_eq!(bench.joined(leader).generation_id, 2);
}

#[test]
fn several_members_leave_at_once_each_with_its_own_outcome() {
    let mut bench = Bench::new();
    let members = bench.stable_group(3);
    let outcome = bench.coordinator.leave(
        bench.now,
        GROUP,
        vec![
            leaving(&members[2], None),
            leaving("nobody", None),
            leaving(&members[1], None),
        ],
    );
    let errors: Vec<ErrorCode> = outcome
        .expect("a group")
        .into_iter()
        .map(|left| left.error)
        .collect();
    assert_eq!(
        errors,
        [ErrorCode::NONE, ErrorCode::UNKNOWN_MEMBER_ID, ErrorCode::NONE]
    );
    assert_eq!(bench.members(), [members[0].clone()]);
}

#[test]
fn nothing_happens_when_nobody_of_the_group_leaves() {
    let mut bench = Bench::new();
    bench.stable_group(1);
    assert_eq!(bench.leave("nobody"), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_group_that_does_not_exist_is_an_error_of_each_member() {
    let mut bench = Bench::new();
    assert_eq!(bench.leave("c-1"), ErrorCode::UNKNOWN_MEMBER_ID);
    let nameless = bench.coordinator.leave(bench.now, "", vec![leaving("c-1", None)]);
    assert_eq!(code(nameless), ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn a_static_member_is_sent_away_by_its_instance_id() {
    let mut bench = Bench::new();
    let waiter = bench.join(static_join("", "i-0"));
    bench.pass(INITIAL_DELAY);
    let joined = [bench.joined(waiter)];
    let members = bench.assign(&joined);
    for (member, expected) in [
        (leaving("", None), ErrorCode::UNKNOWN_MEMBER_ID),
        (leaving("", Some("i-1")), ErrorCode::UNKNOWN_MEMBER_ID),
        (leaving("c-1", Some("i-0")), ErrorCode::FENCED_INSTANCE_ID),
        (leaving("", Some("i-0")), ErrorCode::NONE),
        (leaving(&members[0], Some("i-0")), ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let outcome = bench.coordinator.leave(bench.now, GROUP, vec![member.clone()]);
        assert_eq!(outcome.expect("a group")[0].error, expected, "{member:?}");
    }
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn an_id_that_was_given_out_may_be_given_back() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    let promised = bench.join(JoinRequest {
        requires_known_member_id: true,
        ..join_request("")
    });
    let promised = bench.joined(promised).member_id;
    let leader = bench.join(join_request(&members[0]));
    assert!(bench.is_waiting(leader));
    assert_eq!(bench.leave(&promised), ErrorCode::NONE);
    assert_eq!(bench.joined(leader).generation_id, 2);
    bench.pass(SESSION);
}
