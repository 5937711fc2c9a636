//! Settings of topics and brokers: names, defaults, kinds, and what a log makes of them.
//!
//! Names and defaults are those of Kafka's `TopicConfig.java`, `ServerLogConfigs.java` and `ReplicationConfigs.java`.
//! A topic's effective value is its own, else the cluster's under the broker's name for it, else the default.

use std::collections::BTreeMap;

use kafka_record::Codec;

use crate::release::KafkaRelease;

/// Settings by name, as requests and answers carry them.
pub(crate) type ConfigMap = BTreeMap<String, String>;

/// What a value must look like. The number is the one of `DescribeConfigs` (`ConfigDef.Type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Boolean,
    Text,
    Int,
    Long,
    Double,
    List,
}

/// One setting that brokers know.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// The name on a topic; `None` for settings that only brokers have.
    pub(crate) topic_name: Option<&'static str>,
    /// The name on a broker; `None` for settings that only topics have.
    pub(crate) broker_name: Option<&'static str>,
    pub(crate) default: &'static str,
    pub(crate) kind: Kind,
}

/// What a partition's log does with the settings of its topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// Largest batch, in bytes.
    pub(crate) message_bytes_max: usize,
    pub(crate) log_append_time: bool,
    /// How far a record's own time may lie before and after the broker's, in ms.
    pub(crate) timestamp_before_ms_max: i64,
    pub(crate) timestamp_after_ms_max: i64,
    /// What the broker compresses with; `None` keeps the producer's codec.
    pub(crate) codec: Option<Codec>,
    pub(crate) is_compacted: bool,
    pub(crate) is_deleted: bool,
    pub(crate) min_in_sync_replicas: usize,
    /// In ms; negative keeps records for ever.
    pub(crate) retention_ms: i64,
    /// In bytes; negative means no limit.
    pub(crate) retention_bytes: i64,
    /// How long a tombstone outlives its compaction, in ms.
    pub(crate) delete_retention_ms: i64,
}

// === impl Kind ===

impl Kind {
    pub(crate) fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::Text => 2,
            Self::Int => 3,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
        }
    }

    fn accepts(self, value: &str) -> bool {
        match self {
            Self::Boolean => matches!(value, "true" | "false"),
            Self::Text | Self::List => true,
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Double => value.parse::<f64>().is_ok(),
        }
    }
}

// === impl LogSettings ===

impl LogSettings {
    /// The settings of a topic with `own` overrides in a cluster with `cluster` settings.
    pub(crate) fn resolve(own: &ConfigMap, cluster: &ConfigMap, release: KafkaRelease) -> Self {
        let value = |name: &str| effective(name, own, cluster, release).unwrap_or_default();
        let number = |name: &str| value(name).parse::<i64>().unwrap_or(i64::MAX);
        let cleanup = value("cleanup.policy");
        let difference = number("message.timestamp.difference.max.ms");
        Self {
            message_bytes_max: usize::try_from(number("max.message.bytes")).unwrap_or(0),
            log_append_time: value("message.timestamp.type") == "LogAppendTime",
            timestamp_before_ms_max: number("message.timestamp.before.max.ms").min(difference),
            timestamp_after_ms_max: number("message.timestamp.after.max.ms").min(difference),
            codec: codec_named(&value("compression.type")),
            is_compacted: cleanup.split(',').any(|policy| policy.trim() == "compact"),
            is_deleted: cleanup.split(',').any(|policy| policy.trim() == "delete"),
            min_in_sync_replicas: usize::try_from(number("min.insync.replicas")).unwrap_or(1),
            retention_ms: number("retention.ms"),
            retention_bytes: number("retention.bytes"),
            delete_retention_ms: number("delete.retention.ms"),
        }
    }
}

/// The settings a topic can have in this release.
pub(crate) fn topic_settings(
    release: KafkaRelease,
) -> impl Iterator<Item = (&'static str, &'static Setting)> {
    SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.topic_name?, setting)))
        .filter(move |(name, _)| exists(name, release))
}

/// The settings a broker can have.
pub(crate) fn broker_settings() -> impl Iterator<Item = (&'static str, &'static Setting)> {
    SETTINGS
        .iter()
        .filter_map(|setting| Some((setting.broker_name?, setting)))
}

/// The value of a topic's setting after all defaults; `None` if there is no such setting.
pub(crate) fn effective(
    name: &str,
    own: &ConfigMap,
    cluster: &ConfigMap,
    release: KafkaRelease,
) -> Option<String> {
    let (_, setting) = topic_settings(release).find(|(known, _)| *known == name)?;
    let own_value = own.get(name).cloned();
    own_value.or_else(|| inherited(name, setting, cluster, release))
}

