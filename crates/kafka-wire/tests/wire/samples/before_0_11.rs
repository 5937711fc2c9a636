//! Responses of the versions that KIP-896 took out of Kafka's schemas, and `kafka-protocol` with them.
//!
//! Field by field after `Protocol.java` of Kafka 0.10.2 (`OffsetForLeaderEpochResponse.java` and
//! `DescribeConfigsResponse.java` of 1.1 for the younger two), so that nothing of our decoder's is repeated here.

use std::sync::Arc;

use bytes::Bytes;
use kafka_wire::api::create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse};
use kafka_wire::api::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic};
use kafka_wire::api::describe_configs::{
    ConfigSource, DescribeConfigsRequest, DescribeConfigsResponse, DescribeConfigsResult, DescribedConfig,
    ResourceType,
};
use kafka_wire::api::fetch::{FetchRequest, FetchResponse, FetchedPartition, FetchedTopic};
use kafka_wire::api::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartitionResult,
    OffsetForLeaderTopicResult,
};
use kafka_wire::api::produce::{ProduceRequest, ProduceResponse, ProducedPartition, ProducedTopic};
use kafka_wire::{ErrorCode, TopicId};

use super::by_hand::ByHand;
use super::{MANY, Visitor, long_name, since};

pub(super) fn visit(visitor: &mut impl Visitor) {
    for version in 0..=3 {
        visit_fetch(visitor, version);
    }
    for version in 0..=2 {
        visit_produce(visitor, version);
    }
    visit_list_offsets(visitor);
    for version in 0..=1 {
        visit_create_topics(visitor, version);
        visit_offset_for_leader_epoch(visitor, version);
    }
    visit_delete_topics(visitor);
    visit_describe_configs(visitor);
    visit_many_smallest_configs(visitor);
}

fn visit_fetch(visitor: &mut impl Visitor, version: i16) {
    let records: Vec<u8> = (0..=255).collect();
    let name = long_name();
    let body = |topics: Vec<ByHand>| ByHand::new().since(1, version, |body| body.i32(17)).list(topics);
    let full = ByHand::new().i32(7).i16(0).i64(i64::MAX).byte_string(&records);
    let refused = ByHand::new().i32(8).i16(6).i64(-1).i32(-1);
    let smallest = ByHand::new().i32(0).i16(0).i64(0).byte_string(&[]);
    let rich = body(vec![
        ByHand::new().string("orders").list([full, refused]),
        ByHand::new()
            .string(&name)
            .list(std::iter::repeat_n(smallest, MANY)),
    ]);
    let partition = FetchedPartition {
        partition_index: 7,
        error_code: ErrorCode::NONE,
        high_watermark: i64::MAX,
        last_stable_offset: -1,
        log_start_offset: -1,
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: -1,
        records: Bytes::from(records),
    };
    let refused = FetchedPartition {
        partition_index: 8,
        error_code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
        high_watermark: -1,
        records: Bytes::new(),
        ..partition.clone()
    };
    let smallest = FetchedPartition {
        partition_index: 0,
        error_code: ErrorCode::NONE,
        high_watermark: 0,
        ..refused.clone()
    };
    let topic = |name: &str, partitions| FetchedTopic {
        topic: Some(Arc::from(name)),
        topic_id: TopicId::ZERO,
        partitions,
    };
    let response = |topics| FetchResponse {
        throttle_time_ms: since(1, version, 17, 0),
        error_code: ErrorCode::NONE,
        session_id: 0,
        topics,
        node_endpoints: Vec::new(),
    };
    let expected = response(vec![
        topic("orders", vec![partition, refused]),
        topic(&name, vec![smallest; MANY]),
    ]);
    visitor.case::<FetchRequest>(version, &rich, &expected);

    let many = body(vec![ByHand::new().string("").list([]); MANY]);
    let expected = response(vec![topic("", Vec::new()); MANY]);
    visitor.case::<FetchRequest>(version, &many, &expected);
}

