//! The task that drives the machine of all members: starts its calls, hands it the answers, tells its events.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_client_core::consumer_protocol::{Assignment, Subscription};
use kafka_client_core::group_member::joint::{JointAction, JointEvent, JointMembers, LostCause};
use kafka_client_core::group_member::{Due, Leadership, MemberCall};
use kafka_wire::api::sync_group::SyncGroupAssignment;
use kafka_wire::ids::NodeId;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::calls::{Answer, MemberCalls};
use super::error::{MembershipError, explain};
use super::leader::Leader;
use super::lease::Lease;
use super::{AssignedMember, GroupAssignment, MembershipEvent, MembershipSettings};
use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::group::find_coordinator;
use crate::uptime::{self, now};

/// How long one broker is asked for the coordinator before the next one is.
const FIND_PATIENCE_MAX: Duration = Duration::from_secs(5);

/// The driver's ends of what a [`Membership`](super::Membership) holds.
pub(super) struct Ends {
    pub(super) events: mpsc::Sender<MembershipEvent>,
    pub(super) released: watch::Receiver<u64>,
    pub(super) topics: watch::Receiver<BTreeMap<Arc<str>, i32>>,
    pub(super) member_ids: watch::Sender<Vec<String>>,
    pub(super) lease: Lease,
}

pub(super) struct Driver {
    group_cluster: Arc<Cluster>,
    topics_cluster: Arc<Cluster>,
    settings: Arc<MembershipSettings>,
    ends: Ends,
    events_sent: u64,
    machine: JointMembers,
    coordinator: Option<NodeId>,
    members: Vec<Arc<MemberCalls>>,
    topics: BTreeMap<Arc<str>, i32>,
    /// What the members subscribe to, in the bytes of `JoinGroup`.
    subscription: Bytes,
    /// One call per member, a few that became stale, and one leader's work: bounded by the machine.
    work: JoinSet<Outcome>,
}

/// What one piece of work came to.
enum Outcome {
    Coordinator(Result<NodeId, ClientError>),
    Answered {
        member: usize,
        number: u64,
        answer: Result<Answer, ClientError>,
    },
    SharedOut {
        member: usize,
        generation_id: i32,
        assignments: Result<Vec<SyncGroupAssignment>, String>,
    },
    Explained(MembershipError),
}

// === impl Driver ===

impl Driver {
    pub(super) fn new(
        group_cluster: Arc<Cluster>,
        topics_cluster: Arc<Cluster>,
        settings: MembershipSettings,
        mut ends: Ends,
    ) -> Self {
        let ids = settings.members.iter().map(|member| member.member_id.clone());
        // Members of one process need not fail at different moments: what tells processes apart will do.
        let seed = group_cluster.jitter_seed();
        let machine = JointMembers::new(now(), settings.timing(), ids.collect(), seed);
        let members = settings.members.iter().map(|member| {
            let calls = MemberCalls::new(Arc::clone(&group_cluster), Arc::clone(&member.client_id));
            Arc::new(calls)
        });
        let topics = ends.topics.borrow_and_update().clone();
        Self {
            members: members.collect(),
            group_cluster,
            topics_cluster,
            settings: Arc::new(settings),
            ends,
            events_sent: 0,
            machine,
            coordinator: None,
            subscription: subscription(&topics),
            topics,
            work: JoinSet::new(),
        }
    }

    /// Runs until it is aborted.
    pub(super) async fn run(mut self) {
        loop {
            while let Some(action) = self.machine.poll_action(now()) {
                self.start(action);
            }
            self.publish();
            while let Some(event) = self.machine.poll_event() {
                self.tell(event);
            }
            let due = self.machine.next_timeout();
            tokio::select! {
                biased;
                Some(done) = self.work.join_next() => match done {
                    Ok(outcome) => self.finish(outcome),
                    Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                    Err(_aborted) => {}
                },
                Ok(()) = self.ends.released.changed() => {
                    // Who has not read the latest event does not know yet what is to be released.
                    if *self.ends.released.borrow_and_update() == self.events_sent {
                        self.machine.release(now());
                    }
                }
                Ok(()) = self.ends.topics.changed() => self.change_topics(),
                () = until(due) => {}
            }
        }
    }

    fn start(&mut self, action: JointAction) {
        match action {
            JointAction::FindCoordinator => {
                let (cluster, settings) = (Arc::clone(&self.group_cluster), Arc::clone(&self.settings));
                let last = self.coordinator;
                // What is ours depends on the next heartbeat, so a broker that hangs is not waited for long.
                let patience = FIND_PATIENCE_MAX.min(settings.timing().silence_max() / 3);
                self.work.spawn(async move {
                    let group_id = &settings.group_id;
                    Outcome::Coordinator(find_coordinator(&cluster, group_id, last, patience).await)
                });
            }
            JointAction::Send { member, call } => self.start_call(member, call),
            JointAction::Assign { member, leadership } => self.start_leading(member, leadership),
        }
    }

    fn start_call(&mut self, member: usize, call: MemberCall) {
        let (Some(calls), Some(node)) = (self.members.get(member), self.coordinator) else {
            self.machine.handle_failure(now(), member, call.number);
            return;
        };
        let (calls, settings) = (Arc::clone(calls), Arc::clone(&self.settings));
        let subscription = self.subscription.clone();
        self.work.spawn(async move {
            let answer = calls.send(node, &settings, &subscription, call.request).await;
            Outcome::Answered {
                member,
                number: call.number,
                answer,
            }
        });
    }

