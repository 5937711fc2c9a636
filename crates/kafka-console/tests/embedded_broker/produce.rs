//! What a producer writes, and what it says of what it could not write.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kafka_console::{NotWritten, Producer, ProducerSettings};
use kafka_fake::Action;
use kafka_record::partition_for_key;
use kafka_wire::{ApiKey, NodeId};
use tokio::time::timeout;

use crate::world::{World, producer_settings, record};

#[tokio::test(start_paused = true)]
async fn lines_are_written_once_in_order_by_key_and_together_without() {
    let world = World::with_topic(4).await;
    let keyed: Vec<String> = (0..200)
        .map(|number| format!("k{}={number}", number % 7))
        .collect();
    world.write(keyed.iter().map(String::as_str)).await;
    for key in 0..7 {
        let key = format!("k{key}");
        let partition = partition_for_key(key.as_bytes(), 4);
        let expected: Vec<&str> = keyed
            .iter()
            .filter_map(|line| line.strip_prefix(&key)?.strip_prefix('='))
            .collect();
        let found = world.values(partition);
        let found: Vec<_> = found
            .iter()
            .filter(|value| expected.contains(&value.as_str()))
            .collect();
        assert_eq!(found, expected, "{key}");
    }
    let before: usize = (0..4).map(|partition| world.values(partition).len()).sum();
    assert_eq!(before, 200);
    world.write(["a", "b", "c"]).await;
    let together = (0..4).filter(|partition| {
        world
            .values(*partition)
            .ends_with(&["a", "b", "c"].map(str::to_owned))
    });
    assert_eq!(together.count(), 1, "few lines without keys make one batch");
}

#[tokio::test(start_paused = true)]
async fn a_moved_leader_and_lost_answers_make_no_gap_and_no_duplicate() {
    let world = World::start(|builder| builder.brokers(3)).await;
    world
        .fake
        .create_replicated_topic("lines", 1, 3, &[])
        .expect("a new topic");
    let mut producer = world.producer(|settings| settings.batch_bytes = 200).await;
    let attempts = AtomicU32::new(0);
    world.fake.intercept(move |request| {
        // Every third attempt is carried out and not answered.
        if request.api == ApiKey::Produce && attempts.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            Action::CutAnswer
        } else {
            Action::Pass
        }
    });
    for number in 0..300 {
        producer.send(&record(&number.to_string()), 1000).await;
        if number % 100 == 50 {
            let broker = NodeId(1 + number / 100 % 3);
            world.fake.move_leader("lines", 0, broker).expect("a replica");
        }
    }
    producer.flush().await;
    let expected: Vec<_> = (0..300).map(|number| number.to_string()).collect();
    assert_eq!(producer.take_not_written(), []);
    assert_eq!((producer.written().records, world.values(0)), (300, expected));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_refused_takes_no_other_with_it() {
    let world = World::start(|builder| builder).await;
    let limit = [("max.message.bytes", "300")];
    world.fake.create_topic("lines", 1, &limit).expect("a new topic");
    let mut producer = world.producer(|_| {}).await;
    let large = format!("7{}", "x".repeat(1000));
    for line in ["1", "2", "3", "4", "5", "6", large.as_str(), "8", "9"] {
        producer.send(&record(line), 1000).await;
    }
    producer.flush().await;
    let not_written = producer.take_not_written();
    let [NotWritten { lines, reason, .. }] = not_written.as_slice() else {
        panic!("{not_written:?}")
    };
    assert_eq!(lines, &[7]);
    assert!(
        reason.contains("MESSAGE_TOO_LARGE[10]: max.message.bytes"),
        "{reason}"
    );
    assert_eq!((producer.written().records, producer.written().refused), (8, 1));
    assert_eq!(world.values(0), ["1", "2", "3", "4", "5", "6", "8", "9"]);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_answers_is_counted_as_unknown_in_time() {
    let world = World::with_topic(1).await;
    let mut producer = world
        .producer(|settings| settings.delivery_timeout = Duration::from_secs(5))
        .await;
    world.fake.intercept(|request| {
        if request.api == ApiKey::Produce {
            Action::CutAnswer
        } else {
            Action::Pass
        }
    });
    producer.send(&record("1"), 1000).await;
    producer.flush().await;
    assert_eq!((producer.written().records, producer.written().unknown), (0, 1));
    assert!(producer.take_not_written()[0].is_unknown);
}

#[tokio::test(start_paused = true)]
async fn memory_is_bounded_while_the_leader_is_silent() {
    let world = World::with_topic(1).await;
    let mut producer = world.producer(|settings| settings.buffer_bytes = 10_000).await;
    world.fake.pause_broker(NodeId(1)).expect("a broker");
    let line = "x".repeat(1000);
    let mut taken = 0;
    while timeout(Duration::from_secs(1), producer.send(&record(&line), 1000))
        .await
        .is_ok()
    {
        taken += 1;
    }
    assert!((9..=12).contains(&taken), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_topic_is_created_by_the_brokers_or_told() {
    let world = World::start(|builder| builder.default_partitions(3)).await;
    world.write(["a"]).await;
    assert_eq!(world.fake.partition_count("lines"), Some(3));
    let world = World::start(|builder| builder.auto_create_topics(false)).await;
    let client = world.client().await;
    let error = Producer::start(client, "lines", producer_settings())
        .await
        .expect_err("no such topic");
    assert!(
        error.to_string().starts_with("topic \"lines\" does not exist"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn partitions_can_be_chosen_and_must_exist() {
    let world = World::with_topic(3).await;
    let mut producer = world.producer(|settings| settings.partition = Some(2)).await;
    producer.send(&record("k=a"), 1000).await;
    producer.flush().await;
    assert_eq!(world.values(2), ["a"]);
    let settings = ProducerSettings {
        partition: Some(3),
        ..producer_settings()
    };
    let error = Producer::start(world.client().await, "lines", settings)
        .await
        .expect_err("no partition 3");
    assert_eq!(
        error.to_string(),
        "topic \"lines\" has partitions 0 to 2, there is no partition 3"
    );
}
