//! What only the Java producer knows.

use super::{KnownProperty, ceiling, honoured, no_meaning, refused};

const BYTES: &str = "MirrorMaker forces byte arrays, and bytes are copied as they are";
const NEVER_GIVES_UP: &str =
    "what the target has not acknowledged is sent again for as long as the process lives";
const STICKY: &str =
    "it moves records without a key between partitions for speed; here they keep their order";
const BY_KEY: &str = "records go where Java's default partitioner sends their key";
const OTHER_PARTITIONER: &str =
    "remove the line; --partitioning and --null.keys choose between what there is";
const TRANSACTIONS: &str = "it belongs to transactions, and the mirror writes none";

/// In the order of a batch's life: acknowledged how, packed how, sent where, given up when.
pub(super) const TABLE: &[KnownProperty] = &[
    honoured(
        "client.id",
        "what the target's quotas and request logs call this process",
    ),
    honoured(
        "acks",
        "all in every case: a position moves only behind all replicas",
    ),
    honoured(
        "enable.idempotence",
        "whether the target refuses what it already has; false means one batch in flight",
    ),
    honoured(
        "max.in.flight.requests.per.connection",
        "batches in flight per partition, at most 5; order is kept in every case",
    ),
    honoured(
        "compression.type",
        "codec of what is written; where it is not set, batches keep the source's",
    ),
    honoured(
        "compression.gzip.level",
        "level of gzip, where compression.type is gzip",
    ),
    honoured("compression.lz4.level", "checked only: our lz4 has one level"),
    honoured(
        "compression.zstd.level",
        "level of zstd, where compression.type is zstd",
    ),
    honoured(
        "batch.size",
        "size at which a batch merged of small ones is closed; 0 merges none",
    ),
    honoured("linger.ms", "how long small batches may wait to be merged"),
    honoured(
        "max.request.size",
        "bytes of one request; a larger batch goes alone, if the topic allows it",
    ),
    ceiling("buffer.memory", "bytes read and not yet acknowledged"),
    no_meaning("retries", NEVER_GIVES_UP),
    no_meaning("delivery.timeout.ms", NEVER_GIVES_UP),
    no_meaning("max.block.ms", NEVER_GIVES_UP),
    no_meaning(
        "metadata.max.idle.ms",
        "a target topic is forgotten when its source is",
    ),
    no_meaning("key.serializer", BYTES),
    no_meaning("value.serializer", BYTES),
    refused(
        "partitioner.class",
        &[
            "",
            "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
        ],
        "partitioners are Java classes, and there is no Java here",
        OTHER_PARTITIONER,
    ),
    refused("partitioner.ignore.keys", &["false"], BY_KEY, OTHER_PARTITIONER),
    no_meaning("partitioner.adaptive.partitioning.enable", STICKY),
    no_meaning("partitioner.availability.timeout.ms", STICKY),
    refused(
        "transactional.id",
        &[],
        "the mirror writes no transactions (MirrorMaker dies with this setting, too)",
        "remove the line",
    ),
    no_meaning("transaction.timeout.ms", TRANSACTIONS),
    no_meaning("transaction.two.phase.commit.enable", TRANSACTIONS),
    no_meaning("internal.auto.downgrade.txn.commit", TRANSACTIONS),
    no_meaning(
        "producer.type",
        "MirrorMaker's own: sync waits for each record, and here order and acknowledgement hold without",
    ),
    no_meaning("block.on.buffer.full", NEVER_GIVES_UP),
    no_meaning("metadata.fetch.timeout.ms", NEVER_GIVES_UP),
    no_meaning(
        "timeout.ms",
        "the Java client has not known it since 1.0; request.timeout.ms took its place",
    ),
];
