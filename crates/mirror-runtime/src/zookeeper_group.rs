//! The group as a consumer of Kafka's ZooKeeper era has it, under `/consumers/GROUP` (ADR 13).
//!
//! ```text
//!   start: nobody may live in it ─▶ each generation: its offsets are judged, owners' nodes held
//!                                        │ positions stored on the brokers
//!                                        ▼
//!                          written back, at most once within an interval ─▶ generation ends: written back, nodes released
//! ```
//! The brokers' group decides who owns what; this follows. So a ZooKeeper that is away stops nobody: it is told, and tried
//! again. Nothing fences writers there but what `owners.rs` and `write_back.rs` do: partitions are held by their owners'
//! nodes, and a write names the version of the node that was last seen. What is known of the values there outlives the
//! process in `written_back.rs`.

mod owners;
mod write_back;
mod written_back;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_client::group::CommittedOffset;
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::ids::TopicPartition;
use kafka_zookeeper::consumer_group::{self, StoredOffset, TopicLife};
use kafka_zookeeper::{Ensemble, Session, ZooKeeperError};
use mirror_config::ZooKeeperOffsets;
use mirror_core::halt::HaltReason;
use mirror_core::position_metadata::PositionMetadata;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::adoption::{BrokersPosition, Known, Verdict, decide};
use crate::events;
use crate::ownership::Ownership;
use crate::run_error::RunError;
use owners::OldOwner;
pub(crate) use owners::OldOwners;
use write_back::Positions;
pub(crate) use write_back::Stored;
use written_back::WrittenBack;

/// How often nodes that are not held yet are tried again.
const TICK: Duration = Duration::from_secs(1);
/// How often the group is looked at for an old consumer that came.
const LIVE_LOOK: Duration = Duration::from_secs(2);
/// Between two looks whether an old consumer has gone.
const GONE_LOOK: Duration = Duration::from_millis(250);
/// Beyond the session of an old consumer that was killed: its ensemble looks for ended sessions once in a tick.
const GONE_GRACE: Duration = Duration::from_secs(3);
/// At the end of a generation others wait, or the process is to be gone: this long where there is no time left.
const HAND_OVER_MAX: Duration = Duration::from_millis(800);

/// Our side of the group in ZooKeeper, from the start of a flow to its end.
pub(crate) struct ZooKeeperGroup {
    ensemble: Ensemble,
    group_id: String,
    /// Positions are written back at most once within this; `None` does not.
    write_back: Option<Duration>,
    /// What the owners' nodes say.
    who: String,
    work: Mutex<Work>,
    changed: Notify,
    old_owners: watch::Sender<OldOwners>,
    keeping: tokio::sync::Mutex<Keeping>,
}

/// What is to be done.
#[derive(Default)]
struct Work {
    ownership: Option<Arc<Ownership>>,
    /// Stored on the brokers in the name of this ownership.
    positions: Positions,
    /// Of these, those that were decided anew: they count in the topic of today.
    begun: BTreeSet<TopicPartition>,
}

/// What was done.
struct Keeping {
    session: Option<Arc<Session>>,
    /// Partitions whose owner's node is ours, in this session.
    held: BTreeSet<TopicPartition>,
    /// Partitions that were to be held, in this session, and of which no answer came yet.
    asked: BTreeSet<TopicPartition>,
    /// Partitions that somebody else was told to own.
    told_owned: BTreeSet<TopicPartition>,
    told_live: BTreeSet<String>,
    /// Partitions whose owner's node is an old consumer's.
    old_owners: BTreeMap<TopicPartition, OldOwner>,
    /// Partitions that an old consumer went on with: nothing is written over that before it is judged.
    barred: BTreeSet<TopicPartition>,
    /// Partitions of which it is not noted yet that their position counts in the topic of today.
    begun: BTreeSet<TopicPartition>,
    /// Partitions whose position was told to count in a topic that is gone.
    told_dead: BTreeSet<TopicPartition>,
    /// What the offsets' nodes hold, as far as we have seen them.
    nodes: BTreeMap<TopicPartition, Node>,
    written: WrittenBack,
    write_due: Instant,
    live_due: Instant,
    failures: u32,
}

/// An offset's node.
#[derive(Debug, Clone, Copy)]
struct Node {
    /// What we know it to hold.
    offset: Option<i64>,
    /// `None` where there is no node.
    version: Option<i32>,
}

