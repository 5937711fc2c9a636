//! Rules of `TxnOffsetCommit`.

use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::group::testing::{Bench, GROUP, code, commit_request, committed, join_request, partition};
use crate::group::{CommittedOffset, TransactionalCommitRequest};
use crate::transaction::TransactionResult::{Abort, Commit};

const PRODUCER: ProducerIdentity = ProducerIdentity { id: 9, epoch: 2 };

/// A commit as clients before KIP-447 send it.
fn hold(producer: ProducerIdentity, offset: i64) -> TransactionalCommitRequest {
    TransactionalCommitRequest {
        group_id: GROUP.to_owned(),
        producer,
        generation_id: -1,
        member_id: String::new(),
        group_instance_id: None,
        offsets: vec![(partition(), committed(offset))],
    }
}

fn with_epoch(epoch: i16) -> ProducerIdentity {
    ProducerIdentity { epoch, ..PRODUCER }
}

fn commit(bench: &mut Bench, request: TransactionalCommitRequest) -> ErrorCode {
    code(bench.coordinator.commit_offsets_in_transaction(request))
}

fn fetched(bench: &Bench, require_stable: bool) -> (CommittedOffset, ErrorCode) {
    let mut fetched = bench
        .coordinator
        .fetch_offsets(GROUP, Some(&[partition()]), require_stable);
    let fetched = fetched.remove(0);
    (fetched.committed, fetched.error)
}

#[test]
fn offsets_become_visible_when_the_transaction_commits() {
    let mut bench = Bench::new();
    assert_eq!(commit(&mut bench, hold(PRODUCER, 42)), ErrorCode::NONE);
    assert_eq!(fetched(&bench, false), (CommittedOffset::NONE, ErrorCode::NONE));
    assert_eq!(bench.coordinator.end_transaction(GROUP, PRODUCER, Commit), Ok(()));
    assert_eq!(fetched(&bench, true), (committed(42), ErrorCode::NONE));
}

#[test]
fn offsets_of_an_aborted_transaction_never_become_visible() {
    let mut bench = Bench::new();
    commit(&mut bench, hold(PRODUCER, 42));
    assert_eq!(bench.coordinator.end_transaction(GROUP, PRODUCER, Abort), Ok(()));
    assert_eq!(bench.coordinator.end_transaction(GROUP, PRODUCER, Commit), Ok(()));
    assert_eq!(fetched(&bench, true), (CommittedOffset::NONE, ErrorCode::NONE));
}

#[test]
fn who_requires_stable_offsets_is_told_to_wait_for_an_open_transaction() {
    let mut bench = Bench::new();
    bench
        .coordinator
        .commit_offsets(bench.now, commit_request("", -1, 7))
        .unwrap();
    commit(&mut bench, hold(PRODUCER, 42));
    let unstable = (CommittedOffset::NONE, ErrorCode::UNSTABLE_OFFSET_COMMIT);
    assert_eq!(fetched(&bench, true), unstable);
    assert_eq!(fetched(&bench, false), (committed(7), ErrorCode::NONE));
    bench.coordinator.end_transaction(GROUP, PRODUCER, Abort).unwrap();
    assert_eq!(fetched(&bench, true), (committed(7), ErrorCode::NONE));
}

#[test]
fn the_later_commit_wins_whenever_its_transaction_ends() {
    let mut bench = Bench::new();
    commit(&mut bench, hold(PRODUCER, 42));
    bench
        .coordinator
        .commit_offsets(bench.now, commit_request("", -1, 50))
        .unwrap();
    bench
        .coordinator
        .end_transaction(GROUP, PRODUCER, Commit)
        .unwrap();
    assert_eq!(fetched(&bench, true).0.offset, 50);
    commit(&mut bench, hold(PRODUCER, 60));
    bench
        .coordinator
        .end_transaction(GROUP, PRODUCER, Commit)
        .unwrap();
    assert_eq!(fetched(&bench, true).0.offset, 60);
}

#[test]
fn a_fenced_producer_commits_nothing() {
    let mut bench = Bench::new();
    assert_eq!(commit(&mut bench, hold(PRODUCER, 42)), ErrorCode::NONE);
    bench
        .coordinator
        .end_transaction(GROUP, with_epoch(3), Abort)
        .unwrap();
    assert_eq!(
        commit(&mut bench, hold(PRODUCER, 43)),
        ErrorCode::INVALID_PRODUCER_EPOCH
    );
    assert_eq!(
        code(bench.coordinator.end_transaction(GROUP, PRODUCER, Commit)),
        ErrorCode::INVALID_PRODUCER_EPOCH
    );
    assert_eq!(commit(&mut bench, hold(with_epoch(3), 44)), ErrorCode::NONE);
}

#[test]
fn a_member_commits_in_its_generation_and_others_only_without_naming_one() {
    let mut bench = Bench::new();
    let members = bench.stable_group(1);
    for (member_id, generation_id, expected) in [
        ("", -1, ErrorCode::NONE),
        (members[0].as_str(), 1, ErrorCode::NONE),
        (&members[0], 0, ErrorCode::ILLEGAL_GENERATION),
        (&members[0], -1, ErrorCode::ILLEGAL_GENERATION),
        ("nobody", 1, ErrorCode::UNKNOWN_MEMBER_ID),
    ] {
        let request = TransactionalCommitRequest {
            member_id: member_id.to_owned(),
            generation_id,
            ..hold(PRODUCER, 42)
        };
        assert_eq!(
            commit(&mut bench, request),
            expected,
            "{member_id} {generation_id}"
        );
    }
    bench.join(join_request(""));
    let during_a_rebalance = TransactionalCommitRequest {
        member_id: members[0].clone(),
        generation_id: 1,
        ..hold(PRODUCER, 43)
    };
    assert_eq!(commit(&mut bench, during_a_rebalance), ErrorCode::NONE);
}

#[test]
fn a_generation_of_a_group_that_is_not_there_is_illegal() {
    let mut bench = Bench::new();
    let request = TransactionalCommitRequest {
        generation_id: 1,
        member_id: "c-1".to_owned(),
        ..hold(PRODUCER, 1)
    };
    assert_eq!(commit(&mut bench, request), ErrorCode::ILLEGAL_GENERATION);
    let nameless = TransactionalCommitRequest {
        group_id: String::new(),
        ..hold(PRODUCER, 1)
    };
    assert_eq!(commit(&mut bench, nameless), ErrorCode::INVALID_GROUP_ID);
}
