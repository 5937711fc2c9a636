//! The text of the records, hostile bytes, and the law of the fence under every interleaving and compaction.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const CLUSTER: &str = "SRC1";

fn orders(partition: i32) -> MirroredPartition {
    MirroredPartition {
        cluster_id: CLUSTER.to_owned(),
        tp: TopicPartition::new("orders", partition),
        target_topic: Arc::from("eu.orders"),
    }
}

fn key(partition: i32, fence: i64) -> PositionKey {
    PositionKey {
        partition: orders(partition),
        topic_id: TopicId::ZERO,
        fence,
    }
}

fn value(offset: i64) -> PositionValue {
    PositionValue {
        offset,
        leader_epoch: 5,
        metadata: "heliostat/1 epoch=5".to_owned(),
        flow: "eu".to_owned(),
        instance: "a".to_owned(),
        written_at_ms: 1_764_000_000_000,
    }
}

fn claim(fence: i64, instance: &str) -> ClaimKey {
    ClaimKey {
        flow: "eu".to_owned(),
        fence,
        instance: instance.to_owned(),
    }
}

/// One record of a log: its offset, key and value.
type Record = (i64, String, Option<String>);

fn fold(log: &[Record]) -> StoredPositions {
    let mut fold = PositionFold::default();
    for (offset, key, value) in log {
        fold.apply(
            *offset,
            Some(key.as_bytes()),
            value.as_ref().map(String::as_bytes),
        )
        .unwrap();
    }
    fold.settle()
}

/// The log whose records are these, from offset 0.
fn log(records: &[(String, Option<String>)]) -> Vec<Record> {
    let numbered = (0_i64..).zip(records);
    numbered
        .map(|(offset, (key, value))| (offset, key.clone(), value.clone()))
        .collect()
}

#[test]
fn the_text_is_stable() {
    let mut key = key(3, 7);
    key.topic_id = TopicId([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]);
    assert_eq!(
        key.to_string(),
        "position/1 cluster=SRC1 topic=orders partition=3 id=AAECAwQFBgcICQoLDA0ODw target=eu.orders fence=7"
    );
    assert_eq!(
        value(1200).to_string(),
        "position/1 offset=1200 epoch=5 flow=eu instance=a written=1764000000000 \
         metadata=heliostat/1%20epoch=5"
    );
    assert_eq!(
        claim(7, "a b").to_string(),
        "claim/1 flow=eu fence=7 instance=a%20b"
    );
    assert_eq!(
        ClaimValue {
            written_at_ms: 1_764_000_000_000
        }
        .to_string(),
        "claim/1 written=1764000000000"
    );
}

#[test]
fn a_later_version_is_named_and_nothing_is_guessed() {
    let error = PositionRecordKey::decode(b"position/2 cluster=a topic=b partition=0 fence=1").unwrap_err();
    assert!(matches!(error, PositionRecordError::UnknownVersion { .. }));
    assert!(error.to_string().contains("version 2"), "{error}");
    let error = PositionValue::decode(b"position/17 offset=1").unwrap_err();
    assert!(error.to_string().contains("version 17"), "{error}");
}

#[test]
fn later_fields_are_ignored() {
    let text = "position/1 shard=x fence=7 partition=3 flag target=eu.orders topic=orders cluster=SRC1";
    assert_eq!(
        PositionRecordKey::decode(text.as_bytes()),
        Ok(PositionRecordKey::Position(key(3, 7)))
    );
    let text = format!("{} anchor=77", value(9));
    assert_eq!(PositionValue::decode(text.as_bytes()), Ok(value(9)));
}

