//! Responses about making, changing and describing topics.

use std::sync::Arc;

use kafka_protocol::messages::{
    CreatePartitionsResponse as GeneratedCreatePartitions, CreateTopicsResponse as GeneratedCreateTopics,
    DeleteRecordsResponse as GeneratedDeleteRecords, DeleteTopicsResponse as GeneratedDeleteTopics,
    DescribeConfigsResponse as GeneratedDescribeConfigs, TopicName,
};
use kafka_protocol::messages::{
    create_partitions_response, create_topics_response, delete_records_response, delete_topics_response,
    describe_configs_response,
};
use kafka_wire::api::create_partitions::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
};
use kafka_wire::api::create_topics::{CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse};
use kafka_wire::api::delete_records::{
    DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopicResult,
};
use kafka_wire::api::delete_topics::{DeleteTopicsRequest, DeleteTopicsResponse, DeletedTopic};
use kafka_wire::api::describe_configs::{
    ConfigSource, DescribeConfigsRequest, DescribeConfigsResponse, DescribeConfigsResult, DescribedConfig,
    ResourceType,
};
use kafka_wire::{ErrorCode, TopicId};

use super::{
    MANY, Visitor, generated_versions, long_name, since, text, topic_id, unknown_tags, uuid, versions,
};

pub(super) fn visit_create_topics(visitor: &mut impl Visitor) {
    for version in generated_versions::<CreateTopicsRequest>(2) {
        let name = long_name();
        let id = since(7, version, topic_id(5), TopicId::ZERO);
        let mut topic = create_topics_response::CreatableTopicResult::default()
            .with_name(TopicName(text(&name)))
            .with_topic_id(uuid(id))
            .with_error_code(40)
            .with_error_message(Some(text("no such setting")))
            .with_unknown_tagged_fields(unknown_tags());
        if version >= 5 {
            let config = create_topics_response::CreatableTopicConfigs::default()
                .with_name(text("cleanup.policy"))
                .with_value(Some(text("compact")))
                .with_config_source(1)
                .with_unknown_tagged_fields(unknown_tags());
            let smallest = create_topics_response::CreatableTopicConfigs::default().with_value(None);
            topic = topic
                .with_num_partitions(8)
                .with_replication_factor(3)
                .with_topic_config_error_code(29)
                .with_configs(Some(
                    std::iter::once(config).chain(vec![smallest; MANY]).collect(),
                ));
        }
        let smallest = create_topics_response::CreatableTopicResult::default()
            .with_error_message(None)
            .with_configs(None);
        // Below v5 there are no configurations to be null.
        let smallest = if version >= 5 {
            smallest
        } else {
            smallest.with_configs(Some(Vec::new()))
        };
        let generated = GeneratedCreateTopics::default().with_throttle_time_ms(8);
        let generated =
            [vec![topic], vec![smallest; MANY]].map(|topics| generated.clone().with_topics(topics));

        let topic = CreatableTopicResult {
            name: Arc::from(name),
            topic_id: id,
            error_code: ErrorCode::INVALID_CONFIG,
            error_message: Some("no such setting".to_owned()),
            num_partitions: since(5, version, 8, -1),
            replication_factor: since(5, version, 3, -1),
        };
        let smallest = CreatableTopicResult {
            name: Arc::from(""),
            topic_id: TopicId::ZERO,
            error_code: ErrorCode::NONE,
            error_message: None,
            num_partitions: -1,
            replication_factor: -1,
        };
        for (generated, topics) in generated.iter().zip([vec![topic], vec![smallest; MANY]]) {
            let expected = CreateTopicsResponse {
                throttle_time_ms: 8,
                topics,
            };
            visitor.case::<CreateTopicsRequest>(version, generated, &expected);
        }
    }
}

