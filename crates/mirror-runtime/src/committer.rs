//! Publishes positions: what the target acknowledged, at most one interval later, to the group on the source.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_core::position_metadata::PositionMetadata;
use mirror_core::progress::Position;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::events;
use crate::partition::SourcePartition;
use crate::run_error::RunError;

/// The partitions whose positions are published.
#[derive(Debug, Default)]
pub(crate) struct Committed {
    partitions: Mutex<Vec<Arc<SourcePartition>>>,
}

/// The committing task's state.
pub(crate) struct Committer {
    pub(crate) group: Arc<GroupClient>,
    pub(crate) partitions: Arc<Committed>,
    /// A changed position waits no longer than this.
    pub(crate) interval: Duration,
    /// An unchanged position is committed again after this, so that it never expires.
    pub(crate) recommit: Duration,
    pub(crate) published: BTreeMap<TopicPartition, Position>,
}

// === impl Committed ===

impl Committed {
    pub(crate) fn add(&self, partition: Arc<SourcePartition>) {
        self.lock().push(partition);
    }

    /// Every partition known so far.
    pub(crate) fn all(&self) -> Vec<Arc<SourcePartition>> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<SourcePartition>>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Committer ===

impl Committer {
    /// Commits until `stop` turns true, then once more, and ends.
    ///
    /// # Errors
    /// [`RunError::GroupInUse`] when the group has members: their generation owns its positions, not we.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), RunError> {
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut all_due = Instant::now() + self.recommit;
        loop {
            let stopping = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => true,
                _ = ticks.tick() => false,
            };
            let all = Instant::now() >= all_due;
            if all {
                all_due = Instant::now() + self.recommit;
            }
            let committed = self.commit(all).await;
            if stopping || matches!(committed, Err(RunError::GroupInUse { .. })) {
                return committed;
            }
        }
    }

    async fn commit(&mut self, all: bool) -> Result<(), RunError> {
        let changed: Vec<(Arc<SourcePartition>, Position)> = self
            .partitions
            .all()
            .into_iter()
            .map(|partition| {
                let position = partition.acked();
                (partition, position)
            })
            .filter(|(partition, position)| all || self.published.get(&partition.tp) != Some(position))
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let offsets = changed
            .iter()
            .map(|(partition, at)| (partition.tp.clone(), committed(partition, *at)));
        match commit_to(&self.group, &offsets.collect()).await {
            Ok(refused) => {
                for (partition, position) in changed {
                    if let Some(code) = refused.get(&partition.tp) {
                        events::commit_refused(&partition.tp, *code);
                    } else {
                        self.published.insert(partition.tp.clone(), position);
                    }
                }
                Ok(())
            }
            Err(error) => {
                if let RunError::Client(reason) = &error {
                    events::commit_failed(reason);
                }
                Err(error)
            }
        }
    }
}

/// Commits, telling a group that is in use from everything else.
pub(crate) async fn commit_to(
    group: &GroupClient,
    offsets: &BTreeMap<TopicPartition, CommittedOffset>,
) -> Result<BTreeMap<TopicPartition, ErrorCode>, RunError> {
    match group.commit(offsets).await {
        Ok(refused) => Ok(refused.into_iter().collect()),
        Err(error) => match error.code() {
            Some(
                ErrorCode::UNKNOWN_MEMBER_ID
                | ErrorCode::ILLEGAL_GENERATION
                | ErrorCode::REBALANCE_IN_PROGRESS,
            ) => Err(RunError::GroupInUse {
                group: group.group_id().to_owned(),
                members: Vec::new(),
            }),
            _ => Err(RunError::Client(error)),
        },
    }
}

/// A position in the form in which it is committed: topic id and leader epoch travel in the metadata.
pub(crate) fn committed(partition: &SourcePartition, position: Position) -> CommittedOffset {
    CommittedOffset {
        offset: position.offset,
        leader_epoch: position.leader_epoch,
        metadata: PositionMetadata {
            topic_id: partition.topic_id,
            leader_epoch: position.leader_epoch,
        }
        .to_string(),
    }
}
