//! What a consumer stores in its group, and where the next one goes on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_console::{CommitSettings, Consumer};
use kafka_fake::KafkaRelease;
use kafka_wire::TopicPartition;

use crate::world::{World, all_of, consumer_settings, is_silent, read, record};

fn in_group(interval: Option<Duration>) -> CommitSettings {
    CommitSettings {
        group_id: "readers".to_owned(),
        client_id: Arc::from("console-consumer"),
        session_timeout: Duration::from_secs(10),
        heartbeat_interval: Duration::from_secs(3),
        rebalance_timeout: Duration::from_mins(1),
        commit_interval: interval,
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_goes_on_where_it_stopped() {
    for release in [KafkaRelease::V0_11, KafkaRelease::V4_1] {
        let world = World::start(|builder| builder.release(release)).await;
        world.fake.create_topic("lines", 2, &[]).expect("a new topic");
        let mut producer = world.producer(|settings| settings.partition = Some(1)).await;
        for number in 0..10 {
            producer.send(&record(&number.to_string()), 1000).await;
        }
        producer.flush().await;
        let open = async || {
            let client = world.client().await;
            let group = in_group(Some(Duration::from_secs(5)));
            Consumer::new(client, all_of("lines"), consumer_settings(), Some(group))
        };
        let mut consumer = open().await;
        // The batch holds ten records, of which four are taken.
        assert_eq!(read(&mut consumer, 10).await.0.len(), 10);
        consumer.stopped_at(&TopicPartition::new("lines", 1), 4);
        consumer.close().await.expect("stored");
        let committed = world.fake.committed_offsets("readers");
        let at = |partition| {
            committed
                .get(&TopicPartition::new("lines", partition))
                .map(|found| found.offset)
        };
        assert_eq!((at(0), at(1)), (Some(0), Some(4)), "{release:?}");
        let mut consumer = open().await;
        let (records, _) = read(&mut consumer, 6).await;
        assert_eq!(records.first().map(String::as_str), Some("1/4 4"));
        // What was handed out is stored as time goes by.
        assert!(is_silent(&mut consumer).await);
        let committed: BTreeMap<_, _> = world.fake.committed_offsets("readers");
        let stored = committed
            .get(&TopicPartition::new("lines", 1))
            .map(|found| found.offset);
        assert_eq!(stored, Some(10));
        consumer.close().await.expect("nothing left to store");
        assert!(
            world
                .fake
                .group("readers")
                .is_none_or(|group| group.members.is_empty())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_group_that_does_not_commit_stores_nothing() {
    let world = World::with_topic(1).await;
    world.write(["a"]).await;
    let client = world.client().await;
    let mut consumer = Consumer::new(client, all_of("lines"), consumer_settings(), Some(in_group(None)));
    assert_eq!(read(&mut consumer, 1).await.0, ["0/0 a"]);
    consumer.close().await.expect("nothing to store");
    assert!(world.fake.committed_offsets("readers").is_empty());
}