#[test]
fn damaged_records_are_typed_errors() {
    type Check = fn(&PositionRecordError) -> bool;
    let foreign: Check = |error| matches!(error, PositionRecordError::Foreign { .. });
    let missing: Check = |error| matches!(error, PositionRecordError::Missing { .. });
    let invalid: Check = |error| matches!(error, PositionRecordError::Invalid { .. });
    let cases: [(&[u8], Check); 11] = [
        (b"", foreign),
        (b"\xff\xfe", foreign),
        (b"{\"version\":1}", foreign),
        (b"order-17", foreign),
        (b"position/1", missing),
        (b"position/1 cluster=a topic=b partition=0 target=c", missing),
        (b"position/1 cluster=a topic=b partition=0 fence=1", missing),
        (
            b"position/1 cluster=a topic=b partition=-1 target=c fence=1",
            invalid,
        ),
        (
            b"position/1 cluster=a topic=b partition=0 target=c fence=9999999999999999999",
            invalid,
        ),
        (
            b"position/1 cluster=%4 topic=b partition=0 target=c fence=1",
            invalid,
        ),
        (
            b"position/1 cluster=%FF topic=b partition=0 target=c fence=1",
            invalid,
        ),
    ];
    for (bytes, check) in cases {
        let error = PositionRecordKey::decode(bytes).unwrap_err();
        assert!(check(&error), "{}: {error}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_value_of_another_kind_is_not_taken_for_a_position() {
    let mut fold = PositionFold::default();
    let key = key(0, 1).to_string();
    let error = fold
        .apply(0, Some(key.as_bytes()), Some(b"claim/1 written=1"))
        .unwrap_err();
    assert!(matches!(error, PositionRecordError::OtherKind { .. }), "{error}");
    assert_eq!(
        fold.apply(1, None, Some(b"position/1")),
        Err(PositionRecordError::NoKey)
    );
    assert_eq!(fold.settle().iter().count(), 0);
}

#[test]
fn a_late_write_of_an_older_fence_loses() {
    let records = [
        (key(0, 1).to_string(), Some(value(100).to_string())),
        (key(0, 2).to_string(), Some(value(90).to_string())),
        (key(0, 1).to_string(), None),
        (key(0, 1).to_string(), Some(value(120).to_string())),
    ];
    let stored = fold(&log(&records));
    let position = stored.position(&orders(0)).unwrap();
    assert_eq!((position.fence, position.offset), (2, 90));
    assert_eq!(
        stored.position_keys().count(),
        2,
        "the late key is there for the next owner to remove"
    );
    let elsewhere = MirroredPartition {
        cluster_id: "SRC2".to_owned(),
        ..orders(0)
    };
    assert_eq!(
        stored.position(&elsewhere),
        None,
        "another cluster's topic of this name is another topic"
    );
}

#[test]
fn each_target_topic_has_a_position_of_its_own() {
    let renamed = MirroredPartition {
        target_topic: Arc::from("copy.orders"),
        ..orders(0)
    };
    let mut other = key(0, 2);
    other.partition = renamed.clone();
    let records = [
        (key(0, 1).to_string(), Some(value(5000).to_string())),
        (other.to_string(), Some(value(3).to_string())),
    ];
    let stored = fold(&log(&records));
    let offset = |partition| stored.position(partition).map(|position| position.offset);
    assert_eq!(
        (offset(&orders(0)), offset(&renamed)),
        (Some(5000), Some(3)),
        "a higher fence on another topic says nothing of this one"
    );
    let keys: Vec<_> = stored
        .position_keys()
        .map(|(whose, fence, _)| (whose, fence))
        .collect();
    assert_eq!(keys, [(&renamed, 2), (&orders(0), 1)]);
}

#[test]
fn within_one_fence_the_later_record_wins_even_for_another_life_of_the_topic() {
    let mut second_life = key(0, 4);
    second_life.topic_id = TopicId([7; 16]);
    let records = [
        (key(0, 4).to_string(), Some(value(5000).to_string())),
        (second_life.to_string(), Some(value(3).to_string())),
    ];
    let stored = fold(&log(&records));
    let position = stored.position(&orders(0)).unwrap();
    assert_eq!((position.offset, position.topic_id), (3, TopicId([7; 16])));
}

#[test]
fn the_first_claim_of_a_fence_holds_it() {
    let written = |written_at_ms| Some(ClaimValue { written_at_ms }.to_string());
    let records = [
        (claim(1, "a").to_string(), written(10)),
        (claim(2, "b").to_string(), written(20)),
        (claim(2, "a").to_string(), written(30)),
        (key(0, 9).to_string(), Some(value(1).to_string())),
    ];
    let stored = fold(&log(&records));
    assert_eq!(stored.holder(2).unwrap().claim.instance, "b");
    assert_eq!(stored.holder(3), None);
    assert_eq!(
        stored.fence("eu"),
        9,
        "a position proves its fence even when the claim is gone"
    );
    assert_eq!((stored.fence("us"), stored.fence_max()), (0, 9));
    let outdated: Vec<_> = stored.outdated_claims(2, 25).collect();
    assert_eq!(outdated, [claim(1, "a").to_string().as_bytes()]);
}

/// A writer's step: which partition, under which fence, in which life of the topic, and which of the older keys that
/// are in the log it has read and takes back.
#[derive(Debug, Clone)]
struct Step {
    partition: i32,
    fence: i64,
    life: u8,
    takes_back: u8,
}

fn step() -> impl Strategy<Value = Step> {
    (0..2_i32, 1..5_i64, 0..2_u8, any::<u8>()).prop_map(|(partition, fence, life, takes_back)| Step {
        partition,
        fence,
        life,
        takes_back,
    })
}

/// The log that the steps write, and the newest fence's last offset for each partition.
fn written(steps: &[Step]) -> (Vec<Record>, BTreeMap<i32, (i64, i64)>) {
    let mut records = Vec::new();
    let mut newest = BTreeMap::new();
    let mut keys: BTreeMap<i32, BTreeMap<String, i64>> = BTreeMap::new();
    for (offset, step) in (0_i64..).zip(steps) {
        let mut key = key(step.partition, step.fence);
        key.topic_id = TopicId([step.life; 16]);
        records.push((key.to_string(), Some(value(offset).to_string())));
        let highest = newest.entry(step.partition).or_insert((step.fence, offset));
        if step.fence >= highest.0 {
            *highest = (step.fence, offset);
        }
        let keys = keys.entry(step.partition).or_default();
        for (index, (older, fence)) in keys.iter().enumerate() {
            if *fence < step.fence && step.takes_back & (1 << (index % 8)) != 0 {
                records.push((older.clone(), None));
            }
        }
        keys.insert(key.to_string(), step.fence);
    }
    (log(&records), newest)
}

/// Removes records as the log cleaner may: any that a later record of its key covers, and a tombstone once it is alone.
fn compacted(log: &[Record], removes: &[bool]) -> Vec<Record> {
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for (offset, key, _) in log {
        last.insert(key, *offset);
    }
    let mut removes = removes.iter().copied().cycle();
    let mut kept: Vec<Record> = log
        .iter()
        .filter(|(offset, key, _)| {
            let removed = removes.next().unwrap_or(false);
            last.get(key.as_str()) == Some(offset) || !removed
        })
        .cloned()
        .collect();
    let mut alone: BTreeSet<String> = kept.iter().map(|(_, key, _)| key.clone()).collect();
    for (offset, key, _) in &kept {
        if last.get(key.as_str()) != Some(offset) {
            alone.remove(key);
        }
    }
    kept.retain(|(_, key, value)| {
        value.is_some() || !alone.contains(key) || !removes.next().unwrap_or(false)
    });
    kept
}

proptest! {
    #[test]
    fn whatever_the_order_of_writers_and_the_compaction_the_newest_fence_holds(
        steps in prop::collection::vec(step(), 1..40),
        removes in prop::collection::vec(any::<bool>(), 1..80),
    ) {
        let (log, newest) = written(&steps);
        for log in [log.clone(), compacted(&log, &removes), compacted(&log, &[true])] {
            let stored = fold(&log);
            let found: BTreeMap<i32, (i64, i64)> = stored
                .of_cluster(CLUSTER)
                .map(|(whose, position)| (whose.tp.partition, (position.fence, position.offset)))
                .collect();
            prop_assert_eq!(&found, &newest);
        }
    }

    #[test]
    fn keys_and_values_are_read_as_they_were_written(
        cluster_id in "\\PC*", topic in "[a-zA-Z0-9._-]{1,249}", target_topic in "\\PC*", partition in 0..i32::MAX,
        id: [u8; 16], fence in 0..i64::MAX, offset in 0..i64::MAX, leader_epoch in -1..i32::MAX, texts: [String; 3], written_at_ms: i64,
    ) {
        let tp = TopicPartition::new(topic, partition);
        let partition = MirroredPartition { cluster_id, tp, target_topic: target_topic.into() };
        let key = PositionKey { partition, topic_id: TopicId(id), fence };
        let text = key.to_string();
        prop_assert!(text.is_ascii());
        prop_assert_eq!(PositionRecordKey::decode(text.as_bytes()), Ok(PositionRecordKey::Position(key)));
        let [metadata, flow, instance] = texts;
        let claim = ClaimKey { flow: flow.clone(), fence, instance: instance.clone() };
        prop_assert_eq!(
            PositionRecordKey::decode(claim.to_string().as_bytes()),
            Ok(PositionRecordKey::Claim(claim))
        );
        let value = PositionValue { offset, leader_epoch, metadata, flow, instance, written_at_ms };
        prop_assert_eq!(PositionValue::decode(value.to_string().as_bytes()), Ok(value));
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes: Vec<u8>, text in "\\PC*") {
        let lines = [
            bytes,
            format!("position/1 {text}").into_bytes(),
            format!("position/1 cluster={text} topic={text} partition=1 target={text} fence=1 id={text}").into_bytes(),
            format!("claim/1 flow=%{text} fence={text} instance=").into_bytes(),
        ];
        let mut fold = PositionFold::default();
        for line in &lines {
            for value in [None, Some(&line[..])] {
                drop(fold.apply(0, Some(line), value));
            }
            drop(PositionValue::decode(line));
            drop(ClaimValue::decode(line));
        }
    }
}