/// What a topic without its own value for the setting has.
pub(crate) fn inherited(
    name: &str,
    setting: &Setting,
    cluster: &ConfigMap,
    release: KafkaRelease,
) -> Option<String> {
    let from_cluster = setting
        .broker_name
        .and_then(|broker_name| cluster.get(broker_name).cloned());
    from_cluster.or_else(|| Some(default_of(name, setting, release).to_owned()))
}

/// The default of a setting in a release.
pub(crate) fn default_of(name: &str, setting: &Setting, release: KafkaRelease) -> &'static str {
    match name {
        "max.message.bytes" | "message.max.bytes" if release <= KafkaRelease::V2_4 => "1000012",
        // KIP-1030: records from the future are refused by default.
        "message.timestamp.after.max.ms" | "log.message.timestamp.after.max.ms"
            if release >= KafkaRelease::V4_1 =>
        {
            "3600000"
        }
        _ => setting.default,
    }
}

/// Why `value` cannot be a topic's setting `name`; `None` if it can.
pub(crate) fn objection(name: &str, value: &str, release: KafkaRelease) -> Option<String> {
    let Some((_, setting)) = topic_settings(release).find(|(known, _)| *known == name) else {
        return Some(format!("Unknown topic config name: {name}"));
    };
    let invalid = |allowed: &str| {
        Some(format!(
            "Invalid value {value} for configuration {name}: {allowed}"
        ))
    };
    if !setting.kind.accepts(value) {
        return invalid("not of the setting's type");
    }
    match name {
        "cleanup.policy"
            if !value
                .split(',')
                .all(|policy| matches!(policy.trim(), "compact" | "delete")) =>
        {
            invalid("String must be one of: compact, delete")
        }
        "message.timestamp.type" if !matches!(value, "CreateTime" | "LogAppendTime") => {
            invalid("String must be one of: CreateTime, LogAppendTime")
        }
        "compression.type" if value != "producer" && codec_named(value).is_none() => {
            invalid("String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer")
        }
        "min.insync.replicas" if value.parse::<i32>().is_ok_and(|count| count < 1) => {
            invalid("Value must be at least 1")
        }
        "max.message.bytes" if value.starts_with('-') => invalid("Value must be at least 0"),
        _ => None,
    }
}

/// The codec a topic's `compression.type` asks for; `None` for the producer's, and for names that are none.
fn codec_named(name: &str) -> Option<Codec> {
    match name {
        "uncompressed" => Some(Codec::None),
        "none" => None, // a name for producers only
        other => other.parse().ok(),
    }
}

fn exists(topic_name: &str, release: KafkaRelease) -> bool {
    match topic_name {
        // KIP-937: two limits since 3.6, the one before them gone in 4.0.
        "message.timestamp.before.max.ms" | "message.timestamp.after.max.ms" => release >= KafkaRelease::V3_9,
        "message.timestamp.difference.max.ms"
        | "message.downconversion.enable"
        | "message.format.version" => release < KafkaRelease::V4_1,
        "max.compaction.lag.ms" => release >= KafkaRelease::V2_4,
        "remote.storage.enable" | "local.retention.ms" | "local.retention.bytes" => {
            release >= KafkaRelease::V3_9
        }
        _ => true,
    }
}

const fn both(
    topic_name: &'static str,
    broker_name: &'static str,
    default: &'static str,
    kind: Kind,
) -> Setting {
    Setting {
        topic_name: Some(topic_name),
        broker_name: Some(broker_name),
        default,
        kind,
    }
}

const fn topic(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting {
        topic_name: Some(name),
        broker_name: None,
        default,
        kind,
    }
}

const fn broker(name: &'static str, default: &'static str, kind: Kind) -> Setting {
    Setting {
        topic_name: None,
        broker_name: Some(name),
        default,
        kind,
    }
}

const LONG_MAX: &str = "9223372036854775807";

