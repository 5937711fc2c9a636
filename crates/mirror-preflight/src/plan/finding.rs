//! How much each finding matters, and those that only a look into the log can make.

use kafka_record::Codec;
use mirror_config::{FlowConfig, IsolationLevel, NullKeys, Partitioning};
use mirror_core::topic_plan::{Finding, PlanRefusal};

use super::report::{Severity, TopicFinding};
use crate::key_survey::{KeyHash, Partitioner};
use crate::log_survey::{LogSurvey, Packing};

/// A finding of the topic plan, weighed for this flow.
pub(super) fn planned(finding: &Finding, flow: &FlowConfig, source_replicas: i16) -> TopicFinding {
    TopicFinding {
        severity: severity(finding, flow.refuse_short_retention, source_replicas),
        kind: finding.name(),
        words: finding.to_string(),
    }
}

fn severity(finding: &Finding, refuse_short_retention: bool, source_replicas: i16) -> Severity {
    let keeps_less = matches!(
        finding,
        Finding::RecordsTooOld { .. } | Finding::ShorterRetention { .. }
    );
    // With one replica on the source as well, nothing is lost that the source would keep.
    let as_on_source = source_replicas <= 1 && *finding == Finding::SingleReplica;
    let harmless = matches!(
        finding,
        Finding::CountPinned { .. } | Finding::TargetSettingUnknown { .. }
    );
    if keeps_less && refuse_short_retention {
        Severity::Refused
    } else if as_on_source || harmless {
        Severity::Note
    } else {
        Severity::Warning
    }
}

pub(super) fn refusal(refusal: &PlanRefusal) -> TopicFinding {
    let kind = match refusal {
        PlanRefusal::TooFewReplicas { .. } => "too-few-replicas",
        PlanRefusal::TooManyReplicas { .. } => "too-many-replicas",
        PlanRefusal::NotPositive { .. } => "not-positive",
    };
    refused(kind, refusal.to_string())
}

pub(super) fn refused(kind: &'static str, words: String) -> TopicFinding {
    TopicFinding {
        severity: Severity::Refused,
        kind,
        words,
    }
}

pub(super) fn warning(kind: &'static str, words: String) -> TopicFinding {
    TopicFinding {
        severity: Severity::Warning,
        kind,
        words,
    }
}

pub(super) fn note(kind: &'static str, words: String) -> TopicFinding {
    TopicFinding {
        severity: Severity::Note,
        kind,
        words,
    }
}

/// What the sample of a topic means for this flow. `partitions` are those of source and target.
pub(super) fn sampled(survey: &LogSurvey, flow: &FlowConfig, partitions: (i32, i32)) -> Vec<TopicFinding> {
    let mut findings = Vec::new();
    findings.extend(partitioner(survey.keys.partitioner(), flow.partitioning));
    findings.extend(null_keys(survey, flow, partitions));
    let seen = |packing| survey.oldest.contains(&packing) || survey.newest.contains(&packing);
    if [0, 1].into_iter().any(|magic| seen(Packing::Legacy(magic))) {
        let mut words =
            "it holds records of a message format before Kafka 0.11; they arrive in the present one"
                .to_owned();
        if seen(Packing::Legacy(0)) {
            words += ", those of format 0 without a timestamp (-1), as they are: time limits of the target do not concern them";
        }
        findings.push(note("old-format", words));
    }
    let keeps_codec = flow
        .compression
        .is_none_or(|compression| compression.codec == Codec::Zstd);
    if keeps_codec && seen(Packing::Batch(Codec::Zstd)) {
        findings.push(note(
            "zstd",
            "records arrive compressed with zstd: consumers of the target need Kafka clients of 2.1 or later"
                .to_owned(),
        ));
    }
    if survey.transactional {
        findings.push(transactions(flow.isolation));
    }
    if survey.unreadable > 0 {
        findings.push(warning(
            "unreadable-batches",
            format!(
                "{} of the sampled batches cannot be read: their partitions will halt there",
                survey.unreadable
            ),
        ));
    }
    findings
}

/// By key moves what other partitioners placed (docs/traps.md).
fn partitioner(found: Partitioner, partitioning: Partitioning) -> Option<TopicFinding> {
    if partitioning == Partitioning::Preserve || !found.is_not_javas() {
        return None;
    }
    let who = match found {
        Partitioner::Hash(hash) => format!("keys stand where {} puts them ({})", hash.users(), hash.name()),
        Partitioner::Mixed(hash) => {
            format!(
                "many keys, not all, stand where {} puts them ({})",
                hash.users(),
                hash.name()
            )
        }
        Partitioner::Unknown | Partitioner::NoKeys | Partitioner::OnePartition | Partitioner::TooFewKeys => {
            "keys stand where no known partitioner puts them".to_owned()
        }
    };
    let java = KeyHash::Murmur2.users();
    Some(warning(
        "partitioner",
        format!(
            "{who}, by-key places them as {java}: keys change partitions on the way and most batches are taken apart; \
             partitioning = \"preserve\" (--partitioning preserve) keeps them where they are"
        ),
    ))
}

/// Records without a key keep their number, so that partitions beyond the source's get none (docs/traps.md).
fn null_keys(survey: &LogSurvey, flow: &FlowConfig, (source, target): (i32, i32)) -> Option<TopicFinding> {
    let fills_some_only = flow.partitioning == Partitioning::ByKey
        && flow.null_keys == NullKeys::Preserve
        && survey.keys.null_keys() > 0
        && target > source;
    fills_some_only.then(|| {
        warning(
            "null-keys",
            format!(
                "records without a key keep their partition number: they fill {source} of the target's {target} \
                 partitions; null_keys = \"spread\" (--null-keys spread) fills all and gives up their order"
            ),
        )
    })
}

fn transactions(isolation: IsolationLevel) -> TopicFinding {
    match isolation {
        IsolationLevel::ReadUncommitted => warning(
            "transactions",
            "it is written in transactions, and those that are aborted will be mirrored for good: read_committed leaves them out"
                .to_owned(),
        ),
        IsolationLevel::ReadCommitted => note(
            "transactions",
            "it is written in transactions: committed records are mirrored, not their being one transaction".to_owned(),
        ),
    }
}
