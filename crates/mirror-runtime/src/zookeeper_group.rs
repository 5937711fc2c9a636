//! The group as a consumer of Kafka's ZooKeeper era has it, under `/consumers/GROUP` (ADR 13).
//!
//! ```text
//!   start: nobody may live in it ─▶ each generation: its offsets are judged, owners' nodes held
//!                                        │ positions stored on the brokers
//!                                        ▼
//!                          written back, at most once within an interval ─▶ generation ends: written back, nodes released
//! ```
//! The brokers' group decides who owns what; this follows. So a ZooKeeper that is away stops nobody: it is told, and tried
//! again. Nothing fences writers there but two things: our lease on the partitions is looked at before each write, and a
//! write names the version of the node that was last seen, so that what a successor wrote is never written over.

mod written_back;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_client::group::CommittedOffset;
use kafka_wire::ids::TopicPartition;
use kafka_zookeeper::consumer_group::{self, Claim};
use kafka_zookeeper::{Ensemble, ErrorCode, Session, ZooKeeperError};
use mirror_config::ZooKeeperOffsets;
use mirror_core::halt::HaltReason;
use mirror_core::position_metadata::PositionMetadata;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::adoption::{BrokersPosition, Verdict, decide};
use crate::events;
use crate::ownership::Ownership;
use crate::run_error::RunError;
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
    keeping: tokio::sync::Mutex<Keeping>,
}

/// What is to be done.
#[derive(Default)]
struct Work {
    ownership: Option<Arc<Ownership>>,
    /// Stored on the brokers in the name of this ownership.
    positions: BTreeMap<TopicPartition, i64>,
}

