//! Who reads a partition by ZooKeeper's account. The owners' nodes of our partitions are held, so that an old consumer cannot
//! own them; one that owns a partition all the same came before us, or while our session was lost.
//!
//! ```text
//!   not held ── made ──▶ held ── the session is over ──▶ not held
//!      └── an old consumer's, at two looks in a row ──▶ its: not mirrored here, nothing written back
//!                                  held, once it is gone ◀──┘ and the generation begins anew: positions are judged again
//! ```
//! Two looks, because an old consumer that cannot have all of its partitions gives back those that it took a moment ago
//! (`ZookeeperConsumerConnector.reflectPartitionOwnershipDecision`).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::Duration;

use kafka_wire::ids::TopicPartition;
use kafka_zookeeper::consumer_group::{self, Claim};
use kafka_zookeeper::pipeline::{Pending, pipelined};
use kafka_zookeeper::{Session, ZooKeeperError};
use mirror_core::halt::HaltReason;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};

use super::{GONE_LOOK, Keeping, ZooKeeperGroup};
use crate::events;
use crate::ownership::Ownership;

/// Looks in a row at which an old consumer has to own a partition.
const LOOKS: u32 = 2;
/// Others wait for the lock meanwhile, and partitions for their start: what is not held by then is tried in the next round.
const CLAIM_MAX: Duration = Duration::from_secs(3);

/// Partitions that old consumers own, and what their owners' nodes say.
pub(crate) type OldOwners = BTreeMap<TopicPartition, String>;

/// An old consumer in an owner's node.
#[derive(Debug)]
pub(super) struct OldOwner {
    who: String,
    looks: u32,
}

// === impl ZooKeeperGroup ===

impl ZooKeeperGroup {
    /// Which partitions of ours old consumers own, and each change of that.
    pub(crate) fn old_owners(&self) -> watch::Receiver<OldOwners> {
        self.old_owners.subscribe()
    }

    /// Why a partition stands still that an old consumer owns.
    pub(crate) fn owned_by(&self, tp: &TopicPartition, owner: &str) -> HaltReason {
        HaltReason::OwnedByOldConsumer {
            path: consumer_group::owner_path(&self.group_id, tp),
            owner: owner.to_owned(),
        }
    }

    /// Holds the partitions before their positions are judged: whose node is held, that position nobody moves any more.
    ///
    /// # Errors
    /// The first one; what could be held is held all the same.
    pub(super) async fn claim_before_start(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        ownership: &Ownership,
    ) -> Result<(), ZooKeeperError> {
        self.claim_all(keeping, session, ownership).await?;
        for _ in 1..LOOKS {
            if keeping.old_owners.is_empty() {
                break;
            }
            sleep(GONE_LOOK).await;
            self.claim_all(keeping, session, ownership).await?;
        }
        Ok(())
    }

    /// Tries to hold every partition of ours, as far as the time goes.
    ///
    /// # Errors
    /// The first one. One that the server answered for one partition keeps the others from nothing.
    pub(super) async fn claim_all(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        ownership: &Ownership,
    ) -> Result<(), ZooKeeperError> {
        keeping.old_owners.retain(|tp, _| ownership.owns(tp));
        let missing = ownership.partitions().filter(|tp| !keeping.held.contains(*tp));
        let missing: Vec<_> = missing.cloned().collect();
        keeping.asked.extend(missing.iter().cloned());
        let mut claimed = Ok(());
        let mut calls: Vec<Pending<'_, _>> = Vec::new();
        for tp in &missing {
            let claim = consumer_group::claim(session, &self.group_id, tp, &self.who);
            calls.push(Box::pin(async move { (tp, claim.await) }));
        }
        let claiming = pipelined(calls, |(tp, outcome)| match outcome {
            Ok(claim) => {
                self.take_claim(keeping, tp, claim);
                ControlFlow::Continue(())
            }
            Err(error) => keep_first(&mut claimed, error),
        });
        // Those that are cut off may be carried out: they are asked about again, or released.
        drop(timeout_at(Instant::now() + CLAIM_MAX, claiming).await);
        let certain: OldOwners = keeping
            .old_owners
            .iter()
            .filter(|(_, owner)| owner.looks >= LOOKS)
            .map(|(tp, owner)| (tp.clone(), owner.who.clone()))
            .collect();
        // What they copy from now on is theirs to account for: until it is judged again, our position is not written.
        keeping.barred.extend(certain.keys().cloned());
        self.old_owners.send_if_modified(|known| {
            let changed = *known != certain;
            *known = certain;
            changed
        });
        claimed
    }

