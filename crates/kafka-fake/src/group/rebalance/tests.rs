//! Rules of rebalances: who is waited for, for how long, and who leads afterwards.

use std::time::Duration;

use kafka_wire::ErrorCode;

use crate::group::testing::{Bench, INITIAL_DELAY, REBALANCE, SESSION, join_request, static_join};
use crate::group::{GroupSettings, JoinRequest};

#[test]
fn members_that_start_together_share_the_first_generation() {
    let mut bench = Bench::new();
    let first = bench.join(join_request(""));
    bench.pass(INITIAL_DELAY / 2);
    let second = bench.join(join_request(""));
    bench.pass(INITIAL_DELAY / 2);
    assert!(bench.is_waiting(first), "the second one made the wait longer");
    bench.pass(INITIAL_DELAY);
    assert_eq!(bench.joined(first).generation_id, 1);
    assert_eq!(bench.joined(second).generation_id, 1);
}

#[test]
fn the_first_wait_ends_with_the_rebalance_time_out_however_many_come() {
    let mut bench = Bench::new();
    let short = || JoinRequest {
        rebalance_timeout_ms: 7_000,
        ..join_request("")
    };
    let first = bench.join(short());
    for _ in 0..6 {
        bench.pass(Duration::from_secs(1));
        bench.join(short());
    }
    assert!(bench.is_waiting(first));
    bench.pass(Duration::from_secs(1));
    assert_eq!(
        bench.joined(first).members.len(),
        7,
        "3 s, then 3 s, then the 1 s that remained"
    );
}

#[test]
fn without_an_initial_delay_the_first_member_is_alone_at_once() {
    let mut bench = Bench::with(GroupSettings {
        initial_rebalance_delay: Duration::ZERO,
        ..GroupSettings::default()
    });
    let waiter = bench.join(join_request(""));
    assert_eq!(bench.coordinator.next_due(), Some(bench.now));
    bench.pass(Duration::ZERO);
    assert_eq!(bench.joined(waiter).generation_id, 1);
}

#[test]
fn a_rebalance_waits_for_every_member() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let newcomer = bench.join(join_request(""));
    let leader = bench.join(join_request(&members[0]));
    assert!(bench.is_waiting(newcomer) && bench.is_waiting(leader));
    let follower = bench.join(join_request(&members[1]));
    for waiter in [newcomer, leader, follower] {
        assert_eq!(bench.joined(waiter).generation_id, 2);
    }
    assert_eq!(bench.state(), "CompletingRebalance");
}

#[test]
fn who_does_not_come_back_within_the_rebalance_time_out_is_removed() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    let mut waited = Duration::ZERO;
    while waited + SESSION / 2 < REBALANCE {
        assert_eq!(bench.heartbeat(&members[1], 1), ErrorCode::REBALANCE_IN_PROGRESS);
        bench.pass(SESSION / 2);
        waited += SESSION / 2;
    }
    assert!(bench.is_waiting(leader), "the other one is alive and has time");
    bench.pass(SESSION / 2);
    assert_eq!(bench.joined(leader).members.len(), 1);
    assert_eq!(bench.heartbeat(&members[1], 1), ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn the_longest_rebalance_time_out_of_the_members_counts() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    let newcomer = bench.join(JoinRequest {
        rebalance_timeout_ms: 90_000,
        ..join_request("")
    });
    for _ in 0..17 {
        bench.heartbeat(&members[0], 1);
        bench.pass(SESSION / 2);
    }
    assert!(bench.is_waiting(newcomer), "85 s");
    bench.heartbeat(&members[0], 1);
    bench.pass(SESSION / 2);
    assert_eq!(bench.joined(newcomer).leader, bench.members()[0]);
}

#[test]
fn a_member_that_came_back_leads_when_the_leader_did_not() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let newcomer = bench.join(join_request(""));
    let follower = bench.join(join_request(&members[1]));
    bench.pass(SESSION);
    let joined = bench.joined(follower);
    assert_ne!(joined.leader, members[0]);
    assert_eq!(bench.joined(newcomer).leader, joined.leader);
    assert!(!bench.members().contains(&members[0]));
}

#[test]
fn a_group_whose_last_member_left_is_empty_in_the_next_generation() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    assert_eq!(bench.leave(&members[0]), ErrorCode::NONE);
    assert_eq!(bench.state(), "Empty");
    let waiter = bench.join(join_request(""));
    bench.pass(INITIAL_DELAY);
    assert_eq!(
        bench.joined(waiter).generation_id,
        3,
        "1 with the member, 2 without any"
    );
}

#[test]
fn a_static_member_keeps_its_place_without_coming_back() {
    let mut bench = Bench::new();
    let first = bench.join(static_join("", "i-0"));
    let second = bench.join(static_join("", "i-1"));
    bench.pass(INITIAL_DELAY * 2);
    let joined = [first, second].map(|waiter| bench.joined(waiter));
    let members = bench.assign(&joined);

    let newcomer = bench.join(join_request(""));
    let leader = bench.join(JoinRequest {
        session_timeout_ms: 1_000_000,
        ..join_request(&members[0])
    });
    let mut waited = Duration::ZERO;
    while waited < REBALANCE {
        bench.heartbeat(&members[1], 1);
        bench.pass(SESSION / 2);
        waited += SESSION / 2;
    }
    assert_eq!(
        bench.joined(leader).members.len(),
        3,
        "the absent one is assigned partitions, too"
    );
    assert_eq!(bench.joined(newcomer).error, ErrorCode::NONE);
}

#[test]
fn static_members_alone_are_waited_for_until_one_comes() {
    let mut bench = Bench::new();
    let first = bench.join(JoinRequest {
        session_timeout_ms: 1_000_000,
        ..static_join("", "i-0")
    });
    bench.pass(INITIAL_DELAY);
    let joined = [bench.joined(first)];
    let members = bench.assign(&joined);

    let newcomer = bench.join(join_request(""));
    let newcomer_id = bench
        .members()
        .into_iter()
        .find(|id| *id != members[0])
        .expect("two");
    assert_eq!(bench.leave(&newcomer_id), ErrorCode::NONE);
    assert_eq!(
        bench.joined(newcomer).error,
        ErrorCode::UNKNOWN_MEMBER_ID,
        "it left while it waited"
    );
    bench.pass(REBALANCE * 3);
    assert_eq!(bench.state(), "PreparingRebalance");
    let back = bench.join(static_join(&members[0], "i-0"));
    assert_eq!(bench.joined(back).generation_id, 2);
}