/// What was done.
struct Keeping {
    session: Option<Arc<Session>>,
    /// Partitions whose owner's node is ours, in this session.
    held: BTreeSet<TopicPartition>,
    /// Partitions that somebody else was told to own.
    told_owned: BTreeSet<TopicPartition>,
    told_live: BTreeSet<String>,
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
            who: format!("{group_id}_heliostat-{}", std::process::id()),
            ensemble,
            group_id: group_id.to_owned(),
            write_back: offsets.write_back.then_some(interval),
            work: Mutex::default(),
            changed: Notify::new(),
            keeping: tokio::sync::Mutex::new(Keeping {
                session: None,
                held: BTreeSet::new(),
                told_owned: BTreeSet::new(),
                told_live: BTreeSet::new(),
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

    /// Decides about every partition that has an offset here.
    pub(crate) async fn judge(
        &self,
        committed: &BTreeMap<TopicPartition, CommittedOffset>,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Judged, ZooKeeperError> {
        let mut keeping = self.keeping.lock().await;
        let session = self.session(&mut keeping).await?;
        let offsets = consumer_group::offsets(&session, &self.group_id, wanted).await?;
        let mut judged = Judged::default();
        for (tp, stored) in offsets {
            let node = Node {
                offset: stored.offset.as_ref().ok().copied(),
                version: Some(stored.version),
            };
            keeping.nodes.insert(tp.clone(), node);
            let brokers = committed.get(&tp).map(|committed| BrokersPosition {
                offset: committed.offset,
                is_ours: PositionMetadata::decode(&committed.metadata).is_some(),
            });
            let written_by_us = keeping.written.holds(&tp, node.offset, stored.version);
            let adoption = decide(brokers, &stored, written_by_us);
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
        Ok(judged)
    }

    /// From now on these partitions are ours.
    pub(crate) fn own(&self, ownership: &Arc<Ownership>) {
        let mut work = self.work();
        work.positions.retain(|tp, _| ownership.owns(tp));
        work.ownership = Some(Arc::clone(ownership));
        drop(work);
        self.changed.notify_one();
    }

    /// The brokers have stored these positions.
    pub(crate) fn stored(&self, positions: impl IntoIterator<Item = (TopicPartition, i64)>) {
        if self.write_back.is_some() {
            self.work().positions.extend(positions);
        }
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
            let mut keeping = self.keeping.lock().await;
            let session = self.session(&mut keeping).await?;
            if self.write_back.is_some() {
                self.write(&mut keeping, &session, &work.positions).await?;
            }
            self.release(&mut keeping, &session, |_| false).await
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
            let mut keeping = self.keeping.lock().await;
            match self.keep_once(&mut keeping).await {
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

    async fn keep_once(&self, keeping: &mut Keeping) -> Result<(), ZooKeeperError> {
        let (ownership, positions) = {
            let work = self.work();
            (work.ownership.clone(), work.positions.clone())
        };
        let Some(ownership) = ownership else {
            if !keeping.held.is_empty() {
                let session = self.session(keeping).await?;
                self.release(keeping, &session, |_| false).await?;
            }
            return Ok(());
        };
        let session = self.session(keeping).await?;
        self.release(keeping, &session, |tp| ownership.owns(tp)).await?;
        for tp in ownership.partitions() {
            self.claim(keeping, &session, tp).await?;
        }
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
        let rewound = positions.iter().any(|(tp, offset)| {
            let known = keeping.nodes.get(tp).and_then(|node| node.offset);
            known.is_some_and(|known| *offset < known)
        });
        if let Some(interval) = self.write_back
            && (now >= keeping.write_due || rewound)
            && ownership.may_produce().is_ok()
        {
            self.write(keeping, &session, &positions).await?;
            keeping.write_due = Instant::now() + interval;
        }
        Ok(())
    }

    async fn claim(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        tp: &TopicPartition,
    ) -> Result<(), ZooKeeperError> {
        if keeping.held.contains(tp) {
            return Ok(());
        }
        match consumer_group::claim(session, &self.group_id, tp, &self.who).await? {
            Claim::Held => {
                keeping.held.insert(tp.clone());
                keeping.told_owned.remove(tp);
            }
            // An instance of ours that has just handed it over, or an old consumer: that was looked for at the start.
            Claim::HeldBy(who) => {
                if keeping.told_owned.insert(tp.clone()) {
                    events::owned_in_zookeeper(tp, &who);
                }
            }
        }
        Ok(())
    }

    /// Releases what is not kept.
    async fn release(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        kept: impl Fn(&TopicPartition) -> bool,
    ) -> Result<(), ZooKeeperError> {
        let released: Vec<_> = keeping.held.iter().filter(|tp| !kept(tp)).cloned().collect();
        for tp in &released {
            consumer_group::release(session, &self.group_id, tp).await?;
            keeping.held.remove(tp);
        }
        let topics: BTreeSet<&str> = released.iter().map(|tp| &*tp.topic).collect();
        if !topics.is_empty() {
            consumer_group::tidy_owners(session, &self.group_id, topics).await?;
        }
        Ok(())
    }

    /// Writes the positions that changed.
    async fn write(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        positions: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), ZooKeeperError> {
        let mut wrote = false;
        for (tp, &offset) in positions {
            let node = match keeping.nodes.get(tp) {
                Some(node) => *node,
                None => self.look(keeping, session, tp).await?,
            };
            if node.offset == Some(offset) {
                continue;
            }
            match consumer_group::write_offset(session, &self.group_id, tp, offset, node.version).await {
                Ok(version) => {
                    let node = Node {
                        offset: Some(offset),
                        version: Some(version),
                    };
                    keeping.nodes.insert(tp.clone(), node);
                    keeping.written.note(tp, offset, version);
                    wrote = true;
                }
                Err(error)
                    if matches!(
                        error.code(),
                        Some(ErrorCode::BAD_VERSION | ErrorCode::NODE_EXISTS)
                    ) =>
                {
                    // The next round writes over what we have seen now, if the partition is still ours then.
                    let theirs = self.look(keeping, session, tp).await?;
                    let path = consumer_group::offset_path(&self.group_id, tp);
                    events::written_by_others(tp, &path, theirs.offset, offset);
                }
                Err(error) => {
                    // Nobody knows whether it was carried out.
                    keeping.nodes.remove(tp);
                    return Err(error);
                }
            }
        }
        if wrote && let Err(error) = keeping.written.save() {
            events::state_not_kept(&error);
        }
        Ok(())
    }

    async fn look(
        &self,
        keeping: &mut Keeping,
        session: &Session,
        tp: &TopicPartition,
    ) -> Result<Node, ZooKeeperError> {
        let found = consumer_group::offset(session, &self.group_id, tp).await?;
        let node = Node {
            offset: found
                .as_ref()
                .and_then(|found| found.offset.as_ref().ok().copied()),
            version: found.map(|found| found.version),
        };
        keeping.nodes.insert(tp.clone(), node);
        Ok(node)
    }

    /// The session, a new one where the last is over: what that held is gone then.
    async fn session(&self, keeping: &mut Keeping) -> Result<Arc<Session>, ZooKeeperError> {
        if let Some(session) = keeping.session.as_ref().filter(|session| !session.is_over()) {
            return Ok(Arc::clone(session));
        }
        keeping.held.clear();
        let session = Arc::new(Session::open(self.ensemble.clone()).await?);
        keeping.session = Some(Arc::clone(&session));
        Ok(session)
    }
}
