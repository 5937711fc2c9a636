//! How a flow comes into its group: with the members of a dead predecessor, where there was one, and with the place its
//! positions live in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use kafka_client::Cluster;
use kafka_client::group::GroupClient;
use kafka_client::membership::{
    GroupAssignment, LeaderUserData, MemberIdentity, Membership, MembershipSettings, leave_members,
};
use kafka_client_core::assignor::Assignor;
use kafka_client_core::backoff::Backoff;
use mirror_config::{Bootstrap, FlowConfig, Positions};
use mirror_positions::{PositionTopic, PositionTopicSettings, read_if_exists, reverse_flow};
use tokio::sync::watch;
use tokio::time::{Duration, sleep};

use crate::events;
use crate::flow::FlowContext;
use crate::member_home::Group;
use crate::position_store::{PositionStore, SourcePositions, TargetPositions};
use crate::run_error::RunError;
use crate::settings;
use crate::state_folder::{LeftMembers, StateFolder};
use crate::zookeeper_group::ZooKeeperGroup;

/// How long a coordinator that moves or loads is waited for.
const COORDINATOR_PATIENCE: Duration = Duration::from_secs(10);

/// Opens the place where the flow's positions live.
pub(crate) async fn position_store(
    config: &FlowConfig,
    source: &Arc<Cluster>,
    target: &Arc<Cluster>,
    state: &StateFolder,
) -> Result<PositionStore, RunError> {
    let source_group = |group_id: &str| GroupClient::new(Arc::clone(source), group_id, COORDINATOR_PATIENCE);
    match &config.positions {
        Positions::SourceGroup { group_id, zookeeper } => {
            let zookeeper = match (&config.source.bootstrap, zookeeper) {
                (Bootstrap::ZooKeeper(connect), Some(offsets)) => {
                    let ensemble = mirror_discovery::ensemble(connect);
                    Some(ZooKeeperGroup::new(ensemble, group_id, *offsets, state.path()))
                }
                (Bootstrap::Servers(_) | Bootstrap::ZooKeeper(_) | Bootstrap::Ambari(_), _) => None,
            };
            Ok(PositionStore::SourceGroup(SourcePositions {
                group: source_group(group_id),
                zookeeper,
            }))
        }
        Positions::TargetTopic { topic, commit_group } => {
            let settings = PositionTopicSettings {
                topic: topic.as_str().into(),
                flow: config.name.clone(),
                instance: state.path().display().to_string(),
                request_timeout: config.target.request_timeout,
            };
            let topic = PositionTopic::open(Arc::clone(target), settings)
                .await
                .map_err(RunError::Positions)?;
            Ok(PositionStore::TargetTopic(TargetPositions {
                topic: Arc::new(topic),
                source_cluster_id: cluster_id(source),
                rename: config.rename.clone(),
                told_renamed: AtomicBool::new(false),
                commit_group: commit_group.as_deref().map(source_group),
            }))
        }
    }
}

/// Joins the group. The members of a dead predecessor are taken over where we have a stream for them, so that the group
/// need not wait for their sessions to end; those that are left over leave.
pub(crate) async fn join(
    context: &Arc<FlowContext>,
    state: &StateFolder,
    topics: BTreeMap<Arc<str>, i32>,
) -> (Membership, Group) {
    let config = &context.config.membership;
    let group_id = config.group_of(&cluster_id(&context.source));
    let group_cluster = match &*context.store {
        PositionStore::SourceGroup(_) => &context.source,
        PositionStore::TargetTopic(_) => &context.target,
    };
    events::joining(&group_id, topics.len());
    let group = Group {
        cluster_id: cluster_id(group_cluster),
        group_id: group_id.clone(),
    };
    let mut remembered = match state.members(&group) {
        LeftMembers::Ours(members) => members,
        LeftMembers::NotOurs { members, because } => {
            events::members_left_alone(members, because);
            Vec::new()
        }
    };
    let surplus = remembered.split_off(remembered.len().min(config.client_ids.len()));
    if !remembered.is_empty() {
        events::taking_over(remembered.len(), &group_id);
    }
    let surplus: Vec<String> = surplus.into_iter().filter(|id| !id.is_empty()).collect();
    if !surplus.is_empty()
        && let Err(error) = leave_members(group_cluster, &group_id, &surplus).await
    {
        events::dead_members_stay(surplus.len(), &error);
    }
    let mut remembered = remembered.into_iter();
    let members = config.client_ids.iter().map(|client_id| MemberIdentity {
        client_id: client_id.as_str().into(),
        member_id: remembered.next().unwrap_or_default(),
    });
    let settings = MembershipSettings {
        group_id,
        protocol_type: config.protocol_type.to_owned(),
        assignors: config
            .assignors
            .iter()
            .map(|assignor| match assignor {
                mirror_config::Assignor::Range => Assignor::Range,
                mirror_config::Assignor::RoundRobin => Assignor::RoundRobin,
            })
            .collect(),
        members: members.collect(),
        session_timeout: config.session_timeout,
        heartbeat_interval: config.heartbeat_interval,
        rebalance_timeout: if context.abilities.rebalances_within_session {
            config.rebalance_timeout.min(config.session_timeout)
        } else {
            config.rebalance_timeout
        },
        backoff: settings::backoff(
            context.config.source.retry_backoff,
            context.config.source.reconnect_backoff_max,
        ),
        leader_user_data: fence_source(context),
    };
    let membership = Membership::join(
        Arc::clone(group_cluster),
        Arc::clone(&context.source),
        settings,
        topics,
    );
    (membership, group)
}

