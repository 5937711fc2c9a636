//! What only the Scala clients of Kafka up to 1.1 knew. Today's Java client ignores these names; old files have them.

use super::{KnownProperty, no_meaning, refused};

const ZOOKEEPER: &str =
    "it belongs to the ZooKeeper consumer, which the brokers' own group protocol replaced";
const RENAMED_FETCH_BYTES: &str = "a name of the ZooKeeper consumer; today it is max.partition.fetch.bytes";
const RENAMED_FETCH_WAIT: &str = "a name of the ZooKeeper consumer; today it is fetch.max.wait.ms";
const RENAMED_TIMEOUT: &str = "a name of the Scala clients; today it is request.timeout.ms";
const SCALA_PRODUCER: &str = "it belongs to the Scala producer, which Kafka 0.11 removed";

/// `kafka.consumer.ConsumerConfig` of 1.1, without the names that live on.
pub(super) const CONSUMER: &[KnownProperty] = &[
    refused(
        "zookeeper.connect",
        &[],
        "brokers and positions are not yet looked up in ZooKeeper",
        "write bootstrap.servers=HOST:9092 in its place; positions that only ZooKeeper has are not taken over",
    ),
    no_meaning("zookeeper.session.timeout.ms", ZOOKEEPER),
    no_meaning("zookeeper.connection.timeout.ms", ZOOKEEPER),
    no_meaning("zookeeper.sync.time.ms", ZOOKEEPER),
    no_meaning("offsets.storage", ZOOKEEPER),
    no_meaning("dual.commit.enabled", ZOOKEEPER),
    no_meaning("consumer.id", ZOOKEEPER),
    no_meaning("rebalance.max.retries", ZOOKEEPER),
    no_meaning("rebalance.backoff.ms", ZOOKEEPER),
    no_meaning("refresh.leader.backoff.ms", ZOOKEEPER),
    no_meaning("num.consumer.fetchers", ZOOKEEPER),
    no_meaning("queued.max.message.chunks", ZOOKEEPER),
    no_meaning("consumer.timeout.ms", ZOOKEEPER),
    no_meaning("offsets.channel.backoff.ms", ZOOKEEPER),
    no_meaning("offsets.channel.socket.timeout.ms", ZOOKEEPER),
    no_meaning("offsets.commit.max.retries", ZOOKEEPER),
    no_meaning(
        "auto.commit.enable",
        "a name of the ZooKeeper consumer; today it is enable.auto.commit",
    ),
    no_meaning("fetch.message.max.bytes", RENAMED_FETCH_BYTES),
    no_meaning("fetch.wait.max.ms", RENAMED_FETCH_WAIT),
    no_meaning("socket.timeout.ms", RENAMED_TIMEOUT),
    no_meaning("socket.receive.buffer.bytes", ZOOKEEPER),
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
