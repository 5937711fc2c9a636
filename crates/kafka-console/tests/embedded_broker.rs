//! Topics, producer and consumer against embedded brokers, on pipes and under a paused clock.
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kafka_client::admin::NewTopic;
use kafka_client::{AddressMap, Cluster, ClusterSettings, Connecting, ConnectionSettings, Dial, Network};
use kafka_console::{
    Acks, CommitSettings, ConsoleError, Consumer, ConsumerEvent, ConsumerSettings, NewRecord, NotWritten,
    Producer, ProducerSettings, RecordFormat, StartAt, TopicChoice, topics,
};
use kafka_fake::{Action, FakeCluster, FakeClusterBuilder, KafkaRelease, MemoryNetwork, TransactionMarker};
use kafka_record::{BatchBuilder, Codec, CodecContexts, partition_for_key};
use kafka_wire::{ApiKey, ErrorCode, NodeId, TopicPartition};
use tokio::time::timeout;

/// Far more than anything here takes, on a clock that does not wait.
const PATIENCE: Duration = Duration::from_mins(10);

/// Pipes instead of sockets.
struct Pipes(MemoryNetwork);

impl Dial for Pipes {
    fn dial<'a>(&'a self, address: &'a str) -> Connecting<'a> {
        Box::pin(async move {
            let (read_half, write_half) = tokio::io::split(self.0.connect(address)?);
            io::Result::Ok((Box::new(read_half) as _, Box::new(write_half) as _))
        })
    }
}

/// A cluster and what connects to it.
struct World {
    fake: FakeCluster,
    network: MemoryNetwork,
}

// === impl World ===

impl World {
    async fn start(build: impl FnOnce(FakeClusterBuilder) -> FakeClusterBuilder) -> Self {
        let network = MemoryNetwork::new();
        let fake = build(FakeCluster::builder()).start_memory(&network).await;
        let fake = fake.expect("the address is free");
        Self { fake, network }
    }

    /// One broker of the newest release with the topic `lines` of so many partitions.
    async fn with_topic(partitions: i32) -> Self {
        let world = Self::start(|builder| builder).await;
        world
            .fake
            .create_topic("lines", partitions, &[])
            .expect("a new topic");
        world
    }

    async fn client(&self) -> Arc<Cluster> {
        let settings = ClusterSettings {
            alias: "kafka".to_owned(),
            addresses: AddressMap::default(),
            bootstrap: self.fake.bootstrap().split(',').map(str::to_owned).collect(),
            connection: ConnectionSettings {
                client_id: Arc::from("test"),
                connect_timeout: PATIENCE,
                request_timeout: PATIENCE,
                response_bytes_max: 1 << 26,
                network: Network::Other(Arc::new(Pipes(self.network.clone()))),
            },
        };
        Arc::new(Cluster::connect(settings).await.expect("a broker answers"))
    }

    async fn producer(&self, change: impl FnOnce(&mut ProducerSettings)) -> Producer {
        let mut settings = producer_settings();
        change(&mut settings);
        let producer = Producer::start(self.client().await, "lines", settings).await;
        producer.expect("the topic is there")
    }

    async fn consumer(&self, change: impl FnOnce(&mut ConsumerSettings)) -> Consumer {
        let mut settings = consumer_settings();
        change(&mut settings);
        Consumer::new(self.client().await, all_of("lines"), settings, None)
    }

    /// Writes these lines and waits for them.
    async fn write(&self, lines: impl IntoIterator<Item = &str>) {
        let mut producer = self.producer(|_| {}).await;
        for line in lines {
            producer.send(&record(line), 1000).await;
        }
        producer.flush().await;
        assert_eq!(producer.take_not_written(), []);
    }

    fn values(&self, partition: i32) -> Vec<String> {
        let records = self.fake.records("lines", partition).expect("a partition");
        let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default());
        records
            .into_iter()
            .map(|record| text(record.value).expect("text"))
            .collect()
    }
}

