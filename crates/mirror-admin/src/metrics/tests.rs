//! The list of metrics, the text of a scrape and `docs/metrics.md` say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use mirror_core::status::{
    FlowTotals, HaltStatus, MemberStatus, MembershipStatus, MemoryStatus, ThrottledTime,
};

use super::*;

/// One of everything, so that each metric has a value.
fn status() -> ProcessStatus {
    let halted = PartitionStatus {
        topic: "orders".to_owned(),
        partition: 3,
        acked_offset: 100,
        fetched_offset: 120,
        log_start: Some(40),
        high_watermark: Some(1000),
        last_stable: Some(990),
        lag_offsets: Some(890),
        batches_in_flight: 2,
        state: PartitionState::Halted,
        halt: Some(HaltStatus {
            reason: "retention_loss".to_owned(),
            since_ms: 1_795_258_636_250,
            ..HaltStatus::default()
        }),
        ..PartitionStatus::default()
    };
    let flow = FlowStatus {
        name: "a-to-b".to_owned(),
        source: "a".to_owned(),
        target: "b".to_owned(),
        state: FlowState::Mirroring,
        membership: Some(MembershipStatus {
            generation_id: 7,
            members: vec![MemberStatus::default(); 2],
            leads: true,
            ..MembershipStatus::default()
        }),
        totals: FlowTotals {
            acked_records: 12_345,
            throttled_ms: ThrottledTime {
                source: 2999,
                target: 0,
            },
            ..FlowTotals::default()
        },
        partitions: vec![halted],
        ..FlowStatus::default()
    };
    ProcessStatus {
        version: "1.2.3".to_owned(),
        started_at_ms: 1500,
        instance: "i".to_owned(),
        flows: vec![flow],
        memory: MemoryStatus {
            in_flight_bytes: 5,
            in_flight_bytes_max: 64,
        },
    }
}

/// Prometheus's text, taken apart: an independent and strict reading of the format.
#[derive(Default)]
struct Scrape {
    kinds: BTreeMap<String, String>,
    helps: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

/// Name, labels in order, value.
type Sample = (String, Vec<(String, String)>, f64);

fn parse(text: &str) -> Scrape {
    let mut scrape = Scrape::default();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help text");
            assert!(
                scrape.helps.insert(name.to_owned(), help.to_owned()).is_none(),
                "{line}"
            );
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(
                scrape.kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                "{line}"
            );
        } else {
            scrape.samples.push(sample(line));
        }
    }
    scrape
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').expect("a value");
    let value = value.parse().expect("a number");
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), Vec::new(), value);
    };
    let mut rest = labels.strip_suffix('}').expect("labels end");
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (label, behind) = rest.split_once("=\"").expect("a label");
        let mut text = String::new();
        let mut characters = behind.char_indices();
        rest = loop {
            match characters.next().expect("a label's value ends") {
                (at, '"') => break &behind[at + 1..],
                (_, '\\') => match characters.next().expect("something is escaped").1 {
                    'n' => text.push('\n'),
                    character @ ('\\' | '"') => text.push(character),
                    other => panic!("{other} is escaped in {line}"),
                },
                (_, character) => text.push(character),
            }
        };
        rest = rest.strip_prefix(',').unwrap_or(rest);
        found.push((label.to_owned(), text));
    }
    (name.to_owned(), found, value)
}

#[test]
fn a_scrape_holds_every_metric_of_the_list_and_no_other() {
    let scrape = parse(&render(&status()));
    let listed: BTreeSet<_> = ALL.iter().map(|metric| metric.name.to_owned()).collect();
    let sampled: BTreeSet<_> = scrape.samples.iter().map(|(name, ..)| name.clone()).collect();
    assert_eq!(sampled, listed);
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        assert_eq!(scrape.kinds[metric.name], kind, "{}", metric.name);
        assert_eq!(scrape.helps[metric.name], metric.help, "{}", metric.name);
        for (_, labels, _) in scrape.samples.iter().filter(|(name, ..)| name == metric.name) {
            let labels: Vec<_> = labels.iter().map(|(label, _)| label.as_str()).collect();
            assert_eq!(labels, metric.labels, "{}", metric.name);
        }
    }
}