fn visit_produce(visitor: &mut impl Visitor, version: i16) {
    let name = long_name();
    let partition = |index: i32, code: i16, offset: i64, time: i64| {
        ByHand::new()
            .i32(index)
            .i16(code)
            .i64(offset)
            .since(2, version, |body| body.i64(time))
    };
    let body = |topics: Vec<ByHand>| ByHand::new().list(topics).since(1, version, |body| body.i32(17));
    let rich = body(vec![
        ByHand::new().string("orders").list([
            partition(4, 0, 5_000_000_000, 1_700_000_000_000),
            partition(5, 10, -1, -1),
        ]),
        ByHand::new()
            .string(&name)
            .list(std::iter::repeat_n(partition(0, 0, 0, -1), MANY)),
    ]);
    let stored = ProducedPartition {
        partition: 4,
        error_code: ErrorCode::NONE,
        base_offset: 5_000_000_000,
        log_append_time_ms: since(2, version, 1_700_000_000_000, -1),
        log_start_offset: -1,
        record_errors: Vec::new(),
        error_message: None,
        current_leader: None,
    };
    let refused = ProducedPartition {
        partition: 5,
        error_code: ErrorCode::MESSAGE_TOO_LARGE,
        base_offset: -1,
        log_append_time_ms: -1,
        ..stored.clone()
    };
    let smallest = ProducedPartition {
        partition: 0,
        error_code: ErrorCode::NONE,
        base_offset: 0,
        ..refused.clone()
    };
    let topic = |name: &str, partitions| ProducedTopic {
        topic: Some(Arc::from(name)),
        topic_id: TopicId::ZERO,
        partitions,
    };
    let response = |topics| ProduceResponse {
        throttle_time_ms: since(1, version, 17, 0),
        topics,
        node_endpoints: Vec::new(),
    };
    let expected = response(vec![
        topic("orders", vec![stored, refused]),
        topic(&name, vec![smallest; MANY]),
    ]);
    visitor.case::<ProduceRequest>(version, &rich, &expected);

    let many = body(vec![ByHand::new().string("").list([]); MANY]);
    let expected = response(vec![topic("", Vec::new()); MANY]);
    visitor.case::<ProduceRequest>(version, &many, &expected);
}

/// The list of offsets has one element, none after an error, and more than one where a broker answers more than it was
/// asked for.
fn visit_list_offsets(visitor: &mut impl Visitor) {
    let name = long_name();
    let partition = |index: i32, code: i16, offsets: &[i64]| {
        ByHand::new()
            .i32(index)
            .i16(code)
            .list(offsets.iter().map(|offset| ByHand::new().i64(*offset)))
    };
    let rich = ByHand::new().list([
        ByHand::new().string("orders").list([
            partition(3, 0, &[5_000_000_000]),
            partition(4, 6, &[]),
            partition(5, 0, &[9, 4, 0]),
        ]),
        ByHand::new()
            .string(&name)
            .list(std::iter::repeat_n(partition(0, 0, &[]), MANY)),
    ]);
    let listed = |partition_index, error_code, offset| ListOffsetsPartitionResponse {
        partition_index,
        error_code,
        timestamp: -1,
        offset,
        leader_epoch: -1,
    };
    let response = |topics| ListOffsetsResponse {
        throttle_time_ms: 0,
        topics,
    };
    let topic = |name: &str, partitions| ListOffsetsTopicResponse {
        name: Arc::from(name),
        partitions,
    };
    let expected = response(vec![
        topic(
            "orders",
            vec![
                listed(3, ErrorCode::NONE, 5_000_000_000),
                listed(4, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1),
                listed(5, ErrorCode::NONE, 9),
            ],
        ),
        topic(&name, vec![listed(0, ErrorCode::NONE, -1); MANY]),
    ]);
    visitor.case::<ListOffsetsRequest>(0, &rich, &expected);

    let many = ByHand::new().list(std::iter::repeat_n(ByHand::new().string("").list([]), MANY));
    visitor.case::<ListOffsetsRequest>(0, &many, &response(vec![topic("", Vec::new()); MANY]));
}

fn visit_delete_topics(visitor: &mut impl Visitor) {
    let body = ByHand::new().list([ByHand::new().string("orders").i16(3)]);
    let expected = DeleteTopicsResponse {
        throttle_time_ms: 0,
        topics: vec![DeletedTopic {
            name: Arc::from("orders"),
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            error_message: None,
        }],
    };
    visitor.case::<DeleteTopicsRequest>(0, &body, &expected);
}

fn visit_create_topics(visitor: &mut impl Visitor, version: i16) {
    let name = long_name();
    let topic = |name: &str, code: i16, message: Option<&str>| {
        ByHand::new()
            .string(name)
            .i16(code)
            .since(1, version, |body| body.nullable_string(message))
    };
    let body = ByHand::new().list(
        [topic(&name, 41, Some("ask broker 3"))]
            .into_iter()
            .chain(std::iter::repeat_n(topic("", 0, None), MANY)),
    );
    let refused = CreatableTopicResult {
        name: Arc::from(name.as_str()),
        topic_id: TopicId::ZERO,
        error_code: ErrorCode::NOT_CONTROLLER,
        error_message: since(1, version, Some("ask broker 3".to_owned()), None),
        num_partitions: -1,
        replication_factor: -1,
    };
    let made = CreatableTopicResult {
        name: Arc::from(""),
        error_code: ErrorCode::NONE,
        error_message: None,
        ..refused.clone()
    };
    let expected = CreateTopicsResponse {
        throttle_time_ms: 0,
        topics: std::iter::once(refused).chain(vec![made; MANY]).collect(),
    };
    visitor.case::<CreateTopicsRequest>(version, &body, &expected);
}

