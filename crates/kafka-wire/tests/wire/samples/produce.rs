//! Produce responses.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::messages::produce_response as generated;
use kafka_protocol::messages::{BrokerId, ProduceResponse as Generated, TopicName};
use kafka_wire::api::node_endpoint::{LeaderIdAndEpoch, NodeEndpoint};
use kafka_wire::api::produce::{
    ProduceRequest, ProduceResponse, ProducedPartition, ProducedTopic, RecordError,
};
use kafka_wire::{ErrorCode, NodeId, TopicId};

use super::{MANY, Visitor, generated_versions, long_name, since, text, topic_id, unknown_tags, uuid};

pub(super) fn visit(visitor: &mut impl Visitor) {
    for version in generated_versions::<ProduceRequest>(3) {
        for (generated, expected) in [
            rich(version),
            many_topics(version),
            many_partitions(version),
            many_record_errors(version),
        ] {
            visitor.case::<ProduceRequest>(version, &generated, &expected);
        }
    }
}

fn rich(version: i16) -> (Generated, ProduceResponse) {
    let name = long_name();
    let (first, first_expected) = topic(version, "orders", 1, vec![refused(version), stored(version)]);
    let (second, second_expected) = topic(version, &name, 2, vec![stored(version)]);
    let endpoint = generated::NodeEndpoint::default()
        .with_node_id(BrokerId(2))
        .with_host(text("broker-2.example"))
        .with_port(9092);
    let generated = Generated::default()
        .with_throttle_time_ms(5)
        .with_responses(vec![first, second])
        .with_node_endpoints(since(10, version, vec![endpoint], Vec::new()))
        .with_unknown_tagged_fields(unknown_tags());
    let endpoint = NodeEndpoint {
        node_id: NodeId(2),
        host: "broker-2.example".to_owned(),
        port: 9092,
        rack: None,
    };
    let expected = ProduceResponse {
        throttle_time_ms: 5,
        topics: vec![first_expected, second_expected],
        node_endpoints: since(10, version, vec![endpoint], Vec::new()),
    };
    (generated, expected)
}

fn many_topics(version: i16) -> (Generated, ProduceResponse) {
    response_of((0..MANY).map(|_| topic(version, "", 3, Vec::new())).unzip())
}

fn many_partitions(version: i16) -> (Generated, ProduceResponse) {
    let partitions = (0..MANY).map(|_| smallest()).collect();
    response_of(std::iter::once(topic(version, "t", 3, partitions)).unzip())
}

fn many_record_errors(version: i16) -> (Generated, ProduceResponse) {
    response_of(std::iter::once(topic(version, "t", 3, vec![refused(version)])).unzip())
}

fn response_of(
    (responses, topics): (Vec<generated::TopicProduceResponse>, Vec<ProducedTopic>),
) -> (Generated, ProduceResponse) {
    let expected = ProduceResponse {
        throttle_time_ms: 0,
        topics,
        node_endpoints: Vec::new(),
    };
    (Generated::default().with_responses(responses), expected)
}

type Partition = (generated::PartitionProduceResponse, ProducedPartition);

fn topic(
    version: i16,
    name: &str,
    id: u8,
    partitions: Vec<Partition>,
) -> (generated::TopicProduceResponse, ProducedTopic) {
    let (responses, expected): (Vec<_>, Vec<_>) = partitions.into_iter().unzip();
    let id = since(13, version, topic_id(id), TopicId::ZERO);
    let generated = generated::TopicProduceResponse::default()
        .with_name(TopicName(text(since(13, version, "", name))))
        .with_topic_id(uuid(id))
        .with_partition_responses(responses)
        .with_unknown_tagged_fields(if name.is_empty() {
            BTreeMap::default()
        } else {
            unknown_tags()
        });
    let topic = since(13, version, None, Some(Arc::from(name)));
    (
        generated,
        ProducedTopic {
            topic,
            topic_id: id,
            partitions: expected,
        },
    )
}

fn stored(version: i16) -> Partition {
    let generated = generated::PartitionProduceResponse::default()
        .with_index(4)
        .with_base_offset(1 << 40)
        .with_log_append_time_ms(1_700_000_000_000)
        .with_log_start_offset(since(5, version, 40, -1))
        .with_unknown_tagged_fields(unknown_tags());
    let expected = ProducedPartition {
        partition: 4,
        base_offset: 1 << 40,
        log_append_time_ms: 1_700_000_000_000,
        log_start_offset: since(5, version, 40, -1),
        ..smallest().1
    };
    (generated, expected)
}

fn refused(version: i16) -> Partition {
    let mut generated = generated::PartitionProduceResponse::default()
        .with_index(5)
        .with_error_code(87)
        .with_base_offset(-1);
    let mut expected = ProducedPartition {
        partition: 5,
        error_code: ErrorCode::INVALID_RECORD,
        base_offset: -1,
        ..smallest().1
    };
    if version >= 8 {
        let smallest = (0..MANY).map(|_| generated::BatchIndexAndErrorMessage::default());
        let full = generated::BatchIndexAndErrorMessage::default()
            .with_batch_index(17)
            .with_batch_index_error_message(Some(text("no key")))
            .with_unknown_tagged_fields(unknown_tags());
        generated = generated
            .with_record_errors(std::iter::once(full).chain(smallest).collect())
            .with_error_message(Some(text("bad")));
        let smallest = (0..MANY).map(|_| RecordError {
            batch_index: 0,
            message: None,
        });
        let full = RecordError {
            batch_index: 17,
            message: Some("no key".to_owned()),
        };
        expected.record_errors = std::iter::once(full).chain(smallest).collect();
        expected.error_message = Some("bad".to_owned());
    }
    if version >= 10 {
        generated = generated.with_current_leader(
            generated::LeaderIdAndEpoch::default()
                .with_leader_id(BrokerId(2))
                .with_leader_epoch(11)
                .with_unknown_tagged_fields(unknown_tags()),
        );
        expected.current_leader = Some(LeaderIdAndEpoch {
            leader_id: NodeId(2),
            leader_epoch: 11,
        });
    }
    (generated, expected)
}

fn smallest() -> Partition {
    let expected = ProducedPartition {
        partition: 0,
        error_code: ErrorCode::NONE,
        base_offset: 0,
        log_append_time_ms: -1,
        log_start_offset: -1,
        record_errors: Vec::new(),
        error_message: None,
        current_leader: None,
    };
    (generated::PartitionProduceResponse::default(), expected)
}
