//! What a cache makes of answers, late ones included.

use super::*;
use kafka_wire::api::metadata::{MetadataBroker, MetadataPartition, MetadataResponse, MetadataTopic};
use kafka_wire::api::node_endpoint::NodeEndpoint;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use std::sync::Arc;

const OLD: TopicId = TopicId([1; 16]);
const NEW: TopicId = TopicId([2; 16]);

/// A topic with one partition per (leader, epoch).
fn topic(name: &str, topic_id: TopicId, leaders: &[(i32, i32)]) -> MetadataTopic {
    let partitions = (0..)
        .zip(leaders)
        .map(|(partition_index, (leader, leader_epoch))| MetadataPartition {
            error_code: ErrorCode::NONE,
            partition_index,
            leader_id: NodeId(*leader),
            leader_epoch: *leader_epoch,
            replica_nodes: vec![NodeId(1), NodeId(2)],
            isr_nodes: vec![NodeId(1)],
            offline_replicas: Vec::new(),
        });
    MetadataTopic {
        error_code: ErrorCode::NONE,
        name: Some(name.into()),
        topic_id,
        is_internal: false,
        partitions: partitions.collect(),
    }
}

fn response(topics: Vec<MetadataTopic>) -> MetadataResponse {
    let broker = |id| MetadataBroker {
        node_id: NodeId(id),
        host: format!("h{id}"),
        port: 9092,
        rack: None,
    };
    MetadataResponse {
        throttle_time_ms: 0,
        brokers: vec![broker(1), broker(2)],
        cluster_id: Some("c".to_owned()),
        controller_id: NodeId(2),
        topics,
        error_code: ErrorCode::NONE,
    }
}

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A cache that has seen `topics`, and a way to show it more.
struct Seen(MetadataCache);

impl Seen {
    fn new(topics: Vec<MetadataTopic>) -> Self {
        let mut cache = MetadataCache::new();
        cache.update(&response(topics), MetadataScope::AllTopics);
        Self(cache)
    }

    fn update(&mut self, topics: Vec<MetadataTopic>) -> MetadataChanges {
        self.0.update(&response(topics), MetadataScope::AllTopics)
    }
}

#[test]
fn the_first_answer_is_all_news() {
    let mut cache = MetadataCache::new();
    let answer = response(vec![
        topic("u", OLD, &[(1, 0)]),
        topic("t", NEW, &[(1, 3), (-1, 4)]),
    ]);
    let changes = cache.update(&answer, MetadataScope::NamedTopics);
    let expected = MetadataChanges {
        new_topics: vec!["t".into(), "u".into()],
        new_partitions: vec![tp(0), tp(1), TopicPartition::new("u", 0)],
        brokers_changed: true,
        ..MetadataChanges::default()
    };
    assert_eq!(changes, expected);
    assert_eq!(cache.leader(&tp(0)), Some((NodeId(1), 3)));
    assert_eq!(cache.leader(&tp(1)), None);
    assert_eq!(cache.leader(&tp(2)), None);
    assert_eq!(cache.topic_id("t"), Some(NEW));
    assert_eq!(cache.cluster_id(), Some("c"));
    assert_eq!(cache.controller(), Some(NodeId(2)));
    assert_eq!(cache.broker(NodeId(2)).unwrap().host, "h2");
    assert_eq!(cache.brokers().count(), 2);
    assert_eq!(cache.topics().count(), 2);
    assert!(
        cache.update(&answer, MetadataScope::AllTopics).is_empty(),
        "and then none"
    );
}

#[test]
fn leaders_move_and_partitions_grow() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 0), (1, 0)])]);
    let changes = seen.update(vec![topic("t", OLD, &[(1, 0), (2, 1), (1, 0)])]);
    assert_eq!(changes.changed_leaders, [tp(1)]);
    assert_eq!(changes.new_partitions, [tp(2)]);
    let changes = seen.update(vec![topic("t", OLD, &[(-1, 1), (2, 1), (1, 0)])]);
    assert_eq!(changes.changed_leaders, [tp(0)]);
    assert_eq!(seen.0.leader(&tp(0)), None);
}

#[test]
fn a_leader_epoch_never_goes_backwards() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(2, 5), (1, 1)])]);
    let changes = seen.update(vec![topic("t", OLD, &[(1, 4), (2, 2)])]);
    assert_eq!(
        changes.changed_leaders,
        [tp(1)],
        "stale in one partition, news in the other"
    );
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(2), 5)));
}

#[test]
fn answers_without_epochs_are_believed() {
    let mut seen = Seen::new(vec![topic("t", TopicId::ZERO, &[(2, -1)])]);
    assert_eq!(
        seen.update(vec![topic("t", TopicId::ZERO, &[(1, -1)])])
            .changed_leaders,
        [tp(0)]
    );
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(1), -1)));
    assert_eq!(seen.0.topic_id("t"), None);
}

