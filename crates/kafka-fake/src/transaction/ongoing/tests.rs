//! Rules of `AddPartitionsToTxn` and `AddOffsetsToTxn`.

use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::transaction::TransactionResult;
use crate::transaction::testing::{Bench, ID, TIMEOUT, next_epoch, partition};

#[test]
fn the_first_partition_begins_the_transaction_and_its_clock() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    assert_eq!((bench.state(), bench.coordinator.next_due()), ("Empty", None));
    bench.add(producer).unwrap();
    let started = bench.now;
    assert_eq!(bench.state(), "Ongoing");
    bench.pass(TIMEOUT / 2);
    bench
        .coordinator
        .add_partitions(bench.now, ID, producer, [partition(1)])
        .unwrap();
    assert_eq!(
        bench.coordinator.next_due(),
        Some(started + TIMEOUT),
        "later partitions do not prolong it"
    );
}

#[test]
fn a_group_begins_a_transaction_too() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    bench.coordinator.add_group(bench.now, ID, producer, "g").unwrap();
    bench.end(producer, TransactionResult::Commit).unwrap();
    let markers = bench.write_markers();
    assert_eq!(
        (markers.partitions, markers.groups),
        (Vec::new(), vec!["g".to_owned()])
    );
}

#[test]
fn a_partition_that_is_added_twice_is_marked_once() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    let twice = [partition(1), partition(0), partition(1)];
    bench
        .coordinator
        .add_partitions(bench.now, ID, producer, twice)
        .unwrap();
    bench.end(producer, TransactionResult::Commit).unwrap();
    assert_eq!(bench.write_markers().partitions, [partition(0), partition(1)]);
}

#[test]
fn only_the_current_producer_may_add() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    let other_id = ProducerIdentity {
        id: producer.id + 1,
        ..producer
    };
    assert_eq!(bench.add(other_id), Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
    assert_eq!(bench.add(next_epoch(producer)), Err(ErrorCode::PRODUCER_FENCED));
    let unknown = bench.coordinator.add_group(bench.now, "nobody", producer, "g");
    assert_eq!(unknown, Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING));
    let nameless = bench.coordinator.add_group(bench.now, "", producer, "g");
    assert_eq!(nameless, Err(ErrorCode::INVALID_REQUEST));
    assert_eq!(bench.state(), "Empty");
}

#[test]
fn nothing_is_added_while_markers_are_on_their_way() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.end(producer, TransactionResult::Commit).unwrap();
    assert_eq!(bench.add(producer), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    bench.write_markers();
    assert_eq!(bench.add(producer), Ok(()));
}

#[test]
fn a_record_of_no_transaction_is_recognised() {
    let mut bench = Bench::new();
    let producer = bench.init().unwrap();
    let verify = |bench: &mut Bench, number| {
        bench
            .coordinator
            .verify_partition(ID, producer, &partition(number))
    };
    assert_eq!(verify(&mut bench, 0), Err(ErrorCode::TRANSACTION_ABORTABLE));
    bench.add(producer).unwrap();
    assert_eq!(verify(&mut bench, 0), Ok(()));
    assert_eq!(verify(&mut bench, 1), Err(ErrorCode::TRANSACTION_ABORTABLE));
    bench.end(producer, TransactionResult::Commit).unwrap();
    assert_eq!(verify(&mut bench, 0), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    bench.write_markers();
    assert_eq!(
        verify(&mut bench, 0),
        Err(ErrorCode::TRANSACTION_ABORTABLE),
        "it came late"
    );
    bench.coordinator.add_group(bench.now, ID, producer, "g").unwrap();
    assert_eq!(bench.coordinator.verify_group(ID, producer, "g"), Ok(()));
    assert_eq!(
        bench.coordinator.verify_group(ID, producer, "h"),
        Err(ErrorCode::TRANSACTION_ABORTABLE)
    );
}
