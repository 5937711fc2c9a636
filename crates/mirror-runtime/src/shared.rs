//! What the tasks of one flow share, from its start to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use kafka_wire::ids::{TopicId, TopicPartition};
use mirror_config::{BrakeConfig, OnRefusedRecord};
use mirror_core::brake::{Brake, BrakeSettings};
use mirror_core::control::reach::Reach;
use mirror_core::halt::{Circumstances, Halt, HaltReason};
use mirror_core::status::{FlowState, MembershipStatus, UnreachableBroker};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::catch_up::CatchUp;
use crate::counters::Counters;
use crate::events;
use crate::memory::Memory;
use crate::partition::SourcePartition;
use crate::reachability::Reachability;
use crate::routing::Workbenches;
use crate::tasks::Tasks;

/// The common ground of a flow's tasks.
#[derive(Debug)]
pub(crate) struct FlowShared {
    pub(crate) memory: Arc<Memory>,
    pub(crate) tasks: Tasks,
    pub(crate) workbenches: Workbenches,
    pub(crate) counters: Counters,
    pub(crate) on_refused_record: OnRefusedRecord,
    circumstances: Circumstances,
    /// The target's metadata is out of date.
    pub(crate) refresh_target: Notify,
    brake: Mutex<Brake>,
    partitions: Mutex<Vec<Arc<SourcePartition>>>,
    halts: Mutex<Vec<Halted>>,
    not_started: Mutex<Vec<(NotStarted, Option<Halted>)>>,
    /// Partitions whose position was found missing. Outlives their generation: by key nobody could tell that again once
    /// one partition of the topic has a position.
    positions_missing: Mutex<BTreeSet<TopicPartition>>,
    /// What this process held in earlier generations, and how far. A broker drops a group's positions with the topic, so
    /// when the topic comes back nothing else knows that it is another one.
    mirrored: Mutex<BTreeMap<TopicPartition, (TopicId, i64)>>,
    /// Topics of which it was told that their records lose headers.
    stripped: Mutex<BTreeSet<Arc<str>>>,
    state: Mutex<State>,
    aborted: watch::Sender<bool>,
    /// What the flow has to reach before the process ends by itself.
    pub(crate) catch_up: Option<Arc<CatchUp>>,
    /// What the group has assigned; `None` while we belong to no generation of it.
    assigned: Mutex<Option<BTreeSet<TopicPartition>>>,
    /// The last positions of some generation could not be stored.
    positions_not_stored: AtomicBool,
    /// The way to the brokers of both clusters, once they are connected.
    reachability: Mutex<Vec<Reachability>>,
}

#[derive(Debug, Default)]
struct State {
    flow: FlowState,
    membership: Option<MembershipStatus>,
    problem: Option<String>,
    /// Why clusters have never been reached, by alias.
    not_reached: BTreeMap<String, String>,
}

/// A halt and since when it lasts.
#[derive(Debug, Clone)]
pub(crate) struct Halted {
    pub(crate) halt: Halt,
    pub(crate) since: SystemTime,
}

/// What belongs to this process: the partitions that are mirrored, and those that have not started, each with its halt
/// where it waits for an operator.
pub(crate) type Owned = (Vec<Arc<SourcePartition>>, Vec<(NotStarted, Option<Halted>)>);

/// A partition that belongs to this process and is not mirrored yet.
#[derive(Debug, Clone)]
pub(crate) struct NotStarted {
    pub(crate) tp: TopicPartition,
    /// The topic's name on the target.
    pub(crate) target_topic: Arc<str>,
    /// Which of this process' members owns it.
    pub(crate) member: Option<usize>,
    /// In words.
    pub(crate) waits_for: String,
    /// It waits for an operator.
    pub(crate) halt: Option<HaltReason>,
}

// === impl FlowShared ===

impl FlowShared {
    pub(crate) fn new(
        memory: Arc<Memory>,
        on_refused_record: OnRefusedRecord,
        reach: Reach,
        brake: BrakeConfig,
        catch_up: Option<Arc<CatchUp>>,
    ) -> Arc<Self> {
        let brake = BrakeSettings {
            rate: brake.bytes_per_second,
            start_ramp: brake.start_ramp,
        };
        Arc::new(Self {
            memory,
            tasks: Tasks::new(),
            workbenches: Workbenches::default(),
            counters: Counters::default(),
            circumstances: Circumstances {
                ends_on_refusal: on_refused_record == OnRefusedRecord::Abort,
                reach,
            },
            on_refused_record,
            refresh_target: Notify::new(),
            brake: Mutex::new(Brake::new(brake, Instant::now().into_std())),
            partitions: Mutex::default(),
            halts: Mutex::default(),
            not_started: Mutex::default(),
            positions_missing: Mutex::default(),
            mirrored: Mutex::default(),
            state: Mutex::default(),
            stripped: Mutex::default(),
            aborted: watch::Sender::new(false),
            catch_up,
            assigned: Mutex::default(),
            positions_not_stored: AtomicBool::new(false),
            reachability: Mutex::default(),
        })
    }

