//! Metadata responses.

use std::sync::Arc;

use kafka_protocol::messages::metadata_response as generated;
use kafka_protocol::messages::{BrokerId, MetadataResponse as Generated, TopicName};
use kafka_wire::api::metadata::{
    MetadataBroker, MetadataPartition, MetadataRequest, MetadataResponse, MetadataTopic,
};
use kafka_wire::{ErrorCode, NodeId, TopicId};

use super::{MANY, Visitor, long_name, since, text, topic_id, unknown_tags, uuid, versions};

pub(super) fn visit(visitor: &mut impl Visitor) {
    for version in versions::<MetadataRequest>() {
        let cases = [
            rich(version),
            (
                Generated::default().with_brokers(vec![generated::MetadataResponseBroker::default(); MANY]),
                {
                    MetadataResponse {
                        brokers: vec![smallest_broker(); MANY],
                        ..empty()
                    }
                },
            ),
            many_topics(version),
            many_partitions(version),
        ];
        for (generated, expected) in cases {
            visitor.case::<MetadataRequest>(version, &generated, &expected);
        }
    }
}

fn empty() -> MetadataResponse {
    MetadataResponse {
        throttle_time_ms: 0,
        brokers: Vec::new(),
        cluster_id: None,
        controller_id: NodeId::NONE,
        topics: Vec::new(),
        error_code: ErrorCode::NONE,
    }
}

fn smallest_broker() -> MetadataBroker {
    MetadataBroker {
        node_id: NodeId(0),
        host: String::new(),
        port: 0,
        rack: None,
    }
}

fn smallest_partition() -> (generated::MetadataResponsePartition, MetadataPartition) {
    let expected = MetadataPartition {
        error_code: ErrorCode::NONE,
        partition_index: 0,
        leader_id: NodeId(0),
        leader_epoch: -1,
        replica_nodes: Vec::new(),
        isr_nodes: Vec::new(),
        offline_replicas: Vec::new(),
    };
    (generated::MetadataResponsePartition::default(), expected)
}

fn many_topics(version: i16) -> (Generated, MetadataResponse) {
    let name = since(12, version, None, Some(TopicName(text(""))));
    let topic = generated::MetadataResponseTopic::default().with_name(name);
    let expected = MetadataTopic {
        error_code: ErrorCode::NONE,
        name: since(12, version, None, Some(Arc::from(""))),
        topic_id: TopicId::ZERO,
        is_internal: false,
        partitions: Vec::new(),
    };
    (
        Generated::default().with_topics(vec![topic; MANY]),
        MetadataResponse {
            topics: vec![expected; MANY],
            ..empty()
        },
    )
}

fn many_partitions(_version: i16) -> (Generated, MetadataResponse) {
    let (partition, expected) = smallest_partition();
    let topic = generated::MetadataResponseTopic::default()
        .with_name(Some(TopicName(text("t"))))
        .with_partitions(vec![partition; MANY]);
    let expected = MetadataTopic {
        error_code: ErrorCode::NONE,
        name: Some(Arc::from("t")),
        topic_id: TopicId::ZERO,
        is_internal: false,
        partitions: vec![expected; MANY],
    };
    (
        Generated::default().with_topics(vec![topic]),
        MetadataResponse {
            topics: vec![expected],
            ..empty()
        },
    )
}

