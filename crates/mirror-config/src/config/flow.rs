//! What is mirrored from one cluster to another, and how.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use kafka_record::{Codec, HeaderPolicy};
use mirror_core::topic_filter::TopicFilter;

use super::{ClusterConfig, MembershipConfig, Rename};

/// What is mirrored from the source to the target, and how.
#[derive(Debug, Clone)]
pub struct FlowConfig {
    /// What the flow is called in logs, metrics and errors: the group id where the file has no names for flows.
    pub name: String,
    /// The cluster that is read.
    pub source: ClusterConfig,
    /// The cluster that is written.
    pub target: ClusterConfig,
    /// Which topics take part.
    pub topics: TopicFilter,
    /// What a topic is called on the target.
    pub rename: Rename,
    /// Which target partition a record goes to.
    pub partitioning: Partitioning,
    /// Where records without a key go when partitioning by key.
    pub null_keys: NullKeys,
    /// Where a partition without a position starts.
    pub start: StartPolicy,
    /// Which records of transactions are read.
    pub isolation: IsolationLevel,
    /// Codec of what is written; `None` keeps the codec each batch had on the source.
    pub compression: Option<CompressionConfig>,
    /// Where positions live.
    pub positions: Positions,
    /// As which members of which group the flow shares its partitions with other instances.
    pub membership: MembershipConfig,
    /// What happens when the source lost records before they were mirrored.
    pub on_loss: OnLoss,
    /// What happens after the target refused a record for good.
    pub on_refused_record: OnRefusedRecord,
    /// What becomes of record headers where the target is older than Kafka 0.11 and cannot hold them.
    pub unsupported_headers: HeaderPolicy,
    /// A changed position is committed at most this long after the target's acknowledgement.
    pub commit_interval: Duration,
    /// Unchanged positions are committed again this often, so that they never expire.
    pub recommit_interval: Duration,
    /// How often the source is asked for new topics and partitions.
    pub topic_refresh: Duration,
    /// Shape of fetch requests.
    pub fetch: FetchConfig,
    /// Shape of produce requests.
    pub produce: ProduceConfig,
    /// Number of group members this process stands for (`--num.streams`); at least 1. It says nothing about threads.
    pub streams: u32,
    /// How fast the flow may be.
    pub brake: BrakeConfig,
    /// Is a target topic refused that deletes records sooner than the source does? Otherwise it is a warning.
    pub refuse_short_retention: bool,
    /// Replication factor of topics created on the target; `None` is min(source's factor, target's brokers).
    pub replication_factor: Option<i16>,
}

/// Which target partition a record goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioning {
    /// The number it had on the source (MirrorMaker 2's rule).
    Preserve,
    /// Java's murmur2 of its key over the target's partition count (MirrorMaker 1's rule).
    ByKey,
}

/// Where records without a key go when partitioning by key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullKeys {
    /// Their source partition modulo the target's count: their order holds.
    Preserve,
    /// Over all target partitions, as MirrorMaker does; their order is lost.
    Spread,
}

/// Where a partition starts for which no position is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPolicy {
    /// At the oldest record the source still has.
    Earliest,
    /// Behind the newest record: what is there at the first start is skipped.
    Latest,
    /// At the first record that is not older than this many milliseconds since 1970-01-01T00:00:00Z; where all are
    /// older, as [`StartPolicy::Latest`].
    Timestamp(i64),
    /// Not at all: the process refuses, as Java does with `auto.offset.reset=none`.
    Refuse,
}

/// Which records of transactions are read from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IsolationLevel {
    /// All, those of open and aborted transactions included.
    ReadUncommitted,
    /// Only those of committed transactions (and those outside of any).
    ReadCommitted,
}

/// Codec of the batches that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompressionConfig {
    /// The codec every written batch has; a batch of another codec is compressed anew.
    pub codec: Codec,
    /// Level in the codec's own scale, checked against its range; `None` is the codec's default.
    pub level: Option<i32>,
}

/// Where the positions of a flow live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Positions {
    /// In a consumer group's committed offsets on the source, as MirrorMaker keeps them: lag tools go on working.
    SourceGroup {
        /// The group; never empty.
        group_id: String,
        /// The same group as a consumer of Kafka's ZooKeeper era kept it; `None` where there is nothing of that era.
        zookeeper: Option<ZooKeeperOffsets>,
    },
    /// In a compacted topic of ours on the target: nothing but read rights are needed on the source.
    TargetTopic {
        /// The topic.
        topic: String,
        /// A group on the source that is told the positions as well, for lag tools; nobody reads it back.
        commit_group: Option<String>,
    },
}

/// What a flow does about the offsets that a consumer of the ZooKeeper era has under `/consumers/GROUP`. They are adopted
/// in every case; the ensemble is the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZooKeeperOffsets {
    /// Positions are written back there, so that such a consumer can go on where this flow ended.
    pub write_back: bool,
    /// A changed position is written back at most once within this time.
    pub write_back_interval: Duration,
}

/// What happens when the source lost records (by retention, by truncation) before they were mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLoss {
    /// The partition halts and names the range.
    Halt,
    /// The range is named in the log, counted, and the partition goes on behind it.
    Accept,
}

/// What happens after the target refused a record for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRefusedRecord {
    /// The partition halts, others go on.
    Halt,
    /// The process ends with status 255 (`--abort.on.send.failure true`).
    Abort,
    /// The record is counted, named in the log and skipped (`--abort.on.send.failure false`).
    SkipAndCount,
    /// The record is written, with where it came from in its headers, to a topic on the target, and counted.
    DeadLetter {
        /// The topic; it is never mirrored itself.
        topic: Arc<str>,
    },
}

/// How fast a flow may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeConfig {
    /// Bytes per second, as they lie in the source's log (compressed), all partitions together; `None` is no limit.
    pub bytes_per_second: Option<NonZeroU64>,
    /// After a start the rate grows from a tenth of `bytes_per_second` to all of it within this time; zero starts
    /// with all of it.
    pub start_ramp: Duration,
}

/// Shape of the fetch requests sent to the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchConfig {
    /// How long a broker may wait for `bytes_min` before it answers.
    pub wait_max: Duration,
    /// Bytes a broker waits for; 1 answers as soon as there is anything.
    pub bytes_min: i32,
    /// Bytes of one answer; a ceiling under the memory budget.
    pub bytes_max: i32,
    /// Bytes of one partition in one answer; a ceiling under that partition's share of the budget.
    pub partition_bytes_max: i32,
}

/// Shape of the produce requests sent to the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProduceConfig {
    /// Ask for a producer id, so that the target refuses what it already has.
    pub idempotent: bool,
    /// Unanswered batches per target partition: 1 to 5 (a broker remembers five).
    pub in_flight_per_partition: usize,
    /// Bytes of one produce request.
    pub request_bytes_max: usize,
    /// How long the target may take to replicate before it answers.
    pub timeout: Duration,
    /// How long records may wait for company before they are sent.
    pub linger: Duration,
    /// Batches smaller than this many bytes are candidates for merging; 0 never merges, `None` takes the router's
    /// measured thresholds, one per codec.
    pub merge_below_bytes: Option<usize>,
    /// A merged batch is closed when it has this many bytes.
    pub merge_max_bytes: usize,
}
