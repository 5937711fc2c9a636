//! What a consumer without a group reads, from where, and what it says on the way.

use std::sync::Arc;

use kafka_console::{
    Consumer, ConsumerEvent, ConsumerSettings, NewRecord, RecordFormat, StartAt, TopicChoice, topics,
};
use kafka_fake::Action;
use kafka_record::Codec;
use kafka_wire::{ApiKey, NodeId, TopicPartition};

use crate::world::{PATIENCE, World, consumer_settings, is_silent, next, read, record};

#[tokio::test(start_paused = true)]
async fn every_codec_is_written_and_read() {
    for codec in Codec::ALL {
        let world = World::with_topic(1).await;
        let mut producer = world.producer(|settings| settings.codec = codec).await;
        for number in 0..100 {
            producer.send(&record(&number.to_string()), 1000 + number).await;
        }
        producer.flush().await;
        assert_eq!(producer.written().records, 100);
        let mut consumer = world.consumer(|_| {}).await;
        let expected: Vec<_> = (0..100).map(|number| format!("0/{number} {number}")).collect();
        assert_eq!(read(&mut consumer, 100).await, (expected, vec![]), "{codec}");
    }
}

#[tokio::test(start_paused = true)]
async fn from_the_end_means_what_comes_from_now_on() {
    let world = World::with_topic(2).await;
    world.write(["old"]).await;
    let mut consumer = world.consumer(|settings| settings.start = StartAt::Latest).await;
    assert!(is_silent(&mut consumer).await);
    let mut producer = world.producer(|settings| settings.partition = Some(1)).await;
    producer.send(&record("new"), 1000).await;
    producer.flush().await;
    let (records, _) = read(&mut consumer, 1).await;
    assert!(records[0].ends_with(" new"), "{records:?}");
}

#[tokio::test(start_paused = true)]
async fn one_partition_from_an_offset_of_its_own() {
    let world = World::with_topic(2).await;
    let mut producer = world.producer(|settings| settings.partition = Some(1)).await;
    for number in 0..10 {
        producer.send(&record(&number.to_string()), 1000).await;
    }
    producer.flush().await;
    let settings = ConsumerSettings {
        start: StartAt::Offset(7),
        ..consumer_settings()
    };
    let choice = TopicChoice::Partition(TopicPartition::new("lines", 1));
    let mut consumer = Consumer::new(world.client().await, choice, settings, None);
    assert_eq!(read(&mut consumer, 3).await.0, ["1/7 7", "1/8 8", "1/9 9"]);
    assert!(is_silent(&mut consumer).await);
}

#[tokio::test(start_paused = true)]
async fn a_lost_offset_is_told_with_what_there_is() {
    let world = World::with_topic(1).await;
    world.write(["a", "b", "c"]).await;
    world.fake.delete_records("lines", 0, 2).expect("a log");
    let start = |settings: &mut ConsumerSettings, reset| {
        settings.start = StartAt::Offset(0);
        settings.reset = reset;
    };
    let mut consumer = world
        .consumer(|settings| start(settings, Some(StartAt::Earliest)))
        .await;
    let (records, notices) = read(&mut consumer, 1).await;
    assert_eq!(records, ["0/2 c"]);
    assert_eq!(
        notices,
        ["lines-0 has no offset 0: it holds 2 to 3, exclusive; going on at 2"]
    );
    let mut consumer = world.consumer(|settings| start(settings, None)).await;
    let error = next(&mut consumer).await.expect_err("nobody said where to go on");
    assert!(error.to_string().contains("it holds 2 to 3"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn topics_and_partitions_that_come_later_are_read_from_their_beginning() {
    let world = World::start(|builder| builder.auto_create_topics(false)).await;
    let mut consumer = world.consumer(|settings| settings.start = StartAt::Latest).await;
    let ConsumerEvent::Notice(notice) = next(&mut consumer).await.expect("a notice") else {
        panic!("records of nothing")
    };
    assert_eq!(notice, "topic \"lines\" does not exist; waiting for it");
    world.fake.create_topic("lines", 1, &[]).expect("a new topic");
    world.write(["first"]).await;
    assert_eq!(
        read(&mut consumer, 1).await,
        (vec!["0/0 first".to_owned()], vec![])
    );
    let cluster = world.client().await;
    topics::grow(&cluster, &Arc::from("lines"), 2, PATIENCE)
        .await
        .expect("more");
    let mut producer = world.producer(|settings| settings.partition = Some(1)).await;
    producer.send(&record("second"), 1000).await;
    producer.flush().await;
    assert_eq!(read(&mut consumer, 1).await.0, ["1/0 second"]);
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_is_told_once_and_when_it_is_back() {
    let world = World::with_topic(1).await;
    world.write(["a"]).await;
    let mut consumer = world.consumer(|_| {}).await;
    assert_eq!(read(&mut consumer, 1).await.0, ["0/0 a"]);
    world.fake.crash_broker(NodeId(1)).await.expect("it was up");
    let ConsumerEvent::Notice(notice) = next(&mut consumer).await.expect("a notice") else {
        panic!("records of a dead broker")
    };
    assert!(
        notice.starts_with("broker 1 has not answered for 3 s: ")
            && notice.ends_with("; trying again (at the address that the broker advertises)"),
        "{notice}"
    );
    assert!(is_silent(&mut consumer).await, "it is told once");
    world.fake.restart_broker(NodeId(1)).await.expect("it was down");
    world.write(["b"]).await;
    let (records, notices) = read(&mut consumer, 1).await;
    assert_eq!(
        (records, notices),
        (
            vec!["0/1 b".to_owned()],
            vec!["broker 1 answers again".to_owned()]
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_does_not_tell_where_its_log_begins_is_told() {
    let world = World::with_topic(1).await;
    world.write(["a"]).await;
    world.fake.intercept(|request| {
        if request.api == ApiKey::ListOffsets {
            Action::CutAnswer
        } else {
            Action::Pass
        }
    });
    let mut consumer = world.consumer(|_| {}).await;
    let ConsumerEvent::Notice(notice) = next(&mut consumer).await.expect("a notice") else {
        panic!("records from nowhere")
    };
    assert!(
        notice.starts_with("broker 1 has not answered for 3 s: "),
        "{notice}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_printed_as_it_was_typed() {
    let world = World::with_topic(1).await;
    let mut producer = world.producer(|_| {}).await;
    let odd = NewRecord {
        line: 1,
        key: None,
        value: Some(b"\xff\x00\r".to_vec()),
        headers: vec![(b"h".to_vec(), None), (b"h".to_vec(), Some(b"2".to_vec()))],
    };
    producer.send(&odd, 1234).await;
    producer.flush().await;
    let mut consumer = world.consumer(|_| {}).await;
    let ConsumerEvent::Records(read) = next(&mut consumer).await.expect("records") else {
        panic!("a notice")
    };
    let format = RecordFormat::configured(|name| {
        let is_shown = ["print.headers", "print.key", "print.timestamp"].contains(&name);
        is_shown.then(|| "true".to_owned())
    })
    .expect("properties that can be used");
    let mut out = Vec::new();
    for record in read.records() {
        format.write(&record.expect("sound"), &mut out);
    }
    assert_eq!(out, b"CreateTime:1234\th:null,h:2\tnull\t\xff\x00\r\n");
}