fn rich(version: i16) -> (Generated, MetadataResponse) {
    let broker = generated::MetadataResponseBroker::default()
        .with_node_id(BrokerId(1))
        .with_host(text("broker-1.example"))
        .with_port(9092)
        .with_rack(since(1, version, Some(text("eu-1")), None))
        .with_unknown_tagged_fields(unknown_tags());
    let expected_broker = MetadataBroker {
        node_id: NodeId(1),
        host: "broker-1.example".to_owned(),
        port: 9092,
        rack: since(1, version, Some("eu-1".to_owned()), None),
    };
    let (known, known_expected) = known_topic(version);
    let (missing, missing_expected) = missing_topic(version);
    let mut generated = Generated::default()
        .with_throttle_time_ms(since(3, version, 9, 0))
        .with_brokers(vec![broker, generated::MetadataResponseBroker::default()])
        .with_cluster_id(since(2, version, Some(text("cluster")), None))
        .with_controller_id(BrokerId(since(1, version, 1, -1)))
        .with_topics(vec![known, missing])
        .with_error_code(since(13, version, 129, 0))
        .with_unknown_tagged_fields(unknown_tags());
    if (8..=10).contains(&version) {
        generated = generated.with_cluster_authorized_operations(0x0f);
    }
    let expected = MetadataResponse {
        throttle_time_ms: since(3, version, 9, 0),
        brokers: vec![expected_broker, smallest_broker()],
        cluster_id: since(2, version, Some("cluster".to_owned()), None),
        controller_id: NodeId(since(1, version, 1, -1)),
        topics: vec![known_expected, missing_expected],
        error_code: since(13, version, ErrorCode::REBOOTSTRAP_REQUIRED, ErrorCode::NONE),
    };
    (generated, expected)
}

fn known_topic(version: i16) -> (generated::MetadataResponseTopic, MetadataTopic) {
    let name = long_name();
    let id = since(10, version, topic_id(9), TopicId::ZERO);
    let brokers = |ids: &[i32]| ids.iter().map(|id| BrokerId(*id)).collect::<Vec<_>>();
    let nodes = |ids: &[i32]| ids.iter().map(|id| NodeId(*id)).collect::<Vec<_>>();
    let offline: &[i32] = since(5, version, &[3], &[]);
    let partition = generated::MetadataResponsePartition::default()
        .with_partition_index(2)
        .with_leader_id(BrokerId(1))
        .with_leader_epoch(since(7, version, 44, -1))
        .with_replica_nodes(brokers(&[1, 2, 3]))
        .with_isr_nodes(brokers(&[1, 2]))
        .with_offline_replicas(brokers(offline))
        .with_unknown_tagged_fields(unknown_tags());
    let expected_partition = MetadataPartition {
        error_code: ErrorCode::NONE,
        partition_index: 2,
        leader_id: NodeId(1),
        leader_epoch: since(7, version, 44, -1),
        replica_nodes: nodes(&[1, 2, 3]),
        isr_nodes: nodes(&[1, 2]),
        offline_replicas: nodes(offline),
    };
    let leaderless = generated::MetadataResponsePartition::default()
        .with_error_code(5)
        .with_partition_index(3)
        .with_leader_id(BrokerId(-1));
    let expected_leaderless = MetadataPartition {
        error_code: ErrorCode::LEADER_NOT_AVAILABLE,
        partition_index: 3,
        leader_id: NodeId::NONE,
        ..smallest_partition().1
    };
    let mut topic = generated::MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(&name))))
        .with_topic_id(uuid(id))
        .with_is_internal(version >= 1)
        .with_partitions(vec![partition, leaderless])
        .with_unknown_tagged_fields(unknown_tags());
    if version >= 8 {
        topic = topic.with_topic_authorized_operations(7);
    }
    let expected = MetadataTopic {
        error_code: ErrorCode::NONE,
        name: Some(Arc::from(name)),
        topic_id: id,
        is_internal: version >= 1,
        partitions: vec![expected_partition, expected_leaderless],
    };
    (topic, expected)
}

fn missing_topic(version: i16) -> (generated::MetadataResponseTopic, MetadataTopic) {
    let name = since(12, version, None, Some("missing"));
    let topic = generated::MetadataResponseTopic::default()
        .with_error_code(3)
        .with_name(name.map(|name| TopicName(text(name))));
    let expected = MetadataTopic {
        error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        name: name.map(Arc::from),
        topic_id: TopicId::ZERO,
        is_internal: false,
        partitions: Vec::new(),
    };
    (topic, expected)
}