    fn start_leading(&mut self, member: usize, leadership: Leadership) {
        let leader = Leader {
            topics_cluster: Arc::clone(&self.topics_cluster),
            partition_counts: self.topics.clone(),
            user_data: self.settings.leader_user_data.clone(),
        };
        let generation_id = leadership.generation_id;
        self.work.spawn(async move {
            Outcome::SharedOut {
                member,
                generation_id,
                assignments: leader.share_out(leadership).await,
            }
        });
    }

    fn finish(&mut self, outcome: Outcome) {
        let group = &self.settings.group_id;
        match outcome {
            Outcome::Coordinator(found) => {
                let found = found.map(|node| self.coordinator = Some(node)).map_err(|error| {
                    tracing::debug!(group, %error, "the group's coordinator was not found");
                    error.code()
                });
                self.machine.handle_coordinator(now(), found);
            }
            Outcome::Answered {
                member,
                number,
                answer,
            } => match answer {
                Ok(Answer::Join(answer)) => self.machine.handle_join(now(), member, number, &answer),
                Ok(Answer::Sync(answer)) => self.machine.handle_sync(now(), member, number, &answer),
                Ok(Answer::Heartbeat(answer)) => {
                    self.machine
                        .handle_heartbeat(now(), member, number, answer.error_code);
                }
                Err(error) => {
                    tracing::debug!(group, member, %error, "no answer from the group's coordinator");
                    self.machine.handle_failure(now(), member, number);
                }
            },
            Outcome::SharedOut {
                member,
                generation_id,
                assignments,
            } => {
                if let Err(reason) = &assignments {
                    tracing::warn!(
                        group,
                        generation_id,
                        reason,
                        "partitions not shared out; trying again"
                    );
                }
                self.machine
                    .handle_assignments(now(), member, generation_id, assignments.ok());
            }
            Outcome::Explained(error) => self.send(MembershipEvent::Failed(error)),
        }
    }

    fn change_topics(&mut self) {
        let topics = self.ends.topics.borrow_and_update().clone();
        let same_names = topics.keys().eq(self.topics.keys());
        let same_counts = topics == self.topics;
        self.topics = topics;
        if !same_names {
            self.subscription = subscription(&self.topics);
            self.machine.set_topics_changed(now());
        } else if !same_counts {
            self.machine.set_counts_changed(now());
        }
    }

    /// Before any event is told, so that nobody who knows of a loss sees a valid lease.
    fn publish(&self) {
        match self.machine.owned_until() {
            Some(until) => self.ends.lease.extend(until),
            None => self.ends.lease.end(),
        }
        let ids = self.machine.member_ids();
        self.ends.member_ids.send_if_modified(|known| {
            let changed = *known != ids;
            *known = ids;
            changed
        });
    }

    fn tell(&mut self, event: JointEvent) {
        match event {
            JointEvent::Assigned {
                generation_id,
                shares,
                leads,
            } => {
                let assignment = self.assignment(generation_id, shares, leads);
                self.send(MembershipEvent::Assigned(assignment));
            }
            JointEvent::Revoking { deadline } => self.send(MembershipEvent::Revoking {
                deadline: Instant::now() + uptime::until(deadline),
            }),
            JointEvent::Lost(cause) => {
                let reason = self.reason(cause);
                self.send(MembershipEvent::Lost { reason });
            }
            JointEvent::Failed(code) => {
                let (cluster, settings) = (Arc::clone(&self.group_cluster), Arc::clone(&self.settings));
                self.work
                    .spawn(async move { Outcome::Explained(explain(cluster, &settings, code).await) });
            }
        }
    }

    fn assignment(&self, generation_id: i32, shares: Vec<Bytes>, leads: bool) -> GroupAssignment {
        let mut user_data = None;
        let ids = self.machine.member_ids();
        let members = ids.into_iter().zip(shares).map(|(member_id, share)| {
            let assignment = Assignment::decode(share).unwrap_or_else(|error| {
                tracing::warn!(
                    member = member_id,
                    %error,
                    "the leader's assignment cannot be read: no partitions"
                );
                Assignment::default()
            });
            user_data.get_or_insert(assignment.user_data);
            AssignedMember {
                member_id,
                partitions: assignment.partitions,
            }
        });
        GroupAssignment {
            generation_id,
            members: members.collect(),
            leads,
            user_data: user_data.unwrap_or_default(),
        }
    }

    fn reason(&self, cause: LostCause) -> String {
        let group = &self.settings.group_id;
        match cause {
            LostCause::Expelled(code) => format!("the coordinator of group \"{group}\" answered {code}"),
            LostCause::Silence => format!(
                "the coordinator of group \"{group}\" answered no heartbeat of some member for {} s",
                self.settings.timing().silence_max().as_secs_f64()
            ),
            LostCause::Overdue => format!(
                "a rebalance of group \"{group}\" did not wait for the partitions to be released: \
                 the rebalance time-out is {} s",
                self.settings.rebalance_timeout.as_secs_f64()
            ),
        }
    }

    fn send(&mut self, event: MembershipEvent) {
        self.events_sent += 1;
        if let Err(mpsc::error::TrySendError::Full(event)) = self.ends.events.try_send(event) {
            unreachable!("invariant: nothing follows Lost before it is released, but {event:?} does")
        }
    }
}

fn subscription(topics: &BTreeMap<Arc<str>, i32>) -> Bytes {
    let subscription = Subscription {
        topics: topics.keys().cloned().collect(),
        user_data: Bytes::new(),
    };
    subscription
        .encode()
        .expect("invariant: names of topics came from a broker and fit")
}

async fn until(due: Option<Due>) {
    match due {
        Some(Due::Now) => {}
        Some(Due::At(at)) => sleep(uptime::until(at)).await,
        None => pending().await,
    }
}
