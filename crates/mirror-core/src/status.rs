//! How a mirroring process is doing, as plain data: what `/status`, `/metrics`, `/readyz` and `heliostat status` tell.
//!
//! A snapshot is made on request and owns its texts. Within one snapshot the numbers were read one after the other, so
//! sums over partitions may differ from totals by what happened meanwhile. Counters count from the start of the
//! process. A field that a newer or older program does not have takes its default, so that a command of one version
//! can ask a process of another.

use serde::{Deserialize, Serialize};

pub use crate::unreachable_broker::UnreachableBroker;

/// Tells how the process is doing. Asked by whoever scrapes or looks, from several tasks at once; it must answer at
/// once, without waiting for a broker.
pub trait StatusSource: Send + Sync {
    /// A snapshot of now.
    fn status(&self) -> ProcessStatus;
}

/// One process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessStatus {
    /// Version of the program.
    pub version: String,
    /// When the process started, in milliseconds since 1970 UTC.
    pub started_at_ms: u64,
    /// Names this process among those that share the work.
    pub instance: String,
    /// Every flow of the configuration, in its order.
    pub flows: Vec<FlowStatus>,
    /// What is in flight.
    pub memory: MemoryStatus,
}

/// The memory budget of a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemoryStatus {
    /// Bytes reserved by fetches under way and held by batches that the target has not acknowledged.
    pub in_flight_bytes: u64,
    /// The limit on these.
    pub in_flight_bytes_max: u64,
}

/// One flow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowStatus {
    /// The flow's name in the configuration; the group id of one started by MirrorMaker's flags.
    pub name: String,
    /// Alias of the cluster that is read.
    pub source: String,
    /// Alias of the cluster that is written.
    pub target: String,
    /// What the flow is doing.
    pub state: FlowState,
    /// Why it cannot go on, while it is [`FlowState::Failed`], or what keeps it from connecting.
    pub problem: Option<String>,
    /// The flow's place in its group; `None` before the first assignment and while it is joining again.
    pub membership: Option<MembershipStatus>,
    /// Counted since the start of the process.
    pub totals: FlowTotals,
    /// The source partitions that this process holds.
    pub partitions: Vec<PartitionStatus>,
    /// Brokers of both clusters that could not be reached when that was last tried.
    pub unreachable_brokers: Vec<UnreachableBroker>,
}

/// What a flow is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowState {
    /// One of the clusters does not answer yet.
    #[default]
    Connecting,
    /// Both clusters answer; the group has not given any partitions yet.
    Joining,
    /// It is a member of its group and mirrors the partitions it was given, which may be none.
    Mirroring,
    /// The group is sharing out anew: what is in hand is finished and committed.
    Revoking,
    /// The process was asked to end.
    Draining,
    /// It ended by an error.
    Failed,
}

/// A flow's place in its group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MembershipStatus {
    /// The group.
    pub group_id: String,
    /// The generation these members are in.
    pub generation_id: i32,
    /// The members of this process, one per stream.
    pub members: Vec<MemberStatus>,
    /// One of them is the member that shares out the partitions.
    pub leads: bool,
}

/// One member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MemberStatus {
    /// The id that the group's coordinator gave it.
    pub member_id: String,
    /// The client id it joined with.
    pub client_id: String,
    /// How many partitions it was given.
    pub partitions: usize,
}

/// What a flow has done since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowTotals {
    /// Records that the target acknowledged.
    pub acked_records: u64,
    /// Bytes of the batches that the target acknowledged, compressed as they were sent.
    pub acked_bytes: u64,
    /// Records lost because the target refused them and the configuration says to go on.
    pub dropped_records: u64,
    /// Records left out by `heliostat skip`.
    pub skipped_records: u64,
    /// Records mirrored without their headers, because the target's message format is older than Kafka 0.11.
    pub stripped_headers_records: u64,
    /// Records that went to a dead-letter topic instead of their own.
    pub dead_lettered_records: u64,
    /// Offsets whose loss was accepted, by the configuration or by `heliostat resume --accept-loss`.
    pub accepted_loss_offsets: u64,
    /// Partitions that `heliostat resume` or `heliostat skip` made go on.
    pub resumed_partitions: u64,
    /// Offsets with nothing to mirror, by reason.
    pub filtered_offsets: FilteredOffsets,
    /// Target batches that left as they came: only their header was stamped anew.
    pub forwarded_batches: u64,
    /// Target batches that were built anew.
    pub rebuilt_batches: u64,
    /// How long brokers asked us to keep silent, in milliseconds.
    pub throttled_ms: ThrottledTime,
    /// Batches that were sent again.
    pub produce_retries: u64,
    /// Batches that may stand on the target twice: sent, not acknowledged, and given up at the end of a drain; or sent
    /// again without an answer where producers are not idempotent.
    pub possibly_duplicated_batches: u64,
    /// How often the group shared out the partitions anew.
    pub rebalances: u64,
}

