//! Plans for topics that are missing, too small, or keep less than their source.

use super::*;

fn settings(pairs: &[(&str, &str)]) -> Settings {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// What a 3.x source with stock settings tells.
fn stock() -> Settings {
    settings(&[
        ("cleanup.policy", "delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "-1"),
        ("delete.retention.ms", "86400000"),
        ("max.message.bytes", "1048588"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "9223372036854775807"),
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
        ("compression.type", "producer"),
    ])
}

fn with(base: &Settings, pairs: &[(&str, &str)]) -> Settings {
    let mut changed = base.clone();
    changed.extend(settings(pairs));
    changed
}

fn source(settings: &Settings) -> SourceTopic<'_> {
    SourceTopic {
        name: "orders",
        partitions: 8,
        replication_factor: 3,
        settings,
        oldest_record_age_ms: None,
    }
}

const CLUSTER: TargetCluster<'static> = TargetCluster {
    brokers: 3,
    min_insync_replicas: Some(2),
    known_settings: None,
};

fn created(
    source: &SourceTopic<'_>,
    cluster: &TargetCluster<'_>,
    rule: PartitionRule,
) -> (TopicToCreate, Vec<Finding>) {
    let plan = TopicPlan::new(source, None, cluster, rule);
    match &plan.action {
        TopicAction::Create(topic) => {
            assert_eq!(plan.target_partitions, topic.partitions);
            (topic.clone(), plan.findings)
        }
        TopicAction::Nothing | TopicAction::Grow { .. } | TopicAction::Halt(_) => panic!("{plan:?}"),
    }
}

fn existing(
    source: &SourceTopic<'_>,
    target_settings: &Settings,
    partitions: i32,
    rule: PartitionRule,
) -> TopicPlan {
    let target = TargetTopic {
        partitions,
        replication_factor: 3,
        settings: target_settings,
    };
    TopicPlan::new(source, Some(&target), &CLUSTER, rule)
}

#[test]
fn a_new_topic_keeps_what_the_source_keeps() {
    let source_settings = with(
        &stock(),
        &[
            ("retention.ms", "-1"),
            ("cleanup.policy", "compact,delete"),
            ("max.message.bytes", "5000000"),
        ],
    );
    let (topic, findings) = created(&source(&source_settings), &CLUSTER, PartitionRule::Preserve);
    assert_eq!((topic.partitions, topic.replication_factor), (8, 3));
    let expected = settings(&[
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
        ("delete.retention.ms", "86400000"),
        ("max.message.bytes", "5000000"),
        ("min.compaction.lag.ms", "0"),
        ("max.compaction.lag.ms", "9223372036854775807"),
        ("message.timestamp.type", "CreateTime"),
        ("message.timestamp.before.max.ms", "9223372036854775807"),
        ("message.timestamp.after.max.ms", "9223372036854775807"),
    ]);
    assert_eq!(topic.settings, expected);
    assert_eq!(findings, []);
}

#[test]
fn the_target_keeps_the_sources_append_times_and_refuses_no_timestamp() {
    let source_settings = with(
        &stock(),
        &[
            ("message.timestamp.type", "LogAppendTime"),
            ("message.timestamp.before.max.ms", "1000"),
            ("message.timestamp.after.max.ms", "3600000"),
        ],
    );
    let (topic, _) = created(&source(&source_settings), &CLUSTER, PartitionRule::Preserve);
    assert_eq!(topic.settings["message.timestamp.type"], "CreateTime");
    assert_eq!(
        topic.settings["message.timestamp.before.max.ms"],
        "9223372036854775807"
    );
    assert_eq!(
        topic.settings["message.timestamp.after.max.ms"],
        "9223372036854775807"
    );
}

#[test]
fn an_old_target_is_not_asked_for_settings_it_does_not_know() {
    let source_settings = with(&stock(), &[("max.compaction.lag.ms", "3600000")]);
    let mut known = settings::known_to_every_broker();
    known.insert("message.timestamp.difference.max.ms".to_owned());
    let cluster = TargetCluster {
        known_settings: Some(&known),
        ..CLUSTER
    };
    let (topic, findings) = created(&source(&source_settings), &cluster, PartitionRule::Preserve);
    assert!(!topic.settings.contains_key("message.timestamp.after.max.ms"));
    assert_eq!(
        topic.settings["message.timestamp.difference.max.ms"],
        "9223372036854775807"
    );
    let lost = Finding::TargetSettingUnknown {
        setting: "max.compaction.lag.ms",
        source: "3600000".to_owned(),
    };
    assert_eq!(findings, [lost]);

    let every = settings::known_to_every_broker();
    let cluster = TargetCluster {
        known_settings: Some(&every),
        ..CLUSTER
    };
    let (topic, _) = created(&source(&stock()), &cluster, PartitionRule::Preserve);
    assert!(topic.settings.keys().all(|name| every.contains(name)));
}

