//! One flow: two clusters, topics that match, and the rights to read them and to keep positions.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::ClientError;
use kafka_client::group::GroupClient;
use kafka_wire::api::metadata::MetadataTopic;
use mirror_config::{FlowConfig, Positions};

use super::report::{Check, Scope};
use super::{advice, positions, read, target, zookeeper};
use crate::connect::Reached;
use crate::counted;

/// Everything that depends on the flow. A side that is `None` was not reached.
pub(super) async fn examine(
    flow: FlowConfig,
    source: Option<Reached>,
    target: Option<Reached>,
    step: Duration,
) -> Vec<Check> {
    let scope = Scope::flow(&flow.name);
    let mut checks = Vec::new();
    checks.push(two_clusters(&scope, &flow, source.as_ref(), target.as_ref()));
    let topics = source.as_ref().map(|source| matching(&flow, source));
    match (&source, &topics) {
        (Some(source), Some(topics)) => {
            checks.push(some_topics(&scope, topics));
            checks.extend(read::examine(&scope, source, topics, step).await);
        }
        _ => checks.extend(["topics", "read"].map(|name| not_reached(&scope, name, &flow.source.alias))),
    }
    checks.extend(groups(&scope, &flow, source.as_ref(), target.as_ref(), step).await);
    checks.extend(zookeeper::examine(&scope, &flow, step).await);
    match &target {
        Some(target) => {
            if let Positions::TargetTopic { topic, .. } = &flow.positions {
                checks.push(positions::examine(&scope, target, topic, step).await);
            }
            let names = topics.as_deref().map(|topics| target_names(&flow, topics));
            checks.extend(target::examine(&scope, &flow, target, names.as_deref(), step).await);
        }
        None => checks.extend(
            ["settings", "create", "producer-id", "write"]
                .map(|name| not_reached(&scope, name, &flow.target.alias)),
        ),
    }
    checks
}

fn not_reached(scope: &Scope, name: &'static str, alias: &str) -> Check {
    scope.skipped(name, "", format!("cluster {alias} is not reached"))
}

/// The source's topics that take part.
fn matching(flow: &FlowConfig, source: &Reached) -> Vec<MetadataTopic> {
    let matches = |topic: &&MetadataTopic| topic.name.as_ref().is_some_and(|name| flow.topics.matches(name));
    source.metadata.topics.iter().filter(matches).cloned().collect()
}

fn target_names(flow: &FlowConfig, topics: &[MetadataTopic]) -> Vec<Arc<str>> {
    let names = topics.iter().filter_map(|topic| topic.name.as_ref());
    names.map(|name| flow.rename.target_name(name)).collect()
}

fn two_clusters(
    scope: &Scope,
    flow: &FlowConfig,
    source: Option<&Reached>,
    target: Option<&Reached>,
) -> Check {
    let subject = format!("{} and {}", flow.source.alias, flow.target.alias);
    let (Some(source), Some(target)) = (source, target) else {
        return scope.skipped("clusters", subject, "not both of them are reached");
    };
    match (&source.metadata.cluster_id, &target.metadata.cluster_id) {
        (Some(source), Some(target)) if source == target => scope
            .failed(
                "clusters",
                subject,
                format!("source and target are the same cluster ({source})"),
            )
            .advise("name another cluster as the target: a topic mirrored into itself never ends"),
        (Some(_), Some(_)) => scope.ok("clusters", subject, "two different clusters"),
        _ => scope.skipped("clusters", subject, "a cluster this old does not tell its id"),
    }
}

fn some_topics(scope: &Scope, topics: &[MetadataTopic]) -> Check {
    let partitions: usize = topics.iter().map(|topic| topic.partitions.len()).sum();
    if topics.is_empty() {
        return scope
            .warning("topics", "", "no topic of the source matches")
            .advise("check the expressions; a topic that this user may not describe is not seen either");
    }
    scope.ok(
        "topics",
        "",
        format!(
            "{} {}, {}",
            counted(topics.len(), "topic"),
            if topics.len() == 1 { "matches" } else { "match" },
            counted(partitions, "partition")
        ),
    )
}

/// The groups that hold positions or share the work.
async fn groups(
    scope: &Scope,
    flow: &FlowConfig,
    source: Option<&Reached>,
    target: Option<&Reached>,
    step: Duration,
) -> Vec<Check> {
    // Without its id nobody knows the whole name of a group of ours.
    let source_id = source.and_then(|source| source.cluster.cluster_id());
    let shared = source_id.map_or_else(
        || flow.membership.group_id.clone(),
        |id| flow.membership.group_of(&id),
    );
    let mut wanted = Vec::new();
    match &flow.positions {
        Positions::SourceGroup { group_id, .. } => wanted.push((source, &flow.source.alias, group_id)),
        Positions::TargetTopic { commit_group, .. } => {
            wanted.push((target, &flow.target.alias, &shared));
            wanted.extend(
                commit_group
                    .iter()
                    .map(|group_id| (source, &flow.source.alias, group_id)),
            );
        }
    }
    let mut checks = Vec::new();
    for (side, alias, group_id) in wanted {
        let subject = format!("{group_id} on {alias}");
        let Some(side) = side else {
            checks.push(scope.skipped("group", subject, format!("cluster {alias} is not reached")));
            continue;
        };
        checks.push(group(scope, side, group_id, subject, step).await);
    }
    checks
}

async fn group(scope: &Scope, side: &Reached, group_id: &str, subject: String, step: Duration) -> Check {
    let group = GroupClient::new(Arc::clone(&side.cluster), group_id, step);
    let asked = async { Ok::<_, ClientError>((group.committed().await?, group.members().await?)) };
    // Twice: a coordinator that is not ready is waited for with patience, then asked a second question.
    match tokio::time::timeout(2 * step, asked).await {
        Ok(Ok((committed, members))) => {
            let offsets = counted(committed.len(), "committed offset");
            let words = format!("{offsets}, {}", counted(members.len(), "member"));
            scope.ok("group", subject, words)
        }
        Ok(Err(error)) => {
            let check = scope.failed("group", subject, error.to_string());
            match advice::refused(error.code(), "Describe and Read", &format!("group {group_id}")) {
                Some(advice) => check.advise(advice),
                None => check,
            }
        }
        Err(_elapsed) => scope.failed("group", subject, format!("no answer within {:?}", 2 * step)),
    }
}
