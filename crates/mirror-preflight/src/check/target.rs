//! What a mirror does on the target: read settings, create topics, get a producer id, write.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster, admin};
use kafka_client_core::retry::{CoordinatorDisposition, classify_coordinator};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::describe_configs::DescribeConfigsRequest;
use kafka_wire::api::init_producer_id::InitProducerIdRequest;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::request::Request;
use kafka_wire::version::{BrokerVersions, VersionRange};
use mirror_config::FlowConfig;
use tokio::time::{sleep, timeout};

use super::advice;
use super::report::{Check, Scope};
use crate::connect::{Reached, within};
use crate::counted;

/// How long the controller may think, in milliseconds.
const CREATE_TIMEOUT_MS: i32 = 5000;

/// Topics whose settings are asked for in one request.
const TOPICS_PER_REQUEST: usize = 200;

/// The first version of `CreateTopics` that can be tried out without making anything.
const TRYING_OUT_SINCE: i16 = 1;

/// Before asking again for a producer id that is not there yet.
const PRODUCER_ID_PAUSE: Duration = Duration::from_millis(100);

/// Checks the rights; `names` are the flow's topics as the target calls them, `None` where the source was not asked.
pub(super) async fn examine(
    scope: &Scope,
    flow: &FlowConfig,
    target: &Reached,
    names: Option<&[Arc<str>]>,
    step: Duration,
) -> Vec<Check> {
    let present: BTreeSet<_> = target
        .metadata
        .topics
        .iter()
        .filter_map(|topic| topic.name.clone())
        .collect();
    let all = names.unwrap_or_default().iter().cloned();
    let (existing, missing): (Vec<_>, Vec<_>) = all.partition(|name| present.contains(name));
    let brokers = target.cluster.broker_versions(step).await;
    let settings = if offer::<DescribeConfigsRequest>(&brokers, 0) {
        settings(scope, &target.cluster, &existing, step).await
    } else {
        scope.skipped("settings", "", "brokers before Kafka 0.11 do not tell them")
    };
    let create = match names {
        Some([]) => scope.skipped("create", "", "no topic matches"),
        Some(_) => create(scope, &target.cluster, &brokers, &missing, step).await,
        None => scope.skipped("create", "", "the source's topics are not known"),
    };
    let producer_id = if offer::<InitProducerIdRequest>(&brokers, 0) {
        producer_id(scope, flow, &target.cluster, step).await
    } else {
        scope.skipped("producer-id", "", "brokers before Kafka 0.11 give none")
    };
    vec![
        settings,
        create,
        producer_id,
        scope.skipped(
            "write",
            "",
            "only a record written would tell: the flow needs Write on every target topic",
        ),
    ]
}

/// The mirror works without these rights: it then assumes Kafka's defaults. So what is refused here is a warning.
async fn settings(scope: &Scope, cluster: &Cluster, existing: &[Arc<str>], step: Duration) -> Check {
    let unreadable = |subject: &str, why: String, resource: &str, code| {
        let check = scope.warning("settings", subject, format!("settings cannot be read: {why}"));
        match advice::refused(code, "DescribeConfigs", resource) {
            Some(advice) => check.advise(advice),
            None => check,
        }
    };
    let denied = Some(ErrorCode::CLUSTER_AUTHORIZATION_FAILED);
    match within(step, admin::broker_setting(cluster, "min.insync.replicas")).await {
        Ok(Some(_)) => {}
        Ok(None) => return unreadable("", "brokers tell none".to_owned(), "the cluster", denied),
        Err(reason) => return unreadable("", reason, "the cluster", None),
    }
    for topics in existing.chunks(TOPICS_PER_REQUEST) {
        match within(step, admin::describe_topics(cluster, topics)).await {
            Ok((_, refused)) => {
                if let Some((topic, code)) = refused.iter().next() {
                    return unreadable(topic, code.to_string(), &format!("topic {topic}"), Some(*code));
                }
            }
            Err(reason) => return unreadable("", reason, "", None),
        }
    }
    let topics = counted(existing.len(), "target topic");
    scope.ok(
        "settings",
        "",
        format!("those of the brokers and of {topics} can be read"),
    )
}

