//! Every default value and its reason.
//!
//! "As Java" means the default of Kafka's Java clients 3.9: a user who moves over from MirrorMaker and left a
//! setting alone gets what he had, unless a line here says why not.

use std::time::Duration;

use kafka_record::HeaderPolicy;

use crate::config::{Assignor, BrakeConfig, FetchConfig, IsolationLevel, OnLoss, ProduceConfig, StartPolicy};

/// Alias of the cluster that is read when the file has no names for clusters (MirrorMaker's has none).
pub const SOURCE_ALIAS: &str = "source";
/// Alias of the cluster that is written, see [`SOURCE_ALIAS`].
pub const TARGET_ALIAS: &str = "target";

/// `request.timeout.ms`: as Java. Longer than any leader election, short enough to notice a dead peer.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// `socket.connection.setup.timeout.ms`: as Java. A lost SYN is repeated after 1, 3 and 7 s, so three tries fit.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// `reconnect.backoff.ms`: as Java.
pub const RECONNECT_BACKOFF: Duration = Duration::from_millis(50);
/// `reconnect.backoff.max.ms`: as Java. A broker that comes back is found within a second.
pub const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);
/// `retry.backoff.ms`: as Java.
pub const RETRY_BACKOFF: Duration = Duration::from_millis(100);
/// No pause before a new try is shorter, whatever a file says: a broker that refuses at once would be asked in a
/// tight loop.
pub const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Metadata is never asked for more often, whatever a file says.
pub const METADATA_MAX_AGE_MIN: Duration = Duration::from_millis(100);
/// `metadata.max.age.ms`: as Java. New topics are found by [`TOPIC_REFRESH`], not by this.
pub const METADATA_MAX_AGE: Duration = Duration::from_mins(5);
/// Longest answer of a broker: the largest fetch ([`FETCH_BYTES_MAX`]) or a first batch above it (brokers send one
/// whole batch even if it is larger), and room for the metadata of some ten thousand partitions.
pub const RESPONSE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// `group.id` plus this is the client id of the first stream, as MirrorMaker forces it (quotas go by it).
pub const CLIENT_ID_SUFFIX: &str = "-0";
/// `client.id` towards the target when the producer file names none: what the first Java producer of a process
/// calls itself, so that a quota given to the old mirror goes on holding for this one.
pub const TARGET_CLIENT_ID: &str = "producer-1";

/// `auto.offset.reset`: as Java and so as MirrorMaker, which leaves it alone. What is in the source at the first start
/// is skipped; the runtime says so in one line.
pub const START: StartPolicy = StartPolicy::Latest;
/// `isolation.level`: as Java.
pub const ISOLATION: IsolationLevel = IsolationLevel::ReadUncommitted;
/// `--num.streams`: as MirrorMaker.
pub const STREAMS: u32 = 1;
/// Most members one process stands for. A MirrorMaker with this many threads does not fit into any heap; it is a typing
/// error.
pub const STREAMS_MAX: u32 = 1_000;

/// Who logs in to Ambari: what the templates of `HDInsight` suggest.
pub const AMBARI_USER: &str = "admin";
/// The port of brokers that are known by their host alone: Kafka's own default.
pub const BROKER_PORT: u16 = 9092;

/// `zookeeper.session.timeout.ms`: as the ZooKeeper consumer (`kafka.utils.ZKConfig` of 1.1).
pub const ZOOKEEPER_SESSION_TIMEOUT: Duration = Duration::from_secs(6);
/// Positions are never written back to ZooKeeper more often: each is a write of its own to the disks of the ensemble.
pub const WRITE_BACK_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// `session.timeout.ms`: as Java since 3.0 (KIP-735).
pub const SESSION_TIMEOUT: Duration = Duration::from_secs(45);
/// `heartbeat.interval.ms`: Java's is 3 s. Members hear of a rebalance with their next heartbeat, so a hand-over between
/// our instances takes as long as this, for a request of some 100 bytes a second and stream.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// `max.poll.interval.ms`: as Java, which tells it to the coordinator as the rebalance time-out (KIP-62).
pub const REBALANCE_TIMEOUT: Duration = Duration::from_mins(5);
/// `partition.assignment.strategy`: range, the first of Java's default list and the only one of it that an old
/// MirrorMaker has.
pub const ASSIGNORS: [Assignor; 1] = [Assignor::Range];
/// Protocol type of Java's consumers (`ConsumerProtocol.PROTOCOL_TYPE`).
pub const CONSUMER_PROTOCOL_TYPE: &str = "consumer";

/// In front of a flow's name it is the group and the client id of a flow whose file names neither.
pub const OURS: &str = "heliostat-";
/// Protocol type of groups that only our instances join: Java's consumers are kept out, as they would take partitions and
/// mirror nothing.
pub const OUR_PROTOCOL_TYPE: &str = "heliostat";
/// In a group of our own: dealt out one by one, partitions are spread evenly even where every topic has only one.
pub const OUR_ASSIGNORS: [Assignor; 1] = [Assignor::RoundRobin];

/// What the source lost before it was mirrored is nothing to pass over in silence.
pub const ON_LOSS: OnLoss = OnLoss::Halt;

