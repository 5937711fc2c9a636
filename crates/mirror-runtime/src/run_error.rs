//! Why a run ended before it was asked to.

use kafka_client::ClientError;

use crate::tasks::TaskPanicked;

/// `Display` is one sentence for the operator; [`RunError::exit_code`] is MirrorMaker's for the same case.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A cluster could not be reached or did not understand us.
    #[error("{0}")]
    Client(ClientError),
    /// Somebody else works in the consumer group.
    #[error(
        "consumer group \"{group}\" has members ({}): stop them first, or give this process a group.id of its own",
        if members.is_empty() { "they joined while it ran".to_owned() } else { members.join(", ") }
    )]
    GroupInUse { group: String, members: Vec<String> },
    /// Mirroring a cluster into itself under the same names would never end.
    #[error(
        "source and target are the same cluster (id {cluster_id}): every record would come back as a new one; check \
         bootstrap.servers in both files"
    )]
    SameCluster { cluster_id: String },
    /// `auto.offset.reset=none` and no position.
    #[error(
        "group \"{group}\" has no position for {partition} and auto.offset.reset is none: commit one, or set it to \
         earliest or latest"
    )]
    NoPosition { group: String, partition: String },
    /// A defect of ours.
    #[error("{0}; positions stand where the target's acknowledgements are: start again, and report this")]
    Panicked(TaskPanicked),
}

// === impl RunError ===

impl RunError {
    /// The process' exit code. MirrorMaker gives 1 when its clients cannot be made, 255 when a thread dies.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Client(ClientError::NoBootstrap {
                unresolvable: true, ..
            }) => 1,
            Self::GroupInUse { .. } | Self::SameCluster { .. } => 1,
            Self::Client(_) | Self::NoPosition { .. } | Self::Panicked(_) => 255,
        }
    }
}