/// Do all brokers that answered speak the API, in this version or a later one?
fn offer<R: Request>(brokers: &[BrokerVersions], version_min: i16) -> bool {
    let ours = VersionRange::new(version_min, R::VERSIONS.max);
    brokers
        .iter()
        .all(|broker| broker.negotiate(R::API, ours).is_ok())
}

/// Asks for one missing topic without making it.
async fn create(
    scope: &Scope,
    cluster: &Cluster,
    brokers: &[BrokerVersions],
    missing: &[Arc<str>],
    step: Duration,
) -> Check {
    let Some(name) = missing.first() else {
        return scope.skipped("create", "", "every topic of the flow exists on the target");
    };
    if !offer::<CreateTopicsRequest>(brokers, 0) {
        let topics = counted(missing.len(), "topic");
        return scope
            .warning(
                "create",
                &**name,
                format!("{topics} missing, and brokers before Kafka 0.10.1 cannot be told to create any"),
            )
            .advise(
                "create them with kafka-topics.sh, or set auto.create.topics.enable=true on the brokers",
            );
    }
    if !offer::<CreateTopicsRequest>(brokers, TRYING_OUT_SINCE) {
        return scope.skipped(
            "create",
            &**name,
            "brokers before Kafka 0.10.2 can only create a topic, not say whether they would",
        );
    }
    let request = CreateTopicsRequest {
        topics: vec![CreatableTopic {
            name: Arc::clone(name),
            num_partitions: 1,
            replication_factor: 1,
            configs: Vec::new(),
        }],
        timeout_ms: CREATE_TIMEOUT_MS,
        validate_only: true,
    };
    let asked = async {
        let answer = cluster.call_controller(&request).await?;
        Ok::<_, ClientError>(answer.topics.into_iter().next())
    };
    match within(step, asked).await {
        Ok(Some(result)) if result.error_code.is_ok() => scope.ok(
            "create",
            &**name,
            match missing.len() - 1 {
                0 => "may be created".to_owned(),
                others => format!("may be created; {} missing", counted(others, "more topic")),
            },
        ),
        Ok(Some(result)) => {
            let code = result.error_code;
            let detail = result
                .error_message
                .map(|text| format!(": {text}"))
                .unwrap_or_default();
            let words = format!("may not be created: {code}{detail}");
            // What is asked for here is the smallest topic; a policy may want more, and `plan` asks for the real one.
            let check =
                if code == ErrorCode::POLICY_VIOLATION || code == ErrorCode::INVALID_REPLICATION_FACTOR {
                    scope.warning("create", &**name, words)
                } else {
                    scope.failed("create", &**name, words)
                };
            match advice::refused(Some(code), "Create", &format!("topic {name} (or on the cluster)")) {
                Some(advice) => check.advise(advice),
                None => check,
            }
        }
        Ok(None) => scope.failed("create", &**name, "the controller's answer names no topic"),
        Err(reason) => scope.failed("create", &**name, reason),
    }
}

async fn producer_id(scope: &Scope, flow: &FlowConfig, cluster: &Cluster, step: Duration) -> Check {
    if !flow.produce.idempotent {
        return scope.skipped("producer-id", "", "enable.idempotence is false");
    }
    match timeout(2 * step, first_producer_id(cluster)).await {
        Ok(Ok(())) => scope.ok("producer-id", "", "an idempotent producer is admitted"),
        Ok(Err(error)) => {
            let check = scope.failed("producer-id", "", error.to_string());
            match advice::refused(error.code(), "IdempotentWrite (before Kafka 2.8)", "the cluster") {
                Some(advice) => check.advise(advice),
                None => check,
            }
        }
        Err(_elapsed) => scope.failed("producer-id", "", format!("no producer id within {:?}", 2 * step)),
    }
}

/// A cluster that has just started gives its first producer id only after a while.
async fn first_producer_id(cluster: &Cluster) -> Result<(), ClientError> {
    loop {
        let Err(error) = admin::init_producer_id(cluster).await else {
            return Ok(());
        };
        let comes_later = |code| {
            matches!(
                classify_coordinator(code),
                CoordinatorDisposition::Retry | CoordinatorDisposition::FindCoordinator
            )
        };
        if !error.code().is_some_and(comes_later) {
            return Err(error);
        }
        sleep(PRODUCER_ID_PAUSE).await;
    }
}
