//! The resolved configuration: what the runtime is built from.
//!
//! Plain data, no getters, no file names: whoever holds a [`Config`] holds values that were checked. Defaults and
//! the reason for each stand in [`crate::defaults`].

mod cluster;
mod flow;
mod membership;
mod rename;

use std::path::PathBuf;
use std::time::Duration;

use mirror_core::catch_up::CatchUpGoal;

pub use cluster::{AmbariCluster, Bootstrap, ClusterConfig, HostPort, ZooKeeperConnect};
pub use flow::{
    BrakeConfig, CompressionConfig, FetchConfig, FlowConfig, IsolationLevel, NullKeys, OnLoss,
    OnRefusedRecord, Partitioning, Positions, ProduceConfig, StartPolicy, ZooKeeperOffsets,
};
pub use membership::{Assignor, MembershipConfig};
pub use rename::Rename;

/// Everything one process needs to mirror.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is mirrored from where to where, in the order written; never empty, no name twice.
    pub flows: Vec<FlowConfig>,
    /// Bounds on everything held in memory, all flows together.
    pub memory: MemoryConfig,
    /// How the process ends.
    pub life: LifeConfig,
    /// Where the process can be asked how it is; `None` listens nowhere.
    pub admin: Option<AdminConfig>,
    /// What the process remembers beyond its own life.
    pub state: StateConfig,
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
    /// When to end without being asked; `None` mirrors on.
    pub until_caught_up: Option<CatchUpGoal>,
    /// How long nothing may move before a run with such a goal ends without having reached it.
    pub until_caught_up_wait: Duration,
}

/// Where the process can be asked how it is: `/metrics`, `/healthz`, `/readyz`, `/status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminConfig {
    /// The address to listen at.
    pub listen: HostPort,
}

/// What the process remembers beyond its own life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// The folder, locked by the process that uses it; it is made where it is missing.
    pub dir: PathBuf,
    /// Do an operator's commands look there without being told?
    pub is_usual: bool,
}
