//! The flags of `heliostat topics`, and which of them go with which action.

use crate::console::flag_error::FlagError;
use crate::console::flags::{Flag, HELP, VERSION, one_of, switch, value};
use crate::console::given::Given;
use crate::console::tool::Tool;

/// The actions, as words and as flags.
const ACTIONS: &[&str] = &["create", "list", "describe", "alter", "delete"];

/// What goes with some actions only, and with which.
const ONLY_FOR: [(&str, &[&str]); 8] = [
    ("config", &["create"]),
    ("partitions", &["create", "alter"]),
    ("replication-factor", &["create"]),
    ("if-not-exists", &["create"]),
    ("if-exists", &["alter", "delete", "describe"]),
    ("exclude-internal", &["list", "describe"]),
    ("under-replicated-partitions", &["describe"]),
    ("unavailable-partitions", &["describe"]),
];

/// `heliostat topics`.
pub(crate) static TOOL: Tool = Tool {
    name: "topics",
    about: "Create, list, describe, grow and delete topics, with the flags of kafka-topics.sh",
    flags: FLAGS,
    actions: ACTIONS,
    absent: &[
        (
            "replica-assignment",
            "the brokers place the replicas; leave it away, and move them with kafka-reassign-partitions.sh",
        ),
        (
            "delete-config",
            "settings of a topic that exists are changed with kafka-configs.sh",
        ),
        (
            "topics-with-overrides",
            "--describe shows each topic's changed settings behind \"Configs:\"",
        ),
        (
            "under-min-isr-partitions",
            "--describe --under-replicated-partitions shows all partitions that lack a replica",
        ),
        (
            "at-min-isr-partitions",
            "--describe --under-replicated-partitions shows all partitions that lack a replica",
        ),
        ("topic-id", "name the topic, with --topic"),
        ("topic-id-type", "name the topic, with --topic"),
        (
            "partition-size-limit-per-response",
            "all topics are asked for at once; leave it away",
        ),
        (
            "disable-rack-aware",
            "the brokers place the replicas, and know their racks; leave it away",
        ),
    ],
};

static FLAGS: &[Flag] = &[
    switch(
        "create",
        "Create a topic, and wait until its partitions are served",
    ),
    switch("list", "List the topics"),
    switch(
        "describe",
        "Show partitions, leaders, replicas and changed settings",
    ),
    switch("alter", "Give a topic more partitions"),
    switch("delete", "Delete topics, and wait until they are gone"),
    value("bootstrap-server", "HOST:PORT,..", "Brokers to ask first"),
    value(
        "zookeeper",
        "HOST:PORT,../CHROOT",
        "ZooKeeper, which knows the brokers (before Kafka 4.0)",
    ),
    value("command-config", "FILE", "Properties of a Java client"),
    value(
        "topic",
        "TOPIC",
        "The topic; for --list and --describe a regular expression; for --delete names, or an expression with --force",
    ),
    value(
        "partitions",
        "COUNT",
        "Partitions of the topic; without it the brokers' default (Kafka 2.4)",
    ),
    value(
        "replication-factor",
        "COUNT",
        "Replicas of each; without it the brokers' default (Kafka 2.4)",
    ),
    value(
        "config",
        "KEY=VALUE",
        "A setting of the topic to create; may be repeated",
    ),
    switch("if-not-exists", "Create only what is not there"),
    switch("if-exists", "It is no error if the topic is not there"),
    switch("exclude-internal", "Leave out Kafka's own topics"),
    switch(
        "under-replicated-partitions",
        "Describe only partitions that lack a replica in sync",
    ),
    switch(
        "unavailable-partitions",
        "Describe only partitions without a leader",
    ),
    switch(
        "force",
        "Delete all topics that a regular expression matches, or one named that holds state of Kafka's or heliostat's",
    ),
    one_of(
        &["table", "json"],
        value("output", "FORMAT", "table (the default) or json"),
    ),
    HELP,
    VERSION,
];

/// The one action that was asked for, with flags that go with it.
pub(super) fn action(given: &Given) -> Result<&'static str, FlagError> {
    let mut actions = ACTIONS.iter().filter(|action| given.has(action));
    let (Some(action), None) = (actions.next(), actions.next()) else {
        let text =
            "Command must include exactly one action: --list, --describe, --create, --alter or --delete";
        return Err(FlagError::Wrong(text.to_owned()));
    };
    for (flag, fitting) in ONLY_FOR {
        if !fitting.contains(action) {
            given.excludes(flag, &[action])?;
        }
    }
    Ok(action)
}