/// What is decided about the partitions that have an offset in ZooKeeper.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Offsets to go on from, in place of the brokers' or where they have none.
    pub(crate) adopted: BTreeMap<TopicPartition, i64>,
    /// Partitions whose positions cannot be trusted.
    pub(crate) halted: BTreeMap<TopicPartition, HaltReason>,
    /// Partitions with two different positions: the brokers', ZooKeeper's, and what became of that.
    pub(crate) differ: BTreeMap<TopicPartition, Differ>,
}

/// Two positions of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differ {
    pub(crate) brokers: i64,
    pub(crate) zookeeper: i64,
    /// Which holds, and why.
    pub(crate) adopted: bool,
    pub(crate) why: &'static str,
}

// === impl ZooKeeperGroup ===

impl ZooKeeperGroup {
    pub(crate) fn new(
        ensemble: Ensemble,
        group_id: &str,
        offsets: ZooKeeperOffsets,
        state: &Path,
    ) -> Arc<Self> {
        let now = Instant::now();
        let interval = offsets.write_back_interval;
        let written = WrittenBack::load(state, &ensemble.to_string());
        Arc::new(Self {
            who: owners::name_of_ours(group_id),
            ensemble,
            group_id: group_id.to_owned(),
            write_back: offsets.write_back.then_some(interval),
            work: Mutex::default(),
            changed: Notify::new(),
            old_owners: watch::Sender::default(),
            keeping: tokio::sync::Mutex::new(Keeping {
                session: None,
                held: BTreeSet::new(),
                asked: BTreeSet::new(),
                told_owned: BTreeSet::new(),
                told_live: BTreeSet::new(),
                old_owners: BTreeMap::new(),
                barred: BTreeSet::new(),
                begun: BTreeSet::new(),
                told_dead: BTreeSet::new(),
                nodes: BTreeMap::new(),
                written,
                write_due: now + interval,
                live_due: now + LIVE_LOOK,
                failures: 0,
            }),
        })
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no old consumer lives in the group: two mirrors would copy the same records side by side, and neither
    /// would know. One that was killed lives as long as its session.
    ///
    /// # Errors
    /// [`RunError::OldConsumerLives`] when that takes longer, [`RunError::ZooKeeper`] where it cannot be asked.
    pub(crate) async fn wait_for_nobody(&self) -> Result<(), RunError> {
        let deadline = Instant::now() + self.ensemble.session_timeout + GONE_GRACE;
        let mut told = false;
        loop {
            let session = {
                let mut keeping = self.keeping.lock().await;
                self.session(&mut keeping).await.map_err(RunError::ZooKeeper)?
            };
            let ids = consumer_group::live_ids(&session, &self.group_id)
                .await
                .map_err(RunError::ZooKeeper)?;
            if ids.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(RunError::OldConsumerLives {
                    group: self.group_id.clone(),
                    ensemble: self.ensemble.to_string(),
                    ids: ids.join(", "),
                });
            }
            if !told {
                events::old_consumer_lives(&self.group_id, &ids, deadline - Instant::now());
                told = true;
            }
            sleep(GONE_LOOK).await;
        }
    }