    pub(super) async fn claim(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        tp: &TopicPartition,
    ) -> Result<(), ZooKeeperError> {
        if keeping.held.contains(tp) {
            return Ok(());
        }
        keeping.asked.insert(tp.clone());
        let claim = consumer_group::claim(session, &self.group_id, tp, &self.who).await?;
        self.take_claim(keeping, tp, claim);
        Ok(())
    }

    fn take_claim(&self, keeping: &mut Keeping, tp: &TopicPartition, claim: Claim) {
        keeping.asked.remove(tp);
        match claim {
            Claim::Held => {
                keeping.held.insert(tp.clone());
                keeping.told_owned.remove(tp);
                keeping.old_owners.remove(tp);
            }
            Claim::HeldBy {
                who,
                data,
                lives: true,
            } if !is_ours(&data, &self.group_id) => {
                let known = keeping.old_owners.remove(tp).filter(|known| known.who == who);
                let looks = known.map_or(1, |known| known.looks.saturating_add(1));
                keeping.old_owners.insert(tp.clone(), OldOwner { who, looks });
            }
            // An instance of ours that has just handed it over, or a node that somebody left there.
            Claim::HeldBy { who, .. } => {
                keeping.old_owners.remove(tp);
                if keeping.told_owned.insert(tp.clone()) {
                    events::owned_in_zookeeper(tp, &who);
                }
            }
        }
    }

    /// Releases what is not kept, and what a claim without an answer may have left.
    pub(super) async fn release(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        kept: impl Fn(&TopicPartition) -> bool,
    ) -> Result<(), ZooKeeperError> {
        let taken = keeping.held.union(&keeping.asked);
        let released: Vec<_> = taken.filter(|tp| !kept(tp)).cloned().collect();
        let mut outcome = Ok(());
        let mut calls: Vec<Pending<'_, _>> = Vec::new();
        for tp in &released {
            let release = consumer_group::release(session, &self.group_id, tp);
            calls.push(Box::pin(async move { (tp, release.await) }));
        }
        pipelined(calls, |(tp, released)| match released {
            Ok(()) => {
                keeping.held.remove(tp);
                keeping.asked.remove(tp);
                ControlFlow::Continue(())
            }
            Err(error) => keep_first(&mut outcome, error),
        })
        .await;
        outcome?;
        let topics: BTreeSet<&str> = released.iter().map(|tp| &*tp.topic).collect();
        if !topics.is_empty() {
            consumer_group::tidy_owners(session, &self.group_id, topics).await?;
        }
        Ok(())
    }
}

/// Notes the first error. One that is no answer says that the server is away: then nothing more is asked of it.
pub(super) fn keep_first(outcome: &mut Result<(), ZooKeeperError>, error: ZooKeeperError) -> ControlFlow<()> {
    let answered = error.code().is_some();
    if outcome.is_ok() {
        *outcome = Err(error);
    }
    if answered {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// What our owners' nodes say.
pub(super) fn name_of_ours(group_id: &str) -> String {
    format!("{group_id}_heliostat-{}", std::process::id())
}

/// Did an instance of ours write this? An old consumer's node goes on behind the host's name: `GROUP_HOST-MS-ID-STREAM`.
fn is_ours(data: &[u8], group_id: &str) -> bool {
    let behind = data
        .strip_prefix(group_id.as_bytes())
        .and_then(|rest| rest.strip_prefix(b"_heliostat-"));
    behind.is_some_and(|process| !process.is_empty() && process.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_consumer_on_a_host_of_our_name_is_not_one_of_us() {
        assert!(is_ours(name_of_ours("g").as_bytes(), "g"));
        for other in [
            "g_heliostat-1700000000000-0a1b2c3d-0",
            "g_heliostat-",
            "h_heliostat-7",
            "g_broker1-1700000000000-0a1b2c3d-0",
            "",
        ] {
            assert!(!is_ours(other.as_bytes(), "g"), "{other}");
        }
    }
}