#[test]
fn names_follow_prometheuss_conventions() {
    let mut names = BTreeSet::new();
    for Metric {
        name,
        kind,
        help,
        labels,
        ..
    } in ALL
    {
        assert!(names.insert(name), "{name} twice");
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        assert!(
            name.starts_with("heliostat_") && name.bytes().all(allowed),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
        // `promtool check metrics` wants base units and no reserved endings.
        for ending in ["_milliseconds", "_ms", "_kilobytes", "_count", "_sum", "_bucket"] {
            assert!(!name.trim_end_matches("_total").ends_with(ending), "{name}");
        }
        assert!(!help.is_empty() && !help.ends_with('.'), "{name}");
        for label in *labels {
            assert!(label.bytes().all(allowed), "{name}: {label}");
        }
    }
}

#[test]
fn values_are_those_of_the_status() {
    let text = render(&status());
    for line in [
        r#"heliostat_build_info{version="1.2.3",instance="i"} 1"#,
        "heliostat_start_time_seconds 1.5",
        r#"heliostat_flow_state{flow="a-to-b",state="mirroring"} 1"#,
        r#"heliostat_flow_state{flow="a-to-b",state="failed"} 0"#,
        r#"heliostat_partitions{flow="a-to-b",state="halted"} 1"#,
        r#"heliostat_partitions{flow="a-to-b",state="waiting"} 0"#,
        r#"heliostat_acked_records_total{flow="a-to-b"} 12345"#,
        r#"heliostat_throttled_seconds_total{flow="a-to-b",cluster="source"} 2"#,
        r#"heliostat_partition_lag_offsets{flow="a-to-b",topic="orders",partition="3"} 890"#,
        r#"heliostat_partition_halted{flow="a-to-b",topic="orders",partition="3",reason="retention_loss"} 1"#,
        r#"heliostat_partition_halted_since_seconds{flow="a-to-b",topic="orders",partition="3"} 1795258636.25"#,
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is missing in\n{text}"
        );
    }
}

#[test]
fn what_is_not_known_has_no_series() {
    let mut status = status();
    status.flows[0].partitions = vec![PartitionStatus::default()];
    status.flows[0].membership = None;
    let scrape = parse(&render(&status));
    for absent in [
        "heliostat_partition_lag_offsets",
        "heliostat_partition_high_watermark_offset",
        "heliostat_partition_halted",
        "heliostat_group_members",
    ] {
        assert!(scrape.samples.iter().all(|(name, ..)| name != absent), "{absent}");
    }
}

#[test]
fn names_from_a_hostile_cluster_stay_inside_their_label() {
    let mut status = status();
    let hostile = "a\"} 1\nheliostat_acked_records_total{flow=\"x\\";
    status.flows[0].partitions[0].topic = hostile.to_owned();
    let scrape = parse(&render(&status));
    let topics = scrape
        .samples
        .iter()
        .flat_map(|(_, labels, _)| labels)
        .filter(|(label, _)| label == "topic");
    for (_, topic) in topics {
        assert_eq!(topic, hostile);
    }
}

#[test]
fn beyond_the_limit_partitions_are_counted_and_not_listed() {
    let mut status = status();
    status.flows[0].partitions = (0..)
        .take(PARTITIONS_MAX + 3)
        .map(|partition| PartitionStatus {
            topic: "t".to_owned(),
            partition,
            ..PartitionStatus::default()
        })
        .collect();
    let scrape = parse(&render(&status));
    let listed = scrape
        .samples
        .iter()
        .filter(|(name, ..)| name == "heliostat_partition_acked_offset");
    assert_eq!(listed.count(), PARTITIONS_MAX);
    let without = scrape
        .samples
        .iter()
        .find(|(name, ..)| name == "heliostat_partitions_without_series");
    assert!(without.is_some_and(|(_, _, value)| (value - 3.0).abs() < f64::EPSILON));
}

/// The table of `docs/metrics.md` is this list: on a difference the test prints the table to put there.
#[test]
fn the_documentation_lists_every_metric() {
    let mut table = String::from("| metric | type | labels | unit | meaning |\n|---|---|---|---|---|\n");
    for metric in ALL {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        writeln!(
            table,
            "| `{}` | {kind} | {} | {} | {} |",
            metric.name,
            metric.labels.join(", "),
            metric.unit,
            metric.help
        )
        .unwrap();
    }
    let page = include_str!("../../../../docs/metrics.md");
    assert!(
        page.contains(&table),
        "docs/metrics.md is to hold this table:\n{table}"
    );
}
