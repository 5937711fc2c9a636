//! Membership in a consumer group: the members of this process, one per stream, join, are assigned and revoked together.
//!
//! What happens when is decided in [`kafka_client_core::group_member`]; here are the connections (one per member, because
//! a broker answers nothing else on a connection whose `JoinGroup` waits), the clock, and a task of its own, so that
//! heartbeats leave on time whatever the owner of the [`Membership`] is doing.
//!
//! Order of calls: [`Membership::next_event`] again and again. `Assigned` is followed by `Revoking` or `Lost`; each of
//! these is answered by [`Membership::release`], and only then can the next `Assigned` come. `Failed` is the last one.

mod calls;
mod driver;
mod error;
mod leader;
mod lease;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_client_core::backoff::BackoffConfig;
use kafka_client_core::group_member::MemberTiming;
use kafka_wire::ids::TopicPartition;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::error::ClientError;
use crate::group::GroupClient;
use crate::task::OwnedTask;

pub use error::MembershipError;
pub use kafka_client_core::assignor::Assignor;
pub use lease::Lease;

/// How long leaving may take: the group notices by itself what it is not told.
const LEAVE_TIME_MAX: Duration = Duration::from_secs(2);

/// Events that can wait for their reader: one generation's `Assigned`, `Revoking`, `Lost`, and `Failed`, with room.
const EVENTS_MAX: usize = 8;

/// Bytes that the leader hands to every member with its partitions; asked for in each generation this process leads. An
/// error is logged, and the generation is tried again after a pause.
pub type LeaderUserData =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>> + Send + Sync>;

/// Which group, and how.
#[derive(Clone)]
pub struct MembershipSettings {
    pub group_id: String,
    /// `consumer`, or a type of our own for groups that no other client is to join.
    pub protocol_type: String,
    /// What this process offers, the best first. The coordinator chooses one that all members offer.
    pub assignors: Vec<Assignor>,
    /// One per stream, at least one.
    pub members: Vec<MemberIdentity>,
    /// Without a heartbeat for so long the coordinator takes a member for dead.
    pub session_timeout: Duration,
    /// Pause between two heartbeats of a member; a third of the session time-out or less.
    pub heartbeat_interval: Duration,
    /// So long the coordinator waits for all members to come back once a rebalance began.
    pub rebalance_timeout: Duration,
    /// Pauses after failures.
    pub backoff: BackoffConfig,
    /// What the members are told besides their partitions when this process leads.
    pub leader_user_data: Option<LeaderUserData>,
}

/// One stream's identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberIdentity {
    /// What the member calls itself; brokers count quotas by it and begin its member id with it.
    pub client_id: Arc<str>,
    /// Remembered from a dead predecessor, whose place is taken at once; empty if there is none.
    pub member_id: String,
}

/// What the owner of a membership has to know.
#[derive(Debug, Clone)]
pub enum MembershipEvent {
    /// Every member of this process is in this generation and knows its partitions.
    Assigned(GroupAssignment),
    /// A rebalance has begun: finish what is in hand, commit, then [`release`](Membership::release). At `deadline` the
    /// coordinator stops waiting for us, with a safety margin.
    Revoking { deadline: Instant },
    /// The group gave our partitions to others, or may have: nothing of them may be produced or committed any more. Then
    /// [`release`](Membership::release).
    Lost { reason: String },
    /// This group can never be joined as configured; the text says why and what to do.
    Failed(MembershipError),
}

/// What this process was given in one generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupAssignment {
    pub generation_id: i32,
    /// By stream, in the order of [`MembershipSettings::members`].
    pub members: Vec<AssignedMember>,
    /// This process has the leader.
    pub leads: bool,
    /// What the leader told the first of our members besides its partitions.
    pub user_data: Bytes,
}

/// One stream's share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignedMember {
    pub member_id: String,
    pub partitions: Vec<TopicPartition>,
}

/// The members of this process in one group. Dropping it ends the heartbeats without leaving the group: the coordinator
/// then waits for the session time-out.
#[derive(Debug)]
pub struct Membership {
    group_cluster: Arc<Cluster>,
    group_id: String,
    events: mpsc::Receiver<MembershipEvent>,
    /// Events that were taken from the queue.
    events_seen: u64,
    /// The number of the last event that was known when `release` was called.
    released: watch::Sender<u64>,
    topics: watch::Sender<BTreeMap<Arc<str>, i32>>,
    member_ids: watch::Receiver<Vec<String>>,
    lease: Lease,
    driver: OwnedTask,
}