fn visit_offset_for_leader_epoch(visitor: &mut impl Visitor, version: i16) {
    let name = long_name();
    let partition = |code: i16, index: i32, epoch: i32, end: i64| {
        ByHand::new()
            .i16(code)
            .i32(index)
            .since(1, version, |body| body.i32(epoch))
            .i64(end)
    };
    let body = ByHand::new().list([
        ByHand::new()
            .string(&name)
            .list([partition(0, 3, 8, 1000), partition(6, 4, -1, -1)]),
        ByHand::new()
            .string("many")
            .list(std::iter::repeat_n(partition(0, 0, 0, 0), MANY)),
    ]);
    let ends = |error_code, partition, leader_epoch, end_offset| OffsetForLeaderPartitionResult {
        error_code,
        partition,
        leader_epoch: since(1, version, leader_epoch, -1),
        end_offset,
    };
    let expected = OffsetForLeaderEpochResponse {
        throttle_time_ms: 0,
        topics: vec![
            OffsetForLeaderTopicResult {
                topic: Arc::from(name),
                partitions: vec![
                    ends(ErrorCode::NONE, 3, 8, 1000),
                    ends(ErrorCode::NOT_LEADER_OR_FOLLOWER, 4, -1, -1),
                ],
            },
            OffsetForLeaderTopicResult {
                topic: Arc::from("many"),
                partitions: vec![ends(ErrorCode::NONE, 0, 0, 0); MANY],
            },
        ],
    };
    visitor.case::<OffsetForLeaderEpochRequest>(version, &body, &expected);
}

fn visit_describe_configs(visitor: &mut impl Visitor) {
    let config = |name: &str, value: Option<&str>, read_only: i8, is_default: i8, is_sensitive: i8| {
        ByHand::new()
            .string(name)
            .nullable_string(value)
            .i8(read_only)
            .i8(is_default)
            .i8(is_sensitive)
    };
    let resource = |code: i16, message: Option<&str>, kind: i8, name: &str, configs: Vec<ByHand>| {
        ByHand::new()
            .i16(code)
            .nullable_string(message)
            .i8(kind)
            .string(name)
            .list(configs)
    };
    let set = config("cleanup.policy", Some("compact"), 0, 0, 0);
    let default = config("retention.ms", Some("604800000"), 0, 1, 0);
    let secret = config("", None, 1, 0, 1);
    let body = ByHand::new().i32(8).list([
        resource(0, None, 2, "orders", vec![set.clone(), default]),
        resource(0, None, 4, "1", vec![set.clone()]),
        resource(31, Some("not allowed"), 9, "odd", vec![set]),
        resource(0, None, 2, "many", vec![secret; MANY]),
    ]);

    let set = |source| DescribedConfig {
        name: "cleanup.policy".to_owned(),
        value: Some("compact".to_owned()),
        read_only: false,
        source,
        is_sensitive: false,
    };
    let default = DescribedConfig {
        name: "retention.ms".to_owned(),
        value: Some("604800000".to_owned()),
        ..set(ConfigSource::DEFAULT)
    };
    let secret = DescribedConfig {
        name: String::new(),
        value: None,
        read_only: true,
        source: ConfigSource::DYNAMIC_TOPIC,
        is_sensitive: true,
    };
    let result = |resource_type, name: &str, configs| DescribeConfigsResult {
        error_code: ErrorCode::NONE,
        error_message: None,
        resource_type,
        name: name.to_owned(),
        configs,
    };
    let expected = DescribeConfigsResponse {
        throttle_time_ms: 8,
        results: vec![
            result(
                ResourceType::TOPIC,
                "orders",
                vec![set(ConfigSource::DYNAMIC_TOPIC), default],
            ),
            result(ResourceType::BROKER, "1", vec![set(ConfigSource::STATIC_BROKER)]),
            DescribeConfigsResult {
                error_code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
                error_message: Some("not allowed".to_owned()),
                ..result(ResourceType(9), "odd", vec![set(ConfigSource::UNKNOWN)])
            },
            result(ResourceType::TOPIC, "many", vec![secret; MANY]),
        ],
    };
    visitor.case::<DescribeConfigsRequest>(0, &body, &expected);
}

fn visit_many_smallest_configs(visitor: &mut impl Visitor) {
    let smallest = ByHand::new().i16(0).i16(-1).i8(0).string("").list([]);
    let body = ByHand::new().i32(0).list(std::iter::repeat_n(smallest, MANY));
    let smallest = DescribeConfigsResult {
        error_code: ErrorCode::NONE,
        error_message: None,
        resource_type: ResourceType(0),
        name: String::new(),
        configs: Vec::new(),
    };
    let expected = DescribeConfigsResponse {
        throttle_time_ms: 0,
        results: vec![smallest; MANY],
    };
    visitor.case::<DescribeConfigsRequest>(0, &body, &expected);
}