    /// Holds the partitions that are ours, then decides about every partition that has an offset here. A server that is
    /// started again loses what it was asked, and takes less than a session to come back: that long it is asked again.
    ///
    /// # Errors
    /// That of the last time.
    pub(crate) async fn judge(
        &self,
        ownership: &Ownership,
        committed: &BTreeMap<TopicPartition, CommittedOffset>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Judged, ZooKeeperError> {
        let deadline = Instant::now() + self.ensemble.session_timeout;
        let mut backoff = Backoff::new(BackoffConfig::default(), 0);
        loop {
            match self.judge_once(ownership, committed, &wanted, deadline).await {
                Err(_) if Instant::now() < deadline => sleep(backoff.next_delay()).await,
                judged => return judged,
            }
        }
    }

    /// After the deadline partitions that cannot be held are judged as well: [`Self::keep`] goes on trying to hold them.
    async fn judge_once(
        &self,
        ownership: &Ownership,
        committed: &BTreeMap<TopicPartition, CommittedOffset>,
        wanted: &impl Fn(&str) -> bool,
        deadline: Instant,
    ) -> Result<Judged, ZooKeeperError> {
        let keeping = &mut *self.keeping.lock().await;
        let session = self.session(keeping).await?;
        match self.claim_before_start(keeping, &session, ownership).await {
            // One that the server answered comes again however often it is asked.
            Err(error) if error.code().is_none() && Instant::now() < deadline => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let is_ours = |committed: &CommittedOffset| PositionMetadata::decode(&committed.metadata).is_some();
        // Whoever reset the group meant the topic of today.
        let reset = committed
            .iter()
            .filter(|(tp, committed)| ownership.owns(tp) && !is_ours(committed));
        keeping.begun.retain(|tp| ownership.owns(tp));
        keeping.begun.extend(reset.map(|(tp, _)| tp.clone()));
        let offsets = consumer_group::offsets(&session, &self.group_id, wanted).await?;
        let mut judged = Judged::default();
        for (tp, mut stored) in offsets {
            let node = Node {
                offset: stored.offset.as_ref().ok().copied(),
                version: Some(stored.version),
            };
            keeping.nodes.insert(tp.clone(), node);
            let brokers = committed.get(&tp).map(|committed| BrokersPosition {
                offset: committed.offset,
                is_ours: is_ours(committed),
            });
            let known = keeping.written.known(&tp, node.offset, stored.version);
            if known != Known::Nothing {
                let counts_in = keeping.written.topic_zxid(&tp);
                tell_former(&mut stored, counts_in);
            }
            if let (Some(brokers), Known::Nothing, TopicLife::Current) = (brokers, known, stored.life) {
                keeping.written.forget_topic(&tp, brokers.offset);
            }
            let adoption = decide(brokers, &stored, known);
            if let (Some(why), Some(brokers), Some(zookeeper)) = (adoption.differ, brokers, node.offset) {
                let differ = Differ {
                    brokers: brokers.offset,
                    zookeeper,
                    adopted: matches!(adoption.verdict, Verdict::Adopt(_)),
                    why,
                };
                judged.differ.insert(tp.clone(), differ);
            }
            match adoption.verdict {
                Verdict::Adopt(offset) => drop(judged.adopted.insert(tp, offset)),
                Verdict::Halt(reason) => drop(judged.halted.insert(tp, reason)),
                Verdict::Brokers => {}
            }
        }
        // What was stored before this is out of date where an old consumer went on.
        for tp in std::mem::take(&mut keeping.barred) {
            self.work().positions.remove(&tp);
        }
        let certain = self.old_owners.borrow();
        keeping.barred.extend(certain.keys().cloned());
        Ok(judged)
    }

    /// From now on these partitions are ours.
    pub(crate) fn own(&self, ownership: &Arc<Ownership>) {
        let mut work = self.work();
        work.positions.retain(|tp, _| ownership.owns(tp));
        work.begun.retain(|tp| ownership.owns(tp));
        work.ownership = Some(Arc::clone(ownership));
        drop(work);
        self.changed.notify_one();
    }

    /// The brokers have stored these positions.
    pub(crate) fn stored(&self, positions: impl IntoIterator<Item = (TopicPartition, Stored)>) {
        self.work().positions.extend(positions);
    }

    /// The brokers have stored positions that were decided anew rather than reached: they count in the topic of today.
    pub(crate) fn begun(&self, partitions: impl IntoIterator<Item = TopicPartition>) {
        self.work().begun.extend(partitions);
        self.changed.notify_one();
    }

    /// The partitions are others' already: nothing more is written.
    pub(crate) fn let_go(&self) {
        *self.work() = Work::default();
        self.changed.notify_one();
    }

    /// The partitions are given up in good order: their last positions are written back, the owners' nodes released. Some
    /// time is taken for that in any case, and all there is until `deadline`.
    pub(crate) async fn hand_over(&self, deadline: Instant) {
        let work = std::mem::take(&mut *self.work());
        let deadline = deadline.max(Instant::now() + HAND_OVER_MAX);
        let outcome = timeout_at(deadline, async {
            let keeping = &mut *self.keeping.lock().await;
            keeping.begun.extend(work.begun);
            // Whatever is written from here on is noted in its turn.
            keeping.leave_behind(&work.positions);
            keeping.save();
            let session = self.session(keeping).await?;
            if self.write_back.is_some() {
                self.write(keeping, &session, &work.positions).await?;
            }
            self.release(keeping, &session, |_| false).await
        })
        .await;
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => events::not_written_back(&self.group_id, &error),
            Err(_elapsed) => events::not_written_back(&self.group_id, &"it does not answer in time"),
        }
    }

    /// Ends the session, and with it whatever it still holds.
    pub(crate) async fn close(&self) {
        let closing = async {
            let mut keeping = self.keeping.lock().await;
            if let Some(session) = keeping.session.take()
                && let Some(session) = Arc::into_inner(session)
            {
                session.close().await;
            }
        };
        // Otherwise it ends when its time is up.
        drop(timeout(HAND_OVER_MAX, closing).await);
    }

    /// Holds owners' nodes and writes positions back, for as long as the flow lives.
    pub(crate) async fn keep(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = sleep(TICK) => {}
            }
            let keeping = &mut *self.keeping.lock().await;
            let kept = self.keep_round(keeping).await;
            match kept {
                Ok(()) => {
                    if std::mem::take(&mut keeping.failures) > 0 {
                        events::zookeeper_back(&self.ensemble.to_string());
                    }
                }
                Err(error) => {
                    events::zookeeper_away(keeping.failures, &error);
                    keeping.failures = keeping.failures.saturating_add(1);
                }
            }
        }
    }

    /// One round, and what is to be kept of it.
    async fn keep_round(&self, keeping: &mut Keeping) -> Result<(), ZooKeeperError> {
        let positions = {
            let mut work = self.work();
            keeping.begun.append(&mut work.begun);
            work.positions.clone()
        };
        let kept = self.keep_once(keeping, &positions).await;
        if kept.is_err() || self.write_back.is_none() {
            keeping.leave_behind(&positions);
        }
        keeping.save();
        kept
    }

    async fn keep_once(&self, keeping: &mut Keeping, positions: &Positions) -> Result<(), ZooKeeperError> {
        let ownership = self.work().ownership.clone();
        let Some(ownership) = ownership else {
            if !keeping.held.is_empty() {
                let session = self.session(keeping).await?;
                self.release(keeping, &session, |_| false).await?;
            }
            return Ok(());
        };
        let session = self.session(keeping).await?;
        self.release(keeping, &session, |tp| ownership.owns(tp)).await?;
        self.claim_all(keeping, &session, &ownership).await?;
        self.learn_topics(keeping, &session, positions).await?;
        let now = Instant::now();
        if now >= keeping.live_due {
            keeping.live_due = now + LIVE_LOOK;
            for id in consumer_group::live_ids(&session, &self.group_id).await? {
                if keeping.told_live.insert(id.clone()) {
                    events::old_consumer_came(&self.group_id, &id);
                }
            }
        }
        // Whoever starts next would take the larger offset for a newer one: a rewind is written at once.
        let rewound = positions.iter().any(|(tp, position)| {
            let known = keeping.nodes.get(tp).and_then(|node| node.offset);
            known.is_some_and(|known| position.offset < known) && !keeping.barred.contains(tp)
        });
        if let Some(interval) = self.write_back
            && (now >= keeping.write_due || rewound)
            && ownership.may_produce().is_ok()
        {
            self.write(keeping, &session, positions).await?;
            keeping.write_due = Instant::now() + interval;
        }
        Ok(())
    }

    /// The session, a new one where the last is over: what that held is gone then.
    async fn session(&self, keeping: &mut Keeping) -> Result<Arc<Session>, ZooKeeperError> {
        if let Some(session) = keeping.session.as_ref().filter(|session| !session.is_over()) {
            return Ok(Arc::clone(session));
        }
        keeping.held.clear();
        keeping.asked.clear();
        let session = Arc::new(Session::open(self.ensemble.clone()).await?);
        keeping.session = Some(Arc::clone(&session));
        Ok(session)
    }
}

/// What we wrote counts in the topic that we read, even where that was deleted and made again while the write was on its
/// way, which makes it the younger of the two.
fn tell_former(stored: &mut StoredOffset, counts_in: Option<i64>) {
    if let (Some(topic), Some(counts_in)) = (stored.topic, counts_in)
        && topic.created_zxid != counts_in
    {
        stored.life = TopicLife::Former {
            created_ms: topic.created_ms,
        };
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
