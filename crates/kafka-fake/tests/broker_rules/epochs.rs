//! Leader epochs: fenced clients, divergence, and what an unclean election takes away.

use kafka_fake::FakeCluster;
use kafka_wire::api::fetch::{EpochEndOffset, FetchPartition};
use kafka_wire::api::offset_for_leader_epoch::{
    OffsetForLeaderEpochRequest, OffsetForLeaderPartition, OffsetForLeaderTopic,
};
use kafka_wire::{ErrorCode, NodeId};

use crate::client::{Client, Sent, Setup, TOPIC, assert_ok, base_offsets, wanted};

async fn three_brokers() -> Setup {
    let builder = FakeCluster::builder().brokers(3).default_replication_factor(3);
    let setup = Setup::start(builder).await;
    setup.cluster.create_topic(TOPIC, 1, &[]).expect("a new topic");
    setup
}

async fn end_of(client: &mut Client, epoch: i32) -> (i32, i64) {
    let request = OffsetForLeaderEpochRequest {
        topics: vec![OffsetForLeaderTopic {
            topic: TOPIC.into(),
            partitions: vec![OffsetForLeaderPartition {
                partition: 0,
                current_leader_epoch: -1,
                leader_epoch: epoch,
            }],
        }],
    };
    let answer = client.call(3, &request).await.topics[0].partitions[0];
    assert_eq!(answer.error_code, ErrorCode::NONE);
    (answer.leader_epoch, answer.end_offset)
}

#[tokio::test(start_paused = true)]
async fn older_epochs_are_fenced_and_newer_ones_unknown() {
    let setup = three_brokers().await;
    setup.cluster.move_leader(TOPIC, 0, NodeId(2)).unwrap();
    let mut client = setup.client(2);
    let mut with_epoch = async |epoch: i32| {
        let wanted = FetchPartition {
            current_leader_epoch: epoch,
            ..wanted(0)
        };
        client.fetch(12, wanted).await.error_code
    };
    assert_eq!(with_epoch(0).await, ErrorCode::FENCED_LEADER_EPOCH);
    assert_eq!(with_epoch(1).await, ErrorCode::NONE);
    assert_eq!(with_epoch(2).await, ErrorCode::UNKNOWN_LEADER_EPOCH);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_names_the_leader_from_version_16_on() {
    let setup = three_brokers().await;
    setup.cluster.move_leader(TOPIC, 0, NodeId(3)).unwrap();
    let mut client = setup.client(1);
    let old = client.fetch(12, wanted(0)).await;
    assert_eq!(old.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert!(old.current_leader.is_none());
    let id = setup.cluster.topic_id(TOPIC).unwrap();
    let request = crate::client::fetch_request(id, vec![wanted(0)]);
    let answer = client.call(16, &request).await;
    let leader = answer.topics[0].partitions[0].current_leader.unwrap();
    assert_eq!((leader.leader_id, leader.leader_epoch), (NodeId(3), 1));
    assert_eq!(answer.node_endpoints[0].node_id, NodeId(3));

    let produced = client.produce(10, 0, &Sent::values(&["a"])).await;
    assert_eq!(produced.error_code, ErrorCode::NOT_LEADER_OR_FOLLOWER);
    assert_eq!(produced.current_leader.unwrap().leader_id, NodeId(3));
}

#[tokio::test(start_paused = true)]
async fn an_epoch_ends_where_the_next_one_begins() {
    let setup = three_brokers().await;
    setup.client(1).produce(9, 0, &Sent::values(&["a", "b"])).await;
    setup.cluster.move_leader(TOPIC, 0, NodeId(2)).unwrap();
    let mut client = setup.client(2);
    assert_ok(&client.produce(9, 0, &Sent::values(&["c"])).await, 2);
    assert_eq!(end_of(&mut client, 0).await, (0, 2));
    assert_eq!(end_of(&mut client, 1).await, (1, 3));
    assert_eq!(end_of(&mut client, 7).await, (-1, -1));
}

#[tokio::test(start_paused = true)]
async fn an_unclean_election_diverges_from_what_a_reader_has_seen() {
    let setup = three_brokers().await;
    setup.client(1).produce(9, 0, &Sent::values(&["a"])).await;
    setup.client(1).produce(9, 0, &Sent::values(&["b"])).await;
    setup.cluster.unclean_election(TOPIC, 0, 1).unwrap();
    let mut client = setup.client(2);
    client.produce(9, 0, &Sent::values(&["c"])).await;
    client.produce(9, 0, &Sent::values(&["d"])).await;
    let seen = FetchPartition {
        last_fetched_epoch: 0,
        ..wanted(2)
    };
    let answer = client.fetch(12, seen).await;
    assert_eq!(answer.error_code, ErrorCode::NONE);
    assert_eq!(
        answer.diverging_epoch,
        Some(EpochEndOffset {
            epoch: 0,
            end_offset: 1
        })
    );
    assert!(answer.records.is_empty());
    let again = FetchPartition {
        last_fetched_epoch: 0,
        ..wanted(1)
    };
    let answer = client.fetch(12, again).await;
    assert_eq!(
        (answer.diverging_epoch, base_offsets(&answer.records)),
        (None, vec![1, 2])
    );
}

#[tokio::test(start_paused = true)]
async fn a_crash_moves_the_leader_in_a_new_epoch_and_loses_nothing() {
    let setup = three_brokers().await;
    setup.client(1).produce(9, 0, &Sent::values(&["a"])).await;
    setup.cluster.crash_broker(NodeId(1)).await.unwrap();
    let view = setup.cluster.log(TOPIC, 0).unwrap();
    assert_eq!((view.leader, view.leader_epoch), (Some(NodeId(2)), 1));
    assert_eq!(view.in_sync, [NodeId(2), NodeId(3)]);
    let address = setup.cluster.address(NodeId(1)).unwrap();
    assert!(setup.network.connect(&address).is_err());
    let mut client = setup.client(2);
    assert_ok(&client.produce(9, 0, &Sent::values(&["b"])).await, 1);
    assert_eq!(base_offsets(&client.fetch(12, wanted(0)).await.records), [0, 1]);
    setup.cluster.restart_broker(NodeId(1)).await.unwrap();
    let view = setup.cluster.log(TOPIC, 0).unwrap();
    assert_eq!(view.leader, Some(NodeId(2)), "it does not take the lead back");
    assert_eq!(view.in_sync.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn without_any_replica_there_is_no_leader_until_the_last_one_in_sync_returns() {
    let setup = three_brokers().await;
    for broker in [1, 2, 3] {
        setup.cluster.crash_broker(NodeId(broker)).await.unwrap();
    }
    assert_eq!(setup.cluster.log(TOPIC, 0).unwrap().leader, None);
    setup.cluster.restart_broker(NodeId(1)).await.unwrap();
    assert_eq!(
        setup.cluster.log(TOPIC, 0).unwrap().leader,
        None,
        "it was not in sync at the end"
    );
    setup.cluster.restart_broker(NodeId(3)).await.unwrap();
    let view = setup.cluster.log(TOPIC, 0).unwrap();
    assert_eq!(view.leader, Some(NodeId(3)));
}