fn producer_settings() -> ProducerSettings {
    ProducerSettings {
        acks: Acks::All,
        codec: Codec::None,
        codec_level: None,
        batch_bytes: 16 * 1024,
        buffer_bytes: 1 << 20,
        linger: Duration::ZERO,
        max_block: Duration::from_secs(10),
        request_timeout: Duration::from_secs(10),
        delivery_timeout: Duration::from_mins(2),
        retries_max: u32::MAX,
        retry_backoff: Duration::from_millis(100),
        idempotent: true,
        partition: None,
        may_create_topic: true,
    }
}

fn consumer_settings() -> ConsumerSettings {
    ConsumerSettings {
        start: StartAt::Earliest,
        reset: Some(StartAt::Latest),
        committed_only: false,
        fetch_bytes: 1 << 20,
        partition_bytes: 1 << 18,
        min_bytes: 1,
        max_wait: Duration::from_millis(500),
        skip_damaged: false,
        metadata_interval: Duration::from_secs(5),
    }
}

fn all_of(topic: &str) -> TopicChoice {
    TopicChoice::Topic(Arc::from(topic))
}

/// `key=value`, or a value alone; the line's number is the first number in it.
fn record(line: &str) -> NewRecord {
    let (key, value) = match line.split_once('=') {
        Some((key, value)) => (Some(key), value),
        None => (None, line),
    };
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    NewRecord {
        line: digits.parse().unwrap_or(0),
        key: key.map(|key| key.as_bytes().to_vec()),
        value: Some(value.as_bytes().to_vec()),
        headers: Vec::new(),
    }
}

/// Reads so many records, each as `partition/offset value`, and the notices on the way.
async fn read(consumer: &mut Consumer, count: usize) -> (Vec<String>, Vec<String>) {
    let (mut records, mut notices) = (Vec::new(), Vec::new());
    while records.len() < count {
        match next(consumer).await.expect("no failure") {
            ConsumerEvent::Notice(notice) => notices.push(notice),
            ConsumerEvent::Records(read) => {
                for record in read.records() {
                    let record = record.expect("sound");
                    let value = String::from_utf8_lossy(record.value.unwrap_or_default());
                    records.push(format!("{}/{} {value}", record.partition, record.offset));
                }
            }
        }
    }
    (records, notices)
}

async fn next(consumer: &mut Consumer) -> Result<ConsumerEvent, ConsoleError> {
    timeout(PATIENCE, consumer.next())
        .await
        .expect("something in time")
}

