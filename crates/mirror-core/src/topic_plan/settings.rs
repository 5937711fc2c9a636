//! The settings that decide what a topic keeps, and the values a target topic needs to keep what the source keeps.
//!
//! Values are *effective* ones: the two clusters' brokers may have different defaults.
//!
//! | setting | value on a topic we create | reason |
//! |---|---|---|
//! | `cleanup.policy`, `retention.ms`, `delete.retention.ms`, `min.compaction.lag.ms`, `max.compaction.lag.ms` | the source's | what is deleted, and when |
//! | `retention.bytes` | the source's, raised when fewer partitions hold the same records | it counts per partition |
//! | `max.message.bytes` | the source's | no record is too large |
//! | `message.timestamp.type` | `CreateTime`, always | a `LogAppendTime` target replaces every timestamp by the time of mirroring; records of a `LogAppendTime` source travel with the time the source gave them |
//! | `message.timestamp.before.max.ms`, `….after.max.ms`, or `….difference.max.ms` where only that exists | unlimited, always | the source has accepted these records; checked a second time, later, the same limit may refuse them (`INVALID_TIMESTAMP`; since 4.0 the default refuses what is an hour ahead, KIP-1030) |

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, SourceTopic};

/// Settings of a topic, by name.
pub type Settings = BTreeMap<String, String>;

pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";
pub(super) const RETENTION_MS: &str = "retention.ms";
pub(super) const RETENTION_BYTES: &str = "retention.bytes";
pub(super) const DELETE_RETENTION_MS: &str = "delete.retention.ms";
pub(super) const MAX_MESSAGE_BYTES: &str = "max.message.bytes";
pub(super) const MIN_COMPACTION_LAG_MS: &str = "min.compaction.lag.ms";
pub(super) const MAX_COMPACTION_LAG_MS: &str = "max.compaction.lag.ms";
pub(super) const MIN_INSYNC_REPLICAS: &str = "min.insync.replicas";
pub(super) const TIMESTAMP_TYPE: &str = "message.timestamp.type";
pub(super) const TIMESTAMP_DIFFERENCE_MAX_MS: &str = "message.timestamp.difference.max.ms";
/// Kafka 3.6 and later (KIP-937), in the place of the one before.
pub(super) const TIMESTAMP_LIMITS: [&str; 2] = [
    "message.timestamp.before.max.ms",
    "message.timestamp.after.max.ms",
];

/// Java's `Long.MAX_VALUE`, Kafka's word for "no limit" in these settings.
const UNLIMITED: &str = "9223372036854775807";

/// Taken from the source as they are.
const TAKEN_OVER: [&str; 5] = [
    CLEANUP_POLICY,
    RETENTION_MS,
    DELETE_RETENTION_MS,
    MAX_MESSAGE_BYTES,
    MIN_COMPACTION_LAG_MS,
];

/// The settings above that every broker from 0.10.2 to 4.x knows: what remains to ask for when a cluster refuses one
/// it does not know.
pub fn known_to_every_broker() -> BTreeSet<String> {
    let names = TAKEN_OVER.into_iter().chain([RETENTION_BYTES, TIMESTAMP_TYPE]);
    names.map(str::to_owned).collect()
}

/// The settings a new target topic of `partitions` partitions needs. `known` limits them to what the target's version
/// understands.
pub(super) fn for_new_topic(
    source: &SourceTopic<'_>,
    partitions: i32,
    known: Option<&BTreeSet<String>>,
    findings: &mut Vec<Finding>,
) -> Settings {
    let is_known = |name: &str| known.is_none_or(|known| known.contains(name));
    let mut wanted: Vec<(&'static str, String)> = Vec::new();
    for name in TAKEN_OVER {
        match source.settings.get(name) {
            Some(value) => wanted.push((name, value.clone())),
            None => findings.push(Finding::SourceSettingUnknown { setting: name }),
        }
    }
    match number(source.settings, RETENTION_BYTES) {
        Some(bytes) => {
            let bytes = retention_bytes(bytes, source.partitions, partitions);
            wanted.push((RETENTION_BYTES, bytes.to_string()));
        }
        None => findings.push(Finding::SourceSettingUnknown {
            setting: RETENTION_BYTES,
        }),
    }
    // A source older than 2.3 has no upper limit of the compaction lag.
    let lag = source
        .settings
        .get(MAX_COMPACTION_LAG_MS)
        .map_or(UNLIMITED, String::as_str);
    wanted.push((MAX_COMPACTION_LAG_MS, lag.to_owned()));
    wanted.push((TIMESTAMP_TYPE, "CreateTime".to_owned()));
    let limits: &[&'static str] = if TIMESTAMP_LIMITS.into_iter().all(is_known) {
        &TIMESTAMP_LIMITS
    } else {
        &[TIMESTAMP_DIFFERENCE_MAX_MS]
    };
    wanted.extend(limits.iter().map(|name| (*name, UNLIMITED.to_owned())));

    let mut settings = Settings::new();
    for (name, value) in wanted {
        if is_known(name) {
            settings.insert(name.to_owned(), value);
        } else if value != UNLIMITED {
            findings.push(Finding::TargetSettingUnknown {
                setting: name,
                source: value,
            });
        }
    }
    settings
}

/// `retention.bytes` that keeps at least as much in `target_partitions` as the source keeps in its own. Negative is
/// unlimited.
pub(super) fn retention_bytes(source_bytes: i64, source_partitions: i32, target_partitions: i32) -> i64 {
    if source_bytes < 0 || target_partitions >= source_partitions || target_partitions <= 0 {
        return source_bytes;
    }
    let all = i128::from(source_bytes) * i128::from(source_partitions);
    let divisor = i128::from(target_partitions);
    i64::try_from((all + divisor - 1) / divisor).unwrap_or(-1)
}

/// The value of a numeric setting.
pub(super) fn number(settings: &Settings, name: &str) -> Option<i64> {
    settings.get(name)?.trim().parse().ok()
}
