//! Reading anchors back: the last mirrored batch of a partition, looked for in the log where it was left.
//!
//! Checks run in tasks of their own, one per leader and lane, so that a broker that does not answer delays only what
//! it leads; they are repeated until they were possible. A mismatch is believed when it was seen twice: until Kafka 2.2 a
//! leader that was just elected may show a log that is too short (KIP-207), and settings by which a broker writes
//! batches anew are asked for only then.

mod look;
mod rounds;

use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::anchor::{AnchorVerdict, FoundLog, SourceAnchor, TargetAnchor, TopicFacts};
use mirror_core::halt::Side;
use tokio::sync::mpsc;

use crate::events;
use crate::shared::FlowShared;
use crate::tasks::Task;

/// Outcomes that may wait to be looked at.
const OUTCOMES: usize = 64;

/// One side of an anchor, to be compared with the log it should stand in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnchorHalf {
    Source(SourceAnchor),
    Target(TargetAnchor),
}

/// What is to be checked.
#[derive(Debug, Clone)]
pub(crate) struct AnchorCheck {
    /// What the caller knows it by.
    pub(crate) about: TopicPartition,
    /// The partition that holds the batch, on the side of `half`.
    pub(crate) tp: TopicPartition,
    pub(crate) half: AnchorHalf,
}

/// A check and what came out.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) check: AnchorCheck,
    pub(crate) outcome: CheckOutcome,
}

/// What came out of a check.
#[derive(Debug)]
pub(crate) enum CheckOutcome {
    Judged(AnchorVerdict),
    /// It will not become possible: no right to read, or a broker that is too old.
    Unreadable(String),
    /// It was not possible within the caller's patience.
    GivenUp,
}

/// Checks under way. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct AnchorChecks {
    outcomes: (mpsc::Sender<Checked>, mpsc::Receiver<Checked>),
    tasks: Vec<Task<()>>,
    /// Sides of which it was told that they cannot be read.
    told: Vec<Side>,
}

// === impl AnchorChecks ===

impl AnchorChecks {
    pub(crate) fn new() -> Self {
        Self {
            outcomes: mpsc::channel(OUTCOMES),
            tasks: Vec::new(),
            told: Vec::new(),
        }
    }

    /// Starts checks on one cluster; each outcome comes once from [`Self::next`], as soon as there is one. Without
    /// patience a check is repeated until it was possible.
    pub(crate) fn start(
        &mut self,
        shared: &Arc<FlowShared>,
        cluster: &Arc<Cluster>,
        checks: Vec<AnchorCheck>,
        patience: Option<Duration>,
    ) {
        self.tasks.retain(|task| !task.is_over());
        if checks.is_empty() {
            return;
        }
        let rounds = rounds::Rounds {
            shared: Arc::clone(shared),
            cluster: Arc::clone(cluster),
            outcomes: self.outcomes.0.clone(),
        };
        let task = shared.tasks.start("anchor checks", rounds.run(checks, patience));
        self.tasks.push(task);
    }

    /// The next outcome; waits for ever while nothing is under way. Cancel safe.
    pub(crate) async fn next(&mut self) -> Checked {
        let outcome = self.outcomes.1.recv().await;
        outcome.expect("invariant: this end holds a sender of its own")
    }

    /// A right that is missing is missing for many partitions: the first one is told, and stands for all.
    pub(crate) fn tell_unreadable(&mut self, tp: &TopicPartition, side: Side, reason: &str) {
        if self.told.contains(&side) {
            tracing::debug!(%tp, %side, reason, "anchor unreadable");
        } else {
            self.told.push(side);
            events::anchor_unreadable(tp, side, reason);
        }
    }

    /// An outcome that is there already.
    pub(crate) fn try_next(&mut self) -> Option<Checked> {
        self.outcomes.1.try_recv().ok()
    }
}

// === impl AnchorHalf ===

impl AnchorHalf {
    pub(crate) fn side(&self) -> Side {
        match self {
            Self::Source(_) => Side::Source,
            Self::Target(_) => Side::Target,
        }
    }

    fn base_offset(&self) -> i64 {
        match self {
            Self::Source(source) => source.base_offset,
            Self::Target(target) => target.base_offset,
        }
    }

    /// Is this the id of another topic than the one that was written?
    fn is_of_another(&self, topic_id: TopicId) -> bool {
        match self {
            Self::Source(_) => false,
            Self::Target(target) => {
                !target.topic_id.is_zero() && !topic_id.is_zero() && target.topic_id != topic_id
            }
        }
    }

    fn judge(&self, found: &FoundLog, facts: TopicFacts) -> AnchorVerdict {
        match self {
            Self::Source(source) => source.judge(found, facts),
            Self::Target(target) => target.judge(found, facts),
        }
    }
}

/// Will a repetition never help?
fn is_final(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::TOPIC_AUTHORIZATION_FAILED
            | ErrorCode::CLUSTER_AUTHORIZATION_FAILED
            | ErrorCode::UNSUPPORTED_VERSION
    )
}