#[test]
fn hints_are_taken_if_newer() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 5)])]);
    assert!(!seen.0.update_leader(&tp(0), NodeId(2), 5));
    assert!(!seen.0.update_leader(&tp(0), NodeId(2), -1));
    assert!(!seen.0.update_leader(&tp(0), NodeId::NONE, 6));
    assert!(!seen.0.update_leader(&tp(1), NodeId(2), 6));
    assert!(seen.0.update_leader(&tp(0), NodeId(3), 6));
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(3), 6)));
    let endpoint = NodeEndpoint {
        node_id: NodeId(3),
        host: "h3".to_owned(),
        port: 1,
        rack: None,
    };
    assert!(seen.0.update_broker(&endpoint));
    assert!(!seen.0.update_broker(&endpoint));
    assert!(
        seen.update(vec![topic("t", OLD, &[(1, 5)])])
            .changed_leaders
            .is_empty(),
        "older than the hint"
    );
}

#[test]
fn a_recreated_topic_starts_over_and_its_past_does_not_come_back() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 9), (1, 9)])]);
    let changes = seen.update(vec![topic("t", NEW, &[(2, 0)])]);
    let recreated = RecreatedTopic {
        topic: "t".into(),
        old_id: OLD,
        new_id: NEW,
    };
    assert_eq!(changes.recreated_topics, [recreated]);
    assert_eq!(changes.new_partitions, [tp(0)]);
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(2), 0)));
    assert_eq!(seen.0.leader(&tp(1)), None);
    assert!(
        seen.update(vec![topic("t", OLD, &[(1, 9), (1, 9)])]).is_empty(),
        "a late answer"
    );
    assert_eq!(seen.0.topic_id("t"), Some(NEW));
}

#[test]
fn a_missing_topic_is_gone_once_and_known_when_it_returns() {
    for missing in [Vec::new(), {
        let mut unknown = topic("t", TopicId::ZERO, &[]);
        unknown.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        vec![unknown]
    }] {
        let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 9)])]);
        assert_eq!(seen.update(missing.clone()).gone_topics, ["t".into()]);
        assert_eq!(seen.update(missing.clone()).gone_topics, [] as [Arc<str>; 0]);
        assert_eq!(seen.0.leader(&tp(0)), None);
        let mut other = Seen(seen.0.clone());
        let changes = seen.update(vec![topic("t", OLD, &[(1, 9)])]);
        assert_eq!(changes.returned_topics, ["t".into()]);
        assert_eq!(changes.new_topics, [] as [Arc<str>; 0]);
        let changes = other.update(vec![topic("t", NEW, &[(1, 0)])]);
        assert_eq!(changes.recreated_topics.len(), 1, "deleted, gone, created again");
        assert_eq!(changes.returned_topics, [] as [Arc<str>; 0]);
    }
}

#[test]
fn named_topics_say_nothing_of_others() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 9)]), topic("u", NEW, &[(1, 9)])]);
    let changes = seen.0.update(
        &response(vec![topic("u", NEW, &[(1, 9)])]),
        MetadataScope::NamedTopics,
    );
    assert!(changes.is_empty());
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(1), 9)));
}

#[test]
fn without_ids_epochs_that_start_over_tell_a_recreation() {
    let old = || vec![topic("t", TopicId::ZERO, &[(1, 9), (1, 7)])];
    let new = || vec![topic("t", TopicId::ZERO, &[(2, 0), (2, 0)])];
    let mut seen = Seen::new(old());
    seen.update(Vec::new());
    assert_eq!(
        seen.update(new()).recreated_topics.len(),
        1,
        "seen to be gone in between"
    );
    let mut seen = Seen::new(old());
    for _ in 0..4 {
        assert!(seen.update(new()).is_empty(), "may be a late answer");
    }
    let mut patient = Seen(seen.0.clone());
    assert_eq!(seen.update(new()).recreated_topics.len(), 1, "too many in a row");
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(2), 0)));
    patient.update(old());
    assert!(patient.update(new()).is_empty(), "late answers, indeed");
}

#[test]
fn other_errors_keep_what_is_known() {
    let mut seen = Seen::new(vec![topic("t", OLD, &[(1, 9)])]);
    let mut denied = topic("t", TopicId::ZERO, &[]);
    denied.error_code = ErrorCode::TOPIC_AUTHORIZATION_FAILED;
    let changes = seen.update(vec![denied]);
    assert_eq!(
        changes.errors,
        [("t".into(), ErrorCode::TOPIC_AUTHORIZATION_FAILED)]
    );
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(1), 9)));
    let mut failed = response(Vec::new());
    failed.error_code = ErrorCode(129);
    assert!(seen.0.update(&failed, MetadataScope::AllTopics).is_empty());
    assert_eq!(seen.0.leader(&tp(0)), Some((NodeId(1), 9)));
}