    /// Are these the first headers of this topic that are lost?
    pub(crate) fn is_first_stripped(&self, topic: &Arc<str>) -> bool {
        lock(&self.stripped).insert(Arc::clone(topic))
    }

    /// When the next bytes may be fetched: now, or the time to ask again.
    pub(crate) fn ready_at(&self) -> Instant {
        Instant::from_std(lock(&self.brake).ready_at(Instant::now().into_std()))
    }

    /// How much a broker may be asked for at once, in bytes; `None`: as much as memory gives.
    pub(crate) fn answer_bytes(&self) -> Option<u64> {
        let now = Instant::now().into_std();
        lock(&self.brake).answer_bytes(now).map(u64::from)
    }

    /// Bytes were fetched.
    pub(crate) fn spend(&self, bytes: u64) {
        lock(&self.brake).spend(Instant::now().into_std(), bytes);
    }

    /// The target lacks replicas: what we write faster than they follow only makes it worse (docs/traps.md).
    pub(crate) fn back_off(&self) {
        lock(&self.brake).back_off(Instant::now().into_std());
    }

    /// The target took a batch.
    pub(crate) fn recovered(&self) {
        lock(&self.brake).recovered(Instant::now().into_std());
    }

    /// The partitions that this process mirrors now.
    pub(crate) fn partitions(&self) -> Vec<Arc<SourcePartition>> {
        lock(&self.partitions).clone()
    }

    pub(crate) fn add_partition(&self, partition: Arc<SourcePartition>) {
        lock(&self.partitions).push(partition);
    }

    /// Takes one partition out, with its halt: it is about to start anew.
    pub(crate) fn remove_partition(&self, partition: &SourcePartition) {
        lock(&self.partitions).retain(|other| other.key != partition.key);
        lock(&self.halts).retain(|halted| halted.halt.tp != partition.tp);
    }

    /// The generation is over. What was halted is judged anew by whoever owns it next.
    pub(crate) fn remove_all_partitions(&self) {
        let partitions = std::mem::take(&mut *lock(&self.partitions));
        lock(&self.mirrored).extend(partitions.into_iter().filter_map(|partition| {
            let position = partition.acked().offset;
            (position >= 0 && !partition.topic_id.is_zero())
                .then(|| (partition.tp.clone(), (partition.topic_id, position)))
        }));
        lock(&self.halts).clear();
        lock(&self.not_started).clear();
    }

    /// Everything that is ours and has not started. A halt that lasts keeps its time; a new one is told.
    pub(crate) fn set_not_started(&self, now: Vec<NotStarted>) {
        let mut known = lock(&self.not_started);
        let before: BTreeMap<_, _> = std::mem::take(&mut *known)
            .into_iter()
            .filter_map(|(_, halted)| halted.map(|halted| (halted.halt.tp.clone(), halted)))
            .collect();
        *known = now
            .into_iter()
            .map(|not_started| {
                let halted = not_started.halt.clone().map(|reason| {
                    let lasting = before
                        .get(&not_started.tp)
                        .filter(|was| was.halt.reason == reason);
                    lasting.cloned().unwrap_or_else(|| {
                        let halt =
                            Halt::new(not_started.tp.clone(), reason).under(self.circumstances.clone());
                        events::halted(&halt);
                        let since = SystemTime::now();
                        Halted { halt, since }
                    })
                });
                (not_started, halted)
            })
            .collect();
    }

    /// What is ours: the partitions that are mirrored, and those that have not started, with a halt where they wait for an
    /// operator. Each is in one of the two.
    pub(crate) fn owned(&self) -> Owned {
        let mut not_started = lock(&self.not_started).clone();
        let partitions = self.partitions();
        let started: BTreeSet<_> = partitions.iter().map(|partition| &partition.tp).collect();
        not_started.retain(|(not_started, _)| !started.contains(&not_started.tp));
        (partitions, not_started)
    }

