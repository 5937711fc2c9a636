//! Fetch and Produce requests, byte by byte.

use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages as generated;
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, READ_COMMITTED};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::{EncodeError, Request, RequestBuffer, TopicId};

use super::{check_bounds, check_bytes, encode, topic_name};
use crate::samples::{generated_versions, long_name, since, text, topic_id};

fn fetch_partition(partition: i32) -> FetchPartition {
    FetchPartition {
        partition,
        current_leader_epoch: 4,
        fetch_offset: 1 << 33,
        last_fetched_epoch: 3,
        log_start_offset: -1,
        partition_max_bytes: 1 << 20,
    }
}

fn generated_fetch_partition(version: i16, partition: i32) -> generated::fetch_request::FetchPartition {
    generated::fetch_request::FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(since(9, version, 4, -1))
        .with_fetch_offset(1 << 33)
        .with_last_fetched_epoch(since(12, version, 3, -1))
        .with_log_start_offset(-1)
        .with_partition_max_bytes(1 << 20)
}

#[test]
fn fetch_requests_have_the_bytes_of_kafka_protocol() {
    let name = long_name();
    for version in generated_versions::<FetchRequest>(4) {
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            max_bytes: 50 << 20,
            isolation_level: READ_COMMITTED,
            session_id: 99,
            session_epoch: 7,
            topics: vec![
                FetchTopic {
                    topic: Arc::from("orders"),
                    topic_id: topic_id(1),
                    partitions: vec![fetch_partition(0), fetch_partition(5)],
                },
                FetchTopic {
                    topic: Arc::from(name.as_str()),
                    topic_id: topic_id(2),
                    partitions: vec![],
                },
            ],
            forgotten: since(
                7,
                version,
                vec![ForgottenTopic {
                    topic: Arc::from("old"),
                    topic_id: topic_id(3),
                    partitions: vec![1, 2, 3],
                }],
                Vec::new(),
            ),
            rack_id: "eu-1".to_owned(),
        };
        let id = |byte: u8| since(13, version, topic_id(byte), TopicId::ZERO).0.to_vec();
        let topic = generated::fetch_request::FetchTopic::default()
            .with_topic(topic_name(since(13, version, "", "orders")))
            .with_topic_id(id(1).try_into().unwrap())
            .with_partitions(vec![
                generated_fetch_partition(version, 0),
                generated_fetch_partition(version, 5),
            ]);
        let second = generated::fetch_request::FetchTopic::default()
            .with_topic(topic_name(since(13, version, "", &name)))
            .with_topic_id(id(2).try_into().unwrap());
        let forgotten = generated::fetch_request::ForgottenTopic::default()
            .with_topic(topic_name(since(13, version, "", "old")))
            .with_topic_id(id(3).try_into().unwrap())
            .with_partitions(vec![1, 2, 3]);
        let expected = generated::FetchRequest::default()
            .with_max_wait_ms(500)
            .with_min_bytes(1)
            .with_max_bytes(50 << 20)
            .with_isolation_level(1)
            .with_session_id(since(7, version, 99, 0))
            .with_session_epoch(since(7, version, 7, -1))
            .with_topics(vec![topic, second])
            .with_forgotten_topics_data(since(7, version, vec![forgotten], Vec::new()))
            .with_rack_id(text(since(11, version, "eu-1", "")));
        check_bytes(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn a_fetch_without_sessions_cannot_forget_and_one_by_id_needs_ids() {
    let mut request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 1,
        isolation_level: 0,
        session_id: 0,
        session_epoch: -1,
        topics: Vec::new(),
        forgotten: vec![ForgottenTopic {
            topic: Arc::from("t"),
            topic_id: TopicId::ZERO,
            partitions: vec![1],
        }],
        rack_id: String::new(),
    };
    assert!(matches!(
        encode(&request, 6),
        Err(EncodeError::NotExpressible { version: 6, .. })
    ));
    encode(&request, 12).unwrap();
    assert!(matches!(
        encode(&request, 13),
        Err(EncodeError::Missing { version: 13, .. })
    ));
    request.forgotten.clear();
    request.topics = vec![FetchTopic {
        topic: Arc::from("t"),
        topic_id: TopicId::ZERO,
        partitions: Vec::new(),
    }];
    assert!(matches!(
        encode(&request, 17),
        Err(EncodeError::Missing { version: 17, .. })
    ));
}

#[test]
fn produce_requests_have_the_bytes_of_kafka_protocol() {
    let header = Bytes::from(vec![0xa5; 61]);
    let payload = Bytes::from((0..=255).cycle().take(20_000).collect::<Vec<u8>>());
    let records = Bytes::from([header.as_ref(), payload.as_ref()].concat());
    for version in generated_versions::<ProduceRequest>(3) {
        let partition = |partition: i32| ProducePartition {
            partition,
            header: header.clone(),
            payload: payload.clone(),
        };
        for transactional_id in [None, Some("tx")] {
            let request = ProduceRequest {
                transactional_id: transactional_id.map(str::to_owned),
                acks: -1,
                timeout_ms: 30_000,
                topics: vec![
                    ProduceTopic {
                        topic: Arc::from("orders"),
                        topic_id: topic_id(1),
                        partitions: vec![partition(0), partition(3)],
                    },
                    ProduceTopic {
                        topic: Arc::from("empty"),
                        topic_id: topic_id(2),
                        partitions: vec![],
                    },
                ],
            };
            let data = |index: i32| {
                generated::produce_request::PartitionProduceData::default()
                    .with_index(index)
                    .with_records(Some(records.clone()))
            };
            let id = |byte: u8| since(13, version, topic_id(byte), TopicId::ZERO).0.to_vec();
            let topic = generated::produce_request::TopicProduceData::default()
                .with_name(topic_name(since(13, version, "", "orders")))
                .with_topic_id(id(1).try_into().unwrap())
                .with_partition_data(vec![data(0), data(3)]);
            let empty = generated::produce_request::TopicProduceData::default()
                .with_name(topic_name(since(13, version, "", "empty")))
                .with_topic_id(id(2).try_into().unwrap());
            let expected = generated::ProduceRequest::default()
                .with_transactional_id(transactional_id.map(|id| generated::TransactionalId(text(id))))
                .with_acks(-1)
                .with_timeout_ms(30_000)
                .with_topic_data(vec![topic, empty]);
            check_bytes(&request, version, &expected);
            check_bounds(&request);
        }
    }
}

#[test]
fn record_batches_are_written_without_a_copy() {
    let header = Bytes::from(vec![1; 61]);
    let payload = Bytes::from(vec![2; 5_000]);
    let partition = ProducePartition {
        partition: 0,
        header: header.clone(),
        payload: payload.clone(),
    };
    let topic = ProduceTopic {
        topic: Arc::from("t"),
        topic_id: TopicId::ZERO,
        partitions: vec![partition],
    };
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 1,
        topics: vec![topic],
    };
    let mut out = RequestBuffer::new();
    request.encode(9, &mut out).unwrap();
    let parts = out.into_parts();
    assert_eq!(parts[1].as_ptr(), header.as_ptr());
    assert_eq!(parts[2].as_ptr(), payload.as_ptr());
    assert!(
        matches!(
            encode(&request, 13),
            Err(EncodeError::Missing { version: 13, .. })
        ),
        "no topic id"
    );
}
