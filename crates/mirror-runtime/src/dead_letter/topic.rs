//! The topic that dead letters go to: made if it is missing, so that it takes what another topic refused.

use std::sync::Arc;

use kafka_client::admin::{self, NewTopic};
use kafka_client::{ClientError, Cluster};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::NodeId;

use super::refused;

/// Java's `Long.MAX_VALUE`, Kafka's word for "no limit" in these settings.
const UNLIMITED: &str = "9223372036854775807";

/// Limits of timestamps since Kafka 3.6 (KIP-937).
const TIMESTAMP_LIMITS: &[&str] = &[
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
];
/// The one limit before; gone in 4.0.
const TIMESTAMP_LIMIT_BEFORE_3_6: &[&str] = &["message.timestamp.difference.max.ms"];

/// The leader of the topic's partition 0. The topic is made if it is missing; then the first answer is
/// `LEADER_NOT_AVAILABLE`.
pub(super) async fn leader(target: &Cluster, topic: &Arc<str>) -> Result<NodeId, ClientError> {
    let metadata = target.metadata(Some(vec![Arc::clone(topic)])).await?;
    let found = metadata
        .topics
        .iter()
        .find(|found| found.name.as_ref() == Some(topic));
    let code = found.map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |found| found.error_code);
    if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
        create(target, topic, metadata.brokers.len()).await?;
    } else if code.is_error() {
        return Err(refused(target, topic, ApiKey::Metadata, code, None));
    }
    let partition = found.and_then(|found| {
        found
            .partitions
            .iter()
            .find(|partition| partition.partition_index == 0)
    });
    partition
        .map(|partition| partition.leader_id)
        .filter(|leader| leader.0 >= 0)
        .ok_or_else(|| {
            refused(
                target,
                topic,
                ApiKey::Metadata,
                ErrorCode::LEADER_NOT_AVAILABLE,
                None,
            )
        })
}

async fn create(target: &Cluster, topic: &Arc<str>, brokers: usize) -> Result<(), ClientError> {
    let new_topic = |limits| NewTopic {
        name: Arc::clone(topic),
        partitions: 1,
        replication_factor: i16::try_from(brokers.min(3)).unwrap_or(1).max(1),
        configs: settings(limits),
    };
    let mut created = admin::create_topic(target, &new_topic(TIMESTAMP_LIMITS)).await;
    if created
        .as_ref()
        .is_err_and(|error| error.code() == Some(ErrorCode::INVALID_CONFIG))
    {
        created = admin::create_topic(target, &new_topic(TIMESTAMP_LIMIT_BEFORE_3_6)).await;
    }
    match created {
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
        created => created,
    }
}

/// A record comes here because another topic refused it. Whatever the brokers' defaults, nothing is refused here for its
/// size, its missing key or its timestamp, which it keeps, and nothing expires.
fn settings(timestamp_limits: &[&str]) -> Vec<(String, String)> {
    let fixed = [
        ("cleanup.policy", "delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("max.message.bytes", "2147483647"),
        ("message.timestamp.type", "CreateTime"),
    ];
    let unlimited = timestamp_limits.iter().map(|name| (*name, UNLIMITED));
    fixed
        .into_iter()
        .chain(unlimited)
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}
