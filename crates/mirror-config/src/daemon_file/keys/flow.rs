//! The keys of `[[flows]]` and of the tables inside of it.

use super::{DURATION, SIZE, SectionKeys, described, required, value};

const NAMES: &str = "a list of regular expressions, like [\"orders\", \"audit-.*\"]";

/// A flow.
pub(in super::super) const FLOW: SectionKeys = SectionKeys {
    title: "[[flows]]",
    help: "Topics mirrored from one cluster to another. Processes that run a flow of the same name into the same \
           cluster share its work.",
    keys: &[
        described(
            "name",
            "a text of letters, digits, dots, dashes and underscores",
            "FROM-to-TO",
            "What logs and metrics call it, and, behind heliostat-, the group on the target whose members share its work.",
        ),
        required("from", "the name of a cluster", "The cluster that is read."),
        required("to", "the name of a cluster", "The cluster that is written."),
        required(
            "topics",
            NAMES,
            "Topics to mirror: Java regular expressions on the whole name.",
        ),
        value("exclude", NAMES, "[]", "Topics to leave out of them."),
        value(
            "builtin_exclusions",
            "true or false",
            "true",
            "Leave out state of brokers and of programs beside them: `__.*`, `_schemas`, `.*\\.internal`, `.*-internal`, \
             `.*-changelog`, `.*-repartition`, `heliostat-positions`. The brokers' own topics and this file's positions \
             topics are left out in every case.",
        ),
        value(
            "rename",
            "{ prefix = \"TEXT\" }",
            "{ prefix = \"\" }",
            "What topics are called on the target.",
        ),
        value(
            "partitioning",
            "\"preserve\" or \"by-key\"",
            "\"preserve\"",
            "The partition number of the source, or Java's hash of the key over the target's partitions, as MirrorMaker 1.",
        ),
        value(
            "null_keys",
            "\"preserve\" or \"spread\"",
            "\"preserve\"",
            "With by-key: records without a key follow their source partition, or go anywhere and lose their order.",
        ),
        value(
            "start",
            "\"earliest\", \"latest\", \"none\", or a time like 2026-01-31T12:00:00Z",
            "\"earliest\"",
            "Where a partition without a position starts; none refuses to.",
        ),
        value(
            "isolation",
            "\"read_uncommitted\" or \"read_committed\"",
            "\"read_uncommitted\"",
            "Whether records of open and aborted transactions are read.",
        ),
        value(
            "compression",
            "\"keep\", a codec (\"none\", \"gzip\", \"snappy\", \"lz4\", \"zstd\"), or { codec = \"zstd\", level = 3 }",
            "\"keep\"",
            "Codec of what is written; keep leaves each batch what it had on the source, which costs least.",
        ),
        value(
            "guarantee",
            "\"at-least-once\"",
            "\"at-least-once\"",
            "No record is lost; after a crash the last half second may be there twice.",
        ),
        value(
            "positions_topic",
            "the name of a topic",
            "\"heliostat-positions\"",
            "The compacted topic on the target that holds the positions.",
        ),
        described(
            "commit_group",
            "the name of a group",
            "no group",
            "A group on the source that is told the positions as well, for lag tools. It needs the right to commit there.",
        ),
        value(
            "streams",
            "a whole number from 1 to 1000",
            "1",
            "Members of the group this process stands for: its share of the work.",
        ),
        value(
            "session_timeout",
            DURATION,
            "\"45s\"",
            "A process not heard of for this long loses its partitions to others.",
        ),
        value(
            "heartbeat_interval",
            DURATION,
            "\"1s\"",
            "Pause between two signs of life; shorter than session_timeout.",
        ),
        value(
            "rebalance_timeout",
            DURATION,
            "\"5min\"",
            "How long others wait for this process to hand partitions over.",
        ),
        value(
            "on_loss",
            "\"halt\" or \"accept\"",
            "\"halt\"",
            "When the source lost records before they were mirrored: halt the partition, or count them and go on.",
        ),
        value(
            "on_refused_record",
            "\"halt\", \"skip\" or \"dead-letter\"",
            "\"halt\"",
            "When the target refuses a record for good: halt the partition, count and skip it, or write it to dead_letter_topic.",
        ),
        described(
            "dead_letter_topic",
            "the name of a topic",
            "none",
            "The topic on the target for on_refused_record = \"dead-letter\".",
        ),
        value(
            "unsupported_headers",
            "\"halt\" or \"strip\"",
            "\"halt\"",
            "When a record has headers and the message format of the target or of its topic is older than Kafka 0.11 and has none: halt the partition, or mirror the record without them and count it.",
        ),
        described(
            "bytes_per_second",
            SIZE,
            "no limit",
            "Mirror no faster than this, counted as the source stores it.",
        ),
        value(
            "start_ramp",
            DURATION,
            "\"0s\"",
            "After a start reach bytes_per_second within this time, from a tenth of it.",
        ),
        value(
            "refuse_short_retention",
            "true or false",
            "true",
            "Refuse a target topic that deletes records sooner than the source; false only warns.",
        ),
        described(
            "replication_factor",
            "a whole number from 1 to 32767",
            "the source's, or the number of target brokers if that is less",
            "Replicas of topics created on the target.",
        ),
    ],
};

/// How topics are renamed.
pub(in super::super) const RENAME: SectionKeys = SectionKeys {
    title: "rename",
    help: "A table inside of a flow.",
    keys: &[value(
        "prefix",
        "a text of letters, digits, dots, dashes and underscores",
        "\"\"",
        "Stands in front of each topic's name.",
    )],
};

/// How batches are compressed.
pub(in super::super) const COMPRESSION: SectionKeys = SectionKeys {
    title: "compression",
    help: "A table inside of a flow, where a codec's name is not enough.",
    keys: &[
        required(
            "codec",
            "\"none\", \"gzip\", \"snappy\", \"lz4\" or \"zstd\"",
            "The codec of every batch that is written.",
        ),
        described(
            "level",
            "a whole number",
            "the codec's own",
            "gzip: 1 to 9; zstd: -131072 to 22. The other codecs have none.",
        ),
    ],
};
