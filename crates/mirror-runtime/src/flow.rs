//! A flow from one source cluster to one target cluster, from its start to its end: it connects, joins its group, and
//! works through one [`Generation`] after the other.
//!
//! ```text
//!   connect ─► join ─► assigned ─► Generation ─► revoking: drain, store positions ─► release ─┐
//!                         ▲                  └─► lost: abandon ─────────────────────► release ─┤
//!                         └────────────────────────────────────────────────────────────────────┘
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kafka_client::membership::{GroupAssignment, Membership, MembershipEvent};
use kafka_client::{Cluster, Network};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::TopicPartition;
use mirror_config::{FlowConfig, LifeConfig, MemoryConfig};
use mirror_core::status::{FlowState, MemberStatus, MembershipStatus};
use mirror_positions::PositionTopicError;
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::abilities::{self, Abilities};
use crate::catch_up::{self, look_at_ends};
use crate::connect;
use crate::control::FlowCommand;
use crate::events;
use crate::generation::{Generation, Supervised};
use crate::join;
use crate::ownership::Ownership;
use crate::position_store::PositionStore;
use crate::reachability::{self, Reachability};
use crate::run_error::RunError;
use crate::settings;
use crate::shared::FlowShared;
use crate::state_folder::StateFolder;
use crate::target_topics::TargetTopics;
use crate::tasks::Task;

/// Members of other processes stand still while we drain for them: no longer than this, whatever the group would allow.
const REVOKE_DRAIN_MAX: Duration = Duration::from_secs(10);

/// The group is not waited for any longer after a drain that took all its time, so that the process is gone within five
/// seconds with the drain time-out it has by default.
const LEAVE_AFTER_DRAIN_MAX: Duration = Duration::from_millis(1_900);

/// What all generations of a flow use.
pub(crate) struct FlowContext {
    pub(crate) config: FlowConfig,
    pub(crate) memory: MemoryConfig,
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) source: Arc<Cluster>,
    pub(crate) target: Arc<Cluster>,
    pub(crate) abilities: Abilities,
    pub(crate) store: Arc<PositionStore>,
    pub(crate) target_topics: Arc<TargetTopics>,
    /// Why positions cannot be claimed for any generation, once that is known.
    pub(crate) unclaimable: Arc<watch::Sender<Option<PositionTopicError>>>,
    keys: Arc<AtomicU32>,
    topics: Mutex<Topics>,
    topics_changed: Notify,
    /// Records that an operator wants left out, until their partition has passed them.
    skipped: Mutex<BTreeMap<TopicPartition, BTreeSet<i64>>>,
}

/// The topics of the flow, as the source showed them.
#[derive(Debug, Default)]
struct Topics {
    /// Topic to partition count, now: what the group is told.
    now: BTreeMap<Arc<str>, i32>,
    /// The partitions of the first look. What appears later is new, and read from its beginning.
    at_start: Option<BTreeSet<TopicPartition>>,
    /// The group has not been told of `now` yet.
    untold: bool,
}

/// What a flow is made of.
pub(crate) struct FlowParts {
    pub(crate) config: FlowConfig,
    /// What connections to both clusters are made of.
    pub(crate) network: Network,
    pub(crate) memory: MemoryConfig,
    pub(crate) life: LifeConfig,
    pub(crate) shared: Arc<FlowShared>,
    /// Names partitions in the memory that all flows share.
    pub(crate) keys: Arc<AtomicU32>,
    pub(crate) state: StateFolder,
    pub(crate) commands: mpsc::Receiver<FlowCommand>,
}

/// A flow that has connected.
pub(crate) struct Flow {
    context: Arc<FlowContext>,
    life: LifeConfig,
    membership: Membership,
    commands: mpsc::Receiver<FlowCommand>,
    state: Arc<StateFolder>,
    /// When the group is no longer waited for to let us go: set when the process is asked to end.
    leave_until: Option<Instant>,
    _keeping: Option<Task<()>>,
    _remembering: Task<()>,
    _target_watch: Task<()>,
    _ways: [Task<()>; 2],
    _ends: Option<Task<()>>,
}

