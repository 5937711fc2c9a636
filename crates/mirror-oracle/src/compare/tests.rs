//! Shows that the oracle fails on every kind of difference, and passes where there is none.

use super::*;
use crate::record_file::Record;

const TOPIC: &str = "orders";

/// Two partitions with records of every odd shape; each is unique.
fn source_records() -> Vec<Record> {
    let at = |partition: i32, number: i64| Record::new(TOPIC).partition(partition).timestamp(1000 + number);
    vec![
        at(0, 0).key("a").value("zero"),
        at(0, 1)
            .key("a")
            .value("one")
            .header("h", Some(b"1"))
            .header("h", Some(b"1"))
            .header("g", None),
        at(0, 2).value("no key"),
        at(0, 3).key("tombstone"),
        at(0, 4).key("").value(""),
        at(0, 5)
            .key("b")
            .value("two")
            .header("h", Some(b""))
            .header("i", Some(b"x")),
        at(0, 6).key("c").value("last of 0"),
        at(1, 7)
            .key("a")
            .value("other partition")
            .header(vec![0xff], Some(b"raw")),
        at(1, 8).value("no key either"),
        at(1, 9).key("d").value("last of 1"),
    ]
}

/// What heliostat would write of them by key into `partitions`.
fn by_key(records: &[Record], partitions: i32) -> Vec<Record> {
    let mut mirrored = records.to_vec();
    for record in &mut mirrored {
        let partition = record.partition.unwrap();
        record.partition = Some(Rule::by_key(partitions).target_partition(partition, record.key.as_deref()));
    }
    mirrored
}

fn check(source: &[Record], target: &[Record], rule: &Rule) -> Result<Agreement, Mismatch> {
    compare(&Dump::of(source).unwrap(), &Dump::of(target).unwrap(), rule)
}

/// The kinds that were found, each once, and the whole text.
fn kinds(source: &[Record], target: &[Record], rule: &Rule) -> (Vec<&'static str>, String) {
    match check(source, target, rule) {
        Ok(_) => (Vec::new(), String::new()),
        Err(mismatch) => (mismatch.counts.keys().copied().collect(), mismatch.to_string()),
    }
}

#[test]
fn equal_logs_agree_in_both_modes() {
    let source = source_records();
    assert_eq!(
        check(&source, &source, &Rule::preserve()).unwrap(),
        Agreement {
            records: 10,
            duplicates: 0
        }
    );
    for partitions in [1, 3, 8, 12] {
        let target = by_key(&source, partitions);
        assert_eq!(
            check(&source, &target, &Rule::by_key(partitions))
                .unwrap()
                .records,
            10,
            "{partitions}"
        );
    }
}

#[test]
fn any_interleaving_of_source_partitions_is_right_by_key() {
    let source = source_records();
    let mut target = by_key(&source, 1);
    // All of partition 1 first: no order between source partitions is promised.
    target.rotate_left(7);
    check(&source, &target, &Rule::by_key(1)).unwrap();
}

#[test]
fn every_lost_record_is_found_the_last_one_too() {
    let source = source_records();
    for lost in 0..source.len() {
        for (target, rule) in [
            (source.clone(), Rule::preserve()),
            (by_key(&source, 3), Rule::by_key(3).at_least_once(None)),
        ] {
            let mut target = target;
            target.remove(lost);
            let (kinds, text) = kinds(&source, &target, &rule);
            assert_eq!(kinds, ["lost"], "record {lost}: {text}");
            let partition = source[lost].partition.unwrap();
            assert!(
                text.contains(&format!("lost: source orders-{partition} offset ")),
                "{text}"
            );
        }
    }
}

#[test]
fn an_empty_target_has_lost_everything() {
    let (kinds, text) = kinds(&source_records(), &[], &Rule::preserve());
    assert_eq!(kinds, ["lost"]);
    assert!(text.contains("10 lost"), "{text}");
}

#[test]
fn every_doubled_record_is_found_and_counted_where_it_is_allowed() {
    let source = source_records();
    for doubled in 0..source.len() {
        let mut target = source.clone();
        // Right behind its first copy, and once more at the end.
        target.insert(doubled + 1, source[doubled].clone());
        target.push(source[doubled].clone());
        let (kinds, text) = kinds(&source, &target, &Rule::preserve());
        assert_eq!(kinds, ["doubled"], "record {doubled}: {text}");
        let counted = check(&source, &target, &Rule::preserve().at_least_once(Some(2))).unwrap();
        assert_eq!(
            counted,
            Agreement {
                records: 10,
                duplicates: 2
            }
        );
        let too_many = check(&source, &target, &Rule::preserve().at_least_once(Some(1))).unwrap_err();
        assert_eq!(
            too_many.findings,
            [Finding::TooManyDuplicates { found: 2, max: 1 }]
        );
    }
}

#[test]
fn a_range_mirrored_again_after_a_crash_is_at_least_once() {
    let source = source_records();
    let mut target = source[..4].to_vec();
    target.extend_from_slice(&source[1..]);
    let rule = Rule::preserve().at_least_once(None);
    assert_eq!(
        check(&source, &target, &rule).unwrap(),
        Agreement {
            records: 10,
            duplicates: 3
        }
    );
}

