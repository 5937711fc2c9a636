//! The topic exists, keeps the last record of each key for ever, and outlives a broker.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin::{self, NewTopic};
use kafka_client::{ClientError, Cluster};
use kafka_client_core::retry::{AdminDisposition, classify_admin};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId};

use crate::attempts::{Attempts, Failed};
use crate::error::PositionTopicError;
use crate::leader::{client_failed, look};

/// What Kafka takes for its own positions (`offsets.topic.replication.factor`).
const REPLICAS: i16 = 3;
/// The cleaner never touches the segment that is written to. Kafka's default of 1 GiB would have every start read that
/// much before the first position is overwritten for good.
const SEGMENT_BYTES: &str = "52428800";
const COMPACT: &str = "compact";
/// What a batch may have where the topic's own limit cannot be read as a number, in bytes: little enough for any broker.
const BATCH_BYTES_DEFAULT: usize = 256 * 1024;

/// A topic that is fit to hold positions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usable {
    pub(crate) topic_id: TopicId,
    /// Batches are kept below this, in bytes.
    pub(crate) batch_bytes_max: usize,
}

/// Creates the topic if it is missing, and looks whether positions are safe in it.
pub(crate) async fn make_usable(
    cluster: &Cluster,
    topic: &Arc<str>,
    time: Duration,
) -> Result<Usable, PositionTopicError> {
    let mut attempts = Attempts::begin(time);
    loop {
        match try_once(cluster, topic).await {
            Ok(usable) => return Ok(usable),
            Err(failed) => attempts.after(failed).await?,
        }
    }
}

async fn try_once(cluster: &Cluster, topic: &Arc<str>) -> Result<Usable, Failed> {
    let missing = || {
        Failed::Passing(PositionTopicError::Missing {
            topic: Arc::clone(topic),
        })
    };
    let Some(seen) = look(cluster, topic).await? else {
        create(cluster, topic).await?;
        // Brokers hear of it one after the other: look again. Where the time is over, it is not missing: the caller may go on.
        return Err(Failed::Passing(PositionTopicError::NoLeader {
            topic: Arc::clone(topic),
        }));
    };
    if seen.leader == NodeId::NONE {
        return Err(Failed::Passing(PositionTopicError::NoLeader {
            topic: Arc::clone(topic),
        }));
    }
    let described = admin::describe_topics(cluster, std::slice::from_ref(topic)).await;
    let (described, failed) = described.map_err(|error| not_described(cluster, topic, error))?;
    if let Some(&code) = failed.get(topic) {
        return Err(match classify_admin(code) {
            AdminDisposition::RefreshMetadata | AdminDisposition::Retry => missing(),
            AdminDisposition::Ok
            | AdminDisposition::AlreadyThere
            | AdminDisposition::Unauthorized
            | AdminDisposition::Refused
            | AdminDisposition::Fatal => Failed::Final(PositionTopicError::SettingsUnreadable {
                topic: Arc::clone(topic),
                code,
            }),
        });
    }
    let settings = described.get(topic).ok_or_else(missing)?;
    let cleanup_policy = settings.get("cleanup.policy").map_or("", String::as_str);
    if cleanup_policy != COMPACT {
        return Err(Failed::Final(PositionTopicError::NotCompacted {
            topic: Arc::clone(topic),
            cleanup_policy: cleanup_policy.to_owned(),
        }));
    }
    let batch_bytes_max = settings
        .get("max.message.bytes")
        .and_then(|value| value.parse().ok())
        .map_or(BATCH_BYTES_DEFAULT, |bytes: usize| bytes.min(BATCH_BYTES_DEFAULT));
    Ok(Usable {
        topic_id: seen.topic_id,
        batch_bytes_max,
    })
}

/// Settings can be read since Kafka 0.11, which is also the first that takes record batches.
fn not_described(cluster: &Cluster, topic: &Arc<str>, error: ClientError) -> Failed {
    if let ClientError::Unsupported { .. } = error {
        return Failed::Final(PositionTopicError::BrokersTooOld {
            topic: Arc::clone(topic),
            cluster: cluster.alias().to_owned(),
        });
    }
    client_failed(topic, error)
}

async fn create(cluster: &Cluster, topic: &Arc<str>) -> Result<(), Failed> {
    let min_insync_replicas = admin::broker_setting(cluster, "min.insync.replicas").await;
    let min_insync_replicas = min_insync_replicas
        .map_err(|error| not_described(cluster, topic, error))?
        .and_then(|value| value.parse().ok())
        .unwrap_or(1);
    let new_topic = NewTopic {
        name: Arc::clone(topic),
        partitions: 1,
        replication_factor: replication_factor(topic, cluster.brokers().len(), min_insync_replicas)?,
        configs: vec![
            ("cleanup.policy".to_owned(), COMPACT.to_owned()),
            ("segment.bytes".to_owned(), SEGMENT_BYTES.to_owned()),
        ],
    };
    match admin::create_topic(cluster, &new_topic).await {
        Ok(()) => {
            tracing::info!(%topic, replicas = new_topic.replication_factor, "created the topic of positions");
            Ok(())
        }
        Err(error) if error.code() == Some(ErrorCode::TOPIC_ALREADY_EXISTS) => Ok(()),
        Err(error) => Err(client_failed(topic, error)),
    }
}

/// Three, or as many as there are brokers, but never fewer than a write with acks=all needs.
fn replication_factor(topic: &Arc<str>, brokers: usize, min_insync_replicas: i16) -> Result<i16, Failed> {
    let alive = i16::try_from(brokers).unwrap_or(i16::MAX);
    let needed = min_insync_replicas.max(1);
    if alive < needed {
        // Brokers may still be starting.
        return Err(Failed::Passing(PositionTopicError::TooFewBrokers {
            topic: Arc::clone(topic),
            brokers,
            min_insync_replicas,
        }));
    }
    Ok(REPLICAS.min(alive).max(needed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_replicas_or_what_the_cluster_can_and_must_have() {
        let topic = Arc::from("positions");
        let replicas = |brokers, needed| replication_factor(&topic, brokers, needed).ok();
        assert_eq!(replicas(1, 1), Some(1));
        assert_eq!(replicas(2, 1), Some(2));
        assert_eq!(replicas(5, 2), Some(3));
        assert_eq!(replicas(5, 4), Some(4), "never fewer than acks=all needs");
        assert_eq!(replicas(1, 2), None);
    }
}
