//! What only the Scala clients of Kafka up to 1.1 knew. Today's Java client ignores these names; old files have them.

use super::{KnownProperty, ceiling, honoured, no_meaning};

const SHARING: &str = "it tunes how consumers shared partitions through ZooKeeper; the brokers' own group protocol does that now";
const COMMITS: &str = "a position is committed again until that succeeds";
const BUFFERS: &str = "whole batches are fetched, bounded in bytes";
const SCALA_PRODUCER: &str = "it belongs to the Scala producer, which Kafka 0.11 removed";

/// `kafka.consumer.ConsumerConfig` of 1.1, without the names that live on.
pub(super) const CONSUMER: &[KnownProperty] = &[
    honoured(
        "zookeeper.connect",
        "the source's ZooKeeper in place of bootstrap.servers: its brokers are looked up there, and positions of its \
         consumers adopted",
    ),
    honoured(
        "zookeeper.session.timeout.ms",
        "how long ZooKeeper waits for us before it frees what we hold there (6000)",
    ),
    honoured(
        "zookeeper.connection.timeout.ms",
        "how long a connection to a ZooKeeper server may take to be made (zookeeper.session.timeout.ms)",
    ),
    honoured(
        "offsets.storage",
        "with zookeeper (the default beside zookeeper.connect) positions are written back to ZooKeeper, too; with kafka \
         as dual.commit.enabled says. The group on the brokers has them in every case",
    ),
    honoured(
        "dual.commit.enabled",
        "with offsets.storage=kafka: whether positions are written back to ZooKeeper, too (true)",
    ),
    ceiling(
        "fetch.message.max.bytes",
        "beside zookeeper.connect: bytes of one partition in one answer, as max.partition.fetch.bytes",
    ),
    honoured(
        "fetch.wait.max.ms",
        "beside zookeeper.connect: how long a broker may wait for fetch.min.bytes, as fetch.max.wait.ms",
    ),
    no_meaning(
        "zookeeper.sync.time.ms",
        "whatever a server of the ensemble says is waited for or asked again",
    ),
    no_meaning("consumer.id", "members get their names from the brokers"),
    no_meaning("rebalance.max.retries", SHARING),
    no_meaning("rebalance.backoff.ms", SHARING),
    no_meaning("refresh.leader.backoff.ms", "retry.backoff.ms says it"),
    no_meaning(
        "num.consumer.fetchers",
        "there is one fetcher for each source broker",
    ),
    no_meaning("queued.max.message.chunks", BUFFERS),
    no_meaning("consumer.timeout.ms", "nothing ends because no record comes"),
    no_meaning("offsets.channel.backoff.ms", COMMITS),
    no_meaning("offsets.channel.socket.timeout.ms", COMMITS),
    no_meaning("offsets.commit.max.retries", COMMITS),
    no_meaning(
        "auto.commit.enable",
        "positions are committed behind the target's acknowledgements only",
    ),
    no_meaning("socket.timeout.ms", "today it is request.timeout.ms"),
    no_meaning(
        "socket.receive.buffer.bytes",
        "the system tunes the size of socket buffers by itself",
    ),
];

/// What is read only beside `zookeeper.connect`.
pub(crate) const ZOOKEEPER_ERA: [&str; 6] = [
    "zookeeper.session.timeout.ms",
    "zookeeper.connection.timeout.ms",
    "offsets.storage",
    "dual.commit.enabled",
    "fetch.message.max.bytes",
    "fetch.wait.max.ms",
];

/// `kafka.producer.ProducerConfig` of 0.10.2, without the names that live on.
pub(super) const PRODUCER: &[KnownProperty] = &[
    no_meaning(
        "metadata.broker.list",
        "a name of the Scala producer; today it is bootstrap.servers",
    ),
    no_meaning(
        "request.required.acks",
        "a name of the Scala producer; today it is acks",
    ),
    no_meaning(
        "compression.codec",
        "a name of the Scala producer; today it is compression.type",
    ),
    no_meaning("compressed.topics", SCALA_PRODUCER),
    no_meaning("message.send.max.retries", SCALA_PRODUCER),
    no_meaning("topic.metadata.refresh.interval.ms", SCALA_PRODUCER),
    no_meaning("queue.buffering.max.ms", SCALA_PRODUCER),
    no_meaning("queue.buffering.max.messages", SCALA_PRODUCER),
    no_meaning("queue.enqueue.timeout.ms", SCALA_PRODUCER),
    no_meaning("batch.num.messages", SCALA_PRODUCER),
    no_meaning("serializer.class", SCALA_PRODUCER),
    no_meaning("key.serializer.class", SCALA_PRODUCER),
];
