//! Requests in the versions that `kafka-protocol` does not write any more, byte by byte after `Protocol.java` of Kafka
//! 0.10.2 (of 1.1 for `DescribeConfigs` and `OffsetForLeaderEpoch`).

use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, READ_COMMITTED, READ_UNCOMMITTED};
use kafka_wire::api::list_offsets::{
    EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::{EncodeError, Request, TopicId};

use super::encode;
use crate::samples::by_hand::ByHand;

#[track_caller]
fn check<R: Request>(request: &R, version: i16, expected: ByHand) {
    let bytes = encode(request, version).expect("a request that can be written");
    assert_eq!(bytes, expected.into_bytes(), "{} v{version}", R::API);
}

#[track_caller]
fn check_not_expressible<R: Request>(request: &R, version: i16) {
    let result = encode(request, version);
    assert!(
        matches!(&result, Err(EncodeError::NotExpressible { .. })),
        "{} v{version}: {result:?}",
        R::API
    );
}

#[test]
fn a_fetch_has_no_limit_for_the_answer_before_v3_and_no_isolation_level_before_v4() {
    let partition = FetchPartition {
        partition: 3,
        current_leader_epoch: 4,
        fetch_offset: 1 << 33,
        last_fetched_epoch: 3,
        log_start_offset: 9,
        partition_max_bytes: 1 << 20,
    };
    let request = FetchRequest {
        max_wait_ms: 500,
        min_bytes: 1,
        max_bytes: 50 << 20,
        isolation_level: READ_UNCOMMITTED,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: Arc::from("orders"),
            topic_id: TopicId::ZERO,
            partitions: vec![partition],
        }],
        forgotten: Vec::new(),
        rack_id: "eu-1".to_owned(),
    };
    for version in 0..=3 {
        let partition = ByHand::new().i32(3).i64(1 << 33).i32(1 << 20);
        let expected = ByHand::new()
            .i32(-1)
            .i32(500)
            .i32(1)
            .since(3, version, |body| body.i32(50 << 20))
            .list([ByHand::new().string("orders").list([partition])]);
        check(&request, version, expected);
        let committed = FetchRequest {
            isolation_level: READ_COMMITTED,
            ..request.clone()
        };
        check_not_expressible(&committed, version);
    }
}

#[test]
fn a_produce_request_has_no_transactional_id_before_v3() {
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: 30_000,
        topics: vec![ProduceTopic {
            topic: Arc::from("orders"),
            topic_id: TopicId::ZERO,
            partitions: vec![ProducePartition {
                partition: 3,
                header: Bytes::from_static(b"message "),
                payload: Bytes::from_static(b"set"),
            }],
        }],
    };
    for version in 0..=2 {
        let expected = ByHand::new().i16(-1).i32(30_000).list([ByHand::new()
            .string("orders")
            .list([ByHand::new().i32(3).byte_string(b"message set")])]);
        check(&request, version, expected);
        let transactional = ProduceRequest {
            transactional_id: Some("tx".to_owned()),
            ..request.clone()
        };
        check_not_expressible(&transactional, version);
    }
}

#[test]
fn list_offsets_v0_asks_for_one_offset_and_for_no_time() {
    let request = |timestamp| ListOffsetsRequest {
        isolation_level: READ_UNCOMMITTED,
        topics: vec![ListOffsetsTopic {
            name: Arc::from("orders"),
            partitions: vec![ListOffsetsPartition {
                partition_index: 7,
                current_leader_epoch: 4,
                timestamp,
            }],
        }],
        timeout_ms: 1000,
    };
    for point in [LATEST_TIMESTAMP, EARLIEST_TIMESTAMP] {
        let partition = ByHand::new().i32(7).i64(point).i32(1);
        let expected = ByHand::new()
            .i32(-1)
            .list([ByHand::new().string("orders").list([partition])]);
        check(&request(point), 0, expected);
    }
    check_not_expressible(&request(1_700_000_000_000), 0);
}

#[test]
fn create_topics_can_be_tried_out_from_v1_on() {
    let mut request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: Arc::from("orders"),
            num_partitions: 12,
            replication_factor: 3,
            configs: vec![("cleanup.policy".to_owned(), Some("compact".to_owned()))],
        }],
        timeout_ms: 5_000,
        validate_only: false,
    };
    for version in 0..=1 {
        let topic = ByHand::new()
            .string("orders")
            .i32(12)
            .i16(3)
            .list([])
            .list([ByHand::new().string("cleanup.policy").string("compact")]);
        let expected = ByHand::new()
            .list([topic])
            .i32(5_000)
            .since(1, version, |body| body.i8(0));
        check(&request, version, expected);
    }
    request.validate_only = true;
    check_not_expressible(&request, 0);
    assert!(encode(&request, 1).unwrap().ends_with(&[1]));
    request.topics[0].configs[0].1 = None;
    check_not_expressible(&request, 1);
}

#[test]
fn describe_configs_v0_does_not_ask_for_synonyms() {
    let request = DescribeConfigsRequest {
        resources: vec![
            DescribeConfigsResource {
                resource_type: ResourceType::TOPIC,
                name: "orders".to_owned(),
                configuration_keys: Some(vec!["cleanup.policy".to_owned()]),
            },
            DescribeConfigsResource {
                resource_type: ResourceType::BROKER,
                name: "1".to_owned(),
                configuration_keys: None,
            },
        ],
    };
    let keys = [ByHand::new().string("cleanup.policy")];
    let expected = ByHand::new().list([
        ByHand::new().i8(2).string("orders").list(keys),
        ByHand::new().i8(4).string("1").i32(-1),
    ]);
    check(&request, 0, expected);
}

#[test]
fn offset_for_leader_epoch_has_no_current_epoch_before_v2() {
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: Arc::from("orders"),
            partitions: vec![OffsetForLeaderPartition {
                partition: 2,
                current_leader_epoch: 7,
                leader_epoch: 6,
            }],
        }],
    };
    for version in 0..=1 {
        let partition = ByHand::new().i32(2).i32(6);
        let expected = ByHand::new().list([ByHand::new().string("orders").list([partition])]);
        check(&request, version, expected);
    }
}
