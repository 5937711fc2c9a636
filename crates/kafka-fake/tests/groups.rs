//! Groups as a client sees them: the project's own membership on the embedded brokers, on pipes and under a paused clock.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::group::{CommittedOffset, GroupClient};
use kafka_client::membership::{
    Assignor, GroupAssignment, MemberIdentity, Membership, MembershipEvent, MembershipSettings,
};
use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_fake::{FakeCluster, KafkaRelease, MemoryNetwork};
use kafka_wire::{ErrorCode, TopicPartition};
use tokio::time::{Instant, timeout};

/// Far more than anything here takes, on a clock that does not wait.
const PATIENCE: Duration = Duration::from_mins(10);

const SESSION: Duration = Duration::from_secs(10);

const GROUP: &str = "mirror";

/// A cluster and what connects to it.
struct World {
    fake: FakeCluster,
    network: MemoryNetwork,
}

// === impl World ===

impl World {
    /// Brokers with the topic `orders` of four partitions.
    async fn start(brokers: u16, release: KafkaRelease) -> Self {
        let network = MemoryNetwork::new();
        let builder = FakeCluster::builder().brokers(brokers).release(release);
        let fake = builder.start_memory(&network).await.expect("the address is free");
        fake.create_topic("orders", 4, &[]).expect("a new topic");
        Self { fake, network }
    }

    async fn client(&self) -> Arc<Cluster> {
        let pipes = self.network.clone();
        let settings = ClusterSettings {
            alias: "source".to_owned(),
            bootstrap: self.fake.bootstrap().split(',').map(str::to_owned).collect(),
            addresses: AddressMap::default(),
            connection: ConnectionSettings {
                client_id: Arc::from("test"),
                connect_timeout: PATIENCE,
                request_timeout: PATIENCE,
                response_bytes_max: 1 << 20,
                network: Network::Other(Arc::new(move |address: &str| pipes.connect(address))),
            },
        };
        Arc::new(Cluster::connect(settings).await.expect("a broker answers"))
    }

    async fn group(&self) -> GroupClient {
        GroupClient::new(self.client().await, GROUP, PATIENCE)
    }

    /// A process with so many streams joins.
    async fn join(&self, name: &str, streams: usize) -> Membership {
        let members = (0..streams).map(|stream| MemberIdentity {
            client_id: format!("{name}-{stream}").into(),
            member_id: String::new(),
        });
        let settings = MembershipSettings {
            group_id: GROUP.to_owned(),
            protocol_type: "consumer".to_owned(),
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
            members: members.collect(),
            session_timeout: SESSION,
            heartbeat_interval: SESSION / 4,
            rebalance_timeout: Duration::from_mins(1),
            #[expect(
                clippy::default_trait_access,
                reason = "its type is of a crate that this one does not use"
            )]
            backoff: Default::default(),
            leader_user_data: None,
        };
        let cluster = self.client().await;
        let topics = BTreeMap::from([(Arc::from("orders"), 4)]);
        Membership::join(Arc::clone(&cluster), cluster, settings, topics)
    }
}

async fn next(membership: &mut Membership) -> MembershipEvent {
    timeout(PATIENCE, membership.next_event())
        .await
        .expect("an event in time")
}

/// The next assignment, through a rebalance if one begins.
async fn assigned(membership: &mut Membership) -> GroupAssignment {
    loop {
        match next(membership).await {
            MembershipEvent::Assigned(assignment) => return assignment,
            MembershipEvent::Revoking { .. } | MembershipEvent::Lost { .. } => membership.release(),
            MembershipEvent::Failed(error) => panic!("{error}"),
        }
    }
}

fn partitions(assignment: &GroupAssignment) -> Vec<i32> {
    let members = assignment.members.iter().flat_map(|member| &member.partitions);
    let mut partitions: Vec<i32> = members.map(|tp| tp.partition).collect();
    partitions.sort_unstable();
    partitions
}

fn at(offset: i64) -> BTreeMap<TopicPartition, CommittedOffset> {
    let committed = CommittedOffset {
        offset,
        leader_epoch: -1,
        metadata: "anchor".to_owned(),
    };
    BTreeMap::from([(TopicPartition::new("orders", 0), committed)])
}

fn refusal(outcome: Result<Vec<(TopicPartition, ErrorCode)>, ClientError>) -> ErrorCode {
    outcome.expect_err("refused").code().expect("the broker's answer")
}

