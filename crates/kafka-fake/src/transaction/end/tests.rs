//! Rules of `EndTxn`, and of transactions that nobody ends.

use std::time::Duration;

use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::transaction::TransactionResult::{Abort, Commit};
use crate::transaction::testing::{Bench, ID, TIMEOUT, init_request, next_epoch, partition};
use crate::transaction::{InitProducerIdRequest, TransactionSettings};

#[test]
fn a_transaction_is_complete_when_its_markers_are_written() {
    for (result, prepared, complete) in [
        (Commit, "PrepareCommit", "CompleteCommit"),
        (Abort, "PrepareAbort", "CompleteAbort"),
    ] {
        let mut bench = Bench::new();
        let producer = bench.begun();
        assert_eq!(bench.end(producer, result), Ok(producer));
        assert_eq!(bench.state(), prepared);
        let markers = bench.write_markers();
        assert_eq!(bench.state(), complete);
        assert_eq!((markers.producer, markers.result), (producer, result));
        assert_eq!(markers.partitions, [partition(0)]);
        assert_eq!(bench.coordinator.take_markers(), []);
    }
}

#[test]
fn the_same_result_again_is_fine_and_the_opposite_is_not() {
    for (result, opposite) in [(Commit, Abort), (Abort, Commit)] {
        let mut bench = Bench::new();
        let producer = bench.begun();
        bench.end(producer, result).unwrap();
        assert_eq!(
            bench.end(producer, result),
            Err(ErrorCode::CONCURRENT_TRANSACTIONS)
        );
        assert_eq!(bench.end(producer, opposite), Err(ErrorCode::INVALID_TXN_STATE));
        bench.write_markers();
        assert_eq!(bench.end(producer, result), Ok(producer));
        assert_eq!(bench.end(producer, opposite), Err(ErrorCode::INVALID_TXN_STATE));
        assert_eq!(
            bench.coordinator.take_markers(),
            [],
            "(C) a retry writes no markers"
        );
    }
}

#[test]
fn without_a_transaction_there_is_nothing_to_end() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    assert_eq!(bench.end(producer, Commit), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(bench.end(producer, Abort), Err(ErrorCode::INVALID_TXN_STATE));
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    let mut bench = Bench::with(TransactionSettings {
        transaction_version: 1,
        ..TransactionSettings::default()
    });
    let producer = bench.begun();
    bench.pass(TIMEOUT.checked_sub(Duration::from_millis(1)).unwrap());
    assert_eq!(bench.state(), "Ongoing");
    bench.pass(Duration::from_millis(1));
    let markers = bench.write_markers();
    assert_eq!((markers.result, markers.producer), (Abort, next_epoch(producer)));
    for version in ["before 5", "5"] {
        for result in [Commit, Abort] {
            let ended = if version == "5" {
                bench.end_v5(producer, result)
            } else {
                bench.end(producer, result)
            };
            assert_eq!(ended, Err(ErrorCode::PRODUCER_FENCED), "{version} {result:?}");
        }
    }
    assert_eq!(bench.add(producer), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.init_as(producer), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.init(), Ok(next_epoch(next_epoch(producer))));
}

#[test]
fn from_transaction_version_2_on_a_late_producer_may_abort_what_time_aborted() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.pass(TIMEOUT);
    bench.write_markers();
    assert_eq!(bench.end_v5(producer, Commit), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(bench.end_v5(producer, Abort), Ok(next_epoch(producer)));
    assert_eq!(bench.add(next_epoch(producer)), Ok(()), "and goes on");
}

#[test]
fn from_version_5_on_each_transaction_has_its_own_epoch() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    let next = bench.end_v5(producer, Commit).unwrap();
    assert_eq!(next, next_epoch(producer));
    assert_eq!(
        bench.write_markers().producer,
        next,
        "(D) the marker closes the old epoch"
    );
    assert_eq!(bench.add(producer), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.add(next), Ok(()));
}