#[test]
fn equal_records_of_one_partition_are_told_apart_by_their_order() {
    let same = Record::new(TOPIC).partition(0).timestamp(1).value("same");
    let other = Record::new(TOPIC).partition(0).timestamp(1).value("other");
    let source = [same.clone(), other.clone(), same.clone()];
    check(&source, &source, &Rule::preserve()).unwrap();
    // One of the two is gone, in whichever place.
    assert_eq!(
        kinds(&source, &[other.clone(), same.clone()], &Rule::preserve()).0,
        ["lost"]
    );
    assert_eq!(
        kinds(&source, &[same.clone(), other.clone()], &Rule::preserve()).0,
        ["lost"]
    );
    // The second copy is too early to be the third record's: it can only be the first one again.
    let found = kinds(&source, &[same.clone(), same, other], &Rule::preserve()).0;
    assert_eq!(found, ["doubled", "lost"]);
}

#[test]
fn swapped_records_are_out_of_order_under_every_rule() {
    let source = source_records();
    let preserve = [Rule::preserve(), Rule::preserve().at_least_once(None)];
    for rule in preserve {
        for first in (0..6).chain(7..9) {
            let mut target = source.clone();
            target.swap(first, first + 1);
            let (kinds, text) = kinds(&source, &target, &rule);
            assert_eq!(kinds, ["out of order"], "{first}: {text}");
        }
    }
    // By key, the records 0 and 1 share the key "a".
    let mut target = by_key(&source, 8);
    target.swap(0, 1);
    let (kinds, text) = kinds(&source, &target, &Rule::by_key(8));
    assert_eq!(kinds, ["out of order"], "{text}");
}

/// Alters one field of record `number`; the finding must name the field and show both values.
fn check_alteration(field: &str, number: usize, values: [&str; 2], alter: impl Fn(&mut Record)) {
    let source = source_records();
    let mut target = source.clone();
    alter(&mut target[number]);
    let (kinds, text) = kinds(&source, &target, &Rule::preserve().at_least_once(None));
    assert_eq!(kinds, ["altered"], "{field} of {number}: {text}");
    assert!(
        text.contains(&format!("altered: {field} of source orders-")),
        "{text}"
    );
    assert!(
        values.iter().all(|value| text.contains(value)),
        "{values:?}: {text}"
    );
}

#[test]
fn an_altered_key_is_named_and_null_is_not_empty() {
    check_alteration("key", 0, ["\"a\"", "\"A\""], |record| {
        record.key = Some(b"A".to_vec());
    });
    check_alteration("key", 2, ["null", "\"\""], |record| record.key = Some(Vec::new()));
    check_alteration("key", 4, ["\"\"", "null"], |record| record.key = None);
}

#[test]
fn an_altered_value_is_named_and_null_is_not_empty() {
    check_alteration("value", 0, ["\"zero\"", "\"zerp\""], |record| {
        record.value = Some(b"zerp".to_vec());
    });
    check_alteration("value", 3, ["null", "\"\""], |record| {
        record.value = Some(Vec::new());
    });
    check_alteration("value", 4, ["\"\"", "null"], |record| record.value = None);
}

#[test]
fn altered_headers_are_named_whatever_was_done_to_them() {
    let added = ["[]", "[\"new\"=null]"];
    check_alteration("headers", 0, added, |record| {
        record.headers.push((b"new".to_vec(), None));
    });
    let removed = ["\"i\"=\"x\"", "[\"h\"=\"\"]"];
    check_alteration("headers", 5, removed, |record| record.headers.truncate(1));
    let swapped = ["[\"h\"=\"\"", "[\"i\"=\"x\""];
    check_alteration("headers", 5, swapped, |record| record.headers.reverse());
    let collapsed = ["\"h\"=\"1\", \"h\"=\"1\"", "[\"h\"=\"1\", \"g\""];
    check_alteration("headers", 1, collapsed, |record| drop(record.headers.remove(1)));
    let null_to_empty = ["\"g\"=null", "\"g\"=\"\""];
    check_alteration("headers", 1, null_to_empty, |record| {
        record.headers[2].1 = Some(Vec::new());
    });
    let empty_to_null = ["\"h\"=\"\"", "\"h\"=null"];
    check_alteration("headers", 5, empty_to_null, |record| record.headers[0].1 = None);
    let decoded_as_text = ["\"\\xff\"", "\"\\xef\\xbf\\xbd\""];
    check_alteration("headers", 7, decoded_as_text, |record| {
        record.headers[0].0 = "\u{fffd}".into();
    });
}

#[test]
fn an_altered_timestamp_is_named() {
    check_alteration("timestamp", 6, ["source 1006", "target 1007"], |record| {
        record.timestamp = Some(1007);
    });
}

#[test]
fn timestamps_are_the_targets_own_where_its_broker_stamps() {
    let source = source_records();
    let mut target = source.clone();
    for record in &mut target {
        record.timestamp = Some(5);
    }
    assert_eq!(kinds(&source, &target, &Rule::preserve()).0, ["altered"]);
    let rule = Rule {
        timestamps: Timestamps::TargetsOwn,
        ..Rule::preserve()
    };
    check(&source, &target, &rule).unwrap();
}

