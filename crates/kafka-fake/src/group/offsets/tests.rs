//! Rules of `OffsetCommit`, `OffsetFetch` and `OffsetDelete`.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_wire::{ErrorCode, TopicPartition};

use crate::group::testing::{
    Bench, GROUP, INITIAL_DELAY, SESSION, code, commit_request, committed, join_request, partition,
};
use crate::group::{CommitRequest, CommittedOffset, GroupProtocol, JoinRequest};

fn commit(bench: &mut Bench, request: CommitRequest) -> ErrorCode {
    match bench.coordinator.commit_offsets(bench.now, request) {
        Ok(outcome) => outcome[0].1,
        Err(error) => error,
    }
}

fn fetched(bench: &Bench) -> CommittedOffset {
    let fetched = bench
        .coordinator
        .fetch_offsets(GROUP, Some(&[partition()]), false);
    assert_eq!(fetched[0].error, ErrorCode::NONE);
    fetched[0].committed.clone()
}

#[test]
fn a_member_commits_in_its_generation() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    assert_eq!(
        commit(&mut bench, commit_request(&members[0], 1, 42)),
        ErrorCode::NONE
    );
    assert_eq!(fetched(&bench), committed(42));
    for (member_id, generation_id, expected) in [
        (members[0].as_str(), 0, ErrorCode::ILLEGAL_GENERATION),
        (&members[0], 2, ErrorCode::ILLEGAL_GENERATION),
        (&members[0], -1, ErrorCode::ILLEGAL_GENERATION),
        ("nobody", 1, ErrorCode::UNKNOWN_MEMBER_ID),
        ("", 1, ErrorCode::UNKNOWN_MEMBER_ID),
        ("", -1, ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let request = commit_request(member_id, generation_id, 43);
        assert_eq!(
            commit(&mut bench, request),
            expected,
            "{member_id} {generation_id}"
        );
    }
    assert_eq!(fetched(&bench).offset, 42);
}

#[test]
fn who_is_no_member_commits_to_a_group_without_members() {
    let mut bench = Bench::new();
    assert_eq!(commit(&mut bench, commit_request("", -1, 7)), ErrorCode::NONE);
    assert_eq!(bench.state(), "Empty");
    assert_eq!(fetched(&bench).offset, 7);
    bench.stable_group(1);
    assert_eq!(
        commit(&mut bench, commit_request("", -1, 8)),
        ErrorCode::UNKNOWN_MEMBER_ID
    );
    bench.pass(SESSION);
    assert_eq!(commit(&mut bench, commit_request("", -1, 9)), ErrorCode::NONE);
    assert_eq!(
        fetched(&bench).offset,
        9,
        "what was committed stays through it all"
    );
}

#[test]
fn a_generation_of_a_group_that_is_not_there_is_refused() {
    let mut bench = Bench::new();
    assert_eq!(
        commit(&mut bench, commit_request("c-1", 1, 7)),
        ErrorCode::GROUP_ID_NOT_FOUND
    );
}

#[test]
fn the_owner_of_the_last_generation_commits_until_it_joins_the_next() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    bench.join(join_request(""));
    assert_eq!(bench.state(), "PreparingRebalance");
    assert_eq!(
        commit(&mut bench, commit_request(&members[0], 1, 42)),
        ErrorCode::NONE
    );
    let rejoin = bench.join(join_request(&members[0]));
    assert_eq!(bench.joined(rejoin).generation_id, 2);
    assert_eq!(
        commit(&mut bench, commit_request(&members[0], 2, 43)),
        ErrorCode::REBALANCE_IN_PROGRESS
    );
    assert_eq!(
        commit(&mut bench, commit_request(&members[0], 1, 43)),
        ErrorCode::ILLEGAL_GENERATION
    );
}

#[test]
fn a_commit_is_a_sign_of_life() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    for _ in 0..5 {
        bench.pass(Duration::from_millis(9_999));
        assert_eq!(
            commit(&mut bench, commit_request(&members[0], 1, 42)),
            ErrorCode::NONE
        );
    }
}

