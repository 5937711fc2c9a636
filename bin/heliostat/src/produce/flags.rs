//! The flags of `heliostat produce`.

use crate::console::flags::{Flag, HELP, VERSION, old, one_of, optional, switch, value};
use crate::console::tool::Tool;

/// `heliostat produce`.
pub(crate) static TOOL: Tool = Tool {
    name: "produce",
    about: "Write the lines of standard input as records, with the flags of kafka-console-producer.sh",
    flags: FLAGS,
    actions: &[],
    absent: &[],
};

static FLAGS: &[Flag] = &[
    value("topic", "TOPIC", "Where the records go"),
    value("bootstrap-server", "HOST:PORT,..", "Brokers to ask first"),
    value(
        "broker-list",
        "HOST:PORT,..",
        "The same, by the name it had before Kafka 2.5",
    ),
    value(
        "property",
        "KEY=VALUE",
        "How a line is cut: parse.key, key.separator, parse.headers, headers.delimiter, headers.separator, \
         headers.key.separator, ignore.error, null.marker",
    ),
    old(value(
        "reader-property",
        "KEY=VALUE",
        "The same, by its name since Kafka 4.2",
    )),
    value(
        "reader-config",
        "FILE",
        "Such properties in a file; --property wins",
    ),
    one_of(
        &["none", "gzip", "snappy", "lz4", "zstd"],
        optional(
            "compression-codec",
            "CODEC",
            "none, gzip (also without a value), snappy, lz4 or zstd; default: the properties' compression.type, or none",
        ),
    ),
    one_of(
        &["-1", "all", "1", "0"],
        value(
            "request-required-acks",
            "ACKS",
            "-1 or all (the default), or 1; 0 is taken as 1, so that a loss is told",
        ),
    ),
    value("producer-property", "KEY=VALUE", "A property of a Java producer"),
    old(value(
        "command-property",
        "KEY=VALUE",
        "The same, by its name since Kafka 4.2",
    )),
    value(
        "producer.config",
        "FILE",
        "Properties of a Java producer; --producer-property wins",
    ),
    old(value(
        "command-config",
        "FILE",
        "The same, by its name since Kafka 4.2",
    )),
    switch("sync", "Write each line before the next one is read"),
    value("max-block-ms", "MS", "How long the topic is waited for (60000)"),
    value(
        "timeout",
        "MS",
        "How long lines wait for others to leave with; default: until standard input pauses",
    ),
    value("batch-size", "BYTES", "Bytes of a batch (16384)"),
    value("max-partition-memory-bytes", "BYTES", "The same; wins"),
    value(
        "max-memory-bytes",
        "BYTES",
        "Bytes of lines that are not settled (33554432)",
    ),
    value(
        "message-send-max-retries",
        "COUNT",
        "Retries of a batch; default: as many as fit in two minutes",
    ),
    value("retry-backoff-ms", "MS", "Pause before a retry (100)"),
    value("request-timeout-ms", "MS", "How long an answer may take (30000)"),
    value("partition", "NUMBER", "Ours: all records go to this partition"),
    value(
        "timestamp",
        "MS",
        "Ours: the time of all records, in ms since 1970; default: when a line is read",
    ),
    old(value("line-reader", "CLASS", "Kafka's own is all there is")),
    old(value(
        "metadata-expiry-ms",
        "MS",
        "Leaders are looked for when they have moved",
    )),
    old(value("socket-buffer-size", "BYTES", "Left to the kernel")),
    old(value(
        "key-serializer",
        "CLASS",
        "Of before Kafka 0.11; lines are bytes",
    )),
    old(value(
        "value-serializer",
        "CLASS",
        "Of before Kafka 0.11; lines are bytes",
    )),
    old(value("queue-size", "COUNT", "Of the producer before Kafka 0.9")),
    old(value(
        "queue-enqueuetimeout-ms",
        "MS",
        "Of the producer before Kafka 0.9",
    )),
    old(switch(
        "old-producer",
        "Of before Kafka 2.0; there is one producer",
    )),
    HELP,
    VERSION,
];
