//! Rules of `JoinGroup` for dynamic members.

use std::time::Duration;

use kafka_wire::ErrorCode;

use crate::group::testing::{
    Bench, INITIAL_DELAY, REBALANCE, SESSION, join_request, protocols, sync_request,
};
use crate::group::{GroupSettings, JoinRequest};

fn join_request_v4(member_id: &str) -> JoinRequest {
    JoinRequest {
        requires_known_member_id: true,
        ..join_request(member_id)
    }
}

#[test]
fn from_version_4_on_a_new_member_is_told_its_id_and_has_to_ask_again() {
    let mut bench = Bench::new();
    let first = bench.join(join_request_v4(""));
    let first = bench.joined(first);
    assert_eq!(first.error, ErrorCode::MEMBER_ID_REQUIRED);
    assert!(first.member_id.starts_with("c-"), "{}", first.member_id);
    assert_eq!(first.generation_id, -1);
    assert_eq!(bench.members(), [""; 0], "nobody is in the group yet");

    let second = bench.join(join_request_v4(&first.member_id));
    assert!(bench.is_waiting(second));
    bench.pass(INITIAL_DELAY);
    let second = bench.joined(second);
    assert_eq!((second.error, second.generation_id), (ErrorCode::NONE, 1));
    assert_eq!(second.member_id, first.member_id);
}

#[test]
fn before_version_4_a_new_member_is_in_at_once() {
    let mut bench = Bench::new();
    let waiter = bench.join(join_request(""));
    assert_eq!(bench.members().len(), 1);
    bench.pass(INITIAL_DELAY);
    let joined = bench.joined(waiter);
    assert_eq!(joined.error, ErrorCode::NONE);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, "range");
}

#[test]
fn only_the_leader_learns_of_the_members() {
    let mut bench = Bench::new();
    let waiters = [bench.join(join_request("")), bench.join(join_request(""))];
    bench.pass(INITIAL_DELAY * 2);
    let joined = waiters.map(|waiter| bench.joined(waiter));
    assert_eq!(joined[0].leader, joined[1].leader);
    for answer in joined {
        let expected = if answer.leader == answer.member_id { 2 } else { 0 };
        assert_eq!(answer.members.len(), expected);
    }
}

#[test]
fn an_id_that_does_not_come_back_is_forgotten_with_its_session() {
    let mut bench = Bench::new();
    let waiter = bench.join(join_request_v4(""));
    let id = bench.joined(waiter).member_id;
    bench.pass(SESSION);
    let waiter = bench.join(join_request_v4(&id));
    assert_eq!(bench.joined(waiter).error, ErrorCode::UNKNOWN_MEMBER_ID);
}

#[test]
fn a_rebalance_waits_for_ids_that_were_given_out() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    let promised = bench.join(join_request_v4(""));
    assert_eq!(bench.joined(promised).error, ErrorCode::MEMBER_ID_REQUIRED);
    assert_eq!(bench.state(), "Stable", "giving out an id disturbs nobody");

    let rejoin = bench.join(join_request(&members[0]));
    assert!(bench.is_waiting(rejoin));
    bench.pass(SESSION);
    assert_eq!(bench.joined(rejoin).generation_id, 2);
}

