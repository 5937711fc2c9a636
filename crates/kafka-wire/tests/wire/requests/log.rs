//! Requests about versions, metadata, offsets, epochs and producer ids.

use std::sync::Arc;

use kafka_protocol::messages as generated;
use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::api::fetch::READ_COMMITTED;
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::list_offsets::{
    EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_wire::{EncodeError, ProducerIdentity};

use super::{check_bounds, check_read_back, encode, topic_name};
use crate::samples::{generated_versions, since, text, versions};

#[test]
fn api_versions_requests_name_the_client_from_v3_on() {
    let request = ApiVersionsRequest {
        client_software_name: "heliostat".to_owned(),
        client_software_version: "1.2".to_owned(),
    };
    for version in versions::<ApiVersionsRequest>() {
        let expected = generated::ApiVersionsRequest::default()
            .with_client_software_name(text(since(3, version, "heliostat", "")))
            .with_client_software_version(text(since(3, version, "1.2", "")));
        check_read_back(&request, version, &expected);
        assert_eq!(encode(&request, version).unwrap().is_empty(), version < 3);
    }
    check_bounds(&request);
}

#[test]
fn metadata_requests_ask_for_all_some_or_no_topics() {
    let named = |name: &str| {
        generated::metadata_request::MetadataRequestTopic::default().with_name(Some(topic_name(name)))
    };
    for version in versions::<MetadataRequest>() {
        let all = MetadataRequest {
            topics: None,
            allow_auto_topic_creation: false,
        };
        let nothing_means_all = since(1, version, None, Some(Vec::new()));
        let expected = generated::MetadataRequest::default()
            .with_allow_auto_topic_creation(version < 4)
            .with_topics(nothing_means_all);
        check_read_back(&all, version, &expected);

        let some = MetadataRequest {
            topics: Some(vec![Arc::from("a"), Arc::from("b")]),
            allow_auto_topic_creation: version < 4,
        };
        let expected = generated::MetadataRequest::default()
            .with_allow_auto_topic_creation(version < 4)
            .with_topics(Some(vec![named("a"), named("b")]));
        check_read_back(&some, version, &expected);

        let brokers = MetadataRequest {
            topics: Some(Vec::new()),
            allow_auto_topic_creation: false,
        };
        assert_eq!(encode(&brokers, version).is_ok(), version >= 1);
        let careful = MetadataRequest {
            allow_auto_topic_creation: false,
            ..some
        };
        assert_eq!(
            encode(&careful, version).is_ok(),
            version >= 4,
            "a broker this old might create it"
        );
        check_bounds(&careful);
    }
}

#[test]
fn list_offsets_requests_read_back() {
    for version in generated_versions::<ListOffsetsRequest>(1) {
        let partition = |partition_index, timestamp| ListOffsetsPartition {
            partition_index,
            current_leader_epoch: 5,
            timestamp,
        };
        let request = ListOffsetsRequest {
            isolation_level: READ_COMMITTED,
            topics: vec![ListOffsetsTopic {
                name: Arc::from("orders"),
                partitions: vec![partition(0, LATEST_TIMESTAMP), partition(1, EARLIEST_TIMESTAMP)],
            }],
            timeout_ms: 1000,
        };
        let expected_partition = |index: i32, timestamp: i64| {
            generated::list_offsets_request::ListOffsetsPartition::default()
                .with_partition_index(index)
                .with_current_leader_epoch(since(4, version, 5, -1))
                .with_timestamp(timestamp)
        };
        let topic = generated::list_offsets_request::ListOffsetsTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![expected_partition(0, -1), expected_partition(1, -2)]);
        let expected = generated::ListOffsetsRequest::default()
            .with_replica_id(generated::BrokerId(-1))
            .with_isolation_level(since(2, version, 1, 0))
            .with_topics(vec![topic])
            .with_timeout_ms(since(10, version, 1000, 0));
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn offset_for_leader_epoch_requests_come_from_a_consumer() {
    for version in generated_versions::<OffsetForLeaderEpochRequest>(2) {
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
        let partition = generated::offset_for_leader_epoch_request::OffsetForLeaderPartition::default()
            .with_partition(2)
            .with_current_leader_epoch(7)
            .with_leader_epoch(6);
        let topic = generated::offset_for_leader_epoch_request::OffsetForLeaderTopic::default()
            .with_topic(topic_name("orders"))
            .with_partitions(vec![partition]);
        let expected = generated::OffsetForLeaderEpochRequest::default()
            .with_replica_id(generated::BrokerId(since(3, version, -1, -2)))
            .with_topics(vec![topic]);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn init_producer_id_requests_name_the_current_identity_from_v3_on() {
    for version in versions::<InitProducerIdRequest>() {
        let mut request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            current: ProducerIdentity::NONE,
        };
        let expected = generated::InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(60_000);
        check_read_back(&request, version, &expected);
        request.current = ProducerIdentity { id: 4, epoch: 2 };
        request.transactional_id = Some("tx".to_owned());
        if version >= 3 {
            let expected = expected
                .with_transactional_id(Some(generated::TransactionalId(text("tx"))))
                .with_producer_id(generated::ProducerId(4))
                .with_producer_epoch(2);
            check_read_back(&request, version, &expected);
        } else {
            assert!(matches!(
                encode(&request, version),
                Err(EncodeError::NotExpressible { .. })
            ));
        }
        check_bounds(&request);
    }
}
