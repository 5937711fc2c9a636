//! The membership of a process against a scripted coordinator: its connections, its clock, its events.
#![forbid(unsafe_code)]

mod broker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::Broker;
use bytes::Bytes;
use kafka_client::membership::{
    Assignor, GroupAssignment, MemberIdentity, Membership, MembershipEvent, MembershipSettings,
};
use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings};
use kafka_client_core::backoff::BackoffConfig;
use kafka_wire::api_key::ApiKey;
use tokio::time::{Instant, timeout};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

async fn cluster(broker: &Broker) -> Arc<Cluster> {
    let settings = ClusterSettings {
        alias: "source".to_owned(),
        bootstrap: vec![broker.address.clone()],
        addresses: AddressMap::default(),
        connection: ConnectionSettings {
            client_id: Arc::from("shared"),
            connect_timeout: PATIENCE,
            request_timeout: PATIENCE,
            response_bytes_max: 1 << 16,
            network: kafka_client::Network::Tcp,
        },
    };
    Arc::new(Cluster::connect(settings).await.expect("the broker answers"))
}

fn settings(member_ids: &[&str]) -> MembershipSettings {
    let members = member_ids.iter().enumerate().map(|(stream, id)| MemberIdentity {
        client_id: format!("g-{stream}").into(),
        member_id: (*id).to_owned(),
    });
    MembershipSettings {
        group_id: "g".to_owned(),
        protocol_type: "consumer".to_owned(),
        assignors: vec![Assignor::Range, Assignor::RoundRobin],
        members: members.collect(),
        session_timeout: Duration::from_secs(6),
        heartbeat_interval: Duration::from_millis(50),
        rebalance_timeout: Duration::from_mins(1),
        backoff: BackoffConfig::default(),
        leader_user_data: None,
    }
}

fn topics(counts: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
    counts
        .iter()
        .map(|(topic, count)| (Arc::from(*topic), *count))
        .collect()
}

async fn join(broker: &Broker, settings: MembershipSettings) -> Membership {
    let cluster = cluster(broker).await;
    Membership::join(Arc::clone(&cluster), cluster, settings, topics(&[("demo", 4)]))
}

async fn next(membership: &mut Membership) -> MembershipEvent {
    timeout(PATIENCE, membership.next_event())
        .await
        .expect("an event in time")
}

async fn assigned(membership: &mut Membership) -> GroupAssignment {
    let event = next(membership).await;
    let MembershipEvent::Assigned(assignment) = event else {
        panic!("{event:?}");
    };
    assignment
}

fn told(assignment: &GroupAssignment) -> String {
    let members = assignment.members.iter().map(|member| {
        let partitions: Vec<String> = member.partitions.iter().map(ToString::to_string).collect();
        format!("{}: {}", member.member_id, partitions.join(" "))
    });
    members.collect::<Vec<String>>().join(" | ")
}

#[tokio::test]
async fn members_join_in_one_generation_each_on_a_connection_and_under_a_name_of_its_own() {
    let broker = Broker::start(2).await;
    let mut membership = join(&broker, settings(&["", ""])).await;
    assert!(!membership.lease().is_valid(), "nothing is ours yet");
    let assignment = assigned(&mut membership).await;
    assert_eq!((assignment.generation_id, assignment.leads), (1, true));
    let told = told(&assignment);
    assert!(told.contains("m0: demo-0 demo-1"), "{told}");
    assert!(told.contains("m1: demo-2 demo-3"), "{told}");
    assert!(membership.lease().is_valid());
    let senders: Vec<String> = broker.senders(ApiKey::JoinGroup).into_values().collect();
    assert_eq!(senders.len(), 2, "two connections");
    assert!(senders.contains(&"g-0".to_owned()) && senders.contains(&"g-1".to_owned()));
    let ids = membership.member_ids().borrow().clone();
    let mut sorted = ids.clone();
    sorted.sort();
    assert_eq!(sorted, ["m0", "m1"]);

    let lease = membership.lease();
    membership.leave().await.expect("the coordinator answers");
    assert!(!lease.is_valid());
    assert_eq!(
        broker.group.lock().expect("nobody panics with it").left,
        ids,
        "one request for each before LeaveGroup v3"
    );
}

#[tokio::test]
async fn a_rebalance_is_one_revocation_and_the_release_joins_all_again() {
    let broker = Broker::start(2).await;
    let mut membership = join(&broker, settings(&["r0", "r1"])).await;
    let first = assigned(&mut membership).await;
    assert_eq!(
        told(&first),
        "r0: demo-0 demo-1 | r1: demo-2 demo-3",
        "remembered ids are joined with"
    );
    broker.set(|group| group.heartbeat_error = 27);
    let MembershipEvent::Revoking { deadline } = next(&mut membership).await else {
        panic!("a revocation");
    };
    assert!(deadline > Instant::now() + Duration::from_secs(50));
    assert!(membership.lease().is_valid(), "ours until it is released");
    membership.release();
    let second = assigned(&mut membership).await;
    assert_eq!(second.generation_id, 2);
    assert_eq!(told(&second), told(&first));
}

