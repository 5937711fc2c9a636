//! Groups: joined, led, left, and the offsets they keep.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use kafka_wire::api::describe_groups::DescribeGroupsRequest;
use kafka_wire::api::find_coordinator::FindCoordinatorRequest;
use kafka_wire::api::heartbeat::HeartbeatRequest;
use kafka_wire::api::join_group::{JoinGroupProtocol, JoinGroupRequest, JoinGroupResponse};
use kafka_wire::api::leave_group::LeaveGroupRequest;
use kafka_wire::api::offset_commit::{OffsetCommitPartition, OffsetCommitRequest, OffsetCommitTopic};
use kafka_wire::api::offset_fetch::{OffsetFetchRequest, OffsetFetchTopic};
use kafka_wire::api::sync_group::{SyncGroupAssignment, SyncGroupRequest};
use kafka_wire::error_code::ErrorCode;
use tokio::time::timeout;

use super::peer::Peer;
use super::{Case, Transcript};

const LIMIT: Duration = Duration::from_secs(30);
/// Version 0, no topics, no user data: a broker reads it, and leaves a member waiting whose subscription it cannot read.
const SUBSCRIPTION: &[u8] = &[0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        ("one-member", |peer| Box::pin(one_member(peer))),
        ("strangers", |peer| Box::pin(strangers(peer))),
        ("group-offsets", |peer| Box::pin(group_offsets(peer))),
    ]
}

/// Asks until the broker coordinates the group: a coordinator that was just made loads its groups first.
async fn settle(peer: &Peer, group: &str) -> Result<ErrorCode> {
    timeout(LIMIT, coordinated(peer, group))
        .await
        .context("nobody coordinates the group")?
}

async fn coordinated(peer: &Peer, group: &str) -> Result<ErrorCode> {
    loop {
        let coordinator = peer
            .ask_up_to(
                &FindCoordinatorRequest {
                    key: group.to_owned(),
                    key_type: 0,
                },
                3,
            )
            .await?;
        let beat = HeartbeatRequest {
            group_id: group.to_owned(),
            generation_id: 1,
            member_id: "nobody".to_owned(),
        };
        // A coordinator that is still loading calls every heartbeat good, a stranger's as well.
        let passing = [
            ErrorCode::NONE,
            ErrorCode::COORDINATOR_NOT_AVAILABLE,
            ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            ErrorCode::NOT_COORDINATOR,
        ];
        if coordinator.error_code.is_ok() {
            let answered = peer.ask(&beat).await?.error_code;
            if !passing.contains(&answered) {
                return Ok(answered);
            }
        }
    }
}

