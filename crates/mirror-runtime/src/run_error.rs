//! Why a run ended before it was asked to.

use kafka_client::ClientError;
use kafka_client::membership::MembershipError;
use kafka_zookeeper::ZooKeeperError;
use mirror_positions::PositionTopicError;

use crate::state_folder::StateFolderError;
use crate::tasks::TaskPanicked;

/// `Display` is one sentence for the operator; [`RunError::exit_code`] is MirrorMaker's for the same case.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A cluster could not be reached or did not understand us.
    #[error("{0}")]
    Client(ClientError),
    /// The group cannot be joined.
    #[error("{0}")]
    Membership(MembershipError),
    /// The state folder cannot be used.
    #[error("{0}")]
    State(StateFolderError),
    /// The topic that holds the positions cannot be used.
    #[error(transparent)]
    Positions(PositionTopicError),
    /// Somebody mirrors the same topics the other way.
    #[error(
        "flow \"{flow}\" mirrors topic {topic} from this flow's target to its source: both clusters would fill for \
         ever; rename the topics of one flow (rename = {{ prefix = \"..\" }}), or leave them out of one"
    )]
    ReverseFlow {
        /// The other flow, by the name it stores its positions under.
        flow: String,
        /// The first such topic.
        topic: String,
    },
    /// Mirroring a cluster into itself under the same names would never end.
    #[error(
        "source and target are the same cluster (id {cluster_id}): every record would come back as a new one; check \
         bootstrap.servers in both files"
    )]
    SameCluster { cluster_id: String },
    /// `auto.offset.reset=none` and no position.
    #[error(
        "{place} has no position for {partition} and auto.offset.reset is none: commit one, or set it to earliest or \
         latest"
    )]
    NoPosition {
        /// Where positions live.
        place: String,
        /// The first partition without one.
        partition: String,
    },
    /// A start by time, and brokers that know no times.
    #[error(
        "the brokers of cluster \"{cluster}\" cannot find offsets by time (before Kafka 0.10.1): start at earliest or latest \
         instead"
    )]
    NoOffsetsByTime {
        /// The source, by its name in the configuration.
        cluster: String,
    },
    /// ZooKeeper has, or may have, positions that this start needs, and does not answer.
    #[error("{0}")]
    ZooKeeper(ZooKeeperError),
    /// A consumer that shares its partitions through ZooKeeper is at work in the group: both would mirror everything.
    #[error(
        "an old consumer is at work in group {group} (live in ZooKeeper {ensemble}: {ids}): it and this mirror would both copy \
         everything; stop the old MirrorMaker, wait until it has ended, and start again"
    )]
    OldConsumerLives {
        /// The group.
        group: String,
        /// The connect string.
        ensemble: String,
        /// The ids that live.
        ids: String,
    },
    /// A defect of ours.
    #[error("{0}; positions stand where the target's acknowledgements are: start again, and report this")]
    Panicked(TaskPanicked),
}

// === impl RunError ===

impl RunError {
    /// May the same step succeed after a while, without anybody mending anything? Then it is tried again, and told.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Client(_) | Self::ZooKeeper(_) => true,
            Self::Positions(error) => error.may_pass(),
            Self::Membership(_)
            | Self::State(_)
            | Self::ReverseFlow { .. }
            | Self::SameCluster { .. }
            | Self::NoPosition { .. }
            | Self::NoOffsetsByTime { .. }
            | Self::OldConsumerLives { .. }
            | Self::Panicked(_) => false,
        }
    }

    /// The process' exit code. MirrorMaker gives 1 when its clients cannot be made, 255 when a thread dies.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Client(ClientError::NoBootstrap {
                unresolvable: true, ..
            }) => 1,
            Self::SameCluster { .. }
            | Self::ReverseFlow { .. }
            | Self::OldConsumerLives { .. }
            | Self::State(_) => 1,
            Self::Client(_)
            | Self::ZooKeeper(_)
            | Self::Membership(_)
            | Self::Positions(_)
            | Self::NoPosition { .. }
            | Self::NoOffsetsByTime { .. }
            | Self::Panicked(_) => 255,
        }
    }
}
