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

use kafka_client::Cluster;
use kafka_client::membership::{GroupAssignment, Membership, MembershipEvent};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::TopicPartition;
use mirror_config::{FlowConfig, LifeConfig, MemoryConfig};
use mirror_core::status::{FlowState, MemberStatus, MembershipStatus};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};

use crate::connect;
use crate::control::FlowCommand;
use crate::events;
use crate::generation::Generation;
use crate::join;
use crate::ownership::Ownership;
use crate::position_store::PositionStore;
use crate::run_error::RunError;
use crate::settings;
use crate::shared::FlowShared;
use crate::state_folder::StateFolder;
use crate::target_topics::TargetTopics;
use crate::tasks::Task;

/// Members of other processes stand still while we drain for them: no longer than this, whatever the group would allow.
const REVOKE_DRAIN_MAX: Duration = Duration::from_secs(10);

/// What all generations of a flow use.
pub(crate) struct FlowContext {
    pub(crate) config: FlowConfig,
    pub(crate) memory: MemoryConfig,
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) source: Arc<Cluster>,
    pub(crate) target: Arc<Cluster>,
    pub(crate) store: Arc<PositionStore>,
    pub(crate) target_topics: Arc<TargetTopics>,
    keys: Arc<AtomicU32>,
    topics: Mutex<Topics>,
    topics_changed: Notify,
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
    _remembering: Task<()>,
    _target_watch: Task<()>,
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
    pub(crate) async fn run(parts: FlowParts, shutdown: impl Future<Output = ()>) -> FlowEnd {
        tokio::pin!(shutdown);
        let shared = Arc::clone(&parts.shared);
        let started = tokio::select! {
            biased;
            () = &mut shutdown => return FlowEnd::Shutdown,
            started = Self::start(parts) => started,
        };
        let end = match started {
            Ok(mut flow) => {
                let end = flow.work(&mut shutdown).await;
                events::stopped(&shared.counters.totals(), &shared.halts());
                flow.membership.leave().await;
                // They have left: nobody needs to speak for them at the next start.
                if let Err(error) = flow.state.remember(&[]) {
                    events::state_not_kept(&error);
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
            memory,
            life,
            shared,
            keys,
            state,
            commands,
        } = parts;
        let (source, target) =
            tokio::try_join!(connect::cluster(&config.source), connect::cluster(&config.target))
                .map_err(RunError::Client)?;
        if let (Some(id), true) = (source.cluster_id(), source.cluster_id() == target.cluster_id()) {
            return Err(RunError::SameCluster { cluster_id: id });
        }
        let mut backoff = Backoff::new(source_backoff(&config), 0);
        let store = loop {
            match join::position_store(&config, &source, &target, &state).await {
                Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
                opened => break opened?,
            }
            sleep(backoff.next_delay()).await;
        };
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
            store: Arc::new(store),
            target_topics,
            keys,
            topics: Mutex::default(),
            topics_changed: Notify::new(),
        });
        context.learn_topics(&first_look(&context).await);
        loop {
            match join::check_reverse_flow(&context).await {
                Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
                checked => break checked?,
            }
            sleep(backoff.next_delay()).await;
        }
        let topics = context.topics_changed().await;
        let state = Arc::new(state);
        let membership = join::join(&context, &state, topics).await;
        let remembering = join::remember(Arc::clone(&state), membership.member_ids());
        Ok(Self {
            _remembering: shared.tasks.start("member ids", remembering),
            _target_watch: shared.tasks.start("target metadata", watching),
            context,
            life,
            membership,
            commands,
            state,
        })
    }

    async fn work(&mut self, shutdown: &mut (impl Future<Output = ()> + Unpin)) -> FlowEnd {
        let shared = Arc::clone(&self.context.shared);
        loop {
            shared.set_state(FlowState::Joining);
            let event = tokio::select! {
                biased;
                () = &mut *shutdown => return FlowEnd::Shutdown,
                panicked = shared.tasks.panicked() => return FlowEnd::Failed(RunError::Panicked(panicked)),
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
                    if let Some(end) = self.work_through(ownership, shutdown).await {
                        return end;
                    }
                }
                MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => {}
                MembershipEvent::Failed(error) => return FlowEnd::Failed(RunError::Membership(error)),
            }
            shared.remove_all_partitions();
            self.membership.release();
        }
    }

    /// One generation, from its assignment to its end. `Some` when the flow ends with it.
    async fn work_through(
        &mut self,
        ownership: Ownership,
        shutdown: &mut (impl Future<Output = ()> + Unpin),
    ) -> Option<FlowEnd> {
        let context = Arc::clone(&self.context);
        let shared = &context.shared;
        events::assigned(ownership.generation_id(), ownership.partitions().count());
        let mut generation = tokio::select! {
            biased;
            () = &mut *shutdown => return Some(FlowEnd::Shutdown),
            event = self.membership.next_event() => return match event {
                MembershipEvent::Failed(error) => Some(FlowEnd::Failed(RunError::Membership(error))),
                MembershipEvent::Assigned(_) | MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => None,
            },
            started = start_generation(&context, ownership) => match started {
                Ok(generation) => generation,
                Err(error) => return Some(FlowEnd::Failed(error)),
            },
        };
        shared.set_state(FlowState::Mirroring);
        let interruption = {
            let supervising = generation.supervise(&mut self.commands);
            tokio::pin!(supervising);
            loop {
                tokio::select! {
                    biased;
                    () = &mut *shutdown => break Interruption::End(FlowEnd::Shutdown),
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
                    error = &mut supervising => break Interruption::End(FlowEnd::Failed(error)),
                }
            }
        };
        match interruption {
            Interruption::End(end) => {
                shared.set_state(FlowState::Draining);
                generation.drain(Instant::now() + self.life.drain_timeout).await;
                Some(end)
            }
            Interruption::Revoking(deadline) => {
                shared.set_state(FlowState::Revoking);
                shared.counters.rebalanced();
                events::revoking();
                generation
                    .drain(deadline.min(Instant::now() + REVOKE_DRAIN_MAX))
                    .await;
                None
            }
            Interruption::Lost(reason) => {
                shared.counters.rebalanced();
                events::lost_partitions(&reason);
                generation.abandon();
                None
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
            group_id: config.group_id.clone(),
            generation_id: assignment.generation_id,
            members: members.collect(),
            leads: assignment.leads,
        }));
    }
}

fn source_backoff(config: &FlowConfig) -> BackoffConfig {
    settings::backoff(
        config.source.reconnect_backoff,
        config.source.reconnect_backoff_max,
    )
}

/// Starts a generation, however long the place of the positions takes to answer: the group ends the wait if it has to.
async fn start_generation(context: &Arc<FlowContext>, ownership: Ownership) -> Result<Generation, RunError> {
    let ownership = Arc::new(ownership);
    let mut backoff = Backoff::new(source_backoff(&context.config), 0);
    loop {
        match Generation::start(Arc::clone(context), Arc::clone(&ownership)).await {
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
