//! Topics of a cluster: made, grown, described and deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_wire::api::create_partitions::{CreatePartitionsRequest, CreatePartitionsTopic};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::delete_topics::DeleteTopicsRequest;
use kafka_wire::api::describe_configs::{DescribeConfigsRequest, DescribeConfigsResource, ResourceType};
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::ProducerIdentity;
use kafka_wire::request::Request;

use crate::cluster::Cluster;
use crate::error::{ClientError, cluster_called};

/// How long the controller may take to create or grow a topic before it answers, in milliseconds.
const ADMIN_TIMEOUT_MS: i32 = 15_000;

/// A topic that is to exist.
#[derive(Debug, Clone)]
pub struct NewTopic {
    pub name: Arc<str>,
    pub partitions: i32,
    pub replication_factor: i16,
    pub configs: Vec<(String, String)>,
}

/// Creates a topic.
///
/// # Errors
/// [`ClientError::Answered`] with the controller's reason; [`ErrorCode::TOPIC_ALREADY_EXISTS`] among them.
pub async fn create_topic(cluster: &Cluster, topic: &NewTopic) -> Result<(), ClientError> {
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: Arc::clone(&topic.name),
            num_partitions: topic.partitions,
            replication_factor: topic.replication_factor,
            configs: topic
                .configs
                .iter()
                .map(|(name, value)| (name.clone(), Some(value.clone())))
                .collect(),
        }],
        timeout_ms: ADMIN_TIMEOUT_MS,
        validate_only: false,
    };
    let answer = cluster.call_controller(&request).await?;
    let result = answer.topics.into_iter().next();
    let (code, message) = result.map_or((ErrorCode::UNKNOWN, None), |result| {
        (result.error_code, result.error_message)
    });
    checked::<CreateTopicsRequest>(cluster, code, message)
}

/// Raises a topic's partition count to `partitions`.
pub async fn grow_topic(cluster: &Cluster, topic: &Arc<str>, partitions: i32) -> Result<(), ClientError> {
    let request = CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: Arc::clone(topic),
            count: partitions,
        }],
        timeout_ms: ADMIN_TIMEOUT_MS,
        validate_only: false,
    };
    let answer = cluster.call_controller(&request).await?;
    let result = answer.results.into_iter().next();
    let (code, message) = result.map_or((ErrorCode::UNKNOWN, None), |result| {
        (result.error_code, result.error_message)
    });
    checked::<CreatePartitionsRequest>(cluster, code, message)
}

/// Deletes a topic.
///
/// # Errors
/// [`ClientError::Answered`] with the controller's reason. [`ErrorCode::REQUEST_TIMED_OUT`] means that the deletion was noted
/// and is not done yet; before Kafka 1.0 that is also the answer of brokers that do not delete topics at all.
pub async fn delete_topic(cluster: &Cluster, topic: &Arc<str>) -> Result<(), ClientError> {
    let request = DeleteTopicsRequest {
        topics: vec![Arc::clone(topic)],
        timeout_ms: ADMIN_TIMEOUT_MS,
    };
    let answer = cluster.call_controller(&request).await?;
    let result = answer.topics.into_iter().next();
    let (code, message) = result.map_or((ErrorCode::UNKNOWN, None), |result| {
        (result.error_code, result.error_message)
    });
    checked::<DeleteTopicsRequest>(cluster, code, message)
}

/// The settings of topics whose value is not Kafka's own default, sensitive ones left out. Topics that are missing or may
/// not be described are absent from the answer.
pub async fn changed_settings(
    cluster: &Cluster,
    topics: &[Arc<str>],
) -> Result<BTreeMap<Arc<str>, BTreeMap<String, String>>, ClientError> {
    let answer = cluster.call_any(&describe_configs_of(topics)).await?;
    let described = answer
        .results
        .into_iter()
        .filter(|result| result.error_code.is_ok());
    Ok(described
        .map(|result| {
            let changed = result
                .configs
                .into_iter()
                .filter(|config| !config.is_sensitive && !config.is_default())
                .filter_map(|config| config.value.map(|value| (config.name, value)));
            (result.name.as_str().into(), changed.collect())
        })
        .collect())
}

fn describe_configs_of(topics: &[Arc<str>]) -> DescribeConfigsRequest {
    let resources = topics.iter().map(|topic| DescribeConfigsResource {
        resource_type: ResourceType::TOPIC,
        name: topic.to_string(),
        configuration_keys: None,
    });
    DescribeConfigsRequest {
        resources: resources.collect(),
    }
}

/// The effective settings of topics: name to value, sensitive ones left out.
///
/// A topic that is missing or may not be described is absent from the answer, with its error code in the second map.
pub async fn describe_topics(
    cluster: &Cluster,
    topics: &[Arc<str>],
) -> Result<
    (
        BTreeMap<Arc<str>, BTreeMap<String, String>>,
        BTreeMap<Arc<str>, ErrorCode>,
    ),
    ClientError,
> {
    let answer = cluster.call_any(&describe_configs_of(topics)).await?;
    let mut described = BTreeMap::new();
    let mut failed = BTreeMap::new();
    for result in answer.results {
        let topic: Arc<str> = result.name.as_str().into();
        if result.error_code.is_ok() {
            let configs = result
                .configs
                .into_iter()
                .filter(|config| !config.is_sensitive)
                .filter_map(|config| config.value.map(|value| (config.name, value)))
                .collect();
            described.insert(topic, configs);
        } else {
            failed.insert(topic, result.error_code);
        }
    }
    Ok((described, failed))
}

/// One setting of the cluster's brokers, as the first one that answers has it; `None` if it has no such setting.
pub async fn broker_setting(cluster: &Cluster, name: &str) -> Result<Option<String>, ClientError> {
    let mut last = None;
    for node in cluster.brokers() {
        let resources = vec![DescribeConfigsResource {
            resource_type: ResourceType::BROKER,
            name: node.to_string(),
            configuration_keys: Some(vec![name.to_owned()]),
        }];
        // A broker describes only itself.
        match cluster.call(node, &DescribeConfigsRequest { resources }).await {
            Ok(answer) => {
                let configs = answer.results.into_iter().flat_map(|result| result.configs);
                return Ok(configs
                    .into_iter()
                    .find(|config| config.name == name)
                    .and_then(|config| config.value));
            }
            Err(error) => last = Some(error),
        }
    }
    last.map_or(Ok(None), Err)
}

/// A producer id for an idempotent producer without transactions.
pub async fn init_producer_id(cluster: &Cluster) -> Result<ProducerIdentity, ClientError> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX, // without meaning where there is no transactional id
        current: ProducerIdentity::NONE,
    };
    let answer = cluster.call_any(&request).await?;
    checked::<InitProducerIdRequest>(cluster, answer.error_code, None)?;
    Ok(answer.identity)
}

fn checked<R: Request>(
    cluster: &Cluster,
    code: ErrorCode,
    message: Option<String>,
) -> Result<(), ClientError> {
    if code.is_ok() {
        return Ok(());
    }
    Err(ClientError::Answered {
        address: cluster_called(cluster.alias()),
        api: R::API,
        code,
        message,
    })
}
