//! One flow's plan: asks both clusters everything, then plans topic by topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kafka_client::{Cluster, admin};
use kafka_wire::api::metadata::MetadataTopic;
use kafka_wire::ids::{NodeId, TopicPartition};
use mirror_config::{ClusterConfig, FlowConfig, Partitioning};
use mirror_core::topic_plan::{Settings, TargetCluster, TopicAction, TopicToCreate};
use tokio::time::{Instant, timeout_at};

use super::creation;
use super::finding;
use super::left_out::left_out;
use super::report::{ClusterSummary, FlowPlan, TopicReport, Verdict};
use super::sample::{Candidate, sample};
use super::topic::{self, Known, PartitionExtents, Planned, count};
use crate::connect::{Reached, connect, find, within};
use crate::listing::{Extents, by_leader, extents};
use crate::log_survey::LogSurvey;
use crate::parallel;

/// Topics sampled at a time: a bound on memory and on what the source's brokers are asked for at once.
const SAMPLES_AT_A_TIME: usize = 8;

/// Topics whose settings are asked for in one request.
const TOPICS_PER_REQUEST: usize = 200;

/// Plans one flow. The verdict is not judged yet.
pub(super) async fn plan(flow: &FlowConfig, step: Duration, sampled_until: Instant) -> FlowPlan {
    let connect = |config: &ClusterConfig| {
        let config = config.clone();
        async move { connect(&config, &find(&config, step).await?, step).await }
    };
    let sides = parallel::all(vec![connect(&flow.source), connect(&flow.target)]).await;
    let [source, target] = match <[_; 2]>::try_from(sides) {
        Ok([Ok(source), Ok(target)]) => [source, target],
        Ok(sides) => {
            let problems: Vec<_> = sides
                .into_iter()
                .filter_map(Result::err)
                .map(|error| error.to_string())
                .collect();
            let problem = format!("{} (heliostat check tells more)", problems.join("; "));
            return FlowPlan::without_topics(flow, problem);
        }
        Err(_) => unreachable!("invariant: two questions have two answers"),
    };
    let mut plan = FlowPlan::without_topics(flow, String::new());
    plan.problem = same_cluster(&source, &target);
    plan.source = summary(&flow.source, &source);
    plan.target = summary(&flow.target, &target);
    plan.left_out = left_out(&flow.topics, &source.metadata.topics);
    plan.topics = topics(flow, &source, &target, step, sampled_until).await;
    plan
}

fn same_cluster(source: &Reached, target: &Reached) -> Option<String> {
    let source = source.metadata.cluster_id.as_ref()?;
    let target = target.metadata.cluster_id.as_ref()?;
    (source == target).then(|| format!("source and target are the same cluster ({source})"))
}

fn summary(config: &ClusterConfig, reached: &Reached) -> ClusterSummary {
    ClusterSummary {
        alias: config.alias.clone(),
        cluster_id: reached.metadata.cluster_id.clone(),
        brokers: reached.metadata.brokers.len(),
    }
}

async fn topics(
    flow: &FlowConfig,
    source: &Reached,
    target: &Reached,
    step: Duration,
    sampled_until: Instant,
) -> Vec<TopicReport> {
    let matching: Vec<&MetadataTopic> = source
        .metadata
        .topics
        .iter()
        .filter(|topic| topic.name.as_ref().is_some_and(|name| flow.topics.matches(name)))
        .collect();
    let names: Vec<Arc<str>> = matching.iter().filter_map(|topic| topic.name.clone()).collect();
    let on_target: BTreeMap<_, _> = by_name(&target.metadata.topics);
    let target_names: Vec<_> = names
        .iter()
        .map(|name| flow.rename.target_name(name))
        .filter(|name| on_target.contains_key(name))
        .collect();
    let source_settings = describe(&source.cluster, &names, step).await;
    let target_settings = describe(&target.cluster, &target_names, step).await;
    let extents = extents(&source.cluster, by_leader(matching.iter().copied())).await;
    let mut surveys = samples(source, &matching, &extents, step, sampled_until).await;
    let known_settings = known_settings(target, &target_settings, step).await;
    let min_insync_replicas = within(
        step,
        admin::broker_setting(&target.cluster, "min.insync.replicas"),
    )
    .await;
    let cluster = TargetCluster {
        brokers: target.metadata.brokers.len(),
        min_insync_replicas: min_insync_replicas
            .ok()
            .flatten()
            .and_then(|value| value.parse().ok()),
        known_settings: known_settings.as_ref(),
    };
    let (nothing, now_ms) = (Settings::new(), now_ms());
    let planned = matching.iter().filter_map(|topic| {
        let name = topic.name.clone()?;
        let target_name = flow.rename.target_name(&name);
        let known = Known {
            source: topic,
            source_settings: source_settings.get(&name).unwrap_or(&nothing),
            extents: of_topic(&name, &extents),
            target: on_target.get(&target_name).copied(),
            target_settings: target_settings.get(&target_name).unwrap_or(&nothing),
            target_name,
            survey: surveys.remove(&name),
            name,
        };
        Some(topic::plan(&known, &cluster, flow, now_ms))
    });
    let planned = planned.collect();
    let mut reports = ask_target(&target.cluster, planned, step).await;
    reports.sort_by(|left, right| left.topic.cmp(&right.topic));
    reports
}

