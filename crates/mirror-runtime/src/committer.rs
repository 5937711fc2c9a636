//! Publishes positions: what the target acknowledged, at most one interval later.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::group::CommittedOffset;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_core::anchor::Anchor;
use mirror_core::position_metadata::PositionMetadata;
use mirror_core::progress::Position;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::events;
use crate::ownership::Ownership;
use crate::partition::SourcePartition;
use crate::position_store::{PositionStore, PositionToStore};
use crate::run_error::RunError;
use crate::shared::FlowShared;

/// A failure that goes on is told again after this many ticks, not at each.
const FAILURES_TOLD_EVERY: u32 = 40;

/// The committing task's state.
pub(crate) struct Committer {
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) store: Arc<PositionStore>,
    pub(crate) ownership: Arc<Ownership>,
    /// A changed position waits no longer than this.
    pub(crate) interval: Duration,
    /// An unchanged position is committed again after this, so that it never expires.
    pub(crate) recommit: Duration,
    pub(crate) published: BTreeMap<TopicPartition, Position>,
    /// Commits that failed, one after the other.
    pub(crate) failures: u32,
}

// === impl Committer ===

impl Committer {
    /// Commits until `stop` turns true, then once more, and ends.
    /// Answers whether the last commit stored every position.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<bool, RunError> {
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
            self.tell(&committed);
            if stopping {
                return committed.map(|refused| refused.is_empty());
            }
        }
    }

    fn tell(&mut self, committed: &Result<Vec<(TopicPartition, ErrorCode)>, RunError>) {
        let tell = self.failures.is_multiple_of(FAILURES_TOLD_EVERY);
        match committed {
            Ok(refused) if refused.is_empty() => {
                self.failures = 0;
                return;
            }
            Ok(refused) if tell => {
                for (tp, code) in refused {
                    events::commit_refused(tp, *code);
                }
            }
            Err(error) if tell => events::commit_failed(error),
            Ok(_) | Err(_) => {}
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// Returns the partitions whose positions were refused one by one.
    async fn commit(&mut self, all: bool) -> Result<Vec<(TopicPartition, ErrorCode)>, RunError> {
        let mut changed = Vec::new();
        for partition in self.shared.partitions() {
            let position = partition.acked();
            if position.offset < 0 {
                continue; // halted without a position: to store one would be to decide where it goes on
            }
            if all || self.published.get(&partition.tp) != Some(&position) {
                changed.push((partition, position));
            }
        }
        if changed.is_empty() {
            return Ok(Vec::new());
        }
        let to_store: Vec<_> = changed
            .iter()
            .map(|(partition, position)| to_store(partition, *position))
            .collect();
        let refused = self.store.store(&self.ownership, &to_store).await?;
        for (partition, position) in changed {
            if !refused.iter().any(|(tp, _)| *tp == partition.tp) {
                self.published.insert(partition.tp.clone(), position);
            }
        }
        Ok(refused)
    }
}

/// A position in the form in which it is stored: topic id, leader epoch and anchor travel in the metadata.
pub(crate) fn to_store(partition: &SourcePartition, position: Position) -> PositionToStore {
    stored(&partition.tp, partition.topic_id, position, partition.anchor())
}

/// The same for a position that was decided rather than reached: no batch proves it.
pub(crate) fn resolved(tp: &TopicPartition, topic_id: TopicId, position: Position) -> PositionToStore {
    stored(tp, topic_id, position, None)
}

fn stored(
    tp: &TopicPartition,
    topic_id: TopicId,
    position: Position,
    anchor: Option<Anchor>,
) -> PositionToStore {
    PositionToStore {
        tp: tp.clone(),
        topic_id,
        committed: CommittedOffset {
            offset: position.offset,
            leader_epoch: position.leader_epoch,
            metadata: PositionMetadata {
                topic_id,
                leader_epoch: position.leader_epoch,
                anchor,
            }
            .to_string(),
        },
    }
}