#[rustfmt::skip]
const SETTINGS: &[Setting] = &[
    both("cleanup.policy", "log.cleanup.policy", "delete", Kind::List),
    both("compression.type", "compression.type", "producer", Kind::Text),
    both("delete.retention.ms", "log.cleaner.delete.retention.ms", "86400000", Kind::Long),
    both("file.delete.delay.ms", "log.segment.delete.delay.ms", "60000", Kind::Long),
    both("flush.messages", "log.flush.interval.messages", LONG_MAX, Kind::Long),
    both("flush.ms", "log.flush.interval.ms", LONG_MAX, Kind::Long),
    topic("follower.replication.throttled.replicas", "", Kind::List),
    both("index.interval.bytes", "log.index.interval.bytes", "4096", Kind::Int),
    topic("leader.replication.throttled.replicas", "", Kind::List),
    both("local.retention.bytes", "log.local.retention.bytes", "-2", Kind::Long),
    both("local.retention.ms", "log.local.retention.ms", "-2", Kind::Long),
    both("max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", LONG_MAX, Kind::Long),
    both("max.message.bytes", "message.max.bytes", "1048588", Kind::Int),
    both("message.downconversion.enable", "log.message.downconversion.enable", "true", Kind::Boolean),
    both("message.format.version", "log.message.format.version", "3.0-IV1", Kind::Text),
    both("message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", LONG_MAX, Kind::Long),
    both("message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", LONG_MAX, Kind::Long),
    both("message.timestamp.difference.max.ms", "log.message.timestamp.difference.max.ms", LONG_MAX, Kind::Long),
    both("message.timestamp.type", "log.message.timestamp.type", "CreateTime", Kind::Text),
    both("min.cleanable.dirty.ratio", "log.cleaner.min.cleanable.ratio", "0.5", Kind::Double),
    both("min.compaction.lag.ms", "log.cleaner.min.compaction.lag.ms", "0", Kind::Long),
    both("min.insync.replicas", "min.insync.replicas", "1", Kind::Int),
    both("preallocate", "log.preallocate", "false", Kind::Boolean),
    topic("remote.storage.enable", "false", Kind::Boolean),
    both("retention.bytes", "log.retention.bytes", "-1", Kind::Long),
    both("retention.ms", "log.retention.ms", "604800000", Kind::Long),
    both("segment.bytes", "log.segment.bytes", "1073741824", Kind::Int),
    both("segment.index.bytes", "log.index.size.max.bytes", "10485760", Kind::Int),
    both("segment.jitter.ms", "log.roll.jitter.ms", "0", Kind::Long),
    both("segment.ms", "log.roll.ms", "604800000", Kind::Long),
    both("unclean.leader.election.enable", "unclean.leader.election.enable", "false", Kind::Boolean),
    broker("auto.create.topics.enable", "true", Kind::Boolean),
    broker("broker.id", "-1", Kind::Int),
    broker("default.replication.factor", "1", Kind::Int),
    broker("delete.topic.enable", "true", Kind::Boolean),
    broker("fetch.max.bytes", "57671680", Kind::Int),
    broker("group.initial.rebalance.delay.ms", "3000", Kind::Int),
    broker("group.max.session.timeout.ms", "1800000", Kind::Int),
    broker("group.min.session.timeout.ms", "6000", Kind::Int),
    broker("max.incremental.fetch.session.cache.slots", "1000", Kind::Int),
    broker("num.partitions", "1", Kind::Int),
    broker("offset.metadata.max.bytes", "4096", Kind::Int),
    broker("offsets.retention.minutes", "10080", Kind::Int),
    broker("producer.id.expiration.ms", "86400000", Kind::Int),
    broker("socket.request.max.bytes", "104857600", Kind::Int),
    broker("transaction.max.timeout.ms", "900000", Kind::Int),
    broker("transactional.id.expiration.ms", "604800000", Kind::Int),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> ConfigMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_topics_own_value_wins_over_the_clusters_and_that_over_the_default() {
        let cluster = map(&[("message.max.bytes", "2000")]);
        let resolve = |own: &ConfigMap, cluster: &ConfigMap| {
            LogSettings::resolve(own, cluster, KafkaRelease::V3_9).message_bytes_max
        };
        assert_eq!(resolve(&map(&[]), &map(&[])), 1_048_588);
        assert_eq!(resolve(&map(&[]), &cluster), 2000);
        assert_eq!(resolve(&map(&[("max.message.bytes", "100")]), &cluster), 100);
    }

    #[test]
    fn defaults_are_those_of_the_release() {
        let of = |release| LogSettings::resolve(&map(&[]), &map(&[]), release);
        assert_eq!(of(KafkaRelease::V1_1).message_bytes_max, 1_000_012);
        assert_eq!(of(KafkaRelease::V4_1).timestamp_after_ms_max, 3_600_000);
        assert_eq!(of(KafkaRelease::V3_9).timestamp_after_ms_max, i64::MAX);
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        let release = KafkaRelease::V4_1;
        assert!(objection("retention.ms", "soon", release).is_some());
        assert!(objection("cleanup.policy", "compact,delete", release).is_none());
        assert!(objection("cleanup.policy", "shred", release).is_some());
        assert!(objection("compression.type", "uncompressed", release).is_none());
        assert!(objection("compression.type", "none", release).is_some());
        assert!(objection("message.format.version", "2.0", release).is_some());
        assert!(objection("no.such.thing", "1", release).is_some());
    }
}