#[test]
fn a_member_id_that_nobody_knows_is_refused() {
    let mut bench = Bench::new();
    let in_no_group = bench.join(join_request("c-1"));
    assert_eq!(bench.joined(in_no_group).error, ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(bench.state(), "Dead", "and makes no group");

    bench.stable_group(1);
    let in_a_group = bench.join(join_request("c-1"));
    let refused = bench.joined(in_a_group);
    assert_eq!(
        (refused.error, refused.member_id.as_str()),
        (ErrorCode::UNKNOWN_MEMBER_ID, "c-1")
    );
}

#[test]
fn a_session_time_out_must_be_within_the_brokers_bounds() {
    for (session_timeout_ms, expected) in [
        (-1, ErrorCode::INVALID_SESSION_TIMEOUT),
        (5_999, ErrorCode::INVALID_SESSION_TIMEOUT),
        (6_000, ErrorCode::MEMBER_ID_REQUIRED),
        (1_800_000, ErrorCode::MEMBER_ID_REQUIRED),
        (1_800_001, ErrorCode::INVALID_SESSION_TIMEOUT),
    ] {
        let mut bench = Bench::new();
        let waiter = bench.join(JoinRequest {
            session_timeout_ms,
            ..join_request_v4("")
        });
        assert_eq!(bench.joined(waiter).error, expected, "{session_timeout_ms}");
    }
}

#[test]
fn a_group_needs_a_name() {
    let mut bench = Bench::new();
    let waiter = bench.join(JoinRequest {
        group_id: String::new(),
        ..join_request("")
    });
    assert_eq!(bench.joined(waiter).error, ErrorCode::INVALID_GROUP_ID);
}

#[test]
fn members_must_agree_on_a_protocol() {
    let mut bench = Bench::new();
    let empty = bench.join(JoinRequest {
        protocols: Vec::new(),
        ..join_request("")
    });
    assert_eq!(bench.joined(empty).error, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);

    bench.stable_group(1);
    for request in [
        JoinRequest {
            protocols: protocols(&["roundrobin", "sticky"]),
            ..join_request("")
        },
        JoinRequest {
            protocol_type: "connect".to_owned(),
            ..join_request("")
        },
    ] {
        let waiter = bench.join(request);
        assert_eq!(bench.joined(waiter).error, ErrorCode::INCONSISTENT_GROUP_PROTOCOL);
    }
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn the_protocol_with_most_votes_among_those_all_support_is_chosen() {
    let mut bench = Bench::new();
    let waiters: Vec<_> = [
        ["only-mine", "sticky", "range"].as_slice(),
        &["range", "sticky"],
        &["sticky", "range"],
    ]
    .into_iter()
    .map(|names| {
        bench.join(JoinRequest {
            protocols: protocols(names),
            ..join_request("")
        })
    })
    .collect();
    bench.pass(INITIAL_DELAY * 2);
    for waiter in waiters {
        let joined = bench.joined(waiter);
        assert_eq!(joined.protocol_name.as_deref(), Some("sticky"));
        assert!(joined.members.iter().all(|member| member.metadata == "sticky"));
    }
}

#[test]
fn a_full_group_takes_nobody_else() {
    let mut bench = Bench::with(GroupSettings {
        max_size: 2,
        ..GroupSettings::default()
    });
    let members = bench.stable_group(2);
    let third = bench.join(join_request(""));
    let refused = bench.joined(third);
    assert_eq!(
        (refused.error, refused.member_id.as_str()),
        (ErrorCode::GROUP_MAX_SIZE_REACHED, "")
    );
    assert_eq!(bench.state(), "Stable");

    let leader = bench.join(join_request(&members[0]));
    let follower = bench.join(join_request(&members[1]));
    assert_eq!(
        bench.joined(leader).error,
        ErrorCode::NONE,
        "members may always come back"
    );
    assert_eq!(bench.joined(follower).error, ErrorCode::NONE);
}

#[test]
fn while_members_are_gathered_the_last_to_come_back_to_a_full_group_stays_out() {
    let mut bench = Bench::with(GroupSettings {
        max_size: 2,
        ..GroupSettings::default()
    });
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    let newcomer = bench.join(join_request(""));
    assert!(bench.is_waiting(leader) && bench.is_waiting(newcomer));
    let follower = bench.join(join_request(&members[1]));
    assert_eq!(bench.joined(follower).error, ErrorCode::GROUP_MAX_SIZE_REACHED);
    bench.pass(REBALANCE);
    assert_eq!(bench.joined(leader).members.len(), 2);
    assert_eq!(bench.joined(newcomer).generation_id, 2);
}

#[test]
fn a_follower_that_asks_again_unchanged_disturbs_nobody() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let waiter = bench.join(join_request(&members[1]));
    let joined = bench.joined(waiter);
    assert_eq!((joined.generation_id, joined.leader), (1, members[0].clone()));
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_follower_with_another_subscription_begins_a_rebalance() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let waiter = bench.join(JoinRequest {
        protocols: protocols(&["range", "sticky"]),
        ..join_request(&members[1])
    });
    assert!(bench.is_waiting(waiter));
    assert_eq!(bench.state(), "PreparingRebalance");
}

#[test]
fn a_leader_that_joins_again_begins_a_rebalance() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let leader = bench.join(join_request(&members[0]));
    assert!(bench.is_waiting(leader));
    let follower = bench.join(join_request(&members[1]));
    assert_eq!(bench.joined(leader).generation_id, 2);
    assert_eq!(bench.joined(follower).generation_id, 2);
}

#[test]
fn a_member_whose_answer_got_lost_gets_the_same_generation_again() {
    let mut bench = Bench::new();
    let waiter = bench.join(join_request(""));
    bench.pass(INITIAL_DELAY);
    let first = bench.joined(waiter);
    let waiter = bench.join(join_request(&first.member_id));
    assert_eq!(bench.joined(waiter), first);
    assert_eq!(bench.state(), "CompletingRebalance");
}

#[test]
fn a_second_join_of_a_member_takes_the_place_of_the_first() {
    let mut bench = Bench::new();
    let members = bench.stable_group(2);
    let first = bench.join(join_request(&members[0]));
    let second = bench.join(join_request(&members[0]));
    assert_eq!(bench.joined(first).error, ErrorCode::REBALANCE_IN_PROGRESS);
    assert!(bench.is_waiting(second));
}

#[test]
fn a_negative_rebalance_time_out_is_none() {
    let mut bench = Bench::new();
    let waiter = bench.join(JoinRequest {
        rebalance_timeout_ms: i32::MIN,
        ..join_request("")
    });
    bench.pass(INITIAL_DELAY);
    let joined = bench.joined(waiter);
    assert_eq!(joined.error, ErrorCode::NONE);
    bench.pass(Duration::from_millis(1));
    let waiter = bench.sync(sync_request(&joined.member_id, 1));
    assert_eq!(
        bench.synced(waiter).error,
        ErrorCode::UNKNOWN_MEMBER_ID,
        "it had no time to sync"
    );
}