#[tokio::test]
async fn a_coordinator_that_falls_silent_costs_the_partitions_after_the_session() {
    let broker = Broker::start(1).await;
    let settings = MembershipSettings {
        session_timeout: Duration::from_millis(600),
        ..settings(&["r0"])
    };
    let mut membership = join(&broker, settings).await;
    assigned(&mut membership).await;
    let lease = membership.lease();
    broker.set(|group| group.silent = true);
    let silent_since = Instant::now();
    let event = next(&mut membership).await;
    let MembershipEvent::Lost { reason } = event else {
        panic!("{event:?}");
    };
    assert!(reason.contains("no heartbeat"), "{reason}");
    assert!(!lease.is_valid(), "before the event is told");
    assert!(
        silent_since.elapsed() >= Duration::from_millis(500),
        "not before the session was over"
    );
    broker.set(|group| group.silent = false);
    membership.release();
    let again = assigned(&mut membership).await;
    assert_eq!(again.generation_id, 2);
    assert!(lease.is_valid());
}

#[tokio::test]
async fn a_coordinator_that_falls_silent_costs_the_partitions_after_the_rebalance_timeout_if_that_is_shorter()
{
    let broker = Broker::start(1).await;
    let settings = MembershipSettings {
        rebalance_timeout: Duration::from_millis(600),
        ..settings(&["r0"])
    };
    let session = settings.session_timeout;
    let mut membership = join(&broker, settings).await;
    assigned(&mut membership).await;
    let lease = membership.lease();
    broker.set(|group| group.silent = true);
    let silent_since = Instant::now();
    let event = next(&mut membership).await;
    assert!(matches!(event, MembershipEvent::Lost { .. }), "{event:?}");
    assert!(!lease.is_valid(), "before the event is told");
    assert!(
        silent_since.elapsed() < session,
        "others may be at work before that"
    );
}

#[tokio::test]
async fn who_cannot_leave_says_so() {
    let broker = Broker::start(1).await;
    let mut membership = join(&broker, settings(&["r0"])).await;
    assigned(&mut membership).await;
    broker.set(|group| group.silent = true);
    let lease = membership.lease();
    let left = timeout(PATIENCE, membership.leave())
        .await
        .expect("bounded in time");
    assert!(left.is_err(), "nobody was told");
    assert!(!lease.is_valid(), "given up all the same");
}

#[tokio::test]
async fn a_release_counts_for_what_was_read_only() {
    let broker = Broker::start(1).await;
    let mut membership = join(&broker, settings(&["r0"])).await;
    assigned(&mut membership).await;
    broker.set(|group| group.heartbeat_error = 27);
    assert!(matches!(
        next(&mut membership).await,
        MembershipEvent::Revoking { .. }
    ));
    // Lost while the owner is busy with what was revoked.
    let lease = membership.lease();
    broker.set(|group| group.heartbeat_error = 25);
    timeout(PATIENCE, async {
        while lease.is_valid() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("lost");
    broker.set(|group| group.heartbeat_error = 0);
    membership.release();
    let event = next(&mut membership).await;
    assert!(matches!(event, MembershipEvent::Lost { .. }), "{event:?}");
    membership.release();
    assert_eq!(
        told(&assigned(&mut membership).await),
        "m0: demo-0 demo-1 demo-2 demo-3"
    );
}

#[tokio::test]
async fn a_group_without_a_common_assignor_is_named_with_what_it_uses() {
    let broker = Broker::start(1).await;
    broker.set(|group| group.join_error = 23);
    let mut membership = join(&broker, settings(&[""])).await;
    let event = next(&mut membership).await;
    let MembershipEvent::Failed(error) = event else {
        panic!("{event:?}");
    };
    assert_eq!(
        error.to_string(),
        "group \"g\" uses the assignor \"cooperative-sticky\", this process offers range, roundrobin: give them a common one"
    );
}

#[tokio::test]
async fn the_leaders_words_reach_the_members_and_are_asked_for_again_after_a_failure() {
    let broker = Broker::start(1).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let settings = MembershipSettings {
        leader_user_data: Some(Arc::new(move || {
            let count = counter.fetch_add(1, Ordering::Relaxed);
            Box::pin(async move {
                if count == 0 {
                    Err("not yet".to_owned())
                } else {
                    Ok(Bytes::from_static(b"words"))
                }
            })
        })),
        ..settings(&["r0"])
    };
    let mut membership = join(&broker, settings).await;
    let assignment = assigned(&mut membership).await;
    assert_eq!(assignment.user_data, "words");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn changed_topics_are_joined_with_and_unknown_counts_are_asked_for() {
    let broker = Broker::start(1).await;
    let mut membership = join(&broker, settings(&["r0"])).await;
    assigned(&mut membership).await;
    membership.set_topics(topics(&[("demo", 4)]));
    membership.set_topics(topics(&[("demo", 5)]));
    assert!(
        matches!(next(&mut membership).await, MembershipEvent::Revoking { .. }),
        "this process leads"
    );
    membership.release();
    let grown = assigned(&mut membership).await;
    assert_eq!(told(&grown), "r0: demo-0 demo-1 demo-2 demo-3 demo-4");
    membership.set_topics(topics(&[("demo", 5), ("new", 1)]));
    assert!(matches!(
        next(&mut membership).await,
        MembershipEvent::Revoking { .. }
    ));
    membership.release();
    let wider = assigned(&mut membership).await;
    assert!(told(&wider).ends_with(" new-0"), "{}", told(&wider));
}
