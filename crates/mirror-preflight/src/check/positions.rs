//! The topic on the target that positions live in: missing is fine, it is created; but one that deletes by time would
//! lose them.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin;
use kafka_wire::api_key::ApiKey;
use kafka_wire::version::BrokerVersions;

use super::report::{Check, Scope};
use crate::connect::{Reached, within};

const CLEANUP_POLICY: &str = "cleanup.policy";

pub(super) async fn examine(scope: &Scope, target: &Reached, topic: &str, step: Duration) -> Check {
    let name: Arc<str> = topic.into();
    let brokers = target.cluster.broker_versions(step).await;
    let told = |broker: &BrokerVersions| broker.range(ApiKey::DescribeConfigs).is_some();
    if !brokers.iter().all(told) {
        return scope
            .failed(
                "positions",
                topic,
                "brokers before Kafka 0.11 cannot keep positions in a topic",
            )
            .advise(
                "use heliostat mirror-maker for this target: it keeps positions in a consumer group on the source",
            );
    }
    let exists = target
        .metadata
        .topics
        .iter()
        .any(|topic| topic.name.as_ref() == Some(&name));
    if !exists {
        return scope.ok("positions", topic, "will be created, compacted");
    }
    let described = within(
        step,
        admin::describe_topics(&target.cluster, &[Arc::clone(&name)]),
    )
    .await;
    let policy = match described {
        Ok((topics, refused)) => match refused.get(&name) {
            Some(code) => Err(format!("its settings cannot be read: {code}")),
            None => Ok(topics
                .get(&name)
                .and_then(|settings| settings.get(CLEANUP_POLICY).cloned())),
        },
        Err(reason) => Err(reason),
    };
    match policy {
        Ok(Some(policy)) if policy == "compact" => scope.ok("positions", topic, "exists and is compacted"),
        Ok(policy) => {
            let policy = policy.as_deref().unwrap_or("unknown").to_owned();
            scope
                .failed(
                    "positions",
                    topic,
                    format!("its {CLEANUP_POLICY} is {policy}: positions would be deleted"),
                )
                .advise(format!(
                    "set {CLEANUP_POLICY}=compact on it, or name another topic"
                ))
        }
        Err(reason) => scope.warning("positions", topic, reason),
    }
}