pub(super) fn visit_create_partitions(visitor: &mut impl Visitor) {
    for version in versions::<CreatePartitionsRequest>() {
        let name = long_name();
        let result = create_partitions_response::CreatePartitionsTopicResult::default()
            .with_name(TopicName(text(&name)))
            .with_error_code(37)
            .with_error_message(Some(text("it has more")))
            .with_unknown_tagged_fields(unknown_tags());
        let smallest =
            create_partitions_response::CreatePartitionsTopicResult::default().with_error_message(None);
        let generated = GeneratedCreatePartitions::default()
            .with_throttle_time_ms(8)
            .with_results(std::iter::once(result).chain(vec![smallest; MANY]).collect());

        let result = CreatePartitionsTopicResult {
            name: Arc::from(name),
            error_code: ErrorCode::INVALID_PARTITIONS,
            error_message: Some("it has more".to_owned()),
        };
        let smallest = CreatePartitionsTopicResult {
            name: Arc::from(""),
            error_code: ErrorCode::NONE,
            error_message: None,
        };
        let expected = CreatePartitionsResponse {
            throttle_time_ms: 8,
            results: std::iter::once(result).chain(vec![smallest; MANY]).collect(),
        };
        visitor.case::<CreatePartitionsRequest>(version, &generated, &expected);
    }
}

pub(super) fn visit_describe_configs(visitor: &mut impl Visitor) {
    for version in generated_versions::<DescribeConfigsRequest>(1) {
        for (results, expected) in [
            vec![refused(), described(vec![full_config(version)])],
            vec![described(vec![smallest_config(version); MANY])],
            vec![smallest_result(); MANY],
        ]
        .map(|results| results.into_iter().unzip())
        {
            let generated = GeneratedDescribeConfigs::default()
                .with_throttle_time_ms(8)
                .with_results(results)
                .with_unknown_tagged_fields(unknown_tags());
            let expected = DescribeConfigsResponse {
                throttle_time_ms: 8,
                results: expected,
            };
            visitor.case::<DescribeConfigsRequest>(version, &generated, &expected);
        }
    }
}

type ConfigsResult = (
    describe_configs_response::DescribeConfigsResult,
    DescribeConfigsResult,
);
type Config = (
    describe_configs_response::DescribeConfigsResourceResult,
    DescribedConfig,
);

fn described(configs: Vec<Config>) -> ConfigsResult {
    let (configs, expected) = configs.into_iter().unzip();
    let generated = describe_configs_response::DescribeConfigsResult::default()
        .with_error_message(None)
        .with_resource_type(2)
        .with_resource_name(text("orders"))
        .with_configs(configs);
    let expected = DescribeConfigsResult {
        error_code: ErrorCode::NONE,
        error_message: None,
        resource_type: ResourceType::TOPIC,
        name: "orders".to_owned(),
        configs: expected,
    };
    (generated, expected)
}

fn refused() -> ConfigsResult {
    let generated = describe_configs_response::DescribeConfigsResult::default()
        .with_error_code(31)
        .with_error_message(Some(text("not allowed")))
        .with_resource_type(4)
        .with_resource_name(text("1"))
        .with_unknown_tagged_fields(unknown_tags());
    let expected = DescribeConfigsResult {
        error_code: ErrorCode::CLUSTER_AUTHORIZATION_FAILED,
        error_message: Some("not allowed".to_owned()),
        resource_type: ResourceType::BROKER,
        name: "1".to_owned(),
        configs: Vec::new(),
    };
    (generated, expected)
}

fn smallest_result() -> ConfigsResult {
    let generated = describe_configs_response::DescribeConfigsResult::default().with_error_message(None);
    let expected = DescribeConfigsResult {
        error_code: ErrorCode::NONE,
        error_message: None,
        resource_type: ResourceType(0),
        name: String::new(),
        configs: Vec::new(),
    };
    (generated, expected)
}

fn full_config(version: i16) -> Config {
    let synonym = describe_configs_response::DescribeConfigsSynonym::default()
        .with_name(text("message.max.bytes"))
        .with_value(Some(text("1048588")))
        .with_source(5)
        .with_unknown_tagged_fields(unknown_tags());
    let smallest_synonym = describe_configs_response::DescribeConfigsSynonym::default().with_value(None);
    let mut generated = describe_configs_response::DescribeConfigsResourceResult::default()
        .with_name(text("max.message.bytes"))
        .with_value(Some(text("1048588")))
        .with_read_only(true)
        .with_config_source(5)
        .with_synonyms(
            std::iter::once(synonym)
                .chain(vec![smallest_synonym; MANY])
                .collect(),
        );
    if version >= 3 {
        generated = generated
            .with_config_type(3)
            .with_documentation(Some(text("Size")));
    }
    let expected = DescribedConfig {
        name: "max.message.bytes".to_owned(),
        value: Some("1048588".to_owned()),
        read_only: true,
        source: ConfigSource::DEFAULT,
        is_sensitive: false,
    };
    assert!(expected.is_default());
    (generated, expected)
}