/// Headers are part of a record: what would lose them has to be asked for.
pub const UNSUPPORTED_HEADERS: HeaderPolicy = HeaderPolicy::Refuse;
/// No brake: MirrorMaker has none.
pub const BRAKE: BrakeConfig = BrakeConfig {
    bytes_per_second: None,
    start_ramp: Duration::ZERO,
};
/// `--offset.commit.interval.ms`: as MirrorMaker; a ceiling over [`COMMIT_INTERVAL`].
pub const MIRROR_MAKER_COMMIT_INTERVAL: Duration = Duration::from_mins(1);

/// Changed positions are committed this long after the acknowledgement at the latest: what `kill -9` may double.
/// `--offset.commit.interval.ms` is a ceiling over it (MirrorMaker's own default is a minute).
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// A commit is never attempted more often, whatever the flag says.
pub const COMMIT_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Unchanged positions are committed again: brokers before 2.1 expire an idle partition's position after a day.
pub const RECOMMIT_INTERVAL: Duration = Duration::from_mins(10);
/// New topics and partitions are read within 5 s of appearing; half a period of this is the mean.
pub const TOPIC_REFRESH: Duration = Duration::from_secs(3);

/// `fetch.max.wait.ms`: as Java.
pub const FETCH_WAIT_MAX: Duration = Duration::from_millis(500);
/// A broker is always allowed to wait this long: with 0 an idle source would be asked in a tight loop.
pub const FETCH_WAIT_MIN: Duration = Duration::from_millis(10);
/// `fetch.min.bytes`: as Java, answer at once.
pub const FETCH_BYTES_MIN: i32 = 1;
/// Bytes of one fetch answer when `fetch.max.bytes` is not set. Java has 50 MiB, more than our whole budget
/// ([`IN_FLIGHT_BYTES_MAX`]); an eighth of the budget lets several brokers fill it evenly, and larger answers cost memory
/// without saving time: 2 MiB instead of 8 took 86 MB resident to 61 at the same speed.
pub const FETCH_BYTES_MAX: i32 = 2 * 1024 * 1024;
/// `max.partition.fetch.bytes`: as Java, one largest ordinary batch.
pub const FETCH_PARTITION_BYTES_MAX: i32 = 1024 * 1024;

/// Batches in flight per target partition. MirrorMaker's 1 is why it is slow over distance; a broker remembers the
/// last five batches of a producer, so five keep their order through retries.
pub const IN_FLIGHT_PER_PARTITION: usize = 5;
/// `max.request.size`: as Java's default of a *batch* limit would be too small here, since a request carries many
/// partitions. 1 MiB times the partitions of a broker, kept under the brokers' `socket.request.max.bytes` (100 MiB).
pub const PRODUCE_REQUEST_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Smallest request: Java's producers used to be told 0 to switch a limit off.
pub const PRODUCE_REQUEST_BYTES_MIN: usize = 64 * 1024;
/// How long the target may wait for its replicas before it answers: as Java's producer, the request timeout.
pub const PRODUCE_TIMEOUT: Duration = REQUEST_TIMEOUT;
/// `linger.ms`: Java has had 5 since 4.0; batches arrive ready made, so waiting only serves merging.
pub const LINGER: Duration = Duration::from_millis(5);
/// A merged batch is closed at this size: the one the router's merge thresholds were measured with.
pub const MERGE_MAX_BYTES: usize = 256 * 1024;
/// Largest `batch.size` that is taken: above a stock topic's `max.message.bytes` a merged batch would only be split
/// again.
pub const MERGE_CEILING_BYTES: usize = 1_000_000;

/// Bytes in flight. With the codecs' working memory and the code it keeps the process under 96 MB resident, and it
/// fills a path of 1 Gbit/s with 130 ms of round trip; `buffer.memory` lowers it.
pub const IN_FLIGHT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Smallest `buffer.memory` that is taken: a few largest ordinary batches (1 MiB), for a mirror that may hold only one
/// stands still while that one is acknowledged.
pub const IN_FLIGHT_BYTES_MIN: usize = 4 * 1024 * 1024;
/// A decompressed batch: stock brokers take 1 MiB compressed, so this is a ratio of 64; a bomb has thousands.
pub const DECOMPRESSED_BATCH_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Drain after a signal. What brokers that answer still hold is acknowledged in a fraction of this; what others hold is
/// repeated by the next start. With the last commit, the process is gone within 5 s in any case.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(3);
/// A run with `--until-caught-up` that sees nothing move for this long ends without having caught up. Longer than a broker's
/// restart, and than the transactions of most producers (`transaction.timeout.ms`, 1 min by default).
pub const UNTIL_CAUGHT_UP_WAIT: Duration = Duration::from_mins(5);

/// Fetch requests of a flow whose file does not shape them.
pub const FETCH: FetchConfig = FetchConfig {
    wait_max: FETCH_WAIT_MAX,
    bytes_min: FETCH_BYTES_MIN,
    bytes_max: FETCH_BYTES_MAX,
    partition_bytes_max: FETCH_PARTITION_BYTES_MAX,
};
/// Produce requests of a flow whose file does not shape them.
pub const PRODUCE: ProduceConfig = ProduceConfig {
    idempotent: true,
    in_flight_per_partition: IN_FLIGHT_PER_PARTITION,
    request_bytes_max: PRODUCE_REQUEST_BYTES_MAX,
    timeout: PRODUCE_TIMEOUT,
    linger: LINGER,
    merge_below_bytes: None,
    merge_max_bytes: MERGE_MAX_BYTES,
};
