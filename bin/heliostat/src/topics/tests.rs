//! What lines ask for, and which are refused.

use super::{Action, Asked, TOOL};
use crate::console::given;

fn asked(line: &str) -> Result<Action, String> {
    given::asked(&TOOL, Asked::of, line).map(|(asked, _)| asked.action)
}

#[track_caller]
fn check_refused(line: &str, words: &str) {
    let error = asked(line).err().unwrap_or_default();
    assert!(error.contains(words), "{line}: {error}");
}

#[test]
fn the_walk_throughs_lines_are_understood() {
    let zookeeper = "zk0-source.x:2181,zk1-source.x:2181";
    let create =
        format!("--create --replication-factor 2 --partitions 8 --topic testtopic --zookeeper {zookeeper}");
    let Ok(Action::Create(create)) = asked(&create) else {
        panic!("{create}")
    };
    let topic = create.topic;
    assert_eq!(
        (&*topic.name, topic.partitions, topic.replication_factor),
        ("testtopic", 8, 2)
    );
    assert!(matches!(
        asked(&format!("--list --zookeeper {zookeeper}")),
        Ok(Action::List(_))
    ));
}

#[test]
fn what_does_not_fit_is_refused() {
    for (line, words) in [
        ("--bootstrap-server a:1", "exactly one action"),
        ("--list --create --bootstrap-server a:1", "exactly one action"),
        ("--list", "bootstrap-server"),
        ("--list --bootstrap-server a", "has no port"),
        ("--list --bootstrap-server a:1 --zookeeper b:1", "Only one of"),
        (
            "--list --bootstrap-server a:1 --partitions 2",
            "can't be used with",
        ),
        ("--create --bootstrap-server a:1", "\"[topic]\""),
        (
            "--create --bootstrap-server a:1 --topic t --partitions 0",
            "greater than 0",
        ),
        (
            "--create --bootstrap-server a:1 --topic t --config x",
            "KEY=VALUE",
        ),
        ("--delete --bootstrap-server a:1", "\"[topic]\""),
        ("--alter --bootstrap-server a:1 --topic t", "\"[partitions]\""),
        (
            "--list --bootstrap-server a:1 --unavailable-partitions",
            "can't be used with",
        ),
    ] {
        check_refused(line, words);
    }
}

#[test]
fn flags_that_only_kafkas_tool_has_say_what_to_do() {
    for flag in [
        "--replica-assignment 0:1,1:0",
        "--at-min-isr-partitions",
        "--topic-id x",
        "--delete-config retention.ms",
    ] {
        check_refused(
            &format!("--describe --bootstrap-server a:1 {flag}"),
            "Kafka's tool has it, heliostat topics has not: ",
        );
    }
}