fn smallest_config(version: i16) -> Config {
    let generated = describe_configs_response::DescribeConfigsResourceResult::default()
        .with_value(None)
        .with_is_sensitive(true)
        .with_documentation(since(3, version, None, Some(text(""))));
    let expected = DescribedConfig {
        name: String::new(),
        value: None,
        read_only: false,
        source: ConfigSource(-1),
        is_sensitive: true,
    };
    (generated, expected)
}

pub(super) fn visit_delete_records(visitor: &mut impl Visitor) {
    for version in versions::<DeleteRecordsRequest>() {
        let name = long_name();
        let partition = delete_records_response::DeleteRecordsPartitionResult::default()
            .with_partition_index(3)
            .with_low_watermark(99)
            .with_error_code(44)
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = delete_records_response::DeleteRecordsPartitionResult::default();
        let topic = delete_records_response::DeleteRecordsTopicResult::default()
            .with_name(TopicName(text(&name)))
            .with_partitions(std::iter::once(partition).chain(vec![smallest; MANY]).collect())
            .with_unknown_tagged_fields(unknown_tags());
        let none = delete_records_response::DeleteRecordsTopicResult::default();
        let generated = GeneratedDeleteRecords::default().with_throttle_time_ms(8);
        let generated = [vec![topic], vec![none; MANY]].map(|topics| generated.clone().with_topics(topics));

        let partition = DeleteRecordsPartitionResult {
            partition_index: 3,
            low_watermark: 99,
            error_code: ErrorCode::POLICY_VIOLATION,
        };
        let smallest = DeleteRecordsPartitionResult {
            partition_index: 0,
            low_watermark: 0,
            error_code: ErrorCode::NONE,
        };
        let topic = DeleteRecordsTopicResult {
            name: Arc::from(name),
            partitions: std::iter::once(partition).chain(vec![smallest; MANY]).collect(),
        };
        let none = DeleteRecordsTopicResult {
            name: Arc::from(""),
            partitions: Vec::new(),
        };
        for (generated, topics) in generated.iter().zip([vec![topic], vec![none; MANY]]) {
            let expected = DeleteRecordsResponse {
                throttle_time_ms: 8,
                topics,
            };
            visitor.case::<DeleteRecordsRequest>(version, generated, &expected);
        }
    }
}

pub(super) fn visit_delete_topics(visitor: &mut impl Visitor) {
    for version in generated_versions::<DeleteTopicsRequest>(1) {
        let name = long_name();
        let topic = delete_topics_response::DeletableTopicResult::default()
            .with_name(Some(TopicName(text(&name))))
            .with_error_code(3)
            .with_error_message((version >= 5).then(|| text("nobody knows it")))
            .with_unknown_tagged_fields(unknown_tags());
        let smallest = delete_topics_response::DeletableTopicResult::default()
            .with_name(Some(TopicName(text(""))))
            .with_error_message(None);
        let generated = GeneratedDeleteTopics::default()
            .with_throttle_time_ms(8)
            .with_responses(std::iter::once(topic).chain(vec![smallest; MANY]).collect());

        let topic = DeletedTopic {
            name: Arc::from(name),
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            error_message: since(5, version, Some("nobody knows it".to_owned()), None),
        };
        let smallest = DeletedTopic {
            name: Arc::from(""),
            error_code: ErrorCode::NONE,
            error_message: None,
        };
        let expected = DeleteTopicsResponse {
            throttle_time_ms: 8,
            topics: std::iter::once(topic).chain(vec![smallest; MANY]).collect(),
        };
        visitor.case::<DeleteTopicsRequest>(version, &generated, &expected);
    }
}
