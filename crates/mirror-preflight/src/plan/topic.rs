//! One topic's report, put together from what was asked about it. Pure: all questions were asked before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_wire::api::metadata::MetadataTopic;
use mirror_config::{FlowConfig, Partitioning};
use mirror_core::topic_plan::{
    PartitionRule, Settings, SourceTopic, TargetCluster, TargetTopic, TopicAction, TopicPlan,
};

use super::finding;
use super::report::{
    Action, BothSides, KeysReport, PackingReport, Partitions, Replication, TopicFinding, TopicReport, Verdict,
};
use crate::listing::{Extent, ListingError};
use crate::log_survey::{LogSurvey, Packing};

/// The extents of one topic's partitions, by their numbers.
pub(super) type PartitionExtents = BTreeMap<i32, Result<Extent, ListingError>>;

/// What is known of one topic.
pub(super) struct Known<'a> {
    pub(super) name: Arc<str>,
    pub(super) source: &'a MetadataTopic,
    pub(super) source_settings: &'a Settings,
    pub(super) extents: PartitionExtents,
    pub(super) target_name: Arc<str>,
    /// `None` where the topic does not exist.
    pub(super) target: Option<&'a MetadataTopic>,
    pub(super) target_settings: &'a Settings,
    /// `None` when there was no time.
    pub(super) survey: Option<LogSurvey>,
}

/// A topic's plan and its report, before the target was asked whether it would create it.
pub(super) struct Planned {
    pub(super) plan: TopicPlan,
    pub(super) report: TopicReport,
}

/// Plans one topic; `now_ms` is the time in ms since 1970.
pub(super) fn plan(
    known: &Known<'_>,
    cluster: &TargetCluster<'_>,
    flow: &FlowConfig,
    now_ms: i64,
) -> Planned {
    let oldest = known
        .extents
        .values()
        .filter_map(|extent| extent.as_ref().ok()?.oldest_timestamp);
    let oldest_record_age_ms = oldest
        .min()
        .map(|timestamp| now_ms.saturating_sub(timestamp).max(0));
    let source = SourceTopic {
        name: &known.name,
        partitions: count(known.source.partitions.len()),
        replication_factor: replicas(known.source),
        settings: known.source_settings,
        oldest_record_age_ms,
    };
    let target = known.target.map(|topic| TargetTopic {
        partitions: count(topic.partitions.len()),
        replication_factor: replicas(topic),
        settings: known.target_settings,
    });
    let rule = match flow.partitioning {
        Partitioning::Preserve => PartitionRule::Preserve,
        Partitioning::ByKey => PartitionRule::ByKey { partitions: None },
    };
    let mut plan = TopicPlan::new(&source, target.as_ref(), cluster, rule);
    if let Some(configured) = flow.replication_factor {
        plan = plan.with_replication_factor(configured, &source, cluster);
    }
    let report = report(known, &plan, &source, target.as_ref(), cluster, flow);
    Planned { plan, report }
}

fn report(
    known: &Known<'_>,
    plan: &TopicPlan,
    source: &SourceTopic<'_>,
    target: Option<&TargetTopic<'_>>,
    cluster: &TargetCluster<'_>,
    flow: &FlowConfig,
) -> TopicReport {
    let nothing = Settings::new();
    let (action, settings, replication_factor) = match &plan.action {
        TopicAction::Nothing => (
            Action::Keep,
            &nothing,
            target.map(|topic| topic.replication_factor),
        ),
        TopicAction::Grow { .. } => (
            Action::Grow,
            &nothing,
            target.map(|topic| topic.replication_factor),
        ),
        TopicAction::Create(topic) => (Action::Create, &topic.settings, Some(topic.replication_factor)),
        TopicAction::Halt(_) => (Action::Refuse, &nothing, None),
    };
    let then = if target.is_some() {
        known.target_settings
    } else {
        settings
    };
    let both = |name| BothSides {
        source: number(known.source_settings, name),
        target: number(then, name),
    };
    let partitions = Partitions {
        source: source.partitions,
        target_now: target.map(|topic| topic.partitions),
        target: plan.target_partitions,
    };
    let min_insync_replicas = number(then, "min.insync.replicas");
    let mut report = TopicReport {
        topic: known.name.to_string(),
        target_topic: known.target_name.to_string(),
        verdict: Verdict::Ok,
        action,
        partitions,
        replication: Replication {
            source: source.replication_factor,
            target: replication_factor,
            min_insync_replicas: min_insync_replicas.or(cluster.min_insync_replicas.map(i64::from)),
        },
        settings: settings.clone(),
        offsets: offsets(&known.extents),
        oldest_record_age_ms: source.oldest_record_age_ms,
        retention_ms: both("retention.ms"),
        max_message_bytes: both("max.message.bytes"),
        packing: packing(known.survey.as_ref()),
        keys: keys(known.survey.as_ref(), source.partitions),
        findings: findings(known, plan, flow, partitions, source.replication_factor),
    };
    report.settle();
    report
}