#[test]
fn settings_the_source_does_not_tell_are_reported() {
    let (topic, findings) = created(&source(&Settings::new()), &CLUSTER, PartitionRule::Preserve);
    assert!(!topic.settings.contains_key("retention.ms"));
    assert!(findings.contains(&Finding::SourceSettingUnknown {
        setting: "retention.ms"
    }));
    assert!(findings.iter().any(Finding::loses_records));
}

#[test]
fn replicas_are_the_sources_as_far_as_brokers_reach() {
    let stock = stock();
    let plan = |replicas, brokers, min_insync_replicas| {
        let source = SourceTopic {
            replication_factor: replicas,
            ..source(&stock)
        };
        let cluster = TargetCluster {
            brokers,
            min_insync_replicas,
            known_settings: None,
        };
        TopicPlan::new(&source, None, &cluster, PartitionRule::Preserve)
    };
    let replicas = |plan: &TopicPlan| match &plan.action {
        TopicAction::Create(topic) => topic.replication_factor,
        TopicAction::Nothing | TopicAction::Grow { .. } | TopicAction::Halt(_) => panic!("{plan:?}"),
    };
    assert_eq!(replicas(&plan(3, 5, Some(1))), 3);
    assert_eq!(
        replicas(&plan(1, 3, Some(2))),
        2,
        "never below min.insync.replicas"
    );
    let fewer = plan(3, 2, None);
    assert_eq!(replicas(&fewer), 2);
    assert_eq!(fewer.findings, [Finding::FewerReplicas { source: 3, target: 2 }]);
    let single = plan(1, 3, Some(1));
    assert_eq!(replicas(&single), 1);
    assert_eq!(single.findings, [Finding::SingleReplica], "never silently one");
    let refused = PlanRefusal::TooFewReplicas {
        min_insync_replicas: 2,
        replicas: 1,
    };
    assert_eq!(plan(3, 1, Some(2)).action, TopicAction::Halt(refused));
}

#[test]
fn preserve_grows_the_target_with_the_source() {
    let stock = stock();
    let plan = existing(&source(&stock), &stock, 5, PartitionRule::Preserve);
    assert_eq!(plan.action, TopicAction::Grow { from: 5, to: 8 });
    assert_eq!(plan.target_partitions, 8);
    let plan = existing(&source(&stock), &stock, 12, PartitionRule::Preserve);
    assert_eq!((plan.action, plan.target_partitions), (TopicAction::Nothing, 12));
    assert_eq!(plan.findings, []);
}

#[test]
fn by_key_pins_the_count() {
    let stock = stock();
    for partitions in [3, 8, 12] {
        let plan = existing(
            &source(&stock),
            &stock,
            partitions,
            PartitionRule::ByKey { partitions: None },
        );
        assert_eq!(
            (plan.action, plan.target_partitions),
            (TopicAction::Nothing, partitions)
        );
    }
    let plan = existing(
        &source(&stock),
        &stock,
        3,
        PartitionRule::ByKey { partitions: Some(12) },
    );
    assert_eq!(
        plan.findings,
        [Finding::CountPinned {
            configured: 12,
            existing: 3
        }]
    );
    assert_eq!(plan.target_partitions, 3);
    let (topic, _) = created(
        &source(&stock),
        &CLUSTER,
        PartitionRule::ByKey { partitions: Some(12) },
    );
    assert_eq!(topic.partitions, 12);
    let (topic, _) = created(
        &source(&stock),
        &CLUSTER,
        PartitionRule::ByKey { partitions: None },
    );
    assert_eq!(topic.partitions, 8);
}

#[test]
fn fewer_partitions_keep_more_bytes_each() {
    let limited = with(&stock(), &[("retention.bytes", "1000")]);
    let (topic, _) = created(
        &source(&limited),
        &CLUSTER,
        PartitionRule::ByKey { partitions: Some(3) },
    );
    assert_eq!(topic.settings["retention.bytes"], "2667");
    let (topic, _) = created(
        &source(&limited),
        &CLUSTER,
        PartitionRule::ByKey { partitions: Some(12) },
    );
    assert_eq!(topic.settings["retention.bytes"], "1000");
    assert_eq!(settings::retention_bytes(i64::MAX, 8, 3), -1);
    let plan = existing(
        &source(&limited),
        &limited,
        3,
        PartitionRule::ByKey { partitions: None },
    );
    let short = Finding::ShorterRetention {
        setting: "retention.bytes",
        needed: 2667,
        actual: 1000,
    };
    assert_eq!(plan.findings, [short]);
}

/// docs/traps.md: records of 30 days into a topic with the stock retention of 7 days vanish within minutes.
#[test]
fn a_target_that_keeps_less_is_found() {
    let keeps_all = with(&stock(), &[("retention.ms", "-1")]);
    let mut source = source(&keeps_all);
    source.oldest_record_age_ms = Some(2_592_000_000);
    let plan = existing(&source, &stock(), 8, PartitionRule::Preserve);
    let expected = [
        Finding::ShorterRetention {
            setting: "retention.ms",
            needed: -1,
            actual: 604_800_000,
        },
        Finding::RecordsTooOld {
            oldest_ms: 2_592_000_000,
            retention_ms: 604_800_000,
        },
    ];
    assert_eq!(plan.findings, expected);
    assert!(plan.findings.iter().all(Finding::loses_records));
}

