//! The consumer's side of a group: joined with one member, positions stored while it reads and when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_client::membership::{
    Assignor, GroupAssignment, MemberIdentity, Membership, MembershipEvent, MembershipSettings,
};
use kafka_client_core::backoff::BackoffConfig;
use kafka_wire::ids::TopicPartition;
use std::future::pending;
use tokio::time::Instant;

use crate::error::ConsoleError;
use crate::topics::call;

/// How long a coordinator that moves or loads is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// Which group, and how positions are stored in it.
#[derive(Debug, Clone)]
pub struct CommitSettings {
    pub group_id: String,
    /// What the member calls itself.
    pub client_id: Arc<str>,
    pub session_timeout: Duration,
    pub heartbeat_interval: Duration,
    pub rebalance_timeout: Duration,
    /// `None`: positions are never stored (`enable.auto.commit=false`).
    pub commit_interval: Option<Duration>,
}

pub(super) struct GroupSide {
    cluster: Arc<Cluster>,
    settings: CommitSettings,
    client: GroupClient,
    /// `None` until there is a topic to subscribe to.
    membership: Option<Membership>,
    /// Id and generation, while partitions are ours.
    member: Option<(String, i32)>,
    /// What the group has.
    stored: BTreeMap<TopicPartition, i64>,
    next_commit: Option<Instant>,
}

// === impl GroupSide ===

impl GroupSide {
    pub(super) fn new(cluster: Arc<Cluster>, settings: CommitSettings) -> Self {
        Self {
            client: GroupClient::new(Arc::clone(&cluster), &settings.group_id, PATIENCE),
            cluster,
            settings,
            membership: None,
            member: None,
            stored: BTreeMap::new(),
            next_commit: None,
        }
    }

    /// Joins, as soon as there is something to subscribe to.
    pub(super) fn set_topics(&mut self, counts: BTreeMap<Arc<str>, i32>) {
        match &self.membership {
            Some(membership) => membership.set_topics(counts),
            None if counts.is_empty() => {}
            None => {
                let cluster = Arc::clone(&self.cluster);
                let membership = Membership::join(Arc::clone(&cluster), cluster, self.joining(), counts);
                self.membership = Some(membership);
            }
        }
    }

    fn joining(&self) -> MembershipSettings {
        let settings = &self.settings;
        MembershipSettings {
            group_id: settings.group_id.clone(),
            protocol_type: "consumer".to_owned(),
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
            members: vec![MemberIdentity {
                client_id: Arc::clone(&settings.client_id),
                member_id: String::new(),
            }],
            session_timeout: settings.session_timeout,
            heartbeat_interval: settings.heartbeat_interval,
            rebalance_timeout: settings.rebalance_timeout,
            backoff: BackoffConfig::default(),
            leader_user_data: None,
        }
    }

    /// Waits for the group; for ever while there is nothing to join for. Cancel safe.
    pub(super) async fn next_event(&mut self) -> MembershipEvent {
        match &mut self.membership {
            Some(membership) => membership.next_event().await,
            None => pending().await,
        }
    }

    pub(super) fn release(&mut self) {
        self.member = None;
        self.next_commit = None;
        if let Some(membership) = &mut self.membership {
            membership.release();
        }
    }

    /// The partitions of this generation with the positions the group has of them.
    ///
    /// # Errors
    /// The group's positions cannot be read.
    pub(super) async fn assigned(
        &mut self,
        assignment: GroupAssignment,
    ) -> Result<BTreeMap<TopicPartition, Option<i64>>, ConsoleError> {
        let what = format!("reading the positions of group \"{}\"", self.settings.group_id);
        let committed = self.client.committed().await.map_err(call(&what))?;
        let mut positions = BTreeMap::new();
        self.stored.clear();
        for member in assignment.members {
            self.member = Some((member.member_id, assignment.generation_id));
            for tp in member.partitions {
                let position = committed.get(&tp).map(|committed| committed.offset);
                if let Some(position) = position {
                    self.stored.insert(tp.clone(), position);
                }
                positions.insert(tp, position);
            }
        }
        self.next_commit = self
            .settings
            .commit_interval
            .map(|interval| Instant::now() + interval);
        Ok(positions)
    }

    /// When positions are to be stored next, if at all.
    pub(super) fn next_commit(&self) -> Option<Instant> {
        self.next_commit
    }

    pub(super) async fn commit_if_due(
        &mut self,
        positions: &BTreeMap<TopicPartition, i64>,
        notices: &mut VecDeque<String>,
    ) {
        if self.next_commit.is_some_and(|due| Instant::now() >= due) {
            self.commit(positions, notices).await;
        }
    }

    /// Stores what has changed. A failure is told, and what follows stores the same again.
    pub(super) async fn commit(
        &mut self,
        positions: &BTreeMap<TopicPartition, i64>,
        notices: &mut VecDeque<String>,
    ) {
        if let Err(error) = self.try_commit(positions).await {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            notices.push_back(format!("{error}{}", cause.unwrap_or_default()));
        }
    }

    async fn try_commit(&mut self, positions: &BTreeMap<TopicPartition, i64>) -> Result<(), ConsoleError> {
        let (Some(interval), Some((member_id, generation_id))) =
            (self.settings.commit_interval, &self.member)
        else {
            return Ok(());
        };
        self.next_commit = Some(Instant::now() + interval);
        let changed: BTreeMap<_, _> = positions
            .iter()
            .filter(|(tp, offset)| self.stored.get(*tp) != Some(*offset))
            .map(|(tp, offset)| {
                let committed = CommittedOffset {
                    offset: *offset,
                    leader_epoch: -1,
                    metadata: String::new(),
                };
                (tp.clone(), committed)
            })
            .collect();
        if changed.is_empty() {
            return Ok(());
        }
        let group_id = &self.settings.group_id;
        let what = format!("storing the positions of group \"{group_id}\"");
        let member = Some((member_id.as_str(), *generation_id));
        let refused = self.client.commit(&changed, member).await.map_err(call(&what))?;
        for (tp, committed) in changed {
            if !refused.iter().any(|(refused, _)| *refused == tp) {
                self.stored.insert(tp, committed.offset);
            }
        }
        match refused.into_iter().next() {
            None => Ok(()),
            Some((tp, code)) => Err(ConsoleError::NotStored {
                group_id: group_id.clone(),
                tp,
                code,
            }),
        }
    }

    /// Stores what is left to store and leaves.
    pub(super) async fn close(
        mut self,
        positions: &BTreeMap<TopicPartition, i64>,
    ) -> Result<(), ConsoleError> {
        let stored = self.try_commit(positions).await;
        if let Some(membership) = self.membership.take() {
            // A group that is not told notices by itself, at the end of the session.
            let _ = membership.leave().await;
        }
        stored
    }
}
