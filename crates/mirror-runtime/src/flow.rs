//! A flow from one source cluster to one target cluster, from its start to its end: it connects, joins its group, and
//! works through one [`Generation`] after the other.
//!
//! ```text
//!   connect ─► join ─► assigned ─► Generation ─► revoking: drain, store positions ─► release ─┐
//!                         ▲                  └─► lost: abandon ─────────────────────► release ─┤
//!                         └────────────────────────────────────────────────────────────────────┘
//! ```

mod context;
mod source_topics;
mod start;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use kafka_client::Network;
use kafka_client::membership::{GroupAssignment, Membership, MembershipEvent};
use mirror_config::{FlowConfig, LifeConfig, MemoryConfig};
use mirror_core::status::{FlowState, MemberStatus, MembershipStatus};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

pub(crate) use self::context::FlowContext;
use self::start::start_generation;
use crate::catch_up;
use crate::control::FlowCommand;
use crate::events;
use crate::generation::{Generation, Supervised};
use crate::join;
use crate::ownership::Ownership;
use crate::run_error::RunError;
use crate::shared::FlowShared;
use crate::state_folder::StateFolder;
use crate::tasks::Task;

/// Members of other processes stand still while we drain for them: no longer than this, whatever the group would allow.
const REVOKE_DRAIN_MAX: Duration = Duration::from_secs(10);

/// The group is not waited for any longer after a drain that took all its time, so that the process is gone within five
/// seconds with the drain time-out it has by default.
const LEAVE_AFTER_DRAIN_MAX: Duration = Duration::from_millis(1_900);

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

    async fn work(&mut self, stop: &mut Stop) -> FlowEnd {
        let shared = Arc::clone(&self.context.shared);
        loop {
            shared.set_state(FlowState::Joining);
            let event = {
                let config = &self.context.config.membership;
                let group_id = config.group_of(&join::cluster_id(&self.context.source));
                let (session, rebalance) = (config.session_timeout, config.rebalance_timeout);
                let telling = join::tell_of_long_join(&shared, &group_id, session, rebalance);
                tokio::pin!(telling);
                loop {
                    tokio::select! {
                        biased;
                        () = stop.requested() => return FlowEnd::Shutdown,
                        panicked = shared.tasks.panicked() => return FlowEnd::Failed(RunError::Panicked(panicked)),
                        error = self.context.positions_unclaimable() => return FlowEnd::Failed(RunError::Positions(error)),
                        event = self.membership.next_event() => break event,
                        Some(command) = self.commands.recv() => command.answer_without_partitions(),
                        never = &mut telling => match never {},
                    }
                }
            };
            // The group has answered, whatever it took.
            shared.set_state(FlowState::Joining);
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
            // Before positions are judged: what is held there nobody moves any more.
            context.store.own(&ownership);
            let mut starting = Box::pin(start_generation(&context, &ownership));
            let generation = loop {
                tokio::select! {
                    biased;
                    () = stop.requested() => return Some(FlowEnd::Shutdown),
                    event = self.membership.next_event() => {
                        let end = match event {
                            MembershipEvent::Failed(error) => Some(FlowEnd::Failed(RunError::Membership(error))),
                            MembershipEvent::Assigned(_) | MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => None,
                        };
                        context.store.let_go();
                        return end;
                    }
                    topics = context.topics.changed() => self.membership.set_topics(topics),
                    started = &mut starting => match started {
                        Ok(generation) => break generation,
                        Err(error) => return Some(FlowEnd::Failed(error)),
                    },
                }
            };
            drop(starting);
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
                    topics = context.topics.changed() => self.membership.set_topics(topics),
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
