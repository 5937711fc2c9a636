//! Plans under a flow's own settings.

use std::sync::Arc;

use mirror_core::topic_plan::{PartitionRule, PlanRefusal, Settings, TopicAction};

use super::*;

const DAY_MS: i64 = 86_400_000;

const ONE_BROKER: TargetCluster<'static> = TargetCluster {
    brokers: 1,
    min_insync_replicas: Some(1),
    known_settings: None,
};

fn settings(policy: &str, retention_ms: i64) -> Settings {
    [
        ("cleanup.policy", policy),
        ("retention.ms", &retention_ms.to_string()),
        ("retention.bytes", "-1"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

fn wanted<'a>(name: &'a Arc<str>, settings: &'a Settings, configured: Option<i16>) -> WantedTopic<'a> {
    WantedTopic {
        name,
        partitions: 4,
        replication_factor: 3,
        configured_replication_factor: configured,
        settings,
        settings_complete: true,
        settings_unread: None,
        rule: PartitionRule::Preserve,
        refuse_short_retention: true,
    }
}

fn target(settings: &Settings) -> TargetTopic<'_> {
    TargetTopic {
        partitions: 4,
        replication_factor: 1,
        settings,
    }
}

#[test]
fn a_configured_replication_factor_is_not_the_sources() {
    let (name, stock) = ("orders".into(), settings("delete", -1));
    let created = plan(&wanted(&name, &stock, Some(1)), None, &ONE_BROKER, None);
    assert!(
        matches!(&created.action, TopicAction::Create(topic) if topic.replication_factor == 1),
        "{created:?}"
    );
    let fewer = Finding::FewerReplicas { source: 3, target: 1 };
    assert!(created.findings.contains(&fewer), "{:?}", created.findings);
    let refused = plan(&wanted(&name, &stock, Some(3)), None, &ONE_BROKER, None);
    let too_many = PlanRefusal::TooManyReplicas {
        configured: 3,
        brokers: 1,
    };
    assert_eq!(refused.action, TopicAction::Halt(too_many));
    let existing = settings("delete", -1);
    let kept = plan(
        &wanted(&name, &stock, Some(3)),
        Some(&target(&existing)),
        &ONE_BROKER,
        None,
    );
    assert_eq!(
        kept.action,
        TopicAction::Nothing,
        "a topic that exists is not refused for it"
    );
}

#[test]
fn the_log_is_looked_at_only_where_age_matters() {
    let name = "orders".into();
    let asks = |source: &Settings, existing: Option<&Settings>| {
        let target = existing.map(target);
        depends_on_age(&wanted(&name, source, None), target.as_ref(), &ONE_BROKER)
    };
    let (all, week, month) = (
        settings("delete", -1),
        settings("delete", 7 * DAY_MS),
        settings("delete", 30 * DAY_MS),
    );
    assert!(asks(&all, Some(&week)));
    assert!(asks(&month, Some(&week)));
    assert!(asks(&settings("compact", -1), Some(&week)));
    assert!(!asks(&all, None), "it takes over the source's retention");
    assert!(!asks(&week, Some(&all)));
    assert!(!asks(&week, Some(&week)));
    assert!(!asks(&all, Some(&Settings::new())), "it does not tell");
}

#[test]
fn the_refusal_names_both_values_and_the_ways_out() {
    let (name, all, week) = (
        "orders".into(),
        settings("delete", -1),
        settings("delete", 7 * DAY_MS),
    );
    let planned = |existing: &Settings, age_ms| {
        plan(
            &wanted(&name, &all, None),
            Some(&target(existing)),
            &ONE_BROKER,
            Some(age_ms),
        )
    };
    let words = too_short_retention("orders", &planned(&week, 30 * DAY_MS).findings).unwrap();
    for named in [
        "retention.ms is 604800000 on the target, -1 keeps",
        "2592000000 ms old",
        "raise retention.ms of topic orders on the target",
        "refuse_short_retention = false",
    ] {
        assert!(words.contains(named), "{named}: {words}");
    }
    assert!(
        too_short_retention("orders", &planned(&week, 0).findings).is_some(),
        "it will delete them later"
    );
    assert_eq!(
        too_short_retention("orders", &planned(&all, 30 * DAY_MS).findings),
        None
    );
}
