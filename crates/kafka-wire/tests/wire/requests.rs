//! Every request of ours, in every version, is what `kafka-protocol` writes or reads back.
//!
//! Fetch and Produce are written by hand and compared byte by byte. The other requests are written *by*
//! `kafka-protocol`, so their bytes are read back with its broker side and compared field by field.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages as generated;
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};
use kafka_wire::api::describe_groups::DescribeGroupsRequest;
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic, READ_COMMITTED};
use kafka_wire::api::find_coordinator::{FindCoordinatorRequest, GROUP};
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::api::list_offsets::{
    EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic,
};
use kafka_wire::api::metadata::MetadataRequest;
use kafka_wire::api::offset_commit::{OffsetCommitPartition, OffsetCommitRequest, OffsetCommitTopic};
use kafka_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchTopic};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::{EncodeError, ProducerIdentity, Request, RequestBuffer, TopicId};

use crate::samples::{long_name, since, text, topic_id, versions};

fn encode<R: Request>(request: &R, version: i16) -> Result<Bytes, EncodeError> {
    let mut out = RequestBuffer::new();
    request.encode(version, &mut out).map(|()| out.into_contiguous())
}

/// Our bytes read back as `expected` by a broker.
#[track_caller]
fn check_read_back<R: Request, G: Decodable + Debug + PartialEq>(request: &R, version: i16, expected: &G) {
    let mut bytes = encode(request, version).expect("a request that can be written");
    let decoded = G::decode(&mut bytes, version).expect("a request that a broker can read");
    assert_eq!(&decoded, expected, "{} v{version}", R::API);
    assert!(!bytes.has_remaining(), "{} v{version}", R::API);
}

/// Our bytes are those of `expected`.
#[track_caller]
fn check_bytes<R: Request>(request: &R, version: i16, expected: &impl Encodable) {
    let mut bytes = BytesMut::new();
    expected.encode(&mut bytes, version).expect("a legal request");
    assert_eq!(
        encode(request, version).expect("a legal request"),
        bytes,
        "{} v{version}",
        R::API
    );
}

/// Versions next to the range are refused, both to write and to read.
#[track_caller]
fn check_bounds<R: Request>(request: &R)
where
    R::Response: Debug,
{
    for version in [R::VERSIONS.min - 1, R::VERSIONS.max + 1, i16::MIN, i16::MAX] {
        assert_eq!(
            encode(request, version),
            Err(EncodeError::UnsupportedVersion {
                api: R::API,
                version,
                ours: R::VERSIONS
            })
        );
        assert!(R::decode_response(version, Bytes::from_static(&[0; 64])).is_err());
    }
}

