//! The tables against the Java clients' own lists, and what a review says.

use std::collections::BTreeSet;

use super::{Side, Treatment, properties_of, review};
use crate::error::{Findings, NoticeLevel};
use crate::properties::Properties;

/// One line per name: `consumer` or `producer`, then the name, then its type.
const JAVA_NAMES: &str = include_str!("java_names.txt");

fn findings(side: Side, text: &str) -> Findings {
    let properties = Properties::parse("a.properties", text.as_bytes()).unwrap();
    let mut findings = Findings::default();
    review(side, &properties, &mut findings);
    findings
}

fn warnings(side: Side, text: &str) -> Vec<String> {
    let is_warning = |notice: &crate::Notice| notice.level == NoticeLevel::Warn;
    let notices = findings(side, text).notices.into_iter();
    notices.filter(is_warning).map(|notice| notice.text).collect()
}

/// Side, name and type of every line.
fn java_names() -> Vec<(Side, &'static str, &'static str)> {
    let lines = JAVA_NAMES.lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        ["consumer", name, kind] => (Side::Consumer, name, kind),
        ["producer", name, kind] => (Side::Producer, name, kind),
        _ => panic!("{line}"),
    });
    parsed.collect()
}

#[test]
fn every_name_of_the_java_clients_is_known() {
    let names = java_names();
    assert!(names.len() > 220, "the list was not read: {}", names.len());
    for (side, name, _) in names {
        assert!(
            properties_of(side).any(|known| known.name == name),
            "{side:?} {name}"
        );
    }
}

#[test]
fn what_java_calls_a_password_is_secret_here() {
    let passwords: BTreeSet<_> = java_names()
        .into_iter()
        .filter(|(_, _, kind)| *kind == "PASSWORD")
        .map(|(_, name, _)| name)
        .collect();
    assert_eq!(passwords, BTreeSet::from(super::SECRET));
}

#[test]
fn no_name_is_listed_twice_on_a_side() {
    for side in [Side::Consumer, Side::Producer] {
        let mut seen = BTreeSet::new();
        for known in properties_of(side) {
            assert!(seen.insert(known.name), "{side:?} {}", known.name);
        }
    }
}

#[test]
fn texts_are_phrases_without_a_full_stop() {
    for known in properties_of(Side::Consumer).chain(properties_of(Side::Producer)) {
        let (Treatment::Honoured(text) | Treatment::Ceiling(text) | Treatment::NoMeaning(text)) =
            known.treatment
        else {
            continue;
        };
        assert!(!text.is_empty() && !text.ends_with('.'), "{}", known.name);
    }
}

#[test]
fn an_unknown_name_is_one_warning_with_file_and_line() {
    assert_eq!(
        warnings(
            Side::Consumer,
            "group.id=g\n\nno.such.thing=secret\nbootstrap.server=x"
        ),
        [
            "unknown property no.such.thing (a.properties:3): it is ignored",
            "unknown property bootstrap.server (a.properties:4): did you mean bootstrap.servers? It is ignored",
        ]
    );
    let with_mark = warnings(Side::Producer, "\u{feff}acks=all");
    assert!(with_mark[0].contains("byte order mark"), "{with_mark:?}");
}

#[test]
fn a_name_of_the_other_side_is_unknown() {
    assert_eq!(warnings(Side::Consumer, "acks=all").len(), 1);
    assert_eq!(warnings(Side::Producer, "group.id=g").len(), 1);
}

#[test]
fn what_is_refused_passes_with_its_harmless_value() {
    for text in [
        "security.protocol=plaintext",
        "interceptor.classes=",
        "group.protocol = CLASSIC ",
    ] {
        assert!(findings(Side::Consumer, text).errors.is_empty(), "{text}");
    }
    let refused = findings(Side::Producer, "#\nsecurity.protocol=SASL_SSL");
    assert_eq!(
        refused.errors[0].to_string(),
        "TLS and SASL are not spoken by this version (a.properties:2: security.protocol=SASL_SSL): \
         use a PLAINTEXT listener of the brokers, or wait for the version that speaks them"
    );
}

#[test]
fn secrets_are_never_shown() {
    let mut text: String = super::SECRET.map(|name| format!("{name}=canary\n")).concat();
    text.push_str("my.password=canary\nzookeeper.connect=zk\n");
    for side in [Side::Consumer, Side::Producer] {
        let findings = findings(side, &text);
        assert!(findings.notices.len() > super::SECRET.len());
        let said = format!("{:?} {:?}", findings.notices, findings.errors);
        assert!(!said.contains("canary"), "{said}");
    }
}

#[test]
fn all_names_under_a_prefix_are_known() {
    assert_eq!(
        warnings(Side::Consumer, "config.providers.vault.class=x"),
        [""; 0]
    );
}
