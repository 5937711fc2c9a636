//! Which bytes a fetch answers, when, and what it says beside them.

use std::time::Duration;

use bytes::Bytes;
use kafka_fake::{Tombstones, TransactionMarker};
use kafka_record::{Batches, Codec, fetched_position};
use kafka_wire::ErrorCode;
use kafka_wire::api::fetch::{FetchPartition, READ_COMMITTED};
use kafka_wire::ids::TopicId;
use tokio::time::Instant;

use crate::client::{Client, NOW_MS, Sent, Setup, TOPIC, assert_ok, base_offsets, fetch_request, wanted};

async fn with_batches(batches: &[&[&str]]) -> (Setup, Client) {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    for values in batches {
        client.produce(9, 0, &Sent::values(values)).await;
    }
    (setup, client)
}

#[tokio::test(start_paused = true)]
async fn what_was_produced_is_fetched_byte_for_byte_but_for_offset_and_epoch() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    for (offset, codec) in (0..).zip(Codec::ALL) {
        let sent = Sent::encoded((-1, -1, -1), &["some value"], codec);
        assert_ok(&client.produce(9, 0, &sent).await, offset);
        let fetched = client.fetch(12, wanted(offset)).await;
        assert_eq!(fetched.high_watermark, offset + 1);
        assert_eq!(fetched.records[16..61], sent.header[16..], "{codec:?}");
        assert_eq!(fetched.records[61..], sent.payload);
    }
}

#[tokio::test(start_paused = true)]
async fn the_whole_batch_that_contains_the_offset_is_answered() {
    let (_setup, mut client) = with_batches(&[&["a", "b", "c"], &["d"]]).await;
    let fetched = client.fetch(12, wanted(2)).await;
    assert_eq!(base_offsets(&fetched.records), [0, 3]);
}

#[tokio::test(start_paused = true)]
async fn the_last_batch_is_cut_where_the_byte_limit_falls() {
    let (_setup, mut client) = with_batches(&[&["a"], &["b"], &["c"]]).await;
    let size = Sent::values(&["a"]).size();
    let limit = 2 * size + 30;
    let fetched = client
        .fetch(
            12,
            FetchPartition {
                partition_max_bytes: i32::try_from(limit).unwrap(),
                ..wanted(0)
            },
        )
        .await;
    assert_eq!(fetched.records.len(), limit);
    let mut batches = Batches::new(fetched.records);
    assert_eq!(batches.by_ref().count(), 2);
    assert_eq!(batches.partial_tail(), 30);
}

#[tokio::test(start_paused = true)]
async fn the_first_batch_is_whole_even_above_both_limits() {
    let (_setup, mut client) = with_batches(&[&["a"], &["b"]]).await;
    let mut request = fetch_request(
        TopicId::ZERO,
        vec![FetchPartition {
            partition_max_bytes: 1,
            ..wanted(0)
        }],
    );
    request.max_bytes = 1;
    let answer = client.call(12, &request).await;
    let records = &answer.topics[0].partitions[0].records;
    assert_eq!(records.len(), Sent::values(&["a"]).size());
}

