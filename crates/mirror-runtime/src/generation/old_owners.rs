//! A partition that a consumer of the ZooKeeper era owns is not mirrored beside it: both would copy everything, and neither
//! would know.
//!
//! | found | so |
//! |---|---|
//! | before the partition starts | it waits, and is shown as halted |
//! | while it is mirrored: our session with ZooKeeper was lost, and an old mirror was quicker | it halts |
//! | that consumer has gone | the generation begins anew: positions are judged again, and the old mirror may have gone further |

use kafka_wire::ids::TopicPartition;
use mirror_core::halt::HaltReason;
use tokio::sync::watch;

use super::Generation;
use crate::position_store::PositionStore;
use crate::zookeeper_group::OldOwners;

/// What is known of old consumers that own partitions of ours.
pub(super) struct OldOwnersWatch {
    /// `None` without ZooKeeper.
    changes: Option<watch::Receiver<OldOwners>>,
    known: OldOwners,
}

// === impl OldOwnersWatch ===

impl OldOwnersWatch {
    /// Begins with what was found when the positions were judged.
    pub(super) fn new(store: &PositionStore) -> Self {
        let mut changes = store.zookeeper().map(|zookeeper| zookeeper.old_owners());
        let known = changes
            .as_mut()
            .map(|changes| changes.borrow_and_update().clone())
            .unwrap_or_default();
        Self { changes, known }
    }

    /// Cancel safe; never ready without ZooKeeper.
    pub(super) async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes
            && changes.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    /// Takes in what changed. True if an old consumer has left a partition.
    fn take(&mut self) -> bool {
        let Some(changes) = &mut self.changes else {
            return false;
        };
        let now = changes.borrow_and_update().clone();
        let left = self.known.keys().any(|tp| !now.contains_key(tp));
        self.known = now;
        left
    }
}

// === impl Generation ===

impl Generation {
    /// Why a partition stands still that an old consumer owns.
    pub(super) fn owned_by_old_consumer(&self, tp: &TopicPartition) -> Option<HaltReason> {
        let owner = self.old_owners.known.get(tp)?;
        let zookeeper = self.flow.store.zookeeper()?;
        Some(zookeeper.owned_by(tp, owner))
    }

    /// Halts what an old consumer has taken. True when one has left and the generation has to begin anew.
    pub(super) fn handle_old_owners(&mut self) -> bool {
        let left = self.old_owners.take();
        for (tp, supervised) in &self.partitions {
            if let Some(reason) = self.owned_by_old_consumer(tp) {
                self.flow.shared.halt(&supervised.partition, reason);
            }
        }
        left
    }
}
