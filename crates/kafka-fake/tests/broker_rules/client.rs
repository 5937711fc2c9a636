//! The smallest client: one connection, one request at a time, the version said aloud.

use bytes::{Bytes, BytesMut};
use kafka_fake::{FakeCluster, FakeClusterBuilder, MemoryNetwork};
use kafka_record::{BatchBuilder, Batches, Codec, CodecContexts};
use kafka_wire::api::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic, ProducedPartition};
use kafka_wire::frame::encode_frame;
use kafka_wire::header::decode_response_header;
use kafka_wire::request::Request;
use kafka_wire::{ErrorCode, NodeId, TopicId};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// 2025-01-01, so that no record is too old or too new.
pub(crate) const NOW_MS: i64 = 1_735_689_600_000;

pub(crate) const TOPIC: &str = "events";

pub(crate) struct Client {
    stream: DuplexStream,
    correlation_id: i32,
}

/// A cluster on pipes and the network it is on.
pub(crate) struct Setup {
    pub(crate) cluster: FakeCluster,
    pub(crate) network: MemoryNetwork,
}

// === impl Setup ===

impl Setup {
    pub(crate) async fn start(builder: FakeClusterBuilder) -> Self {
        let network = MemoryNetwork::new();
        let cluster = builder
            .wall_clock_ms(NOW_MS)
            .start_memory(&network)
            .await
            .expect("the network is new");
        Self { cluster, network }
    }

    /// One broker and the topic with one partition.
    pub(crate) async fn one_broker() -> Self {
        let setup = Self::start(FakeCluster::builder()).await;
        setup.cluster.create_topic(TOPIC, 1, &[]).expect("a new topic");
        setup
    }

    pub(crate) fn client(&self, broker: i32) -> Client {
        let address = self.cluster.address(NodeId(broker)).expect("a broker");
        Client {
            stream: self.network.connect(&address).expect("it listens"),
            correlation_id: 0,
        }
    }
}

// === impl Client ===

impl Client {
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.try_call(version, request).await.expect("an answer")
    }

    /// `None` if the connection was closed instead of answered.
    pub(crate) async fn try_call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        self.send(version, request).await;
        let body = self.receive::<R>(version).await?;
        Some(R::decode_response(version, body).expect("an answer of this version"))
    }

    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let parts = encode_frame(request, version, self.correlation_id, "rules").expect("encodable");
        for part in parts {
            self.stream.write_all(&part).await.expect("the pipe is open");
        }
    }

    /// The body of the next answer.
    pub(crate) async fn receive<R: Request>(&mut self, version: i16) -> Option<Bytes> {
        let length = self.stream.read_i32().await.ok()?;
        let mut frame = BytesMut::zeroed(usize::try_from(length).expect("a length"));
        self.stream.read_exact(&mut frame).await.ok()?;
        let mut frame = frame.freeze();
        let correlation_id = decode_response_header(R::API, version, &mut frame).expect("a header");
        assert_eq!(correlation_id, self.correlation_id);
        Some(frame)
    }

    /// Produces one batch and answers what became of it.
    pub(crate) async fn produce(&mut self, version: i16, partition: i32, batch: &Sent) -> ProducedPartition {
        let request = produce_request(partition, batch, -1, 1000);
        let answer = self.call(version, &request).await;
        answer.topics[0].partitions[0].clone()
    }

    /// Fetches one partition outside any session, without waiting.
    pub(crate) async fn fetch(&mut self, version: i16, wanted: FetchPartition) -> FetchedPartition {
        let answer: FetchResponse = self
            .call(version, &fetch_request(TopicId::ZERO, vec![wanted]))
            .await;
        answer.topics[0].partitions[0].clone()
    }
}

/// A batch as a producer sends it.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) header: Bytes,
    pub(crate) payload: Bytes,
}

// === impl Sent ===

impl Sent {
    /// Records with these values, by nobody.
    pub(crate) fn values(values: &[&str]) -> Self {
        Self::by((-1, -1, -1), values)
    }

    /// Records by a producer with its id, epoch and first sequence.
    pub(crate) fn by(producer: (i64, i16, i32), values: &[&str]) -> Self {
        Self::encoded(producer, values, Codec::None)
    }

    pub(crate) fn encoded(producer: (i64, i16, i32), values: &[&str], codec: Codec) -> Self {
        let mut builder = BatchBuilder::new();
        for value in values {
            builder.push_fields(NOW_MS, Some(b"key"), Some(value.as_bytes()), &[]);
        }
        let batch = builder
            .finish(codec, None, &mut CodecContexts::new())
            .expect("records");
        Self {
            header: batch.stamp(producer.0, producer.1, producer.2),
            payload: batch.payload().clone(),
        }
    }

    pub(crate) fn size(&self) -> usize {
        self.header.len() + self.payload.len()
    }
}

pub(crate) fn produce_request(partition: i32, batch: &Sent, acks: i16, timeout_ms: i32) -> ProduceRequest {
    ProduceRequest {
        transactional_id: None,
        acks,
        timeout_ms,
        topics: vec![ProduceTopic {
            topic: TOPIC.into(),
            topic_id: TopicId::ZERO,
            partitions: vec![ProducePartition {
                partition,
                header: batch.header.clone(),
                payload: batch.payload.clone(),
            }],
        }],
    }
}

/// Wants partition 0 from `fetch_offset` on.
pub(crate) fn wanted(fetch_offset: i64) -> FetchPartition {
    FetchPartition {
        partition: 0,
        current_leader_epoch: -1,
        fetch_offset,
        last_fetched_epoch: -1,
        log_start_offset: -1,
        partition_max_bytes: 1 << 20,
    }
}

pub(crate) fn fetch_request(topic_id: TopicId, partitions: Vec<FetchPartition>) -> FetchRequest {
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level: 0,
        session_id: 0,
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: TOPIC.into(),
            topic_id,
            partitions,
        }],
        forgotten: Vec::new(),
        rack_id: String::new(),
    }
}

/// Base offsets of the whole batches in `records`.
pub(crate) fn base_offsets(records: &Bytes) -> Vec<i64> {
    Batches::new(records.clone())
        .map(|batch| match batch.expect("a batch") {
            kafka_record::Batch::V2(batch) => batch.header.base_offset,
            kafka_record::Batch::Legacy(set) => set.first_offset,
        })
        .collect()
}

pub(crate) fn assert_ok(produced: &ProducedPartition, base_offset: i64) {
    assert_eq!(
        (produced.error_code, produced.base_offset),
        (ErrorCode::NONE, base_offset)
    );
}