/// Segments are deleted by their newest record, so the oldest ones of nearly every log have outlived its retention.
#[test]
fn records_that_the_source_itself_is_about_to_delete_are_not_too_old() {
    let stock = stock();
    let mut source = source(&stock);
    source.oldest_record_age_ms = Some(2 * 604_800_000);
    assert_eq!(existing(&source, &stock, 8, PartitionRule::Preserve).findings, []);
    let longer = with(&stock, &[("retention.ms", "604800001")]);
    assert_eq!(
        existing(&source, &longer, 8, PartitionRule::Preserve).findings,
        []
    );
    let shorter = with(&stock, &[("retention.ms", "604799999")]);
    let found = existing(&source, &shorter, 8, PartitionRule::Preserve).findings;
    let [Finding::ShorterRetention { .. }, Finding::RecordsTooOld { .. }] = found[..] else {
        panic!("{found:?}");
    };
}

#[test]
fn policies_that_differ_are_found() {
    let stock = stock();
    let compacted = with(&stock, &[("cleanup.policy", "compact")]);
    let plan = existing(&source(&stock), &compacted, 8, PartitionRule::Preserve);
    assert_eq!(plan.findings, [Finding::CompactedHereOnly]);
    let plan = existing(&source(&compacted), &stock, 8, PartitionRule::Preserve);
    assert_eq!(plan.findings, [Finding::DeletedHereOnly]);
    let forgetful = with(&compacted, &[("delete.retention.ms", "1000")]);
    let plan = existing(&source(&compacted), &forgetful, 8, PartitionRule::Preserve);
    let earlier = Finding::CompactsEarlier {
        setting: "delete.retention.ms",
        source: 86_400_000,
        target: 1000,
    };
    assert_eq!(plan.findings, [earlier]);
    assert!(!plan.findings.iter().any(Finding::loses_records));
}

#[test]
fn limits_of_an_existing_topic_are_found() {
    let stock = stock();
    let strict = with(
        &stock,
        &[
            ("max.message.bytes", "1000"),
            ("message.timestamp.after.max.ms", "3600000"),
        ],
    );
    let plan = existing(&source(&stock), &strict, 8, PartitionRule::Preserve);
    let expected = [
        Finding::SmallerBatches {
            source: 1_048_588,
            target: 1000,
        },
        Finding::TimestampLimit {
            setting: "message.timestamp.after.max.ms",
            limit_ms: 3_600_000,
        },
    ];
    assert_eq!(plan.findings, expected);
    let append = with(
        &strict,
        &[
            ("message.timestamp.type", "LogAppendTime"),
            ("max.message.bytes", "1048588"),
        ],
    );
    let plan = existing(&source(&stock), &append, 8, PartitionRule::Preserve);
    assert_eq!(plan.findings, [Finding::TimestampsReplaced]);
}

#[test]
fn a_topic_that_no_write_can_reach_halts() {
    let stock = stock();
    let demanding = with(&stock, &[("min.insync.replicas", "4")]);
    let plan = existing(&source(&stock), &demanding, 8, PartitionRule::Preserve);
    let refusal = PlanRefusal::TooFewReplicas {
        min_insync_replicas: 4,
        replicas: 3,
    };
    assert_eq!(
        (plan.action, plan.target_partitions),
        (TopicAction::Halt(refusal), 0)
    );
    let none = SourceTopic {
        partitions: 0,
        ..source(&stock)
    };
    let plan = TopicPlan::new(&none, None, &CLUSTER, PartitionRule::Preserve);
    assert!(matches!(
        plan.action,
        TopicAction::Halt(PlanRefusal::NotPositive { count: 0, .. })
    ));
}

#[test]
fn a_configured_replication_factor_is_taken_or_refused() {
    let stock = stock();
    let source = source(&stock);
    let planned = |configured| {
        let cluster = TargetCluster {
            min_insync_replicas: Some(2),
            ..CLUSTER
        };
        TopicPlan::new(&source, None, &cluster, PartitionRule::Preserve)
            .with_replication_factor(configured, &source, &cluster)
    };
    let two = planned(2);
    assert!(matches!(&two.action, TopicAction::Create(topic) if topic.replication_factor == 2));
    assert_eq!(two.findings, [Finding::FewerReplicas { source: 3, target: 2 }]);
    let many = PlanRefusal::TooManyReplicas {
        configured: 4,
        brokers: 3,
    };
    assert_eq!(planned(4).action, TopicAction::Halt(many));
    let few = PlanRefusal::TooFewReplicas {
        min_insync_replicas: 2,
        replicas: 1,
    };
    assert_eq!(planned(1).action, TopicAction::Halt(few));
    let existing = existing(&source, &stock, 8, PartitionRule::Preserve);
    let unchanged = existing.clone().with_replication_factor(9, &source, &CLUSTER);
    assert_eq!(unchanged, existing, "a topic that exists keeps its replicas");
}
