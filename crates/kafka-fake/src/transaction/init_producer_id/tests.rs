//! Rules of `InitProducerId`.

use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::transaction::testing::{Bench, init_request, next_epoch};
use crate::transaction::{InitProducerIdRequest, TransactionResult, TransactionSettings};

#[test]
fn a_producer_without_transactional_id_gets_a_new_id_each_time() {
    let mut bench = Bench::with(TransactionSettings {
        first_producer_id: 1000,
        ..TransactionSettings::default()
    });
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: -1,
        current: ProducerIdentity { id: 5, epoch: 5 },
    };
    for id in [1000, 1001, 1002] {
        let given = bench.coordinator.init_producer_id(&request);
        assert_eq!(given, Ok(ProducerIdentity { id, epoch: 0 }));
    }
}

#[test]
fn a_transactional_id_keeps_its_producer_id_and_gets_the_next_epoch() {
    let mut bench = Bench::new();
    let first = bench.init().unwrap();
    assert_eq!(first.epoch, 0);
    assert_eq!(bench.init(), Ok(next_epoch(first)));
}

#[test]
fn whoever_had_the_id_before_is_fenced() {
    let mut bench = Bench::new();
    let old = bench.init().unwrap();
    let new = bench.init().unwrap();
    assert_eq!(bench.add(old), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.init_as(old), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.add(new), Ok(()));
    assert_eq!(
        bench.end(old, TransactionResult::Commit),
        Err(ErrorCode::PRODUCER_FENCED)
    );
}

#[test]
fn an_open_transaction_is_aborted_first_and_the_caller_has_to_ask_again() {
    let mut bench = Bench::new();
    let old = bench.begun();
    assert_eq!(bench.init(), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(bench.state(), "PrepareAbort");
    assert_eq!(
        bench.init(),
        Err(ErrorCode::CONCURRENT_TRANSACTIONS),
        "markers are on their way"
    );
    let markers = bench.write_markers();
    assert_eq!(markers.result, TransactionResult::Abort);
    assert_eq!(markers.producer, next_epoch(old), "(D) the marker fences");
    let new = bench.init().unwrap();
    assert_eq!(new, next_epoch(next_epoch(old)), "the fencing epoch is nobody's");
    assert_eq!(bench.add(old), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.add(next_epoch(old)), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_producer_goes_on_with_its_id_and_gets_the_next_epoch() {
    let mut bench = Bench::new();
    let first = bench.init().unwrap();
    let second = bench.init_as(first).unwrap();
    assert_eq!(second, next_epoch(first));
    assert_eq!(
        bench.init_as(first),
        Ok(second),
        "a retry of the request gets the same again"
    );
    assert_eq!(bench.init_as(second), Ok(next_epoch(second)));
    assert_eq!(
        bench.init_as(first),
        Err(ErrorCode::PRODUCER_FENCED),
        "two epochs back"
    );
}

#[test]
fn a_retry_is_fenced_once_another_producer_came() {
    let mut bench = Bench::new();
    let first = bench.init().unwrap();
    let second = bench.init_as(first).unwrap();
    bench.init().unwrap();
    assert_eq!(bench.init_as(first), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(bench.init_as(second), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn another_producer_id_is_fenced() {
    let mut bench = Bench::new();
    let first = bench.init().unwrap();
    let stranger = ProducerIdentity {
        id: first.id + 1,
        epoch: first.epoch,
    };
    assert_eq!(bench.init_as(stranger), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn an_id_that_the_coordinator_forgot_begins_anew() {
    let mut bench = Bench::new();
    let forgotten = ProducerIdentity { id: 777, epoch: 7 };
    let given = bench.init_as(forgotten).unwrap();
    assert_eq!((given.id, given.epoch), (0, 0));
}

#[test]
fn when_the_epochs_are_used_up_there_is_a_new_id() {
    let mut bench = Bench::new();
    let last = bench.exhausted();
    assert_eq!(last.epoch, i16::MAX - 1);
    let successor = bench.init_as(last).unwrap();
    assert_eq!((successor.id, successor.epoch), (last.id + 1, 0));
    assert_eq!(bench.init_as(last), Ok(successor), "a retry gets the same again");
}

#[test]
fn fencing_works_with_the_last_epoch_too() {
    let mut bench = Bench::new();
    let last = bench.exhausted();
    bench.add(last).unwrap();
    assert_eq!(bench.init(), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(bench.write_markers().producer.epoch, i16::MAX);
    let successor = bench.init().unwrap();
    assert_eq!((successor.id, successor.epoch), (last.id + 1, 0));
}

#[test]
fn a_time_out_must_be_within_the_brokers_bounds() {
    let mut bench = Bench::new();
    for (transaction_timeout_ms, is_valid) in [
        (-1, false),
        (0, false),
        (1, true),
        (900_000, true),
        (900_001, false),
    ] {
        let request = InitProducerIdRequest {
            transaction_timeout_ms,
            ..init_request(ProducerIdentity::NONE)
        };
        let given = bench.coordinator.init_producer_id(&request);
        let is_refused = given == Err(ErrorCode::INVALID_TRANSACTION_TIMEOUT);
        assert_eq!(is_refused, !is_valid, "{transaction_timeout_ms}: {given:?}");
    }
}

#[test]
fn an_empty_transactional_id_is_invalid() {
    let mut bench = Bench::new();
    let request = InitProducerIdRequest {
        transactional_id: Some(String::new()),
        ..init_request(ProducerIdentity::NONE)
    };
    assert_eq!(
        bench.coordinator.init_producer_id(&request),
        Err(ErrorCode::INVALID_REQUEST)
    );
}