fn join(group: &str, member_id: &str, protocol: &str) -> JoinGroupRequest {
    JoinGroupRequest {
        group_id: group.to_owned(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        member_id: member_id.to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![JoinGroupProtocol {
            name: protocol.to_owned(),
            metadata: Bytes::from_static(SUBSCRIPTION),
        }],
    }
}

fn joined(what: &str, answer: &JoinGroupResponse) -> String {
    format!(
        "{what}: {} generation={} type={:?} protocol={:?} leads={} members={} named={}",
        answer.error_code,
        answer.generation_id,
        answer.protocol_type,
        answer.protocol_name,
        !answer.member_id.is_empty() && answer.leader == answer.member_id,
        answer.members.len(),
        answer.member_id.starts_with("conformance-"),
    )
}

async fn one_member(peer: &Peer) -> Result<Transcript> {
    let group = peer.name("group").to_string();
    let mut transcript = vec![format!("nobody's heartbeat: {}", settle(peer, &group).await?)];
    let first = peer.ask(&join(&group, "", "range")).await?;
    transcript.push(joined("without an id", &first));
    let member_id = first.member_id;
    let second = peer.ask(&join(&group, &member_id, "range")).await?;
    transcript.push(joined("with it", &second));
    let generation_id = second.generation_id;
    let beat = |generation_id| HeartbeatRequest {
        group_id: group.clone(),
        generation_id,
        member_id: member_id.clone(),
    };
    transcript.push(format!(
        "before the sync: {}",
        peer.ask(&beat(generation_id)).await?.error_code
    ));
    let sync = |generation_id, protocol: &str| SyncGroupRequest {
        group_id: group.clone(),
        generation_id,
        member_id: member_id.clone(),
        protocol_type: "consumer".to_owned(),
        protocol_name: protocol.to_owned(),
        assignments: vec![SyncGroupAssignment {
            member_id: member_id.clone(),
            assignment: Bytes::from_static(b"its share"),
        }],
    };
    for (what, request) in [
        ("another generation", sync(generation_id + 1, "range")),
        ("another protocol", sync(generation_id, "roundrobin")),
        ("in order", sync(generation_id, "range")),
        ("again", sync(generation_id, "range")),
    ] {
        let answer = peer.ask(&request).await?;
        transcript.push(format!(
            "sync, {what}: {} {:?}",
            answer.error_code, answer.assignment
        ));
    }
    transcript.push(format!(
        "beats: {}",
        peer.ask(&beat(generation_id)).await?.error_code
    ));
    transcript.push(format!(
        "beats of the past: {}",
        peer.ask(&beat(generation_id - 1)).await?.error_code
    ));
    transcript.extend(described(peer, &group).await?);
    let again = peer.ask(&join(&group, &member_id, "range")).await?;
    transcript.push(joined("joins again", &again));
    let leave = LeaveGroupRequest {
        group_id: group.clone(),
        member_ids: vec![member_id],
        reason: None,
    };
    for what in ["leaves", "leaves again"] {
        let answer = peer.ask(&leave).await?;
        let members: Vec<_> = answer.members.iter().map(|member| member.error_code).collect();
        transcript.push(format!("{what}: {} {members:?}", answer.error_code));
    }
    transcript.extend(described(peer, &group).await?);
    Ok(transcript)
}

async fn described(peer: &Peer, group: &str) -> Result<Transcript> {
    let request = DescribeGroupsRequest {
        groups: vec![group.to_owned()],
    };
    let groups = peer.ask(&request).await?.groups;
    Ok(groups
        .iter()
        .map(|group| {
            format!(
                "described: {} {} {:?} {:?} members={}",
                group.error_code,
                group.state,
                group.protocol_type,
                group.protocol_data,
                group.members.len()
            )
        })
        .collect())
}

async fn strangers(peer: &Peer) -> Result<Transcript> {
    let group = peer.name("group").to_string();
    settle(peer, &group).await?;
    let mut transcript = Transcript::new();
    transcript.extend(described(peer, &group).await?);
    let unknown = peer.ask(&join(&group, "somebody-else", "range")).await?;
    transcript.push(format!("an id nobody gave out: {}", unknown.error_code));
    let mut short = join(&group, "", "range");
    short.session_timeout_ms = 1;
    transcript.push(format!(
        "a session too short: {}",
        peer.ask(&short).await?.error_code
    ));
    let mut nothing = join(&group, "", "range");
    nothing.protocols.clear();
    transcript.push(format!("no protocol: {}", peer.ask(&nothing).await?.error_code));
    let first = peer.ask(&join(&group, "", "range")).await?;
    peer.ask(&join(&group, &first.member_id, "range")).await?;
    let mut other = join(&group, "", "range");
    "connect".clone_into(&mut other.protocol_type);
    transcript.push(format!(
        "another type of group: {}",
        peer.ask(&other).await?.error_code
    ));
    transcript.push(format!(
        "no common protocol: {}",
        peer.ask(&join(&group, "", "sticky")).await?.error_code
    ));
    let nameless = peer.ask(&join("", "", "range")).await?;
    transcript.push(format!("no name: {}", nameless.error_code));
    Ok(transcript)
}

fn commit(
    peer: &Peer,
    group: &str,
    member_id: &str,
    generation_id: i32,
    partition: i32,
) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: group.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        topics: vec![OffsetCommitTopic {
            name: peer.name("t"),
            partitions: vec![OffsetCommitPartition {
                partition_index: partition,
                committed_offset: 42,
                committed_leader_epoch: 3,
                metadata: Some("some words".to_owned()),
            }],
        }],
    }
}

async fn group_offsets(peer: &Peer) -> Result<Transcript> {
    let topic = peer.make_topic("t", &[]).await?;
    let group = peer.name("group").to_string();
    settle(peer, &group).await?;
    let mut transcript = Transcript::new();
    let fetch = |topics| OffsetFetchRequest {
        group_id: group.clone(),
        topics,
        require_stable: true,
    };
    let named = || {
        Some(vec![OffsetFetchTopic {
            name: Arc::clone(&topic.name),
            partition_indexes: vec![0, 1],
        }])
    };
    for (what, member_id, generation_id, partition) in [
        ("before", "", -2, 0),
        ("a member nobody knows", "nobody", 1, 0),
        ("a group without members", "", -1, 0),
        ("a partition that is none", "", -1, 7),
    ] {
        if generation_id > -2 {
            let request = commit(peer, &group, member_id, generation_id, partition);
            let answer = peer.ask_up_to(&request, 8).await?;
            for result in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                transcript.push(format!("{what}: {}", result.error_code));
            }
        }
        for (which, topics) in [("named", named()), ("all", None)] {
            let answer = peer.ask_up_to(&fetch(topics), 7).await?;
            let offsets: Vec<_> = answer
                .topics
                .iter()
                .flat_map(|topic| &topic.partitions)
                .map(|found| {
                    format!(
                        "{}: {} {} {} {:?}",
                        found.partition_index,
                        found.error_code,
                        found.committed_offset,
                        found.committed_leader_epoch,
                        found.metadata
                    )
                })
                .collect();
            transcript.push(format!("{what}, {which}: {} {offsets:?}", answer.error_code));
        }
    }
    Ok(transcript)
}