#[test]
fn from_version_5_on_a_retry_names_the_epoch_before() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    let next = bench.end_v5(producer, Commit).unwrap();
    assert_eq!(
        bench.end_v5(producer, Commit),
        Err(ErrorCode::CONCURRENT_TRANSACTIONS)
    );
    assert_eq!(bench.end_v5(producer, Abort), Err(ErrorCode::INVALID_TXN_STATE));
    assert_eq!(
        bench.end_v5(next, Commit),
        Err(ErrorCode::PRODUCER_FENCED),
        "not before the markers"
    );
    bench.write_markers();
    assert_eq!(bench.end_v5(producer, Commit), Ok(next));
    assert_eq!(bench.end_v5(producer, Abort), Err(ErrorCode::INVALID_TXN_STATE));
    bench.add(next).unwrap();
    assert_eq!(
        bench.end_v5(producer, Commit),
        Err(ErrorCode::PRODUCER_FENCED),
        "a late retry does not end the next transaction"
    );
    assert_eq!(bench.state(), "Ongoing");
}

#[test]
fn before_version_5_a_late_retry_ends_the_next_transaction() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.end(producer, Commit).unwrap();
    bench.write_markers();
    bench.add(producer).unwrap();
    assert_eq!(
        bench.end(producer, Commit),
        Ok(producer),
        "the flaw that KIP-890 mends"
    );
    assert_eq!(bench.state(), "PrepareCommit");
}

#[test]
fn from_version_5_on_an_abort_without_transaction_bumps_the_epoch() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    assert_eq!(bench.end_v5(producer, Commit), Err(ErrorCode::INVALID_TXN_STATE));
    let next = bench.end_v5(producer, Abort).unwrap();
    assert_eq!(next, next_epoch(producer));
    assert_eq!(bench.state(), "CompleteAbort", "there is nothing to mark");
    assert_eq!(bench.coordinator.take_markers(), []);
    assert_eq!(bench.end_v5(producer, Abort), Ok(next), "a retry");
    assert_eq!(bench.end_v5(next, Abort), Ok(next_epoch(next)));
    let newest = next_epoch(next);
    assert_eq!(bench.end_v5(newest, Commit), Err(ErrorCode::INVALID_TXN_STATE));
}

#[test]
fn from_version_5_on_the_last_epoch_is_followed_by_a_new_id() {
    let mut bench = Bench::new();
    let last = bench.exhausted();
    bench.add(last).unwrap();
    let successor = bench.end_v5(last, Commit).unwrap();
    assert_eq!((successor.id, successor.epoch), (last.id + 1, 0));
    assert_eq!(
        bench.write_markers().producer,
        next_epoch(last),
        "the marker is still the old one's"
    );
    assert_eq!(bench.end_v5(last, Commit), Ok(successor), "a retry");
    assert_eq!(bench.add(last), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
    assert_eq!(bench.add(successor), Ok(()));
    let other = bench.coordinator.init_producer_id(&InitProducerIdRequest {
        transactional_id: None,
        ..init_request(ProducerIdentity::NONE)
    });
    assert_eq!(other.map(|other| other.id), Ok(successor.id + 1), "(A)");
}

#[test]
fn from_version_5_on_nothing_is_committed_twice() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    let next = bench.end_v5(producer, Commit).unwrap();
    bench.write_markers();
    assert_eq!(
        bench.end_v5(next, Commit),
        Err(ErrorCode::INVALID_TXN_STATE),
        "its next transaction has not begun"
    );
}

#[test]
fn a_fenced_producer_cannot_go_on_with_its_id() {
    let mut bench = Bench::new();
    let first = bench.init().unwrap();
    let second = bench.init_as(first).unwrap();
    bench.add(second).unwrap();
    bench.pass(TIMEOUT);
    bench.write_markers();
    assert_eq!(bench.init_as(first), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.init_as(second), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_report_about_an_earlier_transaction_does_not_complete_the_next() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.end(producer, Commit).unwrap();
    let earlier = bench.write_markers();
    bench.add(producer).unwrap();
    bench.end(producer, Commit).unwrap();
    bench.coordinator.markers_written(&earlier);
    assert_eq!(bench.state(), "PrepareCommit");
    bench.write_markers();
    assert_eq!(bench.state(), "CompleteCommit");
}

#[test]
fn unknown_ids_end_nothing() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    let mut stranger = producer;
    stranger.id += 1;
    assert_eq!(
        bench.end(stranger, Commit),
        Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
    );
    assert_eq!(
        bench.end_v5(stranger, Commit),
        Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING)
    );
    assert_eq!(
        bench.end_v5(next_epoch(producer), Commit),
        Err(ErrorCode::PRODUCER_FENCED)
    );
    assert_eq!(bench.coordinator.describe(ID).unwrap().partitions, [partition(0)]);
}
