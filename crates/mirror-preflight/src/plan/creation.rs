//! Asks the target whether it would create the topics as planned, without creating them: its quotas, policies and
//! rights speak here and not in the middle of a run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::error_code::ErrorCode;
use mirror_core::topic_plan::{TopicToCreate, settings};

use crate::connect::within;

/// How long the controller may think, in milliseconds.
const TIMEOUT_MS: i32 = 5000;

/// What the target says of the topics to be created, by name.
#[derive(Debug, Default)]
pub(super) struct Validated {
    /// Why it would not create them.
    pub(super) refused: BTreeMap<Arc<str>, String>,
    /// Those it creates only without the settings that not every version knows: the settings that remain.
    pub(super) reduced: BTreeMap<Arc<str>, settings::Settings>,
    /// Why it could not be asked.
    pub(super) problem: Option<String>,
}

/// Asks for all `topics` at once, and a second time, with fewer settings, for those whose settings it does not know.
pub(super) async fn validate(
    cluster: &Cluster,
    topics: &BTreeMap<Arc<str>, TopicToCreate>,
    step: Duration,
) -> Validated {
    let mut validated = Validated::default();
    if topics.is_empty() {
        return validated;
    }
    match within(step, ask(cluster, topics)).await {
        Ok(refused) => validated.refused = refused_texts(&refused, &mut validated.reduced, topics),
        Err(reason) => {
            validated.problem = Some(reason);
            return validated;
        }
    }
    if !validated.reduced.is_empty() {
        let again = topics.iter().filter_map(|(name, topic)| {
            let settings = validated.reduced.get(name)?.clone();
            Some((
                Arc::clone(name),
                TopicToCreate {
                    settings,
                    ..topic.clone()
                },
            ))
        });
        match within(step, ask(cluster, &again.collect())).await {
            Ok(refused) => {
                let texts = refused.into_iter().map(|(name, (_, text))| (name, text));
                validated.refused.extend(texts);
            }
            Err(reason) => validated.problem = Some(reason),
        }
    }
    validated
}

type Refused = BTreeMap<Arc<str>, (ErrorCode, String)>;

/// Puts what an old version may not know aside, with the settings that every version knows.
fn refused_texts(
    refused: &Refused,
    reduced: &mut BTreeMap<Arc<str>, settings::Settings>,
    topics: &BTreeMap<Arc<str>, TopicToCreate>,
) -> BTreeMap<Arc<str>, String> {
    let known = settings::known_to_every_broker();
    let mut texts = BTreeMap::new();
    for (name, (code, text)) in refused {
        match topics.get(name) {
            Some(topic) if *code == ErrorCode::INVALID_CONFIG => {
                let kept = topic
                    .settings
                    .iter()
                    .filter(|(setting, _)| known.contains(*setting));
                let kept = kept.map(|(setting, value)| (setting.clone(), value.clone()));
                reduced.insert(Arc::clone(name), kept.collect());
            }
            _ => {
                texts.insert(Arc::clone(name), text.clone());
            }
        }
    }
    texts
}

async fn ask(cluster: &Cluster, topics: &BTreeMap<Arc<str>, TopicToCreate>) -> Result<Refused, ClientError> {
    let topics = topics.iter().map(|(name, topic)| CreatableTopic {
        name: Arc::clone(name),
        num_partitions: topic.partitions,
        replication_factor: topic.replication_factor,
        configs: topic
            .settings
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect(),
    });
    let request = CreateTopicsRequest {
        topics: topics.collect(),
        timeout_ms: TIMEOUT_MS,
        validate_only: true,
    };
    let answer = cluster.call_controller(&request).await?;
    let refused = answer.topics.into_iter().filter(|topic| {
        // Somebody else has just created it: then it is there.
        topic.error_code.is_error() && topic.error_code != ErrorCode::TOPIC_ALREADY_EXISTS
    });
    Ok(refused
        .map(|topic| {
            let text = match topic.error_message {
                Some(message) => format!("{}: {message}", topic.error_code),
                None => topic.error_code.to_string(),
            };
            (topic.name, (topic.error_code, text))
        })
        .collect())
}
