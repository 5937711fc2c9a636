//! Topics: created, grown, described and looked up by time.

use std::sync::Arc;

use kafka_fake::{FakeCluster, KafkaRelease};
use kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};
use kafka_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::{ErrorCode, NodeId, TopicId};

use crate::client::{Client, NOW_MS, Sent, Setup, TOPIC};

fn new_topic(
    name: &str,
    partitions: i32,
    replication_factor: i16,
    configs: &[(&str, &str)],
) -> CreateTopicsRequest {
    let configs = configs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned())));
    CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: name.into(),
            num_partitions: partitions,
            replication_factor,
            configs: configs.collect(),
        }],
        timeout_ms: 1000,
        validate_only: false,
    }
}

async fn offset_of(client: &mut Client, timestamp: i64) -> (i64, i64) {
    let request = ListOffsetsRequest {
        isolation_level: 0,
        topics: vec![ListOffsetsTopic {
            name: TOPIC.into(),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                current_leader_epoch: -1,
                timestamp,
            }],
        }],
        timeout_ms: 1000,
    };
    let answer = client.call(7, &request).await.topics[0].partitions[0];
    assert_eq!(answer.error_code, ErrorCode::NONE);
    (answer.offset, answer.timestamp)
}

#[tokio::test(start_paused = true)]
async fn topics_are_created_as_asked_or_refused_by_name() {
    let setup = Setup::start(FakeCluster::builder().brokers(2)).await;
    let mut client = setup.client(2);
    let mut code = async |request: CreateTopicsRequest| client.call(7, &request).await.topics[0].error_code;
    assert_eq!(code(new_topic("a", 3, 2, &[])).await, ErrorCode::NONE);
    assert_eq!(
        code(new_topic("a", 3, 2, &[])).await,
        ErrorCode::TOPIC_ALREADY_EXISTS
    );
    assert_eq!(
        code(new_topic("b", 0, 1, &[])).await,
        ErrorCode::INVALID_PARTITIONS
    );
    assert_eq!(
        code(new_topic("b", 1, 3, &[])).await,
        ErrorCode::INVALID_REPLICATION_FACTOR
    );
    assert_eq!(
        code(new_topic("a/b", 1, 1, &[])).await,
        ErrorCode::INVALID_TOPIC_EXCEPTION
    );
    let unknown = new_topic("b", 1, 1, &[("no.such", "1")]);
    assert_eq!(code(unknown).await, ErrorCode::INVALID_CONFIG);
    let mut dry = new_topic("b", -1, -1, &[]);
    dry.validate_only = true;
    assert_eq!(code(dry).await, ErrorCode::NONE);
    assert_eq!(setup.cluster.topics(), ["a"]);
    assert_eq!(setup.cluster.log("a", 2).unwrap().in_sync, [NodeId(1), NodeId(2)]);
}

#[tokio::test(start_paused = true)]
async fn only_the_controller_of_an_old_release_creates_topics() {
    let setup = Setup::start(FakeCluster::builder().brokers(2).release(KafkaRelease::V2_4)).await;
    let answer = setup.client(2).call(5, &new_topic("a", 1, 1, &[])).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::NOT_CONTROLLER);
    let answer = setup.client(1).call(5, &new_topic("a", 1, 1, &[])).await;
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
}

#[tokio::test(start_paused = true)]
async fn a_topic_grows_and_never_shrinks() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    let mut grow = async |count: i32| {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: TOPIC.into(),
                count,
            }],
            timeout_ms: 1000,
            validate_only: false,
        };
        client.call(2, &request).await.results[0].error_code
    };
    assert_eq!(grow(3).await, ErrorCode::NONE);
    assert_eq!(grow(3).await, ErrorCode::INVALID_PARTITIONS);
    assert_eq!(setup.cluster.partition_count(TOPIC), Some(3));
}

#[tokio::test(start_paused = true)]
async fn a_question_creates_a_topic_only_where_both_sides_allow_it() {
    let asked = |name: &str, may: bool| MetadataRequest {
        topics: Some(vec![Arc::from(name)]),
        allow_auto_topic_creation: may,
    };
    let setup = Setup::start(FakeCluster::builder().default_partitions(4)).await;
    let mut client = setup.client(1);
    let first = client.call(9, &asked("a", true)).await;
    assert_eq!(first.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let second = client.call(12, &asked("a", true)).await;
    assert_eq!(second.topics[0].partitions.len(), 4);
    assert_ne!(second.topics[0].topic_id, TopicId::ZERO);
    assert_eq!(second.cluster_id, Some(setup.cluster.cluster_id()));
    client.call(9, &asked("b", false)).await;
    assert_eq!(setup.cluster.topics(), ["a"]);
    let strict = Setup::start(FakeCluster::builder().auto_create_topics(false)).await;
    strict.client(1).call(9, &asked("a", true)).await;
    assert!(strict.cluster.topics().is_empty());
}

#[tokio::test(start_paused = true)]
async fn settings_are_told_with_where_they_come_from() {
    let setup = Setup::start(FakeCluster::builder().setting("message.max.bytes", "5000")).await;
    setup
        .cluster
        .create_topic(TOPIC, 1, &[("retention.ms", "77")])
        .unwrap();
    let names = ["retention.ms", "max.message.bytes", "cleanup.policy"].map(str::to_owned);
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: ResourceType::TOPIC,
            name: TOPIC.to_owned(),
            configuration_keys: Some(names.to_vec()),
        }],
    };
    let answer = setup.client(1).call(4, &request).await;
    let mut told: Vec<_> = answer.results[0]
        .configs
        .iter()
        .map(|config| {
            (
                config.name.as_str(),
                config.value.as_deref().unwrap(),
                config.source.0,
            )
        })
        .collect();
    told.sort_unstable();
    let expected = [
        ("cleanup.policy", "delete", 5),
        ("max.message.bytes", "5000", 4),
        ("retention.ms", "77", 1),
    ];
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn times_and_ends_of_a_log_have_offsets() {
    let setup = Setup::one_broker().await;
    let mut client = setup.client(1);
    client.produce(9, 0, &Sent::values(&["a", "b"])).await;
    assert_eq!(offset_of(&mut client, -1).await, (2, -1));
    assert_eq!(offset_of(&mut client, -2).await, (0, -1));
    assert_eq!(offset_of(&mut client, NOW_MS).await, (0, NOW_MS));
    assert_eq!(offset_of(&mut client, NOW_MS + 1).await, (-1, -1));
    let request = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: TOPIC.into(),
            partitions: vec![DeleteRecordsPartition {
                partition_index: 0,
                offset: 1,
            }],
        }],
        timeout_ms: 1000,
    };
    let answer = client.call(2, &request).await;
    assert_eq!(answer.topics[0].partitions[0].low_watermark, 1);
    assert_eq!(offset_of(&mut client, -2).await, (1, -1));
    assert_eq!(
        offset_of(&mut client, NOW_MS).await,
        (1, NOW_MS),
        "not the deleted one"
    );
}

#[tokio::test(start_paused = true)]
async fn ids_come_from_the_seed_alone() {
    let ids = async |seed: u64| {
        let setup = Setup::start(FakeCluster::builder().seed(seed)).await;
        setup.cluster.create_topic(TOPIC, 1, &[]).unwrap();
        (setup.cluster.cluster_id(), setup.cluster.topic_id(TOPIC))
    };
    assert_eq!(ids(7).await, ids(7).await);
    assert_ne!(ids(7).await, ids(8).await);
}
