//! A cluster of embedded brokers and what is done with it: clients, producers and consumers on pipes.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{AddressMap, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_console::{
    Acks, ConsoleError, Consumer, ConsumerEvent, ConsumerSettings, NewRecord, Producer, ProducerSettings,
    StartAt, TopicChoice,
};
use kafka_fake::{FakeCluster, FakeClusterBuilder, MemoryNetwork};
use kafka_record::Codec;
use tokio::time::timeout;

/// Far more than anything here takes, on a clock that does not wait.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// A cluster and what connects to it.
pub(crate) struct World {
    pub(crate) fake: FakeCluster,
    network: MemoryNetwork,
}

// === impl World ===

impl World {
    pub(crate) async fn start(build: impl FnOnce(FakeClusterBuilder) -> FakeClusterBuilder) -> Self {
        let network = MemoryNetwork::new();
        let fake = build(FakeCluster::builder()).start_memory(&network).await;
        let fake = fake.expect("the address is free");
        Self { fake, network }
    }

    /// One broker of the newest release with the topic `lines` of so many partitions.
    pub(crate) async fn with_topic(partitions: i32) -> Self {
        let world = Self::start(|builder| builder).await;
        world
            .fake
            .create_topic("lines", partitions, &[])
            .expect("a new topic");
        world
    }

    pub(crate) async fn client(&self) -> Arc<Cluster> {
        let pipes = self.network.clone();
        let settings = ClusterSettings {
            alias: "kafka".to_owned(),
            addresses: AddressMap::default(),
            bootstrap: self.fake.bootstrap().split(',').map(str::to_owned).collect(),
            connection: ConnectionSettings {
                client_id: Arc::from("test"),
                connect_timeout: PATIENCE,
                request_timeout: PATIENCE,
                response_bytes_max: 1 << 26,
                network: Network::Other(Arc::new(move |address: &str| pipes.connect(address))),
            },
        };
        Arc::new(Cluster::connect(settings).await.expect("a broker answers"))
    }

    pub(crate) async fn producer(&self, change: impl FnOnce(&mut ProducerSettings)) -> Producer {
        let mut settings = producer_settings();
        change(&mut settings);
        let producer = Producer::start(self.client().await, "lines", settings).await;
        producer.expect("the topic is there")
    }

    pub(crate) async fn consumer(&self, change: impl FnOnce(&mut ConsumerSettings)) -> Consumer {
        let mut settings = consumer_settings();
        change(&mut settings);
        Consumer::new(self.client().await, all_of("lines"), settings, None)
    }

    /// Writes these lines and waits for them.
    pub(crate) async fn write(&self, lines: impl IntoIterator<Item = &str>) {
        let mut producer = self.producer(|_| {}).await;
        for line in lines {
            producer.send(&record(line), 1000).await;
        }
        producer.flush().await;
        assert_eq!(producer.take_not_written(), []);
    }

    pub(crate) fn values(&self, partition: i32) -> Vec<String> {
        let records = self.fake.records("lines", partition).expect("a partition");
        let text = |value: Option<Vec<u8>>| String::from_utf8(value.unwrap_or_default());
        records
            .into_iter()
            .map(|record| text(record.value).expect("text"))
            .collect()
    }
}

pub(crate) fn producer_settings() -> ProducerSettings {
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

pub(crate) fn consumer_settings() -> ConsumerSettings {
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

pub(crate) fn all_of(topic: &str) -> TopicChoice {
    TopicChoice::Topic(Arc::from(topic))
}

/// `key=value`, or a value alone; the line's number is the first number in it.
pub(crate) fn record(line: &str) -> NewRecord {
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
pub(crate) async fn read(consumer: &mut Consumer, count: usize) -> (Vec<String>, Vec<String>) {
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

pub(crate) async fn next(consumer: &mut Consumer) -> Result<ConsumerEvent, ConsoleError> {
    timeout(PATIENCE, consumer.next())
        .await
        .expect("something in time")
}

/// Is there nothing to read for a while?
pub(crate) async fn is_silent(consumer: &mut Consumer) -> bool {
    timeout(Duration::from_secs(30), consumer.next()).await.is_err()
}