fn by_name(topics: &[MetadataTopic]) -> BTreeMap<Arc<str>, &MetadataTopic> {
    let named = topics
        .iter()
        .filter_map(|topic| Some((topic.name.clone()?, topic)));
    named.collect()
}

fn of_topic(name: &Arc<str>, extents: &Extents) -> PartitionExtents {
    let first = TopicPartition {
        topic: Arc::clone(name),
        partition: i32::MIN,
    };
    let own = extents.range(first..).take_while(|(tp, _)| tp.topic == *name);
    own.map(|(tp, extent)| (tp.partition, extent.clone())).collect()
}

/// Effective settings by topic; those that may not be read are missing, which the plan then tells.
async fn describe(cluster: &Cluster, names: &[Arc<str>], step: Duration) -> BTreeMap<Arc<str>, Settings> {
    let mut all = BTreeMap::new();
    for names in names.chunks(TOPICS_PER_REQUEST) {
        if let Ok((described, _refused)) = within(step, admin::describe_topics(cluster, names)).await {
            all.extend(described);
        }
    }
    all
}

/// The names of the topic settings that the target's version has: any topic of it tells them.
async fn known_settings(
    target: &Reached,
    described: &BTreeMap<Arc<str>, Settings>,
    step: Duration,
) -> Option<BTreeSet<String>> {
    let names = |settings: &Settings| settings.keys().cloned().collect();
    if let Some(settings) = described.values().next() {
        return Some(names(settings));
    }
    let any = target
        .metadata
        .topics
        .iter()
        .find_map(|topic| topic.name.clone())?;
    let described = describe(&target.cluster, &[any], step).await;
    described.values().next().map(names)
}

/// Samples of all topics, as far as time allows.
async fn samples(
    source: &Reached,
    topics: &[&MetadataTopic],
    extents: &Extents,
    step: Duration,
    until: Instant,
) -> BTreeMap<Arc<str>, LogSurvey> {
    let work = topics.iter().filter_map(|topic| {
        let name = topic.name.clone()?;
        let candidates = candidates(&name, topic, extents);
        let partitions = count(topic.partitions.len());
        let cluster = Arc::clone(&source.cluster);
        Some(async move {
            let survey = timeout_at(until, sample(cluster, partitions, candidates, step)).await;
            Some((name, survey.ok()?))
        })
    });
    let surveys = parallel::at_most(SAMPLES_AT_A_TIME, work.collect()).await;
    surveys.into_iter().flatten().collect()
}

fn candidates(name: &Arc<str>, topic: &MetadataTopic, extents: &Extents) -> Vec<Candidate> {
    let partitions = topic
        .partitions
        .iter()
        .filter(|partition| partition.leader_id.0 > NodeId::NONE.0);
    let candidates = partitions.filter_map(|partition| {
        let tp = TopicPartition {
            topic: Arc::clone(name),
            partition: partition.partition_index,
        };
        let extent = *extents.get(&tp)?.as_ref().ok()?;
        Some(Candidate {
            tp,
            leader: partition.leader_id,
            extent,
        })
    });
    candidates.collect()
}

/// Asks the target whether it would create what is planned, and adds its answer to the reports.
async fn ask_target(cluster: &Cluster, planned: Vec<Planned>, step: Duration) -> Vec<TopicReport> {
    let to_create: BTreeMap<Arc<str>, TopicToCreate> = planned
        .iter()
        .filter_map(|planned| match &planned.plan.action {
            TopicAction::Create(topic) => Some((planned.report.target_topic.as_str().into(), topic.clone())),
            TopicAction::Nothing | TopicAction::Grow { .. } | TopicAction::Halt(_) => None,
        })
        .collect();
    let validated = creation::validate(cluster, &to_create, step).await;
    let reports = planned.into_iter().map(|Planned { mut report, .. }| {
        let name = report.target_topic.as_str();
        if let Some(settings) = validated.reduced.get(name) {
            report.settings.clone_from(settings);
            report.findings.push(finding::note(
                "settings-left-out",
                "the target does not know all settings: it is created with those that every version knows"
                    .to_owned(),
            ));
        }
        if let Some(reason) = validated.refused.get(name) {
            let words = format!("the target would not create it: {reason}");
            report.findings.push(finding::refused("create-refused", words));
        } else if let Some(problem) = validated
            .problem
            .as_ref()
            .filter(|_| to_create.contains_key(name))
        {
            let words = format!("the target was not asked whether it would create it: {problem}");
            report.findings.push(finding::warning("create-not-asked", words));
        }
        report.settle();
        report
    });
    reports.collect()
}

fn now_ms() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

// === impl FlowPlan ===

impl FlowPlan {
    /// A plan of which only the flow is known, and why.
    pub(super) fn without_topics(flow: &FlowConfig, problem: String) -> Self {
        let unknown = |config: &ClusterConfig| ClusterSummary {
            alias: config.alias.clone(),
            cluster_id: None,
            brokers: 0,
        };
        Self {
            name: flow.name.clone(),
            verdict: Verdict::Refused,
            problem: Some(problem),
            source: unknown(&flow.source),
            target: unknown(&flow.target),
            partitioning: match flow.partitioning {
                Partitioning::Preserve => "preserve",
                Partitioning::ByKey => "by-key",
            },
            topics: Vec::new(),
            left_out: Vec::new(),
        }
    }
}
