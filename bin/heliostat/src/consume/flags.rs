//! The flags of `heliostat consume`.

use crate::console::flags::{Flag, HELP, VERSION, old, one_of, switch, value};
use crate::console::tool::Tool;

/// `heliostat consume`.
pub(crate) static TOOL: Tool = Tool {
    name: "consume",
    about: "Write the records of topics to standard output, with the flags of kafka-console-consumer.sh",
    flags: FLAGS,
    actions: &[],
    absent: &[
        (
            "blacklist",
            "write --include '^(?!TOPICS$).*', which leaves TOPICS out",
        ),
        (
            "enable-systest-events",
            "it is for Kafka's own system tests; leave it away",
        ),
        (
            "csv-reporter-enabled",
            "there are no metrics to report; leave it away",
        ),
        ("metrics-dir", "there are no metrics to report; leave it away"),
    ],
};

static FLAGS: &[Flag] = &[
    value("topic", "TOPIC", "The topic to read"),
    value("include", "REGEX", "Read the topics that match instead"),
    value(
        "whitelist",
        "REGEX",
        "The same, by the name it had before Kafka 3.0",
    ),
    value("bootstrap-server", "HOST:PORT,..", "Brokers to ask first"),
    value(
        "zookeeper",
        "HOST:PORT,../CHROOT",
        "ZooKeeper, which knows the brokers (before Kafka 4.0)",
    ),
    switch(
        "from-beginning",
        "Start at the first record, where the group has no position",
    ),
    value("partition", "NUMBER", "Read one partition"),
    one_of(
        &["earliest", "latest"],
        value(
            "offset",
            "OFFSET",
            "Where to start in it: a number, earliest, or latest (the default)",
        ),
    ),
    value("max-messages", "COUNT", "End after so many records"),
    value("timeout-ms", "MS", "End when no record comes for so long"),
    value(
        "group",
        "GROUP",
        "Read as a member of this group, and store positions in it",
    ),
    one_of(
        &["read_uncommitted", "read_committed"],
        value(
            "isolation-level",
            "LEVEL",
            "read_uncommitted (the default) or read_committed",
        ),
    ),
    value(
        "property",
        "KEY=VALUE",
        "How a record is written: print.timestamp, print.key, print.value, print.partition, print.offset, print.headers, \
         key.separator, line.separator, headers.separator, null.literal",
    ),
    old(value(
        "formatter-property",
        "KEY=VALUE",
        "The same, by its name since Kafka 4.2",
    )),
    value(
        "formatter-config",
        "FILE",
        "Such properties in a file; --property wins",
    ),
    switch(
        "skip-message-on-error",
        "Leave out what is damaged, and say so, instead of ending",
    ),
    value("consumer-property", "KEY=VALUE", "A property of a Java consumer"),
    old(value(
        "command-property",
        "KEY=VALUE",
        "The same, by its name since Kafka 4.2",
    )),
    value(
        "consumer.config",
        "FILE",
        "Properties of a Java consumer; --consumer-property wins",
    ),
    old(value(
        "command-config",
        "FILE",
        "The same, by its name since Kafka 4.2",
    )),
    old(value("formatter", "CLASS", "Kafka's default one is all there is")),
    old(value("key-deserializer", "CLASS", "Keys are written as they are")),
    old(value(
        "value-deserializer",
        "CLASS",
        "Values are written as they are",
    )),
    old(switch(
        "new-consumer",
        "Of before Kafka 2.0; there is one consumer",
    )),
    old(switch(
        "delete-consumer-offsets",
        "Of before Kafka 2.0, for offsets in ZooKeeper",
    )),
    HELP,
    VERSION,
];
