//! Reports of topics, from what two clusters might say of them.

use kafka_record::Codec;
use kafka_wire::api::metadata::MetadataPartition;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId};

use super::super::report::Severity;
use super::*;
use crate::testing;

const DAY_MS: i64 = 86_400_000;
const NOW_MS: i64 = 20_000 * DAY_MS;

const CLUSTER: TargetCluster<'static> = TargetCluster {
    brokers: 3,
    min_insync_replicas: Some(1),
    known_settings: None,
};

/// A topic whose partitions have two replicas each.
fn topic(name: &str, partitions: i32) -> MetadataTopic {
    let partition = |partition_index| MetadataPartition {
        error_code: ErrorCode::NONE,
        partition_index,
        leader_id: NodeId(1),
        leader_epoch: 0,
        replica_nodes: vec![NodeId(1), NodeId(2)],
        isr_nodes: vec![NodeId(1), NodeId(2)],
        offline_replicas: Vec::new(),
    };
    MetadataTopic {
        error_code: ErrorCode::NONE,
        name: Some(name.into()),
        topic_id: TopicId::ZERO,
        is_internal: false,
        partitions: (0..partitions).map(partition).collect(),
    }
}

fn settings(retention_ms: i64) -> Settings {
    let retention_ms = retention_ms.to_string();
    let pairs = [
        ("cleanup.policy", "delete"),
        ("retention.ms", retention_ms.as_str()),
        ("retention.bytes", "-1"),
        ("delete.retention.ms", "86400000"),
        ("max.message.bytes", "1048588"),
        ("min.compaction.lag.ms", "0"),
        ("message.timestamp.type", "CreateTime"),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// One topic of four partitions on the source, its oldest record `age_ms` old.
struct Case {
    source: MetadataTopic,
    source_settings: Settings,
    target: Option<(MetadataTopic, Settings)>,
    age_ms: i64,
    survey: Option<LogSurvey>,
}

// === impl Case ===

impl Case {
    fn new(source_retention_ms: i64, target: Option<(i32, i64)>) -> Self {
        Self {
            source: topic("orders", 4),
            source_settings: settings(source_retention_ms),
            target: target
                .map(|(partitions, retention_ms)| (topic("orders", partitions), settings(retention_ms))),
            age_ms: DAY_MS,
            survey: Some(LogSurvey::new(4)),
        }
    }

    fn report(&self, flow: &FlowConfig) -> TopicReport {
        let nothing = Settings::new();
        let extent = |age_ms| Extent {
            start: 100,
            end: 110,
            oldest_timestamp: Some(NOW_MS - age_ms),
        };
        let extents =
            (0..4).map(|partition| (partition, Ok(extent(self.age_ms / (i64::from(partition) + 1)))));
        let known = Known {
            name: "orders".into(),
            source: &self.source,
            source_settings: &self.source_settings,
            extents: extents.collect(),
            target_name: "orders".into(),
            target: self.target.as_ref().map(|(topic, _)| topic),
            target_settings: self.target.as_ref().map_or(&nothing, |(_, settings)| settings),
            survey: self.survey.clone(),
        };
        plan(&known, &CLUSTER, flow, NOW_MS).report
    }
}

fn flow(flags: &[&str]) -> FlowConfig {
    testing::flow("source:9092", "target:9092", flags)
}

fn kinds(report: &TopicReport) -> Vec<(Severity, &'static str)> {
    report
        .findings
        .iter()
        .map(|finding| (finding.severity, finding.kind))
        .collect()
}

#[test]
fn a_topic_to_be_created_takes_the_sources_settings() {
    let report = Case::new(-1, None).report(&flow(&[]));
    assert_eq!(
        (report.action, report.verdict),
        (Action::Create, Verdict::Ok),
        "{:?}",
        report.findings
    );
    let partitions = Partitions {
        source: 4,
        target_now: None,
        target: 4,
    };
    assert_eq!(report.partitions, partitions);
    assert_eq!(report.replication.target, Some(2));
    assert_eq!(report.settings["retention.ms"], "-1");
    assert_eq!(
        report.retention_ms,
        BothSides {
            source: Some(-1),
            target: Some(-1)
        }
    );
    assert_eq!((report.offsets, report.oldest_record_age_ms), (40, Some(DAY_MS)));
}

/// docs/traps.md: the target would delete at its next check what has just been mirrored.
#[test]
fn records_older_than_the_targets_retention() {
    let mut case = Case::new(-1, Some((4, 7 * DAY_MS)));
    case.age_ms = 30 * DAY_MS;
    let mut flow = flow(&[]);
    flow.refuse_short_retention = false;
    let report = case.report(&flow);
    let warned = [
        (Severity::Warning, "shorter-retention"),
        (Severity::Warning, "records-too-old"),
    ];
    assert_eq!(
        (kinds(&report), report.verdict),
        (warned.to_vec(), Verdict::Warning)
    );
    flow.refuse_short_retention = true;
    let report = case.report(&flow);
    assert_eq!(
        (report.action, report.verdict),
        (Action::Refuse, Verdict::Refused)
    );
    case.age_ms = DAY_MS;
    case.source_settings = settings(7 * DAY_MS);
    assert_eq!(
        case.report(&flow).verdict,
        Verdict::Ok,
        "young records, equal retention"
    );
}

#[test]
fn a_configured_replication_factor_that_the_target_cannot_give() {
    let mut flow = flow(&[]);
    flow.replication_factor = Some(5);
    let report = Case::new(-1, None).report(&flow);
    assert_eq!(kinds(&report), [(Severity::Refused, "too-many-replicas")]);
    assert_eq!((report.action, report.replication.target), (Action::Refuse, None));
    flow.replication_factor = Some(3);
    assert_eq!(Case::new(-1, None).report(&flow).replication.target, Some(3));
}

/// docs/traps.md, on order.
#[test]
fn by_key_is_warned_of_other_partitioners_and_of_null_keys_among_more_partitions() {
    let mut case = Case::new(-1, Some((8, -1)));
    let mut survey = LogSurvey::new(4);
    for number in 0..100 {
        survey
            .keys
            .see(number % 4, Some(format!("key-{number}").as_bytes()));
    }
    survey.keys.see(0, None);
    case.survey = Some(survey);
    let report = case.report(&flow(&[]));
    let expected = [
        (Severity::Warning, "partitioner"),
        (Severity::Warning, "null-keys"),
    ];
    assert_eq!(
        (kinds(&report), report.keys.partitioner),
        (expected.to_vec(), "unknown")
    );
    assert_eq!(report.keys.different_keys, 100);
    let preserve = case.report(&flow(&["--partitioning", "preserve"]));
    assert_eq!(preserve.verdict, Verdict::Ok, "{:?}", preserve.findings);
    let spread = case.report(&flow(&["--null-keys", "spread"]));
    assert_eq!(kinds(&spread), [(Severity::Warning, "partitioner")]);
    let as_many = Case {
        survey: case.survey.take(),
        ..Case::new(-1, Some((4, -1)))
    };
    let report = as_many.report(&flow(&[]));
    assert_eq!(
        kinds(&report),
        [(Severity::Warning, "partitioner")],
        "as many partitions as on the source"
    );
}

#[test]
fn what_the_log_holds_is_told() {
    let mut case = Case::new(-1, None);
    let mut survey = LogSurvey::new(4);
    survey
        .oldest
        .extend([Packing::Legacy(1), Packing::Batch(Codec::Gzip)]);
    survey.newest.insert(Packing::Batch(Codec::Zstd));
    survey.transactional = true;
    case.survey = Some(survey);
    let report = case.report(&flow(&[]));
    let expected = [
        (Severity::Warning, "transactions"),
        (Severity::Note, "old-format"),
        (Severity::Note, "zstd"),
    ];
    assert_eq!(kinds(&report), expected);
    assert_eq!(report.packing.oldest, ["gzip", "format-1"]);
    assert_eq!(report.packing.newest, ["zstd"]);
}

#[test]
fn what_was_not_looked_at_is_told() {
    let mut case = Case::new(-1, None);
    case.survey = None;
    assert_eq!(
        kinds(&case.report(&flow(&[]))),
        [(Severity::Warning, "not-sampled")]
    );
}

/// Settings that may not be read are no settings that agree.
#[test]
fn a_target_topic_that_does_not_tell_its_settings() {
    let mut case = Case::new(-1, Some((4, -1)));
    case.target = Some((topic("orders", 4), Settings::new()));
    let report = case.report(&flow(&[]));
    assert_eq!(kinds(&report), [(Severity::Warning, "target-settings-unknown")]);
}