// === impl MembershipSettings ===

impl MembershipSettings {
    fn timing(&self) -> MemberTiming {
        MemberTiming {
            session_timeout: self.session_timeout,
            heartbeat_interval: self.heartbeat_interval,
            rebalance_timeout: self.rebalance_timeout,
            backoff: self.backoff,
        }
    }
}

// === impl Membership ===

impl Membership {
    /// Starts joining. `group_cluster` holds the group, `topics_cluster` the topics; they are the same for groups that
    /// other consumers join, too. `topics`: what this process subscribes to, with the number of partitions of each.
    pub fn join(
        group_cluster: Arc<Cluster>,
        topics_cluster: Arc<Cluster>,
        settings: MembershipSettings,
        topics: BTreeMap<Arc<str>, i32>,
    ) -> Self {
        let (events_in, events) = mpsc::channel(EVENTS_MAX);
        let (released, released_out) = watch::channel(0);
        let (topics, topics_out) = watch::channel(topics);
        let ids = settings.members.iter().map(|member| member.member_id.clone());
        let (member_ids_in, member_ids) = watch::channel(ids.collect());
        let lease = Lease::default();
        let group_id = settings.group_id.clone();
        let ends = driver::Ends {
            events: events_in,
            released: released_out,
            topics: topics_out,
            member_ids: member_ids_in,
            lease: lease.clone(),
        };
        let driver = driver::Driver::new(Arc::clone(&group_cluster), topics_cluster, settings, ends);
        Self {
            group_cluster,
            group_id,
            events,
            events_seen: 0,
            released,
            topics,
            member_ids,
            lease,
            driver: OwnedTask::start(driver.run()),
        }
    }

    /// Waits for the next event. Cancel safe.
    pub async fn next_event(&mut self) -> MembershipEvent {
        let event = self.events.recv().await;
        self.events_seen += 1;
        event.unwrap_or_else(|| {
            MembershipEvent::Failed(MembershipError::Ended {
                group_id: self.group_id.clone(),
            })
        })
    }

    /// What was revoked or lost is given up: all members join the next generation. Counts for the events that were read:
    /// if `Lost` followed a `Revoking` meanwhile, it wants a release of its own.
    pub fn release(&mut self) {
        self.released.send_replace(self.events_seen);
    }

    /// What this process subscribes to from now on. Another set of topics makes all members join again, which begins with
    /// `Revoking`; another number of partitions does so if this process leads.
    pub fn set_topics(&self, topics: BTreeMap<Arc<str>, i32>) {
        self.topics.send_if_modified(|current| {
            let changed = *current != topics;
            *current = topics;
            changed
        });
    }

    /// A view of whether what was assigned is still ours.
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// The ids of the members by stream, as soon as the coordinator gives them; empty where it has not yet.
    pub fn member_ids(&self) -> watch::Receiver<Vec<String>> {
        self.member_ids.clone()
    }

    /// Leaves the group, so that others take over at once. Bounded in time: a coordinator that does not answer finds out
    /// by the session time-out.
    ///
    /// # Errors
    /// As [`leave_members`]; some of the members may still be in the group then.
    pub async fn leave(self) -> Result<(), ClientError> {
        self.lease.end();
        drop(self.driver);
        let ids: Vec<String> = self.member_ids.borrow().clone();
        leave_members(&self.group_cluster, &self.group_id, &ids).await
    }
}

/// Takes members out of a group that nobody speaks for any more. Ids that the coordinator does not know are fine, empty
/// ones are passed over.
///
/// # Errors
/// The coordinator could not be found, did not answer, or refused within two seconds.
pub async fn leave_members(
    cluster: &Arc<Cluster>,
    group_id: &str,
    member_ids: &[String],
) -> Result<(), ClientError> {
    let ids: Vec<String> = member_ids.iter().filter(|id| !id.is_empty()).cloned().collect();
    if ids.is_empty() {
        return Ok(());
    }
    let group = GroupClient::new(Arc::clone(cluster), group_id, LEAVE_TIME_MAX);
    group.leave(&ids, LEAVE_TIME_MAX).await
}