    /// The topic id and position under which this process held the partition in an earlier generation.
    pub(crate) fn mirrored_before(&self, tp: &TopicPartition) -> Option<(TopicId, i64)> {
        lock(&self.mirrored).get(tp).copied()
    }

    pub(crate) fn note_position_missing(&self, tp: TopicPartition) {
        lock(&self.positions_missing).insert(tp);
    }

    pub(crate) fn forget_position_missing(&self, tp: &TopicPartition) {
        lock(&self.positions_missing).remove(tp);
    }

    /// Was the partition's position found missing, and has an operator not said yet where to go on?
    pub(crate) fn is_position_missing(&self, tp: &TopicPartition) -> bool {
        lock(&self.positions_missing).contains(tp)
    }

    /// Stops one source partition, loudly and once; others go on.
    pub(crate) fn halt(&self, partition: &SourcePartition, reason: HaltReason) {
        if partition.halt() {
            let halt = Halt::new(partition.tp.clone(), reason).under(self.circumstances.clone());
            events::halted(&halt);
            lock(&self.halts).push(Halted {
                halt,
                since: SystemTime::now(),
            });
        }
    }

    /// The partitions that stand still, and why.
    pub(crate) fn halts(&self) -> Vec<Halted> {
        lock(&self.halts).clone()
    }

    pub(crate) fn set_state(&self, state: FlowState) {
        let mut now = lock(&self.state);
        now.flow = state;
        now.problem = None;
    }

    /// What keeps the flow from its next state, until it is there.
    pub(crate) fn set_problem(&self, problem: String) {
        lock(&self.state).problem = Some(problem);
    }

    /// The flow ended, for this reason.
    pub(crate) fn set_failed(&self, problem: String) {
        let mut now = lock(&self.state);
        now.flow = FlowState::Failed;
        now.problem = Some(problem);
    }

    pub(crate) fn set_membership(&self, membership: Option<MembershipStatus>) {
        lock(&self.state).membership = membership;
    }

    /// Why a cluster has not been reached so far; `None`: it has.
    pub(crate) fn set_not_reached(&self, cluster: &str, reason: Option<String>) {
        let mut now = lock(&self.state);
        match reason {
            Some(reason) => drop(now.not_reached.insert(cluster.to_owned(), reason)),
            None => drop(now.not_reached.remove(cluster)),
        }
    }

    /// What the flow is doing, its place in the group, and what it suffers from.
    pub(crate) fn state(&self) -> (FlowState, Option<MembershipStatus>, Option<String>) {
        let now = lock(&self.state);
        let not_reached = || {
            let clusters = now.not_reached.iter();
            let clusters: Vec<_> = clusters
                .map(|(alias, reason)| format!("cluster {alias} was never reached: {reason}"))
                .collect();
            (!clusters.is_empty()).then(|| clusters.join("; "))
        };
        (
            now.flow,
            now.membership.clone(),
            now.problem.clone().or_else(not_reached),
        )
    }

    /// What the group has assigned, from the start of its generation to its end.
    pub(crate) fn set_assigned(&self, assigned: Option<BTreeSet<TopicPartition>>) {
        *lock(&self.assigned) = assigned;
    }

    /// What the group has assigned; `None` while we belong to no generation of it.
    pub(crate) fn assigned(&self) -> Option<BTreeSet<TopicPartition>> {
        lock(&self.assigned).clone()
    }

    /// The last positions of a generation could not be stored: whoever goes on repeats something.
    pub(crate) fn note_positions_not_stored(&self) {
        self.positions_not_stored.store(true, Ordering::Relaxed);
    }

    /// Was every position stored, as far as generations have ended?
    pub(crate) fn are_positions_stored(&self) -> bool {
        !self.positions_not_stored.load(Ordering::Relaxed)
    }

    /// From now on the way to this cluster's brokers is part of the status.
    pub(crate) fn show_reachability(&self, of_cluster: Reachability) {
        lock(&self.reachability).push(of_cluster);
    }

    /// Brokers of both clusters that cannot be reached.
    pub(crate) fn unreachable_brokers(&self) -> Vec<UnreachableBroker> {
        let clusters = lock(&self.reachability);
        clusters.iter().flat_map(Reachability::unreachable).collect()
    }

    /// A record was refused and the operator wants the process to end for it.
    pub(crate) fn abort_on_send_failure(&self) {
        self.aborted.send_replace(true);
    }

    /// Ready when [`Self::abort_on_send_failure`] was called.
    pub(crate) async fn aborted(&self) {
        drop(self.aborted.subscribe().wait_for(|aborted| *aborted).await);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