/// Source offsets that carry nothing to mirror.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilteredOffsets {
    /// Transaction markers.
    pub control: u64,
    /// Records of aborted transactions, under `isolation.level=read_committed`.
    pub aborted: u64,
    /// Records below the position, which a fetch returns with the batch that holds the position.
    pub already_mirrored: u64,
}

/// Throttle time by cluster, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThrottledTime {
    /// Asked for by the source's brokers.
    pub source: u64,
    /// Asked for by the target's brokers.
    pub target: u64,
}

/// One source partition that this process holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PartitionStatus {
    /// Topic on the source.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Topic on the target.
    pub target_topic: String,
    /// Index into [`MembershipStatus::members`] of the one that holds it.
    pub member: Option<usize>,
    /// Every offset below this one is on the target, or was left out for a counted reason. The position that is
    /// committed; -1 while it is not known.
    pub acked_offset: i64,
    /// The offset that the next fetch asks for; -1 while it is not known.
    pub fetched_offset: i64,
    /// The oldest offset that the source still has; `None` before the first answer.
    pub log_start: Option<i64>,
    /// The end of the source's log that all its replicas have; `None` before the first answer.
    pub high_watermark: Option<i64>,
    /// Up to here every transaction has ended. `None` before the first answer, and from brokers older than 0.11.
    pub last_stable: Option<i64>,
    /// Offsets between `acked_offset` and the end that this flow reads up to (the last stable offset under
    /// `read_committed`, else the high watermark). Offsets, not records: compaction and transactions leave gaps.
    pub lag_offsets: Option<u64>,
    /// Target batches that are not acknowledged yet.
    pub batches_in_flight: usize,
    /// What the partition is doing.
    pub state: PartitionState,
    /// What it waits for, in words, where that is known and while it is [`PartitionState::Waiting`].
    pub waits_for: Option<String>,
    /// Why it stands still, while it is [`PartitionState::Halted`].
    pub halt: Option<HaltStatus>,
}

/// What a partition is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// It is fetched.
    Mirroring,
    /// It has no leader, no target topic or no start position yet, or is tried again after a pause.
    #[default]
    Waiting,
    /// It stands still until an operator resumes it.
    Halted,
}

/// Why a partition stands still: a [`Halt`](crate::halt::Halt) as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HaltStatus {
    /// [`HaltReason::name`](crate::halt::HaltReason::name).
    pub reason: String,
    /// What happened, in words.
    pub text: String,
    /// The first source offset concerned, where the reason names one.
    pub from: Option<i64>,
    /// The source offset behind the last one concerned, where it is known.
    pub to: Option<i64>,
    /// What to do, with the commands to type.
    pub advice: String,
    /// When the partition halted, in milliseconds since 1970 UTC.
    pub since_ms: u64,
}

// === impl FlowState ===

impl FlowState {
    /// Every state, in the order of a flow's life.
    pub const ALL: [Self; 6] = [
        Self::Connecting,
        Self::Joining,
        Self::Mirroring,
        Self::Revoking,
        Self::Draining,
        Self::Failed,
    ];

    /// The name in JSON, metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Joining => "joining",
            Self::Mirroring => "mirroring",
            Self::Revoking => "revoking",
            Self::Draining => "draining",
            Self::Failed => "failed",
        }
    }
}

// === impl PartitionState ===

impl PartitionState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Mirroring, Self::Waiting, Self::Halted];

    /// The name in JSON, metrics and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mirroring => "mirroring",
            Self::Waiting => "waiting",
            Self::Halted => "halted",
        }
    }
}

// === impl FilteredOffsets ===

impl FilteredOffsets {
    /// All of them.
    pub fn sum(self) -> u64 {
        self.control + self.aborted + self.already_mirrored
    }
}