#[tokio::test(start_paused = true)]
async fn in_every_release_members_share_the_partitions_and_leave() {
    for release in [
        KafkaRelease::V0_11,
        KafkaRelease::V1_1,
        KafkaRelease::V2_4,
        KafkaRelease::V3_2,
        KafkaRelease::V3_9,
        KafkaRelease::V4_1,
    ] {
        let world = World::start(1, release).await;
        let mut membership = world.join("a", 2).await;
        let mut assignment = assigned(&mut membership).await;
        while assignment
            .members
            .iter()
            .any(|member| member.partitions.len() != 2)
        {
            assignment = assigned(&mut membership).await;
        }
        assert_eq!(partitions(&assignment), [0, 1, 2, 3], "{release:?}");
        for member in &assignment.members {
            assert!(member.member_id.starts_with("a-"), "{}", member.member_id);
        }
        let group = world.group().await;
        let described = group.describe().await.expect("answered").expect("it exists");
        assert_eq!((described.state.as_str(), described.members.len()), ("Stable", 2));
        membership.leave().await.expect("the coordinator answers");
        assert_eq!(group.members().await.expect("answered"), []);
        assert_eq!(world.fake.unserved(), [""; 0], "{release:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_process_takes_its_share() {
    let world = World::start(1, KafkaRelease::V4_1).await;
    let mut first = world.join("a", 1).await;
    assert_eq!(partitions(&assigned(&mut first).await), [0, 1, 2, 3]);
    let mut second = world.join("b", 1).await;
    let (ours, theirs) = tokio::join!(assigned(&mut first), assigned(&mut second));
    assert_eq!(ours.generation_id, theirs.generation_id);
    let mut all = [partitions(&ours), partitions(&theirs)].concat();
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3]);
    assert_eq!(partitions(&ours).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_partitions_of_a_dead_process_are_free_after_its_session() {
    let world = World::start(1, KafkaRelease::V4_1).await;
    let mut first = world.join("a", 1).await;
    assigned(&mut first).await;
    let mut second = world.join("b", 1).await;
    let _ = tokio::join!(assigned(&mut first), assigned(&mut second));
    drop(second);
    let died = Instant::now();
    assert_eq!(partitions(&assigned(&mut first).await), [0, 1, 2, 3]);
    let elapsed = died.elapsed();
    assert!(elapsed >= SESSION / 2 && elapsed <= SESSION * 2, "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_owner_of_this_generation_stores_positions() {
    let world = World::start(1, KafkaRelease::V4_1).await;
    let group = world.group().await;
    assert_eq!(group.commit(&at(7), None).await.expect("nobody owns it"), []);
    let mut membership = world.join("a", 1).await;
    let assignment = assigned(&mut membership).await;
    let (id, generation_id) = (assignment.members[0].member_id.clone(), assignment.generation_id);
    assert_eq!(
        group
            .commit(&at(42), Some((&id, generation_id)))
            .await
            .expect("its own"),
        []
    );
    assert_eq!(group.committed().await.expect("answered"), at(42));

    let outsider = group.commit(&at(8), None).await;
    assert_eq!(refusal(outsider), ErrorCode::UNKNOWN_MEMBER_ID);
    let stale = group.commit(&at(8), Some((&id, generation_id - 1))).await;
    assert_eq!(refusal(stale), ErrorCode::ILLEGAL_GENERATION);
    membership.leave().await.expect("the coordinator answers");
    let gone = group.commit(&at(8), Some((&id, generation_id))).await;
    assert_eq!(refusal(gone), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(group.committed().await.expect("answered"), at(42));
}

#[tokio::test(start_paused = true)]
async fn a_position_of_a_partition_that_does_not_exist_is_refused_alone() {
    let world = World::start(1, KafkaRelease::V4_1).await;
    let group = world.group().await;
    let mut offsets = at(7);
    let missing = TopicPartition::new("orders", 4);
    offsets.insert(
        missing.clone(),
        offsets[&TopicPartition::new("orders", 0)].clone(),
    );
    let refused = group.commit(&offsets, None).await.expect("answered");
    assert_eq!(refused, [(missing, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]);
    assert_eq!(group.committed().await.expect("answered"), at(7));
}

#[tokio::test(start_paused = true)]
async fn the_positions_of_a_deleted_topic_are_gone() {
    let world = World::start(1, KafkaRelease::V4_1).await;
    let group = world.group().await;
    group.commit(&at(7), None).await.expect("nobody owns it");
    world.fake.delete_topic("orders").expect("it exists");
    assert_eq!(group.committed().await.expect("answered"), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn a_group_goes_on_when_its_coordinators_broker_dies() {
    let world = World::start(3, KafkaRelease::V4_1).await;
    let mut membership = world.join("a", 1).await;
    let assignment = assigned(&mut membership).await;
    let (id, generation_id) = (assignment.members[0].member_id.clone(), assignment.generation_id);
    let group = world.group().await;
    group
        .commit(&at(42), Some((&id, generation_id)))
        .await
        .expect("its own");

    let dead = world.fake.coordinator_of(GROUP).expect("a broker is up");
    world.fake.crash_broker(dead).await.expect("it was up");
    assert_ne!(world.fake.coordinator_of(GROUP).expect("a broker is up"), dead);
    let group = world.group().await;
    assert_eq!(group.committed().await.expect("answered"), at(42));
    let again = group.commit(&at(43), Some((&id, generation_id))).await;
    assert_eq!(again.expect("the generation outlives its coordinator"), []);
    let event = timeout(SESSION * 3, membership.next_event()).await;
    assert!(
        event.is_err(),
        "its heartbeats find the new coordinator: {event:?}"
    );
    assert_eq!(group.members().await.expect("answered").len(), 1);
}