fn topic_name(name: &str) -> generated::TopicName {
    generated::TopicName(text(name))
}

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
    for version in versions::<FetchRequest>() {
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
    for version in versions::<ProduceRequest>() {
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
    for version in versions::<ListOffsetsRequest>() {
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
    for version in versions::<OffsetForLeaderEpochRequest>() {
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

#[test]
fn find_coordinator_requests_ask_for_one_key() {
    for version in versions::<FindCoordinatorRequest>() {
        let request = FindCoordinatorRequest {
            key: "group".to_owned(),
            key_type: GROUP,
        };
        let expected = if version >= 4 {
            generated::FindCoordinatorRequest::default().with_coordinator_keys(vec![text("group")])
        } else {
            generated::FindCoordinatorRequest::default().with_key(text("group"))
        };
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn offset_commit_requests_read_back() {
    for version in versions::<OffsetCommitRequest>() {
        let request = OffsetCommitRequest {
            group_id: "group".to_owned(),
            generation_id: -1,
            member_id: String::new(),
            topics: vec![OffsetCommitTopic {
                name: Arc::from("orders"),
                partitions: vec![OffsetCommitPartition {
                    partition_index: 3,
                    committed_offset: 77,
                    committed_leader_epoch: 5,
                    metadata: None,
                }],
            }],
        };
        let partition = generated::offset_commit_request::OffsetCommitRequestPartition::default()
            .with_partition_index(3)
            .with_committed_offset(77)
            .with_committed_leader_epoch(since(6, version, 5, -1))
            .with_committed_metadata(None);
        let topic = generated::offset_commit_request::OffsetCommitRequestTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![partition]);
        let expected = generated::OffsetCommitRequest::default()
            .with_group_id(generated::GroupId(text("group")))
            .with_topics(vec![topic]);
        assert_eq!(expected.retention_time_ms, -1, "the broker's own retention");
        assert_eq!(expected.generation_id_or_member_epoch, -1);
        assert_eq!(expected.group_instance_id, None);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn offset_fetch_requests_ask_for_one_group() {
    for version in versions::<OffsetFetchRequest>() {
        let request = OffsetFetchRequest {
            group_id: "group".to_owned(),
            topics: Some(vec![OffsetFetchTopic {
                name: Arc::from("orders"),
                partition_indexes: vec![1, 2],
            }]),
            require_stable: true,
        };
        let group_id = generated::GroupId(text("group"));
        let mut expected = generated::OffsetFetchRequest::default().with_require_stable(version >= 7);
        let mut expected_all = expected.clone();
        if version >= 8 {
            let topic = generated::offset_fetch_request::OffsetFetchRequestTopics::default()
                .with_name(topic_name("orders"))
                .with_partition_indexes(vec![1, 2]);
            let group =
                generated::offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(group_id);
            expected = expected.with_groups(vec![group.clone().with_topics(Some(vec![topic]))]);
            expected_all = expected_all.with_groups(vec![group.with_topics(None)]);
        } else {
            let topic = generated::offset_fetch_request::OffsetFetchRequestTopic::default()
                .with_name(topic_name("orders"))
                .with_partition_indexes(vec![1, 2]);
            expected = expected
                .with_group_id(group_id.clone())
                .with_topics(Some(vec![topic]));
            expected_all = expected_all.with_group_id(group_id).with_topics(None);
        }
        check_read_back(&request, version, &expected);
        let all = OffsetFetchRequest {
            topics: None,
            ..request
        };
        if version >= 2 {
            check_read_back(&all, version, &expected_all);
        } else {
            assert!(matches!(
                encode(&all, version),
                Err(EncodeError::NotExpressible { .. })
            ));
        }
        check_bounds(&all);
    }
}

#[test]
fn describe_groups_requests_read_back() {
    for version in versions::<DescribeGroupsRequest>() {
        let request = DescribeGroupsRequest {
            groups: vec!["a".to_owned(), "b".to_owned()],
        };
        let groups = vec![generated::GroupId(text("a")), generated::GroupId(text("b"))];
        let expected = generated::DescribeGroupsRequest::default().with_groups(groups);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn create_topics_requests_carry_settings() {
    for version in versions::<CreateTopicsRequest>() {
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: Arc::from("orders"),
                num_partitions: 12,
                replication_factor: 3,
                configs: vec![
                    ("cleanup.policy".to_owned(), Some("compact".to_owned())),
                    ("retention.ms".to_owned(), None),
                ],
            }],
            timeout_ms: 5_000,
            validate_only: true,
        };
        let config = |name: &str, value: Option<&str>| {
            generated::create_topics_request::CreatableTopicConfig::default()
                .with_name(text(name))
                .with_value(value.map(text))
        };
        let topic = generated::create_topics_request::CreatableTopic::default()
            .with_name(topic_name("orders"))
            .with_num_partitions(12)
            .with_replication_factor(3)
            .with_configs(vec![
                config("cleanup.policy", Some("compact")),
                config("retention.ms", None),
            ]);
        let expected = generated::CreateTopicsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(5_000)
            .with_validate_only(true);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn create_partitions_requests_leave_placement_to_the_broker() {
    for version in versions::<CreatePartitionsRequest>() {
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic {
                name: Arc::from("orders"),
                count: 24,
            }],
            timeout_ms: 5_000,
            validate_only: false,
        };
        let topic = generated::create_partitions_request::CreatePartitionsTopic::default()
            .with_name(topic_name("orders"))
            .with_count(24)
            .with_assignments(None);
        let expected = generated::CreatePartitionsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(5_000)
            .with_validate_only(false);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn describe_configs_requests_ask_for_all_or_some_settings() {
    for version in versions::<DescribeConfigsRequest>() {
        let keys = ["max.message.bytes", "cleanup.policy"];
        let request = DescribeConfigsRequest {
            resources: vec![
                DescribeConfigsResource {
                    resource_type: ResourceType::TOPIC,
                    name: "orders".to_owned(),
                    configuration_keys: Some(keys.map(str::to_owned).to_vec()),
                },
                DescribeConfigsResource {
                    resource_type: ResourceType::BROKER,
                    name: "1".to_owned(),
                    configuration_keys: None,
                },
            ],
        };
        let resource = |kind: i8, name: &str| {
            generated::describe_configs_request::DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(name))
        };
        let expected = generated::DescribeConfigsRequest::default().with_resources(vec![
            resource(2, "orders").with_configuration_keys(Some(keys.map(text).to_vec())),
            resource(4, "1").with_configuration_keys(None),
        ]);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}

#[test]
fn delete_records_requests_read_back() {
    for version in versions::<DeleteRecordsRequest>() {
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: Arc::from("orders"),
                partitions: vec![DeleteRecordsPartition {
                    partition_index: 1,
                    offset: -1,
                }],
            }],
            timeout_ms: 5_000,
        };
        let partition = generated::delete_records_request::DeleteRecordsPartition::default()
            .with_partition_index(1)
            .with_offset(-1);
        let topic = generated::delete_records_request::DeleteRecordsTopic::default()
            .with_name(topic_name("orders"))
            .with_partitions(vec![partition]);
        let expected = generated::DeleteRecordsRequest::default()
            .with_topics(vec![topic])
            .with_timeout_ms(5_000);
        check_read_back(&request, version, &expected);
        check_bounds(&request);
    }
}
