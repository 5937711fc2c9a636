//! Fetch responses.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use kafka_protocol::messages::fetch_response as generated;
use kafka_protocol::messages::{BrokerId, FetchResponse as Generated, ProducerId, TopicName};
use kafka_wire::api::fetch::{
    AbortedTransaction, EpochEndOffset, FetchRequest, FetchResponse, FetchedPartition, FetchedTopic,
};
use kafka_wire::api::node_endpoint::{LeaderIdAndEpoch, NodeEndpoint};
use kafka_wire::{ErrorCode, NodeId, TopicId};

use super::{MANY, Visitor, generated_versions, long_name, since, text, topic_id, unknown_tags, uuid};

pub(super) fn visit(visitor: &mut impl Visitor) {
    for version in generated_versions::<FetchRequest>(4) {
        for (generated, expected) in [rich(version), many_topics(version), many_partitions(version)] {
            visitor.case::<FetchRequest>(version, &generated, &expected);
        }
    }
}

fn rich(version: i16) -> (Generated, FetchResponse) {
    let name = long_name();
    let (first, first_expected) = topic(version, "orders", 1, vec![full(version), refused(version)]);
    let (second, second_expected) = topic(version, &name, 2, vec![smallest(version)]);
    let generated = Generated::default()
        .with_throttle_time_ms(17)
        .with_error_code(since(7, version, 71, 0))
        .with_session_id(since(7, version, 123_456, 0))
        .with_responses(vec![first, second])
        .with_node_endpoints(since(16, version, endpoints(), Vec::new()))
        .with_unknown_tagged_fields(unknown_tags());
    let expected = FetchResponse {
        throttle_time_ms: 17,
        error_code: since(
            7,
            version,
            ErrorCode::INVALID_FETCH_SESSION_EPOCH,
            ErrorCode::NONE,
        ),
        session_id: since(7, version, 123_456, 0),
        topics: vec![first_expected, second_expected],
        node_endpoints: since(16, version, expected_endpoints(), Vec::new()),
    };
    (generated, expected)
}

fn many_topics(version: i16) -> (Generated, FetchResponse) {
    let topics = (0..MANY).map(|_| topic(version, "", 3, Vec::new()));
    response_of(topics.unzip())
}

fn many_partitions(version: i16) -> (Generated, FetchResponse) {
    let partitions = (0..MANY).map(|_| smallest(version)).collect();
    response_of(std::iter::once(topic(version, "t", 3, partitions)).unzip())
}

fn response_of(
    (responses, topics): (Vec<generated::FetchableTopicResponse>, Vec<FetchedTopic>),
) -> (Generated, FetchResponse) {
    let expected = FetchResponse {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        session_id: 0,
        topics,
        node_endpoints: Vec::new(),
    };
    (Generated::default().with_responses(responses), expected)
}

type Partition = (generated::PartitionData, FetchedPartition);

fn topic(
    version: i16,
    name: &str,
    id: u8,
    partitions: Vec<Partition>,
) -> (generated::FetchableTopicResponse, FetchedTopic) {
    let (data, expected): (Vec<_>, Vec<_>) = partitions.into_iter().unzip();
    let id = since(13, version, topic_id(id), TopicId::ZERO);
    let generated = generated::FetchableTopicResponse::default()
        .with_topic(TopicName(text(since(13, version, "", name))))
        .with_topic_id(uuid(id))
        .with_partitions(data)
        .with_unknown_tagged_fields(if name.is_empty() {
            BTreeMap::default()
        } else {
            unknown_tags()
        });
    let topic = since(13, version, None, Some(Arc::from(name)));
    (
        generated,
        FetchedTopic {
            topic,
            topic_id: id,
            partitions: expected,
        },
    )
}