#[test]
fn a_record_in_another_partition_is_found() {
    let source = source_records();
    for moved in 0..source.len() {
        let mut target = source.clone();
        target[moved].partition = Some(1 - source[moved].partition.unwrap());
        let (found, text) = kinds(&source, &target, &Rule::preserve().at_least_once(None));
        assert_eq!(found, ["in the wrong partition"], "{moved}: {text}");
        // A partition that nothing is owed to.
        target[moved].partition = Some(7);
        let (found, text) = kinds(&source, &target, &Rule::preserve());
        assert_eq!(found, ["in the wrong partition"], "{moved}: {text}");
    }
    let mut target = by_key(&source, 12);
    target[9].partition = Some((target[9].partition.unwrap() + 1) % 12);
    assert_eq!(
        kinds(&source, &target, &Rule::by_key(12)).0,
        ["in the wrong partition"]
    );
}

#[test]
fn null_keys_keep_their_source_partition_modulo_the_targets_count() {
    let source = [Record::new(TOPIC).partition(5).timestamp(1).value("v")];
    let target = [Record::new(TOPIC).partition(2).timestamp(1).value("v")];
    check(&source, &target, &Rule::by_key(3)).unwrap();
    assert_eq!(
        kinds(&source, &target, &Rule::by_key(4)).0,
        ["in the wrong partition"]
    );
}

#[test]
fn a_record_in_another_topic_is_found() {
    let source = source_records();
    let mut target = source.clone();
    target[3].topic = "stray".to_owned();
    assert_eq!(
        kinds(&source, &target, &Rule::preserve()).0,
        ["in the wrong topic", "unexpected topic"]
    );
    // Also where the right one is there as well.
    target.push(source[3].clone());
    assert!(kinds(&source, &target, &Rule::preserve()).0.contains(&"extra"));
}

#[test]
fn an_unexpected_topic_fails_even_when_it_is_empty() {
    let source = Dump::of(&source_records()).unwrap();
    let listed = |names: &[&str]| {
        let mut target = source.clone();
        target.cluster_topics = Some(names.iter().map(|name| (*name).to_owned()).collect());
        target
    };
    let rule = Rule {
        scope: "ord".to_owned(),
        family: "or".to_owned(),
        ..Rule::preserve()
    };
    compare(&source, &listed(&["orders", "or-somebody-else"]), &rule).unwrap();
    for stray in ["orders.copy", "heliostat-positions"] {
        let mismatch = compare(&source, &listed(&["orders", stray]), &rule).unwrap_err();
        assert_eq!(
            mismatch.findings,
            [Finding::UnexpectedTopic {
                name: stray.to_owned()
            }]
        );
    }
}

#[test]
fn a_renamed_topic_is_compared_under_its_new_name() {
    let source = source_records();
    let mut target = source.clone();
    for record in &mut target {
        record.topic = "copy".to_owned();
    }
    let mut rule = Rule::preserve();
    rule.renamed.insert(TOPIC.to_owned(), "copy".to_owned());
    check(&source, &target, &rule).unwrap();
    assert!(check(&source, &source, &rule).is_err());
}

#[test]
fn a_record_that_must_be_left_out_is_extra_when_it_is_there() {
    let source = source_records();
    let rule = Rule::preserve().without(TOPIC, 0, 2);
    assert_eq!(kinds(&source, &source, &rule).0, ["extra"]);
    let mut target = source.clone();
    target.remove(2);
    assert_eq!(check(&source, &target, &rule).unwrap().records, 9);
}

#[test]
fn an_extra_record_is_found() {
    let source = source_records();
    for at in [0, 5, 10] {
        let mut target = source.clone();
        target.insert(
            at,
            Record::new(TOPIC)
                .partition(0)
                .timestamp(9999)
                .key("x")
                .value("from nowhere"),
        );
        let (kinds, text) = kinds(&source, &target, &Rule::preserve().at_least_once(None));
        assert_eq!(kinds, ["extra"], "{at}: {text}");
    }
}

#[test]
fn several_faults_at_once_are_each_named() {
    let source = source_records();
    let mut target = source.clone();
    target[1].value = Some(b"altered".to_vec());
    target.remove(6);
    target.push(source[9].clone());
    let (kinds, text) = kinds(&source, &target, &Rule::preserve());
    assert_eq!(kinds, ["altered", "doubled", "lost"], "{text}");
}

#[test]
fn equal_records_of_different_source_partitions_are_called_ambiguous() {
    let record = |partition| {
        Record::new(TOPIC)
            .partition(partition)
            .timestamp(1)
            .key("k")
            .value("same")
    };
    let source = [record(0), record(1)];
    let mismatch = check(&source, &by_key(&source[..1], 1), &Rule::by_key(1)).unwrap_err();
    assert!(
        mismatch.ambiguous && mismatch.to_string().contains("number them"),
        "{mismatch}"
    );
}