#[test]
fn a_text_that_is_too_long_fails_its_partition_alone() {
    let mut bench = Bench::new();
    let with_text = |metadata: String| CommittedOffset {
        metadata,
        ..committed(1)
    };
    let other = TopicPartition::new("t", 1);
    let mut request = commit_request("", -1, 1);
    request.offsets = vec![
        (partition(), with_text("ä".repeat(4097))),
        (other.clone(), with_text("ä".repeat(4096))),
    ];
    let outcome = bench.coordinator.commit_offsets(bench.now, request);
    assert_eq!(
        outcome,
        Ok(vec![
            (partition(), ErrorCode::OFFSET_METADATA_TOO_LARGE),
            (other.clone(), ErrorCode::NONE)
        ])
    );
    let all = bench.coordinator.fetch_offsets(GROUP, None, false);
    assert_eq!(
        all.iter().map(|fetched| &fetched.partition).collect::<Vec<_>>(),
        [&other]
    );
}

#[test]
fn a_partition_without_offset_is_answered_with_minus_one_and_no_error() {
    let bench = Bench::new();
    assert_eq!(fetched(&bench), CommittedOffset::NONE);
    assert_eq!(bench.coordinator.fetch_offsets(GROUP, None, true), []);
}

#[test]
fn an_offset_that_expired_is_as_if_it_had_never_been() {
    let mut bench = Bench::new();
    commit(&mut bench, commit_request("", -1, 7));
    assert!(bench.coordinator.expire_offset(GROUP, &partition()));
    assert!(!bench.coordinator.expire_offset(GROUP, &partition()));
    assert_eq!(fetched(&bench), CommittedOffset::NONE);
}

#[test]
fn the_offsets_of_a_deleted_topic_are_forgotten() {
    let mut bench = Bench::new();
    commit(&mut bench, commit_request("", -1, 7));
    bench.coordinator.forget_topic("another");
    assert_eq!(fetched(&bench).offset, 7);
    bench.coordinator.forget_topic("t");
    assert_eq!(fetched(&bench), CommittedOffset::NONE);
}

/// A subscription of version 0, as `ConsumerProtocolSubscription.json` has it.
fn subscription(topics: &[&str]) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(0);
    bytes.put_i32(i32::try_from(topics.len()).unwrap());
    for topic in topics {
        bytes.put_i16(i16::try_from(topic.len()).unwrap());
        bytes.put_slice(topic.as_bytes());
    }
    bytes.put_i32(-1);
    bytes.freeze()
}

#[test]
fn offsets_of_a_topic_that_members_read_are_not_deleted() {
    let mut bench = Bench::new();
    let unread = TopicPartition::new("unread", 0);
    let mut request = commit_request("", -1, 7);
    request.offsets.push((unread.clone(), committed(8)));
    commit(&mut bench, request);
    let waiter = bench.join(JoinRequest {
        protocols: vec![GroupProtocol {
            name: "range".to_owned(),
            metadata: subscription(&["s", "t"]),
        }],
        ..join_request("")
    });
    bench.pass(INITIAL_DELAY);
    bench.joined(waiter);

    let outcome = bench
        .coordinator
        .delete_offsets(GROUP, &[partition(), unread.clone()]);
    assert_eq!(
        outcome,
        Ok(vec![
            (partition(), ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC),
            (unread, ErrorCode::NONE)
        ])
    );
    let left = bench.coordinator.fetch_offsets(GROUP, None, false);
    assert_eq!(left.len(), 1);
}

#[test]
fn a_subscription_that_cannot_be_read_is_taken_for_every_topic() {
    let mut bench = Bench::new();
    bench.stable_group(1);
    let outcome = bench.coordinator.delete_offsets(GROUP, &[partition()]);
    assert_eq!(
        outcome,
        Ok(vec![(partition(), ErrorCode::GROUP_SUBSCRIBED_TO_TOPIC)])
    );
}

#[test]
fn offsets_of_members_that_are_no_consumers_are_not_deleted() {
    let mut bench = Bench::new();
    assert_eq!(
        code(bench.coordinator.delete_offsets(GROUP, &[])),
        ErrorCode::GROUP_ID_NOT_FOUND
    );
    assert_eq!(
        code(bench.coordinator.delete_offsets("", &[])),
        ErrorCode::INVALID_GROUP_ID
    );
    bench.join(JoinRequest {
        protocol_type: "connect".to_owned(),
        ..join_request("")
    });
    assert_eq!(
        code(bench.coordinator.delete_offsets(GROUP, &[partition()])),
        ErrorCode::NON_EMPTY_GROUP
    );
}