/// Is there nothing to read for a while?
async fn is_silent(consumer: &mut Consumer) -> bool {
    timeout(Duration::from_secs(30), consumer.next()).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn a_created_topic_is_served_listed_described_grown_and_deleted() {
    for release in [KafkaRelease::V1_1, KafkaRelease::V2_4, KafkaRelease::V4_1] {
        let world = World::start(|builder| builder.brokers(3).release(release)).await;
        let cluster = world.client().await;
        let topic = NewTopic {
            name: Arc::from("testtopic"),
            partitions: 8,
            replication_factor: 2,
            configs: vec![("retention.ms".to_owned(), "1234567".to_owned())],
        };
        topics::create(&cluster, &topic, PATIENCE)
            .await
            .expect("a new topic");
        let again = topics::create(&cluster, &topic, PATIENCE)
            .await
            .expect_err("it exists");
        let ConsoleError::Call { reason, .. } = &again else {
            panic!("{again}")
        };
        assert_eq!(reason.code(), Some(ErrorCode::TOPIC_ALREADY_EXISTS));
        let listed = topics::list(&cluster).await.expect("a list");
        assert!(
            listed
                .iter()
                .any(|topic| &*topic.name == "testtopic" && !topic.is_internal)
        );
        let names = [Arc::from("testtopic"), Arc::from("nothing")];
        let described = topics::describe(&cluster, &names).await.expect("a description");
        let [described] = described.as_slice() else {
            panic!("{described:?}")
        };
        assert_eq!(
            (described.partitions.len(), described.replication_factor()),
            (8, 2)
        );
        assert!(
            described
                .partitions
                .iter()
                .all(|partition| partition.leader.is_some())
        );
        let retention = described
            .settings
            .as_ref()
            .and_then(|settings| settings.get("retention.ms"));
        assert_eq!(retention.map(String::as_str), Some("1234567"), "{release:?}");
        topics::grow(&cluster, &topic.name, 12, PATIENCE)
            .await
            .expect("more partitions");
        assert_eq!(world.fake.partition_count("testtopic"), Some(12));
        topics::delete(&cluster, &names[..1], PATIENCE)
            .await
            .expect("deleted");
        assert_eq!(world.fake.partition_count("testtopic"), None, "{release:?}");
    }
}

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
async fn aborted_transactions_are_left_out_of_committed_reads_alone() {
    let world = World::with_topic(1).await;
    for (offset, (value, producer_id, sequence)) in
        (0..).zip([("void", 7, 0), ("kept", 8, 0), ("void too", 7, 1)])
    {
        let mut bytes = batch(value, offset, (producer_id, 0, sequence));
        bytes[ATTRIBUTES_LOW] |= TRANSACTIONAL;
        seal(&mut bytes);
        world
            .fake
            .append_as_is("lines", 0, &Bytes::from(bytes))
            .expect("appended");
    }
    for (producer_id, is_commit) in [(7, false), (8, true)] {
        let marker = TransactionMarker {
            producer_id,
            producer_epoch: 0,
            coordinator_epoch: 0,
            is_commit,
        };
        world.fake.append_marker("lines", 0, marker).expect("appended");
    }
    world.write(["plain"]).await;
    let mut consumer = world.consumer(|settings| settings.committed_only = true).await;
    assert_eq!(read(&mut consumer, 2).await.0, ["0/1 kept", "0/5 plain"]);
    let mut consumer = world.consumer(|_| {}).await;
    let all = ["0/0 void", "0/1 kept", "0/2 void too", "0/5 plain"];
    assert_eq!(read(&mut consumer, 4).await.0, all);
}

/// Where the low byte of a batch's attributes stands, and the bit in it.
const ATTRIBUTES_LOW: usize = 22;
const TRANSACTIONAL: u8 = 1 << 4;

/// One record as it stands in a log: at this offset, from this producer (id, epoch, sequence).
fn batch(value: &str, offset: i64, (id, epoch, sequence): (i64, i16, i32)) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.push_fields(1000, None, Some(value.as_bytes()), &[]);
    let batch = builder.finish(Codec::None, None, &mut CodecContexts::new());
    let batch = batch.expect("one record");
    let mut bytes = [batch.stamp(id, epoch, sequence).as_ref(), batch.payload()].concat();
    bytes[..8].copy_from_slice(&offset.to_be_bytes());
    bytes
}

/// Computes the checksum anew.
fn seal(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
}

#[tokio::test(start_paused = true)]
async fn a_damaged_batch_ends_the_reading_or_is_left_out_and_told() {
    let world = World::with_topic(1).await;
    world.write(["a"]).await;
    let mut damaged = batch("b", 1, (-1, -1, -1));
    *damaged.last_mut().expect("bytes") ^= 1;
    world
        .fake
        .append_as_is("lines", 0, &Bytes::from(damaged))
        .expect("appended");
    world.write(["c"]).await;
    let mut consumer = world.consumer(|_| {}).await;
    assert_eq!(read(&mut consumer, 1).await.0, ["0/0 a"]);
    let error = next(&mut consumer).await.expect_err("damaged");
    assert!(
        error
            .to_string()
            .starts_with("the records of lines-0 at offset 1 are damaged"),
        "{error}"
    );
    let mut consumer = world.consumer(|settings| settings.skip_damaged = true).await;
    let (records, notices) = read(&mut consumer, 2).await;
    assert_eq!(records, ["0/0 a", "0/2 c"]);
    assert!(
        notices[0].starts_with("left out 1 offsets of lines-0 from 1 on"),
        "{notices:?}"
    );
}

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
    });
    let mut out = Vec::new();
    for record in read.records() {
        format.write(&record.expect("sound"), &mut out);
    }
    assert_eq!(out, b"CreateTime:1234\th:null,h:2\tnull\t\xff\x00\r\n");
}
