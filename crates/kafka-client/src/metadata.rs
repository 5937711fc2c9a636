//! Metadata, asked so that no broker creates a topic because it was asked about it.
//!
//! Before version 4 (Kafka 0.11) a question that names a missing topic creates it wherever the broker's
//! `auto.create.topics.enable` is set, as it is by default. Such brokers are asked about all topics, and what was not asked
//! for is dropped. That costs a larger answer; a topic of the source's that appears on a cluster by mistake costs more.

use std::collections::BTreeSet;
use std::sync::Arc;

use kafka_wire::api::metadata::{MetadataRequest, MetadataResponse, MetadataTopic};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicId;

use crate::connection::Connection;
use crate::error::ClientError;

/// The first version that can forbid the broker to create a topic.
const CREATION_FORBIDDABLE_SINCE: i16 = 4;
/// The first version in which an empty list means no topics; before, it means all of them.
const NO_TOPICS_SINCE: i16 = 1;

/// Asks one broker for `topics` (`None`: all), and has it create none.
///
/// A topic that was asked for and is missing is in the answer, with `UNKNOWN_TOPIC_OR_PARTITION`.
pub(crate) async fn ask(
    connection: &Connection,
    topics: Option<&[Arc<str>]>,
) -> Result<MetadataResponse, ClientError> {
    let version = connection.version_of::<MetadataRequest>()?;
    let Some(named) = topics.filter(|named| must_ask_for_all(version, named)) else {
        return connection.call(&careful(topics)).await;
    };
    let mut answer = connection.call(&careful(None)).await?;
    keep_only(&mut answer, named);
    Ok(answer)
}

/// Asks one broker for a topic and has it create it if it is missing and `auto.create.topics.enable` is set. The only way
/// there is before `CreateTopics` (Kafka 0.10.1).
pub(crate) async fn ask_and_create(
    connection: &Connection,
    topic: &Arc<str>,
) -> Result<MetadataResponse, ClientError> {
    let request = MetadataRequest {
        topics: Some(vec![Arc::clone(topic)]),
        allow_auto_topic_creation: true,
    };
    connection.call(&request).await
}

fn careful(topics: Option<&[Arc<str>]>) -> MetadataRequest {
    MetadataRequest {
        topics: topics.map(<[_]>::to_vec),
        allow_auto_topic_creation: false,
    }
}

fn must_ask_for_all(version: i16, named: &[Arc<str>]) -> bool {
    if named.is_empty() {
        version < NO_TOPICS_SINCE
    } else {
        version < CREATION_FORBIDDABLE_SINCE
    }
}

/// Drops what was not asked for, and says of the rest that it does not exist.
fn keep_only(answer: &mut MetadataResponse, named: &[Arc<str>]) {
    let mut missing: BTreeSet<&Arc<str>> = named.iter().collect();
    answer
        .topics
        .retain(|topic| topic.name.as_ref().is_some_and(|name| missing.remove(name)));
    answer
        .topics
        .extend(missing.into_iter().map(|name| MetadataTopic {
            error_code: ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            name: Some(Arc::clone(name)),
            topic_id: TopicId::ZERO,
            is_internal: false,
            partitions: Vec::new(),
        }));
}

#[cfg(test)]
mod tests {
    use kafka_wire::ids::NodeId;

    use super::*;

    fn topic(name: &str) -> MetadataTopic {
        MetadataTopic {
            error_code: ErrorCode::NONE,
            name: Some(name.into()),
            topic_id: TopicId::ZERO,
            is_internal: false,
            partitions: Vec::new(),
        }
    }

    #[test]
    fn an_old_broker_is_asked_for_all_topics_where_naming_them_would_do_something_else() {
        let named = [Arc::from("orders")];
        let all: Vec<i16> = (0..=13)
            .filter(|version| must_ask_for_all(*version, &named))
            .collect();
        assert_eq!(all, [0, 1, 2, 3], "before v4 a name creates the topic");
        let all: Vec<i16> = (0..=13)
            .filter(|version| must_ask_for_all(*version, &[]))
            .collect();
        assert_eq!(all, [0], "in v0 an empty list means all");
    }

    #[test]
    fn what_was_asked_for_is_left_and_what_is_missing_is_named() {
        let mut answer = MetadataResponse {
            throttle_time_ms: 0,
            brokers: Vec::new(),
            cluster_id: None,
            controller_id: NodeId::NONE,
            topics: vec![topic("orders"), topic("payments"), topic("clicks")],
            error_code: ErrorCode::NONE,
        };
        keep_only(&mut answer, &["clicks".into(), "gone".into()]);
        let left: Vec<_> = answer
            .topics
            .iter()
            .map(|topic| (topic.name.as_deref().unwrap_or_default(), topic.error_code))
            .collect();
        assert_eq!(
            left,
            [
                ("clicks", ErrorCode::NONE),
                ("gone", ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
            ]
        );
    }
}