#[tokio::test(start_paused = true)]
async fn only_the_first_partition_with_records_may_exceed_the_limits_of_either_side() {
    for (ours, theirs) in [(10, 1 << 20), (1 << 20, 10)] {
        let builder = kafka_fake::FakeCluster::builder().setting("fetch.max.bytes", &theirs);
        let setup = Setup::start(builder).await;
        setup.cluster.create_topic(TOPIC, 3, &[]).unwrap();
        let mut client = setup.client(1);
        for partition in [1, 2] {
            client.produce(9, partition, &Sent::values(&["a"])).await;
        }
        let partitions = (0..3).map(|partition| FetchPartition {
            partition,
            ..wanted(0)
        });
        let mut request = fetch_request(TopicId::ZERO, partitions.collect());
        request.max_bytes = ours;
        let answer = client.call(12, &request).await;
        let partitions = answer.topics[0].partitions.iter();
        let sizes: Vec<_> = partitions.map(|partition| partition.records.len()).collect();
        assert_eq!(sizes, [0, Sent::values(&["a"]).size(), 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn compacted_gaps_and_emptied_batches_still_tell_where_to_go_on() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    client.produce(9, 0, &Sent::by((5, 0, 0), &["a", "b"])).await; // every record has the same key
    client.produce(9, 0, &Sent::values(&["c", "d"])).await;
    setup.cluster.compact(TOPIC, 0, 4, Tombstones::Keep).unwrap();
    let fetched = client.fetch(12, wanted(0)).await;
    assert_eq!(base_offsets(&fetched.records), [0, 2]);
    assert_eq!(
        fetched_position(&fetched.records).unwrap().unwrap().next_offset,
        4
    );
    let headers: Vec<_> = Batches::new(fetched.records)
        .map(|batch| match batch.unwrap() {
            kafka_record::Batch::V2(batch) => (batch.header.record_count, batch.header.next_offset()),
            kafka_record::Batch::Legacy(_) => panic!("magic 2"),
        })
        .collect();
    assert_eq!(headers, [(0, 2), (1, 4)]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_its_minimum_and_no_longer_than_it_said() {
    let (setup, mut client) = with_batches(&[&["a"]]).await;
    let mut request = fetch_request(TopicId::ZERO, vec![wanted(1)]);
    request.max_wait_ms = 500;
    let before = Instant::now();
    let answer = client.call(12, &request).await;
    assert_eq!(before.elapsed().as_millis(), 500);
    assert!(answer.topics[0].partitions[0].records.is_empty());

    let before = Instant::now();
    client.send(12, &request).await;
    let mut other = setup.client(1);
    tokio::time::advance(Duration::from_millis(100)).await;
    other.produce(9, 0, &Sent::values(&["b"])).await;
    let body = client.receive::<kafka_wire::api::fetch::FetchRequest>(12).await;
    assert!(body.is_some());
    assert!(
        before.elapsed() < Duration::from_millis(500),
        "{:?}",
        before.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn records_that_are_not_replicated_are_not_shown() {
    let (setup, mut client) = with_batches(&[&["a"]]).await;
    setup.cluster.hold_replication(TOPIC, 0, true).unwrap();
    let request = crate::client::produce_request(0, &Sent::values(&["b"]), 1, 1000);
    client.call(9, &request).await;
    let fetched = client.fetch(12, wanted(0)).await;
    assert_eq!(
        (fetched.high_watermark, base_offsets(&fetched.records)),
        (1, vec![0])
    );
    let behind = client.fetch(12, wanted(2)).await;
    assert_eq!(
        behind.error_code,
        ErrorCode::NONE,
        "not out of range: the log has it"
    );
    setup.cluster.hold_replication(TOPIC, 0, false).unwrap();
    assert_eq!(base_offsets(&client.fetch(12, wanted(0)).await.records), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn offsets_outside_the_log_are_out_of_range_also_after_delete_records() {
    let (setup, mut client) = with_batches(&[&["a"], &["b"], &["c"]]).await;
    let code = client.fetch(12, wanted(4)).await.error_code;
    assert_eq!(code, ErrorCode::OFFSET_OUT_OF_RANGE);
    setup.cluster.delete_records(TOPIC, 0, 2).unwrap();
    let refused = client.fetch(12, wanted(1)).await;
    assert_eq!(refused.error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!((refused.high_watermark, refused.log_start_offset), (-1, -1));
    let fetched = client.fetch(12, wanted(2)).await;
    assert_eq!(
        (fetched.log_start_offset, base_offsets(&fetched.records)),
        (2, vec![2])
    );
}

#[tokio::test(start_paused = true)]
async fn committed_reads_stop_at_the_last_stable_offset_and_list_aborts() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    client.produce(9, 0, &Sent::values(&["a"])).await;
    setup
        .cluster
        .append_as_is(TOPIC, 0, &transactional(1, 7, "b"))
        .unwrap();
    let mut request = fetch_request(TopicId::ZERO, vec![wanted(0)]);
    request.isolation_level = READ_COMMITTED;
    let open = client.call(12, &request).await.topics[0].partitions[0].clone();
    assert_eq!((open.last_stable_offset, open.high_watermark), (1, 2));
    assert_eq!(base_offsets(&open.records), [0]);
    assert!(open.aborted_transactions.is_empty());

    let marker = TransactionMarker {
        producer_id: 7,
        producer_epoch: 0,
        coordinator_epoch: 0,
        is_commit: false,
    };
    assert_eq!(setup.cluster.append_marker(TOPIC, 0, marker).unwrap(), 2);
    let ended = client.call(12, &request).await.topics[0].partitions[0].clone();
    assert_eq!(base_offsets(&ended.records), [0, 1, 2]);
    let aborted: Vec<_> = ended
        .aborted_transactions
        .iter()
        .map(|aborted| (aborted.producer_id, aborted.first_offset))
        .collect();
    assert_eq!(aborted, [(7, 1)]);
}

#[tokio::test(start_paused = true)]
async fn topics_are_named_by_id_from_version_13_on() {
    let (setup, mut client) = with_batches(&[&["a"]]).await;
    let id = setup.cluster.topic_id(TOPIC).unwrap();
    let answer = client.call(13, &fetch_request(id, vec![wanted(0)])).await;
    assert_eq!(answer.topics[0].topic_id, id);
    assert_eq!(
        answer.topics[0].partitions[0].records.len(),
        Sent::values(&["a"]).size()
    );

    setup.cluster.delete_topic(TOPIC).unwrap();
    setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
    let answer = client.call(13, &fetch_request(id, vec![wanted(0)])).await;
    assert_eq!(
        answer.topics[0].partitions[0].error_code,
        ErrorCode::UNKNOWN_TOPIC_ID
    );
}

#[tokio::test(start_paused = true)]
async fn old_formats_are_kept_as_they_are() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    // Magic 1: offset, size, CRC, magic, attributes, timestamp, null key, one byte of value.
    let mut entry = Vec::new();
    entry.extend_from_slice(&0_i64.to_be_bytes());
    entry.extend_from_slice(&23_i32.to_be_bytes());
    entry.extend_from_slice(&[0, 0, 0, 0, 1, 0]);
    entry.extend_from_slice(&NOW_MS.to_be_bytes());
    entry.extend_from_slice(&(-1_i32).to_be_bytes());
    entry.extend_from_slice(&1_i32.to_be_bytes());
    entry.push(b'v');
    let entry = Bytes::from(entry);
    setup.cluster.append_as_is(TOPIC, 0, &entry).unwrap();
    assert_ok(&client.produce(9, 0, &Sent::values(&["b"])).await, 1);
    let fetched = client.fetch(12, wanted(0)).await;
    assert_eq!(fetched.records[..entry.len()], entry);
    assert_eq!(base_offsets(&fetched.records), [0, 1]);
}

/// One record of an open transaction, as a log holds it.
fn transactional(base_offset: i64, producer_id: i64, value: &str) -> Bytes {
    let sent = Sent::by((producer_id, 0, 0), &[value]);
    let mut bytes = [sent.header, sent.payload].concat();
    bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
    bytes[12..16].copy_from_slice(&0_i32.to_be_bytes());
    bytes[22] |= 1 << 4;
    Bytes::from(bytes)
}
