//! What becomes of a transaction when its coordinator's broker dies.

use kafka_wire::ErrorCode;

use crate::transaction::TransactionResult;
use crate::transaction::testing::{Bench, ID};

#[test]
fn a_decision_that_was_stored_is_carried_out_by_the_successor() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.end(producer, TransactionResult::Commit).unwrap();
    let lost = bench.coordinator.take_markers();
    bench.coordinator.fail_over(ID);
    bench.coordinator.markers_written(&lost[0]);
    assert_eq!(
        bench.state(),
        "PrepareCommit",
        "the old broker's word does not count"
    );
    let markers = bench.write_markers();
    assert_eq!(markers.coordinator_epoch, lost[0].coordinator_epoch + 1);
    assert_eq!(
        (&markers.partitions, markers.result),
        (&lost[0].partitions, lost[0].result)
    );
    assert_eq!(bench.state(), "CompleteCommit");
}

#[test]
fn markers_that_nobody_took_are_asked_for_once() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.end(producer, TransactionResult::Abort).unwrap();
    bench.coordinator.fail_over(ID);
    bench.write_markers();
    bench.coordinator.fail_over(ID);
    assert_eq!(bench.coordinator.take_markers(), [], "complete is complete");
}

#[test]
fn an_open_transaction_stays_open() {
    let mut bench = Bench::new();
    let producer = bench.begun();
    bench.coordinator.fail_over(ID);
    bench.coordinator.fail_over("nobody");
    assert_eq!(bench.state(), "Ongoing");
    assert_eq!(bench.end(producer, TransactionResult::Commit), Ok(producer));
    assert_eq!(bench.init(), Err(ErrorCode::CONCURRENT_TRANSACTIONS));
}