/// Nothing is copied beside a consumer of the ZooKeeper era, however long ZooKeeper takes to tell.
pub(crate) async fn wait_for_old_consumers(context: &FlowContext) -> Result<(), RunError> {
    let Some(zookeeper) = context.store.zookeeper() else {
        return Ok(());
    };
    let source = &context.config.source;
    let pauses = settings::backoff(source.reconnect_backoff, source.reconnect_backoff_max);
    let mut backoff = Backoff::new(pauses, 0);
    loop {
        match zookeeper.wait_for_nobody().await {
            Err(error) if error.may_pass() => events::positions_unavailable(backoff.attempts(), &error),
            waited => return waited,
        }
        sleep(backoff.next_delay()).await;
    }
}

/// Positions in a topic are fenced by a number that the group's leader takes anew for each generation and hands out
/// with the assignment. Positions in a group are fenced by the group itself.
///
/// A topic that holds something else than positions is told to the flow: the group would try again for ever.
fn fence_source(context: &FlowContext) -> Option<LeaderUserData> {
    let PositionStore::TargetTopic(positions) = &*context.store else {
        return None;
    };
    let topic = Arc::clone(&positions.topic);
    let unclaimable = Arc::clone(&context.unclaimable);
    Some(Arc::new(move || {
        let (topic, unclaimable) = (Arc::clone(&topic), Arc::clone(&unclaimable));
        Box::pin(async move {
            let fence = topic.claim().await.map_err(|error| {
                let text = error.to_string();
                if !error.may_pass() {
                    unclaimable.send_replace(Some(error));
                }
                text
            })?;
            Ok(Bytes::copy_from_slice(&fence.to_be_bytes()))
        })
    }))
}

/// The number that came with an assignment; -1 where there is none.
pub(crate) fn fence_of(assignment: &GroupAssignment) -> i64 {
    let bytes: Result<[u8; 8], _> = assignment.user_data.as_ref().try_into();
    bytes.map_or(-1, i64::from_be_bytes)
}

/// Keeps the members' ids in the state folder, for a successor that has to speak for them.
pub(crate) async fn remember(
    state: Arc<StateFolder>,
    group: Group,
    mut member_ids: watch::Receiver<Vec<String>>,
) {
    loop {
        let ids = member_ids.borrow_and_update().clone();
        if ids.iter().any(|id| !id.is_empty())
            && let Err(error) = state.remember(&group, &ids)
        {
            events::state_not_kept(&error);
        }
        if member_ids.changed().await.is_err() {
            return;
        }
    }
}

/// A flow that brings the same topics back would fill both clusters for ever (docs/traps.md).
pub(crate) async fn check_reverse_flow(context: &FlowContext) -> Result<(), RunError> {
    let Positions::TargetTopic { topic, .. } = &context.config.positions else {
        return Ok(());
    };
    let stored = read_if_exists(
        &context.source,
        &topic.as_str().into(),
        context.config.source.request_timeout,
    )
    .await
    .map_err(RunError::Positions)?;
    let Some(stored) = stored else { return Ok(()) };
    let topics: BTreeSet<Arc<str>> = context
        .topics
        .names()
        .into_iter()
        .filter(|name| context.config.rename.target_name(name) == *name)
        .collect();
    let reverse = reverse_flow(&stored, &cluster_id(&context.target), &topics);
    match reverse.into_iter().next() {
        None => Ok(()),
        Some(found) => Err(RunError::ReverseFlow {
            flow: found.flow,
            topic: found.topic.to_string(),
        }),
    }
}

/// What a cluster is called in stored positions; brokers before 0.10.1 have no id, there our name for it has to do.
pub(crate) fn cluster_id(cluster: &Cluster) -> String {
    cluster
        .cluster_id()
        .unwrap_or_else(|| format!("alias:{}", cluster.alias()))
}
