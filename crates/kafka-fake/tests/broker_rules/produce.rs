//! What a broker appends, what it refuses, and when it answers.

use std::time::Duration;

use kafka_fake::{FakeCluster, KafkaRelease};
use kafka_record::Codec;
use kafka_wire::api::produce::ProduceRequest;
use kafka_wire::{ErrorCode, NodeId};
use tokio::time::Instant;

use crate::client::{NOW_MS, Sent, Setup, TOPIC, assert_ok, produce_request};

#[tokio::test(start_paused = true)]
async fn exactly_one_batch_per_partition_is_taken() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let one = Sent::values(&["a"]);
    let two = Sent {
        header: one.header.clone(),
        payload: [one.payload.clone(), one.header.clone(), one.payload.clone()]
            .concat()
            .into(),
    };
    let cut = Sent {
        header: one.header.clone(),
        payload: one.payload.slice(..one.payload.len() - 1),
    };
    let none = Sent {
        header: bytes::Bytes::new(),
        payload: bytes::Bytes::new(),
    };
    for wrong in [two, cut, none] {
        let answer = client.produce(9, 0, &wrong).await;
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (ErrorCode::INVALID_RECORD, -1)
        );
        assert!(answer.error_message.is_some());
    }
    assert_ok(&client.produce(9, 0, &one).await, 0);
}

#[tokio::test(start_paused = true)]
async fn zstd_needs_version_7() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let sent = Sent::encoded((-1, -1, -1), &["a"], Codec::Zstd);
    let old = client.produce(6, 0, &sent).await;
    assert_eq!(old.error_code, ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_ok(&client.produce(7, 0, &sent).await, 0);
}

#[tokio::test(start_paused = true)]
async fn retries_within_the_last_five_batches_are_recognised() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let batch = |sequence: i32| Sent::by((9, 0, sequence), &["a"]);
    for sequence in 0..6 {
        assert_ok(&client.produce(9, 0, &batch(sequence)).await, i64::from(sequence));
    }
    for sequence in 1..6 {
        assert_ok(&client.produce(9, 0, &batch(sequence)).await, i64::from(sequence));
    }
    let forgotten = client.produce(9, 0, &batch(0)).await;
    assert_eq!(forgotten.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    let gap = client.produce(9, 0, &batch(7)).await;
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(setup.cluster.log(TOPIC, 0).unwrap().end, 6);
}

#[tokio::test(start_paused = true)]
async fn idempotence_survives_a_crash_and_ends_when_producers_are_forgotten() {
    let setup = Setup::start(FakeCluster::builder().brokers(2).default_replication_factor(2)).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    let sent = Sent::by((9, 0, 0), &["a"]);
    assert_ok(&setup.client(1).produce(9, 0, &sent).await, 0);
    setup.cluster.crash_broker(NodeId(1)).await.unwrap();
    let mut client = setup.client(2);
    assert_ok(&client.produce(9, 0, &sent).await, 0);
    setup.cluster.forget_producers(TOPIC, 0).unwrap();
    assert_ok(&client.produce(9, 0, &Sent::by((9, 0, 40), &["b"])).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_old_release_wants_a_forgotten_producer_to_begin_anew() {
    let setup = Setup::start(FakeCluster::builder().release(KafkaRelease::V2_4)).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    let answer = setup.client(1).produce(8, 0, &Sent::by((9, 0, 40), &["b"])).await;
    assert_eq!(answer.error_code, ErrorCode::UNKNOWN_PRODUCER_ID);
}

#[tokio::test(start_paused = true)]
async fn all_acknowledgements_wait_for_replication_and_time_out() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    setup.cluster.hold_replication(TOPIC, 0, true).unwrap();
    let before = Instant::now();
    let answer = client.produce(9, 0, &Sent::values(&["a"])).await;
    assert_eq!(answer.error_code, ErrorCode::REQUEST_TIMED_OUT);
    assert_eq!(before.elapsed(), Duration::from_secs(1));
    assert_eq!(
        setup.cluster.log(TOPIC, 0).unwrap().end,
        1,
        "it is in the log nonetheless"
    );

    let request = produce_request(0, &Sent::values(&["b"]), -1, 60_000);
    client.send(9, &request).await;
    tokio::task::yield_now().await;
    setup.cluster.hold_replication(TOPIC, 0, false).unwrap();
    assert!(client.receive::<ProduceRequest>(9).await.is_some());
    assert_eq!(before.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn too_few_replicas_refuse_all_acknowledgements_only() {
    let builder = FakeCluster::builder()
        .brokers(2)
        .default_replication_factor(2)
        .setting("min.insync.replicas", "2");
    let setup = Setup::start(builder).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    setup.cluster.crash_broker(NodeId(2)).await.unwrap();
    let mut client = setup.client(1);
    let refused = client.produce(9, 0, &Sent::values(&["a"])).await;
    assert_eq!(refused.error_code, ErrorCode::NOT_ENOUGH_REPLICAS);
    let request = produce_request(0, &Sent::values(&["b"]), 1, 1000);
    let answer = client.call(9, &request).await;
    assert_ok(&answer.topics[0].partitions[0], 0);
}

#[tokio::test(start_paused = true)]
async fn no_acknowledgement_is_no_answer_and_an_error_closes_the_connection() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    client
        .send(9, &produce_request(0, &Sent::values(&["a"]), 0, 1000))
        .await;
    assert_ok(&client.produce(9, 0, &Sent::values(&["b"])).await, 1);
    client
        .send(9, &produce_request(5, &Sent::values(&["c"]), 0, 1000))
        .await;
    assert!(client.receive::<ProduceRequest>(9).await.is_none());
    assert_eq!(setup.cluster.unserved().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_acknowledgements_do_not_exist() {
    let setup = Setup::one_broker().await;
    let request = produce_request(0, &Sent::values(&["a"]), 2, 1000);
    let answer = setup.client(1).call(9, &request).await;
    assert_eq!(
        answer.topics[0].partitions[0].error_code,
        ErrorCode::INVALID_REQUIRED_ACKS
    );
}

#[tokio::test(start_paused = true)]
async fn log_append_time_is_told_in_the_answer() {
    let setup = Setup::start(FakeCluster::builder()).await;
    let configs = [("message.timestamp.type", "LogAppendTime")];
    setup.cluster.create_topic(TOPIC, 1, &configs).unwrap();
    tokio::time::advance(Duration::from_millis(1234)).await;
    let answer = setup.client(1).produce(9, 0, &Sent::values(&["a"])).await;
    assert_eq!(answer.log_append_time_ms, NOW_MS + 1234);
    let record = setup.cluster.records(TOPIC, 0).unwrap().remove(0);
    assert_eq!(record.timestamp, NOW_MS + 1234);
}
