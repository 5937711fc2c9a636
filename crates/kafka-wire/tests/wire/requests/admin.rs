//! Requests that make, change and describe topics.

use std::sync::Arc;

use kafka_protocol::messages as generated;
use kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::delete_records::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic};
use kafka_wire::api::delete_topics::DeleteTopicsRequest;
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};

use super::{check_bounds, check_read_back, topic_name};
use crate::samples::{generated_versions, text, versions};

#[test]
fn create_topics_requests_carry_settings() {
    for version in generated_versions::<CreateTopicsRequest>(2) {
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
    for version in generated_versions::<DescribeConfigsRequest>(1) {
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

#[test]
fn delete_topics_requests_name_topics() {
    for version in versions::<DeleteTopicsRequest>() {
        let request = DeleteTopicsRequest {
            topics: vec![Arc::from("orders"), Arc::from("payments")],
            timeout_ms: 5_000,
        };
        let expected = generated::DeleteTopicsRequest::default()
            .with_topic_names(vec![topic_name("orders"), topic_name("payments")])
            .with_timeout_ms(5_000);
        // Version 0 is not in the generated crate any more; its bytes are those of version 1.
        if version > 0 {
            check_read_back(&request, version, &expected);
        } else {
            let encoded = |version| super::encode(&request, version).expect("a legal request");
            assert_eq!(encoded(0), encoded(1));
        }
        check_bounds(&request);
    }
}
