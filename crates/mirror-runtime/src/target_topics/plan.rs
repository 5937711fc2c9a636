//! What the flow does about one target topic: the plan of `mirror-core` under the flow's own settings, as `heliostat plan`
//! makes it.

use std::collections::BTreeSet;

use mirror_core::topic_plan::{Finding, SourceTopic, TargetCluster, TargetTopic, TopicPlan};

use super::WantedTopic;

/// Plans a topic whose oldest record on the source has this age, in ms.
pub(super) fn plan(
    wanted: &WantedTopic<'_>,
    target: Option<&TargetTopic<'_>>,
    cluster: &TargetCluster<'_>,
    oldest_record_age_ms: Option<i64>,
) -> TopicPlan {
    let source = SourceTopic {
        name: wanted.name,
        partitions: wanted.partitions,
        replication_factor: wanted.replication_factor,
        settings: wanted.settings,
        oldest_record_age_ms,
    };
    let plan = TopicPlan::new(&source, target, cluster, wanted.rule);
    match wanted.configured_replication_factor {
        Some(configured) => plan.with_replication_factor(configured, &source, cluster),
        None => plan,
    }
}

/// Would records that are old enough change the plan?
pub(super) fn depends_on_age(
    wanted: &WantedTopic<'_>,
    target: Option<&TargetTopic<'_>>,
    cluster: &TargetCluster<'_>,
) -> bool {
    let oldest = plan(wanted, target, cluster, Some(i64::MAX));
    let findings = &mut oldest.findings.iter();
    findings.any(|finding| matches!(finding, Finding::RecordsTooOld { .. }))
}

/// Why a flow that refuses short retention does not mirror into the topic: what the target would delete although the
/// source keeps it, and the ways out. `None` if the target keeps enough.
pub(super) fn too_short_retention(target_topic: &str, findings: &[Finding]) -> Option<String> {
    let mut settings = BTreeSet::new();
    let mut words = Vec::new();
    for finding in findings {
        let setting = if let Finding::ShorterRetention { setting, .. } = finding {
            setting
        } else if let Finding::RecordsTooOld { .. } = finding {
            "retention.ms"
        } else {
            continue;
        };
        settings.insert(setting);
        words.push(finding.to_string());
    }
    if words.is_empty() {
        return None;
    }
    let settings: Vec<_> = settings.into_iter().collect();
    Some(format!(
        "{}; raise {} of topic {target_topic} on the target, or set refuse_short_retention = false to mirror it all the same",
        words.join("; "),
        settings.join(" and ")
    ))
}

#[cfg(test)]
mod tests;