/// How a flow ended.
pub(crate) enum FlowEnd {
    Shutdown,
    AbortedOnSendFailure,
    Failed(RunError),
}

/// What interrupts a generation.
enum Interruption {
    /// The flow ends.
    End(FlowEnd),
    /// Others may get our partitions, after this time at the latest.
    Revoking(Instant),
    /// Others may have our partitions already.
    Lost(String),
    /// The same partitions start anew.
    BeginAnew,
}

/// What ended with a generation.
enum Ended {
    Flow(FlowEnd),
    Assignment,
    BeginAnew,
}

/// Tells when the process was asked to stop; may be asked again and again.
pub(crate) struct Stop(pub(crate) watch::Receiver<bool>);

// === impl Stop ===

impl Stop {
    /// Cancel safe.
    async fn requested(&mut self) {
        // The process ends with its sender.
        drop(self.0.wait_for(|stop| *stop).await);
    }
}

// === impl FlowContext ===

impl FlowContext {
    /// A name for one more partition.
    pub(crate) fn next_key(&self) -> u32 {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// Takes in what the source has. The group hears of it through [`Self::topics_changed`].
    pub(crate) fn learn_topics(&self, metadata: &MetadataResponse) {
        let mut matching = BTreeMap::new();
        for topic in &metadata.topics {
            if let Some(name) = &topic.name
                && topic.error_code.is_ok()
                && self.config.topics.matches(name)
            {
                let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
                matching.insert(Arc::clone(name), count);
            }
        }
        if let Some(catch_up) = &self.shared.catch_up {
            catch_up.learn_topics(&matching);
        }
        let mut topics = self.topics();
        let first = topics.at_start.is_none();
        if first {
            let partitions = matching.iter().flat_map(|(name, count)| {
                (0..*count).map(|partition| TopicPartition::new(Arc::clone(name), partition))
            });
            topics.at_start = Some(partitions.collect());
        }
        if first || topics.now != matching {
            topics.now = matching;
            topics.untold = true;
            self.topics_changed.notify_one();
        }
    }

    /// The topics and their partition counts, as soon as they are others than those of the last call. Cancel safe.
    async fn topics_changed(&self) -> BTreeMap<Arc<str>, i32> {
        loop {
            {
                let mut topics = self.topics();
                if std::mem::take(&mut topics.untold) {
                    return topics.now.clone();
                }
            }
            self.topics_changed.notified().await;
        }
    }

    /// Ready with the reason when positions cannot be claimed, however often it is tried. Cancel safe.
    async fn positions_unclaimable(&self) -> PositionTopicError {
        let mut reasons = self.unclaimable.subscribe();
        loop {
            let reason = reasons.borrow_and_update().clone();
            if let Some(reason) = reason {
                return reason;
            }
            // The sender is ours, so waiting cannot fail.
            let _changed = reasons.changed().await;
        }
    }

    /// The record is left out from the next start of its partition on.
    pub(crate) fn skip_record(&self, tp: &TopicPartition, offset: i64) {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        skipped.entry(tp.clone()).or_default().insert(offset);
    }

    /// The records to leave out of a partition that starts at `position`; those before it are forgotten.
    pub(crate) fn skipped_records(&self, tp: &TopicPartition, position: i64) -> BTreeSet<i64> {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(offsets) = skipped.get_mut(tp) else {
            return BTreeSet::new();
        };
        *offsets = offsets.split_off(&position);
        offsets.clone()
    }

    /// Does every partition of the topics have a position?
    pub(crate) fn is_known_to<T>(&self, positions: &BTreeMap<TopicPartition, T>) -> bool {
        let topics = self.topics();
        topics.now.iter().all(|(name, count)| {
            (0..*count).all(|partition| {
                positions.contains_key(&TopicPartition {
                    topic: Arc::clone(name),
                    partition,
                })
            })
        })
    }

    pub(crate) fn topic_names(&self) -> Vec<Arc<str>> {
        self.topics().now.keys().cloned().collect()
    }

    /// Was the partition made after this process started?
    pub(crate) fn appeared_while_running(&self, tp: &TopicPartition) -> bool {
        let topics = self.topics();
        topics.at_start.as_ref().is_some_and(|known| !known.contains(tp))
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Flow ===

impl Flow {
    /// Runs a flow to its end. The positions that the target acknowledged are stored in every case in which the place
    /// they live in still answers.
    pub(crate) async fn run(parts: FlowParts, mut stop: Stop) -> FlowEnd {
        let shared = Arc::clone(&parts.shared);
        let started = tokio::select! {
            biased;
            () = stop.requested() => return FlowEnd::Shutdown,
            started = Self::start(parts) => started,
        };
        let end = match started {
            Ok(mut flow) => {
                let end = flow.work(&mut stop).await;
                if let Some(zookeeper) = flow.context.store.zookeeper() {
                    zookeeper.close().await;
                }
                events::stopped(&shared.counters.totals(), &shared.halts());
                let left = match flow.leave_until {
                    Some(deadline) => timeout_at(deadline, flow.membership.leave()).await,
                    None => Ok(flow.membership.leave().await),
                };
                match left {
                    // They have left: nobody needs to speak for them at the next start.
                    Ok(Ok(())) => {
                        if let Err(error) = flow.state.forget() {
                            events::state_not_kept(&error);
                        }
                    }
                    // The next start takes their places.
                    Ok(Err(error)) => events::not_left(&error),
                    Err(_elapsed) => events::not_left(&"its coordinator does not answer"),
                }
                end
            }
            Err(error) => FlowEnd::Failed(error),
        };
        if let FlowEnd::Failed(error) = &end {
            shared.set_failed(error.to_string());
        }
        end
    }

    /// Connects to both clusters and joins the group.
    async fn start(parts: FlowParts) -> Result<Self, RunError> {
        let FlowParts {
            config,
            network,
            memory,
            life,
            shared,
            keys,
            state,
            commands,
        } = parts;
        let (source, target, ways) = connect_both(&config, &network, &shared).await?;
        let mut backoff = Backoff::new(source_backoff(&config), 0);
        let abilities = abilities::look(&config, &source, &target, source_backoff(&config)).await;
        let store = open_store(&config, &source, &target, &state, &mut backoff).await?;
        let target_topics = TargetTopics::new(Arc::clone(&target));
        let watching = Arc::clone(&target_topics).watch(
            Arc::clone(&shared),
            config.topic_refresh,
            settings::backoff(config.target.retry_backoff, config.target.reconnect_backoff_max),
        );
        let context = Arc::new(FlowContext {
            config,
            memory,
            shared: Arc::clone(&shared),
            source,
            target,
            abilities,
            store: Arc::new(store),
            target_topics,
            unclaimable: Arc::default(),
            keys,
            topics: Mutex::default(),
            topics_changed: Notify::new(),
            skipped: Mutex::default(),
        });
        context.learn_topics(&first_look(&context).await);
        let ends = shared.catch_up.clone().map(|catch_up| {
            let looking = look_at_ends(Arc::clone(&context), catch_up);
            shared.tasks.start("ends of the source's logs", looking)
        });
        loop {
            match join::check_reverse_flow(&context).await {
                Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
                checked => break checked?,
            }
            sleep(backoff.next_delay()).await;
        }
        join::wait_for_old_consumers(&context).await?;
        let topics = context.topics_changed().await;
        let state = Arc::new(state);
        let (membership, group) = join::join(&context, &state, topics).await;
        let remembering = join::remember(Arc::clone(&state), group, membership.member_ids());
        let keeping = context.store.zookeeper().cloned();
        Ok(Self {
            _keeping: keeping.map(|zookeeper| shared.tasks.start("zookeeper", zookeeper.keep())),
            _remembering: shared.tasks.start("member ids", remembering),
            _target_watch: shared.tasks.start("target metadata", watching),
            context,
            life,
            membership,
            commands,
            state,
            leave_until: None,
            _ways: ways,
            _ends: ends,
        })
    }

    async fn work(&mut self, stop: &mut Stop) -> FlowEnd {
        let shared = Arc::clone(&self.context.shared);
        loop {
            shared.set_state(FlowState::Joining);
            let event = tokio::select! {
                biased;
                () = stop.requested() => return FlowEnd::Shutdown,
                panicked = shared.tasks.panicked() => return FlowEnd::Failed(RunError::Panicked(panicked)),
                error = self.context.positions_unclaimable() => return FlowEnd::Failed(RunError::Positions(error)),
                event = self.membership.next_event() => event,
                Some(command) = self.commands.recv() => {
                    command.answer_without_partitions();
                    continue;
                }
            };
            match event {
                MembershipEvent::Assigned(assignment) => {
                    self.tell_membership(&assignment);
                    let fence = join::fence_of(&assignment);
                    let ownership = Ownership::new(assignment, fence, self.membership.lease());
                    if let Some(end) = self.work_through(ownership, stop).await {
                        return end;
                    }
                }
                MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => {}
                MembershipEvent::Failed(error) => return FlowEnd::Failed(RunError::Membership(error)),
            }
            shared.set_assigned(None);
            shared.remove_all_partitions();
            self.membership.release();
        }
    }

    /// Works on what the group assigned until that is over. `Some` when the flow ends with it.
    async fn work_through(&mut self, ownership: Ownership, stop: &mut Stop) -> Option<FlowEnd> {
        let context = Arc::clone(&self.context);
        events::assigned(ownership.generation_id(), ownership.partitions().count());
        context
            .shared
            .set_assigned(Some(ownership.partitions().cloned().collect()));
        let mut ownership = Arc::new(ownership);
        loop {
            let generation = tokio::select! {
                biased;
                () = stop.requested() => return Some(FlowEnd::Shutdown),
                event = self.membership.next_event() => return match event {
                    MembershipEvent::Failed(error) => Some(FlowEnd::Failed(RunError::Membership(error))),
                    MembershipEvent::Assigned(_) | MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => None,
                },
                started = start_generation(&context, &ownership) => match started {
                    Ok(generation) => generation,
                    Err(error) => return Some(FlowEnd::Failed(error)),
                },
            };
            context.store.own(&ownership);
            match self.mirror(generation, stop).await {
                Ended::Flow(end) => return Some(end),
                Ended::Assignment => return None,
                Ended::BeginAnew => {
                    context.shared.remove_all_partitions();
                    ownership = Arc::new(ownership.renewed());
                }
            }
        }
    }

    /// One generation, from its start to the end of its drain.
    async fn mirror(&mut self, mut generation: Generation, stop: &mut Stop) -> Ended {
        let context = Arc::clone(&self.context);
        let shared = &context.shared;
        shared.set_state(FlowState::Mirroring);
        let interruption = {
            let supervising = generation.supervise(&mut self.commands);
            tokio::pin!(supervising);
            loop {
                tokio::select! {
                    biased;
                    () = stop.requested() => break Interruption::End(FlowEnd::Shutdown),
                    panicked = shared.tasks.panicked() => break Interruption::End(FlowEnd::Failed(RunError::Panicked(panicked))),
                    () = shared.aborted() => break Interruption::End(FlowEnd::AbortedOnSendFailure),
                    event = self.membership.next_event() => match event {
                        MembershipEvent::Revoking { deadline } => break Interruption::Revoking(deadline),
                        MembershipEvent::Lost { reason } => break Interruption::Lost(reason),
                        MembershipEvent::Failed(error) => break Interruption::End(FlowEnd::Failed(RunError::Membership(error))),
                        MembershipEvent::Assigned(_) => {
                            unreachable!("invariant: nothing is assigned before what was assigned is released")
                        }
                    },
                    topics = context.topics_changed() => self.membership.set_topics(topics),
                    ended = &mut supervising => break match ended {
                        Supervised::Failed(error) => Interruption::End(FlowEnd::Failed(error)),
                        Supervised::BeginAnew => Interruption::BeginAnew,
                    },
                }
            }
        };
        let drain_timeout = catch_up::drain_timeout(self.life, shared.catch_up.as_deref());
        match interruption {
            Interruption::End(end) => {
                shared.set_state(FlowState::Draining);
                let ends = Instant::now() + drain_timeout;
                self.leave_until = Some(ends + LEAVE_AFTER_DRAIN_MAX);
                generation.drain(sleep(drain_timeout)).await;
                context.store.hand_over(ends).await;
                Ended::Flow(end)
            }
            Interruption::BeginAnew => {
                generation.drain(sleep(drain_timeout)).await;
                Ended::BeginAnew
            }
            Interruption::Revoking(deadline) => {
                shared.set_state(FlowState::Revoking);
                shared.counters.rebalanced();
                events::revoking();
                let deadline = deadline.min(Instant::now() + REVOKE_DRAIN_MAX);
                let time_out = async {
                    tokio::select! {
                        biased;
                        () = sleep_until(deadline) => {}
                        // Whoever stops the process waits as long as for any other drain.
                        () = async { stop.requested().await; sleep(drain_timeout).await; } => {}
                    }
                };
                generation.drain(time_out).await;
                context.store.hand_over(Instant::now()).await;
                Ended::Assignment
            }
            Interruption::Lost(reason) => {
                shared.counters.rebalanced();
                events::lost_partitions(&reason);
                generation.abandon();
                context.store.let_go();
                Ended::Assignment
            }
        }
    }

    fn tell_membership(&self, assignment: &GroupAssignment) {
        let config = &self.context.config.membership;
        let members = assignment.members.iter().zip(&config.client_ids);
        let members = members.map(|(member, client_id)| MemberStatus {
            member_id: member.member_id.clone(),
            client_id: client_id.clone(),
            partitions: member.partitions.len(),
        });
        self.context.shared.set_membership(Some(MembershipStatus {
            group_id: config.group_of(&join::cluster_id(&self.context.source)),
            generation_id: assignment.generation_id,
            members: members.collect(),
            leads: assignment.leads,
        }));
    }
}

/// Connects to both clusters. The tasks tell of brokers that cannot be reached.
async fn connect_both(
    config: &FlowConfig,
    network: &Network,
    shared: &FlowShared,
) -> Result<(Arc<Cluster>, Arc<Cluster>, [Task<()>; 2]), RunError> {
    let (source, target) = tokio::try_join!(
        connect::cluster(&config.source, network),
        connect::cluster(&config.target, network)
    )
    .map_err(RunError::Client)?;
    let [source_form, target_form] = reachability::address_forms(config);
    let ways = [(&source, source_form), (&target, target_form)].map(|(cluster, form)| {
        let reachability = Reachability::of(cluster, form);
        shared.show_reachability(reachability.clone());
        shared.tasks.start("reachability", reachability.tell())
    });
    if let (Some(id), true) = (source.cluster_id(), source.cluster_id() == target.cluster_id()) {
        return Err(RunError::SameCluster { cluster_id: id });
    }
    Ok((source, target, ways))
}

fn source_backoff(config: &FlowConfig) -> BackoffConfig {
    settings::backoff(
        config.source.reconnect_backoff,
        config.source.reconnect_backoff_max,
    )
}

/// Opens the place of the positions, however long it takes to answer.
async fn open_store(
    config: &FlowConfig,
    source: &Arc<Cluster>,
    target: &Arc<Cluster>,
    state: &StateFolder,
    backoff: &mut Backoff,
) -> Result<PositionStore, RunError> {
    loop {
        match join::position_store(config, source, target, state).await {
            Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
            opened => return opened,
        }
        sleep(backoff.next_delay()).await;
    }
}

/// Starts a generation, however long the place of the positions takes to answer: the group ends the wait if it has to.
async fn start_generation(
    context: &Arc<FlowContext>,
    ownership: &Arc<Ownership>,
) -> Result<Generation, RunError> {
    let mut backoff = Backoff::new(source_backoff(&context.config), 0);
    loop {
        match Generation::start(Arc::clone(context), Arc::clone(ownership)).await {
            Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
            started => return started,
        }
        sleep(backoff.next_delay()).await;
    }
}

/// The source's topics at the start, however long it takes to answer.
async fn first_look(context: &FlowContext) -> MetadataResponse {
    let mut backoff = Backoff::new(source_backoff(&context.config), 0);
    loop {
        match context.source.metadata(None).await {
            Ok(metadata) => return metadata,
            Err(error) => events::metadata_unavailable(context.source.alias(), &error),
        }
        sleep(backoff.next_delay()).await;
    }
}
