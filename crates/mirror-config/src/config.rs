//! The resolved configuration: what the runtime is built from.
//!
//! Plain data, no getters, no file names: whoever holds a [`Config`] holds values that were checked. Defaults and
//! the reason for each stand in [`crate::defaults`].

use std::fmt;
use std::time::Duration;

use kafka_record::Codec;
use mirror_core::topic_filter::TopicFilter;

/// Everything one process needs to mirror one flow.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cluster that is read.
    pub source: ClusterConfig,
    /// The cluster that is written.
    pub target: ClusterConfig,
    /// What is mirrored, and how.
    pub flow: FlowConfig,
    /// Bounds on everything held in memory.
    pub memory: MemoryConfig,
    /// How the process ends.
    pub life: LifeConfig,
}

/// How to reach one cluster and how patient to be with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Name of the cluster in logs, metrics and errors.
    pub alias: String,
    /// Brokers to ask first, in the order written; never empty.
    pub bootstrap: Vec<HostPort>,
    /// `client.id` of every request: what broker quotas and request logs go by.
    pub client_id: String,
    /// An answer later than this counts as lost and the connection is given up.
    pub request_timeout: Duration,
    /// A TCP connection not established after this is tried at the next address.
    pub connect_timeout: Duration,
    /// First pause before connecting again to a broker; doubles up to `reconnect_backoff_max`.
    pub reconnect_backoff: Duration,
    /// Upper end of the pause before connecting again; never below `reconnect_backoff`.
    pub reconnect_backoff_max: Duration,
    /// Pause before a request that failed retriably is sent again.
    pub retry_backoff: Duration,
    /// Metadata older than this is asked for again although nothing failed.
    pub metadata_max_age: Duration,
    /// A response frame longer than this, in bytes, is refused before anything is allocated for it.
    pub response_bytes_max: usize,
}

/// One address of a broker, as the user wrote it (names are resolved when connecting).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Host name or IP address; an IPv6 address stands here without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

/// What is mirrored from the source to the target, and how.
#[derive(Debug, Clone)]
pub struct FlowConfig {
    /// Which topics take part.
    pub topics: TopicFilter,
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
    /// What happens after the target refused a record for good.
    pub on_refused_record: OnRefusedRecord,
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
    },
}

/// What happens after the target refused a record for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnRefusedRecord {
    /// The partition halts, others go on.
    Halt,
    /// The process ends with status 255 (`--abort.on.send.failure true`).
    Abort,
    /// The record is counted, named in the log and skipped (`--abort.on.send.failure false`).
    SkipAndCount,
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

/// Bounds on everything held in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryConfig {
    /// Bytes fetched and not yet acknowledged by the target, all partitions together; fetching stops when spent.
    pub in_flight_bytes_max: usize,
    /// A batch that grows past this many bytes when decompressed is refused as corrupt.
    pub decompressed_batch_bytes_max: usize,
}

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LifeConfig {
    /// After a signal: how long to wait for outstanding acknowledgements and the last commit.
    pub drain_timeout: Duration,
}

// === impl HostPort ===

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}
