//! Where a target topic keeps less than its source, or behaves differently: the pre-flight's list.

use std::fmt;

use super::SourceTopic;
use super::settings::{
    CLEANUP_POLICY, DELETE_RETENTION_MS, MAX_COMPACTION_LAG_MS, MAX_MESSAGE_BYTES, MIN_COMPACTION_LAG_MS,
    RETENTION_BYTES, RETENTION_MS, Settings, TIMESTAMP_DIFFERENCE_MAX_MS, TIMESTAMP_LIMITS, TIMESTAMP_TYPE,
    number, retention_bytes,
};

/// One difference the operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The target deletes records before the source does.
    ShorterRetention {
        /// `retention.ms` or `retention.bytes`.
        setting: &'static str,
        /// What the target needs to keep what the source keeps; negative is unlimited.
        needed: i64,
        /// What it has.
        actual: i64,
    },
    /// The source holds records that the target would delete at its next retention check.
    RecordsTooOld {
        /// Age of the oldest record, in ms.
        oldest_ms: i64,
        /// The target's `retention.ms`.
        retention_ms: i64,
    },
    /// The target keeps one record per key, the source keeps all.
    CompactedHereOnly,
    /// The target deletes by time or size, the source keeps every key for ever.
    DeletedHereOnly,
    /// The target compacts or forgets tombstones at another time than the source.
    CompactsEarlier {
        /// The setting.
        setting: &'static str,
        /// The source's value in ms.
        source: i64,
        /// The target's value in ms.
        target: i64,
    },
    /// The target accepts smaller batches: larger ones are split, a single larger record halts its partition.
    SmallerBatches {
        /// The source's `max.message.bytes`.
        source: i64,
        /// The target's.
        target: i64,
    },
    /// The target gives every record the time of mirroring.
    TimestampsReplaced,
    /// The target refuses records by their timestamp.
    TimestampLimit {
        /// The setting.
        setting: &'static str,
        /// Its value in ms.
        limit_ms: i64,
    },
    /// The target has fewer replicas than the source.
    FewerReplicas {
        /// The source's replication factor.
        source: i16,
        /// The target's.
        target: i16,
    },
    /// One copy of the data: the first lost disk loses it.
    SingleReplica,
    /// The number of partitions of an existing topic is kept.
    CountPinned {
        /// The number asked for.
        configured: i32,
        /// The number it has.
        existing: i32,
    },
    /// The source does not tell this setting: the target's default applies.
    SourceSettingUnknown {
        /// The setting.
        setting: &'static str,
    },
    /// The target's version lacks this setting.
    TargetSettingUnknown {
        /// The setting.
        setting: &'static str,
        /// The source's value.
        source: String,
    },
}

// === impl Finding ===

impl Finding {
    /// What kind of difference it is, in one word for programs. These words stay.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ShorterRetention { .. } => "shorter-retention",
            Self::RecordsTooOld { .. } => "records-too-old",
            Self::CompactedHereOnly => "compacted-here-only",
            Self::DeletedHereOnly => "deleted-here-only",
            Self::CompactsEarlier { .. } => "compacts-earlier",
            Self::SmallerBatches { .. } => "smaller-batches",
            Self::TimestampsReplaced => "timestamps-replaced",
            Self::TimestampLimit { .. } => "timestamp-limit",
            Self::FewerReplicas { .. } => "fewer-replicas",
            Self::SingleReplica => "single-replica",
            Self::CountPinned { .. } => "count-pinned",
            Self::SourceSettingUnknown { .. } => "source-setting-unknown",
            Self::TargetSettingUnknown { .. } => "target-setting-unknown",
        }
    }

    /// May records that the source keeps be missing on the target because of this?
    pub fn loses_records(&self) -> bool {
        match self {
            Self::ShorterRetention { .. }
            | Self::RecordsTooOld { .. }
            | Self::CompactedHereOnly
            | Self::DeletedHereOnly => true,
            // The target's default of these may delete; the others it merely tunes.
            Self::SourceSettingUnknown { setting } => {
                matches!(*setting, CLEANUP_POLICY | RETENTION_MS | RETENTION_BYTES)
            }
            Self::CompactsEarlier { .. }
            | Self::SmallerBatches { .. }
            | Self::TimestampsReplaced
            | Self::TimestampLimit { .. }
            | Self::FewerReplicas { .. }
            | Self::SingleReplica
            | Self::CountPinned { .. }
            | Self::TargetSettingUnknown { .. } => false,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ShorterRetention { setting, needed, actual } => write!(
                f,
                "{setting} is {actual} on the target, {needed} keeps what the source keeps: records will be missing"
            ),
            Self::RecordsTooOld { oldest_ms, retention_ms } => write!(
                f,
                "the oldest record on the source is {oldest_ms} ms old, the target deletes after {retention_ms} ms: records would vanish as soon as they are mirrored"
            ),
            Self::CompactedHereOnly => {
                f.write_str("the target is compacted and the source is not: it keeps one record per key and refuses those without")
            }
            Self::DeletedHereOnly => {
                f.write_str("the target deletes by time or size and the source does not: old keys will be missing")
            }
            Self::CompactsEarlier { setting, source, target } => {
                write!(f, "{setting} is {target} on the target, {source} on the source")
            }
            Self::SmallerBatches { source, target } => write!(
                f,
                "max.message.bytes is {target} on the target, {source} on the source: a single record between the two halts its partition"
            ),
            Self::TimestampsReplaced => {
                f.write_str("message.timestamp.type is LogAppendTime on the target: it replaces every record's timestamp")
            }
            Self::TimestampLimit { setting, limit_ms } => {
                write!(f, "{setting} is {limit_ms} on the target: records outside of it will be refused")
            }
            Self::FewerReplicas { source, target } => {
                write!(f, "the target keeps {target} replicas, the source {source}")
            }
            Self::SingleReplica => f.write_str("the target keeps a single replica: the first lost disk loses the data"),
            Self::CountPinned { configured, existing } => write!(
                f,
                "the target topic has {existing} partitions and keeps them, {configured} are configured: growing would move keys"
            ),
            Self::SourceSettingUnknown { setting } => {
                write!(f, "the source does not tell its {setting}: the target's default applies")
            }
            Self::TargetSettingUnknown { setting, source } => {
                write!(f, "the target's version has no {setting}, which is {source} on the source")
            }
        }
    }
}