fn findings(
    known: &Known<'_>,
    plan: &TopicPlan,
    flow: &FlowConfig,
    partitions: Partitions,
    source_replicas: i16,
) -> Vec<TopicFinding> {
    let mut findings: Vec<_> = plan
        .findings
        .iter()
        .map(|finding| finding::planned(finding, flow, source_replicas))
        .collect();
    if let TopicAction::Halt(refusal) = &plan.action {
        findings.push(finding::refusal(refusal));
    }
    if known.target.is_some() && known.target_settings.is_empty() {
        findings.push(finding::warning(
            "target-settings-unknown",
            "the target does not tell this topic's settings: whether it keeps what the source keeps is not known"
                .to_owned(),
        ));
    }
    let unreadable = known
        .extents
        .iter()
        .find_map(|(partition, extent)| Some((partition, extent.as_ref().err()?)));
    if let Some((partition, error)) = unreadable {
        let words = format!("partition {partition} cannot be read: {error}");
        findings.push(finding::refused("unreadable", words));
    }
    match &known.survey {
        Some(survey) => findings.extend(finding::sampled(
            survey,
            flow,
            (partitions.source, partitions.target),
        )),
        None => findings.push(finding::warning(
            "not-sampled",
            "no time was left to look at its records".to_owned(),
        )),
    }
    findings
}

fn packing(survey: Option<&LogSurvey>) -> PackingReport {
    let names = |set: &BTreeSet<Packing>| set.iter().map(ToString::to_string).collect();
    PackingReport {
        oldest: survey.map_or_else(Vec::new, |survey| names(&survey.oldest)),
        newest: survey.map_or_else(Vec::new, |survey| names(&survey.newest)),
    }
}

fn keys(survey: Option<&LogSurvey>, partitions: i32) -> KeysReport {
    let nothing = LogSurvey::new(partitions);
    let survey = survey.unwrap_or(&nothing);
    KeysReport {
        partitioner: survey.keys.partitioner().name(),
        sampled_records: survey.records,
        different_keys: survey.keys.keys(),
        null_keys: survey.keys.null_keys(),
    }
}

fn offsets(extents: &PartitionExtents) -> i64 {
    let lengths = extents.values().filter_map(|extent| {
        let extent = extent.as_ref().ok()?;
        Some(extent.end.saturating_sub(extent.start).max(0))
    });
    lengths.fold(0, i64::saturating_add)
}

fn number(settings: &Settings, name: &str) -> Option<i64> {
    settings.get(name)?.trim().parse().ok()
}

/// Replicas of a topic's partitions, the smallest number if they differ.
fn replicas(topic: &MetadataTopic) -> i16 {
    let fewest = topic
        .partitions
        .iter()
        .map(|partition| partition.replica_nodes.len())
        .min();
    i16::try_from(fewest.unwrap_or(0)).unwrap_or(i16::MAX)
}

/// A number of partitions as Kafka counts them.
pub(super) fn count(partitions: usize) -> i32 {
    i32::try_from(partitions).unwrap_or(i32::MAX)
}

// === impl TopicReport ===

impl TopicReport {
    /// Puts the worst finding first and takes the verdict from it.
    pub(super) fn settle(&mut self) {
        self.findings
            .sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        self.verdict = Verdict::of(&self.findings);
        if self.verdict == Verdict::Refused {
            self.action = Action::Refuse;
            self.partitions.target = 0;
            self.replication.target = None;
            self.settings.clear();
        }
    }
}

#[cfg(test)]
mod tests;
