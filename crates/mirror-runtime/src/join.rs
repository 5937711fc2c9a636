//! How a flow comes into its group: with the members of a dead predecessor, where there was one, and with the place its
//! positions live in.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
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
use tokio::time::{Duration, Instant, sleep};

use crate::events;
use crate::flow::FlowContext;
use crate::member_home::Group;
use crate::position_store::{PositionStore, SourcePositions, TargetPositions};
use crate::run_error::RunError;
use crate::settings;
use crate::shared::FlowShared;
use crate::state_folder::{LeftMembers, StateFolder};
use crate::zookeeper_group::ZooKeeperGroup;

/// How long a coordinator that moves or loads is waited for.
const COORDINATOR_PATIENCE: Duration = Duration::from_secs(10);

/// So long nobody wonders about a join.
const USUAL_JOIN: Duration = Duration::from_secs(10);
/// How often it is said again that a join takes long.
const TELL_AGAIN: Duration = Duration::from_mins(1);

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

/// Says what is waited for when a join takes long, in the log and in the status, for as long as it is polled. A member that
/// died without leaving holds everybody up until the coordinator gives it up, and nobody else says so.
pub(crate) async fn tell_of_long_join(
    shared: &FlowShared,
    group_id: &str,
    session_timeout: Duration,
    rebalance_timeout: Duration,
) -> Infallible {
    let began = Instant::now();
    sleep(USUAL_JOIN).await;
    loop {
        let problem = format!(
            "joining the group {group_id} for {} s: its coordinator waits for the other members to join again, and gives up \
             one that died without leaving when its session time-out or the group's rebalance time-out is over (ours are \
             {} s and {} s)",
            began.elapsed().as_secs(),
            session_timeout.as_secs_f64(),
            rebalance_timeout.as_secs_f64()
        );
        events::joining_takes_long(group_id, &problem);
        shared.set_problem(problem);
        sleep(TELL_AGAIN).await;
    }
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

#[cfg(test)]
mod tests {
    use mirror_config::{BrakeConfig, OnRefusedRecord};
    use mirror_core::budget::BudgetLimits;
    use mirror_core::control::reach::Reach;
    use mirror_core::status::FlowState;
    use tokio::time::timeout;

    use super::*;
    use crate::memory::Memory;

    /// Two mirrors stood in `joining` for 86 s without a word: a predecessor had died without leaving.
    #[tokio::test(start_paused = true)]
    async fn a_join_that_takes_long_stood_still_without_a_word() {
        let memory = Memory::new(BudgetLimits {
            total: 1000,
            share: 500,
            lane: 100,
        });
        let brake = BrakeConfig {
            bytes_per_second: None,
            start_ramp: Duration::ZERO,
        };
        let shared = FlowShared::new(memory, OnRefusedRecord::Halt, Reach::default(), brake, None);
        shared.set_state(FlowState::Joining);
        let (session, rebalance) = (Duration::from_secs(30), Duration::from_mins(5));
        let mut telling = std::pin::pin!(tell_of_long_join(&shared, "mirrors", session, rebalance));
        let problem = || shared.state().2.unwrap_or_default();

        assert!(timeout(Duration::from_secs(9), &mut telling).await.is_err());
        assert_eq!(problem(), "");
        assert!(timeout(Duration::from_secs(2), &mut telling).await.is_err());
        let words = problem();
        for part in ["group mirrors for 10 s", "died without leaving", "30 s and 300 s"] {
            assert!(words.contains(part), "{words}");
        }
        assert!(timeout(Duration::from_mins(1), &mut telling).await.is_err());
        assert!(problem().contains("for 70 s"), "{}", problem());
        // What was waited for has come.
        shared.set_state(FlowState::Joining);
        assert_eq!(problem(), "");
    }
}