/// A partition with everything a version can say.
fn full(version: i16) -> Partition {
    let records = Bytes::from((0..=255).collect::<Vec<u8>>());
    let generated = generated::PartitionData::default()
        .with_partition_index(7)
        .with_error_code(0)
        .with_high_watermark(i64::MAX)
        .with_last_stable_offset(900)
        .with_log_start_offset(since(5, version, 12, -1))
        .with_aborted_transactions(Some(vec![
            generated::AbortedTransaction::default()
                .with_producer_id(ProducerId(4000))
                .with_first_offset(500)
                .with_unknown_tagged_fields(unknown_tags()),
            generated::AbortedTransaction::default()
                .with_producer_id(ProducerId(4001))
                .with_first_offset(501),
        ]))
        .with_preferred_read_replica(BrokerId(since(11, version, 3, -1)))
        .with_records(Some(records.clone()))
        .with_unknown_tagged_fields(unknown_tags());
    let expected = FetchedPartition {
        partition_index: 7,
        error_code: ErrorCode::NONE,
        high_watermark: i64::MAX,
        last_stable_offset: 900,
        log_start_offset: since(5, version, 12, -1),
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: vec![
            AbortedTransaction {
                producer_id: 4000,
                first_offset: 500,
            },
            AbortedTransaction {
                producer_id: 4001,
                first_offset: 501,
            },
        ],
        preferred_read_replica: since(11, version, 3, -1),
        records,
    };
    (generated, expected)
}

/// A partition whose leader has moved, whose log has diverged, and which has a code that nobody knows.
fn refused(version: i16) -> Partition {
    let mut generated = generated::PartitionData::default()
        .with_partition_index(8)
        .with_error_code(31_000)
        .with_high_watermark(-1)
        .with_aborted_transactions(None)
        .with_records(None);
    if version >= 12 {
        generated = generated
            .with_diverging_epoch(
                generated::EpochEndOffset::default()
                    .with_epoch(5)
                    .with_end_offset(77)
                    .with_unknown_tagged_fields(unknown_tags()),
            )
            .with_current_leader(
                generated::LeaderIdAndEpoch::default()
                    .with_leader_id(BrokerId(2))
                    .with_leader_epoch(9),
            )
            .with_snapshot_id(generated::SnapshotId::default().with_end_offset(1).with_epoch(1));
    }
    let expected = FetchedPartition {
        partition_index: 8,
        error_code: ErrorCode(31_000),
        high_watermark: -1,
        last_stable_offset: -1,
        log_start_offset: -1,
        diverging_epoch: since(
            12,
            version,
            Some(EpochEndOffset {
                epoch: 5,
                end_offset: 77,
            }),
            None,
        ),
        current_leader: since(
            12,
            version,
            Some(LeaderIdAndEpoch {
                leader_id: NodeId(2),
                leader_epoch: 9,
            }),
            None,
        ),
        aborted_transactions: Vec::new(),
        preferred_read_replica: -1,
        records: Bytes::new(),
    };
    (generated, expected)
}

fn smallest(_version: i16) -> Partition {
    let generated = generated::PartitionData::default()
        .with_aborted_transactions(None)
        .with_records(None);
    let expected = FetchedPartition {
        partition_index: 0,
        error_code: ErrorCode::NONE,
        high_watermark: 0,
        last_stable_offset: -1,
        log_start_offset: -1,
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: -1,
        records: Bytes::new(),
    };
    (generated, expected)
}

fn endpoints() -> Vec<generated::NodeEndpoint> {
    let many = (0..MANY).map(|_| generated::NodeEndpoint::default());
    let full = generated::NodeEndpoint::default()
        .with_node_id(BrokerId(2))
        .with_host(text("broker-2.example"))
        .with_port(9092)
        .with_rack(Some(text("eu-1")))
        .with_unknown_tagged_fields(unknown_tags());
    std::iter::once(full).chain(many).collect()
}

fn expected_endpoints() -> Vec<NodeEndpoint> {
    let many = (0..MANY).map(|_| NodeEndpoint {
        node_id: NodeId(0),
        host: String::new(),
        port: 0,
        rack: None,
    });
    let full = NodeEndpoint {
        node_id: NodeId(2),
        host: "broker-2.example".to_owned(),
        port: 9092,
        rack: Some("eu-1".to_owned()),
    };
    std::iter::once(full).chain(many).collect()
}