pub(super) fn compare_replicas(source: &SourceTopic<'_>, target_replicas: i16, findings: &mut Vec<Finding>) {
    if target_replicas < source.replication_factor {
        findings.push(Finding::FewerReplicas {
            source: source.replication_factor,
            target: target_replicas,
        });
    }
    if target_replicas <= 1 {
        findings.push(Finding::SingleReplica);
    }
}

/// Compares an existing target topic with its source. Settings that one side does not tell are not compared.
pub(super) fn compare_settings(
    source: &SourceTopic<'_>,
    target: &Settings,
    target_partitions: i32,
    findings: &mut Vec<Finding>,
) {
    compare_cleanup(source, target, target_partitions, findings);
    if let Some((source, target)) = both(source.settings, target, MAX_MESSAGE_BYTES)
        && target < source
    {
        findings.push(Finding::SmallerBatches { source, target });
    }
    if target
        .get(TIMESTAMP_TYPE)
        .is_some_and(|kind| kind == "LogAppendTime")
    {
        findings.push(Finding::TimestampsReplaced);
        return; // the limits apply to CreateTime only
    }
    let newer = TIMESTAMP_LIMITS
        .iter()
        .all(|setting| target.contains_key(*setting));
    let limits: &[&'static str] = if newer {
        &TIMESTAMP_LIMITS
    } else {
        &[TIMESTAMP_DIFFERENCE_MAX_MS]
    };
    for setting in limits {
        if let Some(limit_ms) = number(target, setting).filter(|limit| *limit < i64::MAX) {
            findings.push(Finding::TimestampLimit { setting, limit_ms });
        }
    }
}

fn compare_cleanup(
    source: &SourceTopic<'_>,
    target: &Settings,
    target_partitions: i32,
    findings: &mut Vec<Finding>,
) {
    let (Some(source_policy), Some(target_policy)) =
        (source.settings.get(CLEANUP_POLICY), target.get(CLEANUP_POLICY))
    else {
        return;
    };
    let has = |policy: &str, kind: &str| policy.split(',').any(|part| part.trim() == kind);
    if has(target_policy, "compact") {
        if has(source_policy, "compact") {
            compare_compaction(source.settings, target, findings);
        } else {
            findings.push(Finding::CompactedHereOnly);
        }
    }
    if has(target_policy, "delete") {
        let limited = [RETENTION_MS, RETENTION_BYTES]
            .iter()
            .any(|name| number(target, name).is_some_and(|limit| limit >= 0));
        if has(source_policy, "delete") {
            compare_retention(source, target, target_partitions, findings);
        } else if limited {
            findings.push(Finding::DeletedHereOnly);
        }
        let retention_ms = number(target, RETENTION_MS).filter(|limit| *limit >= 0);
        // A broker deletes whole segments, by their newest record: nearly every log holds records that are older than its
        // own retention. They go on the target when they go on the source.
        let goes_on_source = |age_ms: i64| {
            has(source_policy, "delete")
                && number(source.settings, RETENTION_MS).is_some_and(|limit| (0..=age_ms).contains(&limit))
        };
        if let (Some(oldest_ms), Some(retention_ms)) = (source.oldest_record_age_ms, retention_ms)
            && oldest_ms > retention_ms
            && !goes_on_source(retention_ms)
        {
            findings.push(Finding::RecordsTooOld {
                oldest_ms,
                retention_ms,
            });
        }
    }
}

fn compare_retention(
    source: &SourceTopic<'_>,
    target: &Settings,
    target_partitions: i32,
    findings: &mut Vec<Finding>,
) {
    let is_shorter = |needed: i64, actual: i64| actual >= 0 && (needed < 0 || actual < needed);
    if let Some((needed, actual)) = both(source.settings, target, RETENTION_MS)
        && is_shorter(needed, actual)
    {
        findings.push(Finding::ShorterRetention {
            setting: RETENTION_MS,
            needed,
            actual,
        });
    }
    if let Some((bytes, actual)) = both(source.settings, target, RETENTION_BYTES) {
        let needed = retention_bytes(bytes, source.partitions, target_partitions);
        if is_shorter(needed, actual) {
            findings.push(Finding::ShorterRetention {
                setting: RETENTION_BYTES,
                needed,
                actual,
            });
        }
    }
}

fn compare_compaction(source: &Settings, target: &Settings, findings: &mut Vec<Finding>) {
    for setting in [DELETE_RETENTION_MS, MIN_COMPACTION_LAG_MS, MAX_COMPACTION_LAG_MS] {
        if let Some((source, target)) = both(source, target, setting)
            && target < source
        {
            findings.push(Finding::CompactsEarlier {
                setting,
                source,
                target,
            });
        }
    }
}

fn both(source: &Settings, target: &Settings, name: &str) -> Option<(i64, i64)> {
    Some((number(source, name)?, number(target, name)?))
}
