//! The load: an idempotent producer that writes the demonstration's records to the source, at a steady rate, over the
//! wire like any other client.
//!
//! One batch per partition is on its way at a time. A batch without an answer is sent again as the same bytes until it is
//! acknowledged: the brokers know its sequence number, so the source holds each record once, whatever happens to them.

mod pace;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use kafka_client::admin::init_producer_id;
use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_client_core::retry::{ProduceDisposition, classify_produce};
use kafka_record::{BatchBuilder, Codec, CodecContexts, OutgoingBatch, RecordError};
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic};
use kafka_wire::{ErrorCode, NodeId, ProducerIdentity, TopicId, TopicPartition};
use tokio::time::{Instant, sleep, timeout_at};

use super::clusters::{SOURCE_PARTITIONS, TOPIC};
use super::records::Records;
use super::wall_clock_ms;
use pace::Pace;

/// How the load calls itself to the brokers.
const CLIENT_ID: &str = "heliostat-demo-load";
/// Records of one round at most, so that no batch comes near the brokers' limit of 1 MiB after a pause.
const ROUND_RECORDS_MAX: u64 = 16_000;
/// From one round to the next; a round's records are one batch per partition.
const ROUND: Duration = Duration::from_millis(50);
/// Before a batch that was not acknowledged is sent again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// A broker that does not answer by then is asked again.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// After an order to end: how long what is on its way may take.
const END_TIMEOUT: Duration = Duration::from_secs(30);

/// What is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoadPlan {
    /// Records in all.
    pub(super) records: u64,
    /// Records per second.
    pub(super) rate: u64,
    pub(super) seed: u64,
}

/// Why the load cannot go on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error("the load cannot reach the source")]
    Unreachable(#[source] ClientError),
    #[error("the source refuses a batch of the load for {tp} with {code}")]
    Refused { tp: TopicPartition, code: ErrorCode },
    #[error("a batch of the load cannot be made")]
    Unmakeable(#[source] RecordError),
    #[error("the source did not acknowledge what the load had sent within {} s", END_TIMEOUT.as_secs())]
    Unacknowledged,
}

/// See the module.
pub(super) struct Load {
    cluster: Cluster,
    identity: ProducerIdentity,
    plan: LoadPlan,
    records: Records,
    builders: Vec<BatchBuilder>,
    codecs: CodecContexts,
    leaders: Leaders,
    /// Next sequence number by partition.
    sequences: BTreeMap<i32, i32>,
    /// What was not acknowledged yet, at most one batch by partition.
    outstanding: BTreeMap<i32, Stamped>,
    written: Arc<AtomicU64>,
}

/// A batch with its producer's stamp.
#[derive(Debug, Clone)]
struct Stamped {
    header: Bytes,
    payload: Bytes,
    records: i32,
}

#[derive(Debug, Default)]
struct Leaders {
    topic_id: TopicId,
    by_partition: BTreeMap<i32, NodeId>,
}

// === impl Load ===

impl Load {
    /// Connects to the source, whose addresses are separated by commas.
    pub(super) async fn connect(bootstrap: &str, plan: LoadPlan) -> Result<Self, LoadError> {
        let settings = ClusterSettings {
            alias: "source".to_owned(),
            bootstrap: bootstrap.split(',').map(str::to_owned).collect(),
            addresses: AddressMap::default(),
            connection: ConnectionSettings {
                client_id: CLIENT_ID.into(),
                connect_timeout: REQUEST_TIMEOUT,
                request_timeout: REQUEST_TIMEOUT,
                response_bytes_max: 1 << 20,
                network: Network::Tcp,
            },
        };
        let cluster = Cluster::connect(settings).await.map_err(LoadError::Unreachable)?;
        let identity = init_producer_id(&cluster).await.map_err(LoadError::Unreachable)?;
        Ok(Self {
            cluster,
            identity,
            plan,
            records: Records::new(plan.seed, SOURCE_PARTITIONS),
            builders: (0..SOURCE_PARTITIONS).map(|_| BatchBuilder::new()).collect(),
            codecs: CodecContexts::new(),
            leaders: Leaders::default(),
            sequences: BTreeMap::new(),
            outstanding: BTreeMap::new(),
            written: Arc::default(),
        })
    }

    /// How many records the source has acknowledged, as it grows.
    pub(super) fn written(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.written)
    }

    /// Writes until all records are acknowledged, or `asked` is ready and what is on its way is acknowledged.
    pub(super) async fn run(mut self, asked: impl Future<Output = ()>) -> Result<(), LoadError> {
        let mut pace = Pace::new(Instant::now(), self.plan.rate);
        let mut asked = std::pin::pin!(asked);
        while self.records.made() < self.plan.records {
            let left = self.plan.records - self.records.made();
            let due = pace.due(Instant::now(), ROUND_RECORDS_MAX).min(left);
            self.make(due)?;
            while !self.outstanding.is_empty() {
                self.send().await?;
                if self.outstanding.is_empty() {
                    break;
                }
                // The answer tells nothing about what to expect next, so an order to end is heard here, too.
                tokio::select! {
                    biased;
                    () = &mut asked => return self.finish().await,
                    () = sleep(RETRY_PAUSE) => {}
                }
            }
            if self.records.made() == self.plan.records {
                break;
            }
            tokio::select! {
                biased;
                () = &mut asked => return Ok(()),
                () = sleep(ROUND) => {}
            }
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<(), LoadError> {
        let deadline = Instant::now() + END_TIMEOUT;
        let rest = async {
            while !self.outstanding.is_empty() {
                self.send().await?;
                sleep(RETRY_PAUSE).await;
            }
            Ok(())
        };
        timeout_at(deadline, rest)
            .await
            .unwrap_or(Err(LoadError::Unacknowledged))
    }

    /// Makes the next `count` records and stamps one batch for each partition that has some.
    fn make(&mut self, count: u64) -> Result<(), LoadError> {
        let now_ms = wall_clock_ms();
        for _ in 0..count {
            self.records.push_next(now_ms, &mut self.builders);
        }
        for (partition, builder) in (0..).zip(&mut self.builders) {
            if builder.is_empty() {
                continue;
            }
            let batch = builder
                .finish(Codec::Lz4, None, &mut self.codecs)
                .map_err(LoadError::Unmakeable)?;
            let sequence = self.sequences.entry(partition).or_default();
            self.outstanding
                .insert(partition, Stamped::new(&batch, self.identity, *sequence));
            // Sequence numbers begin anew behind the largest one (Kafka's `DefaultRecordBatch.incrementSequence`).
            *sequence = sequence.wrapping_add(batch.record_count()) & i32::MAX;
        }
        Ok(())
    }

    /// Sends what is outstanding once, to all leaders at a time; what is acknowledged is outstanding no more.
    async fn send(&mut self) -> Result<(), LoadError> {
        let led = |partition: &i32| self.leaders.by_partition.contains_key(partition);
        if !self.outstanding.keys().all(led) {
            self.look_for_leaders().await;
        }
        let mut started = Vec::new();
        for (leader, request) in self.requests() {
            // What cannot be sent now stays outstanding.
            if let Ok(connection) = self.cluster.connection(leader).await
                && let Ok(call) = connection.start(&request, connection.default_options()).await
            {
                started.push(call);
            } else {
                self.leaders.by_partition.retain(|_, known| *known != leader);
            }
        }
        for mut call in started {
            match call.answer().await {
                Ok(answer) => self.take_answer(&answer)?,
                Err(_lost) => self.leaders.by_partition.clear(),
            }
        }
        Ok(())
    }

    async fn look_for_leaders(&mut self) {
        // Without an answer nobody is known to lead, and the next try asks again.
        if let Ok(metadata) = self.cluster.metadata(Some(vec![TOPIC.into()])).await {
            self.leaders = Leaders::of(&metadata);
        }
    }

    fn requests(&self) -> Vec<(NodeId, ProduceRequest)> {
        let mut by_leader: BTreeMap<NodeId, Vec<ProducePartition>> = BTreeMap::new();
        for (partition, batch) in &self.outstanding {
            if let Some(leader) = self.leaders.by_partition.get(partition) {
                by_leader.entry(*leader).or_default().push(ProducePartition {
                    partition: *partition,
                    header: batch.header.clone(),
                    payload: batch.payload.clone(),
                });
            }
        }
        let request = |partitions| ProduceRequest {
            transactional_id: None,
            acks: -1,
            timeout_ms: i32::try_from(REQUEST_TIMEOUT.as_millis()).unwrap_or(i32::MAX),
            topics: vec![ProduceTopic {
                topic: TOPIC.into(),
                topic_id: self.leaders.topic_id,
                partitions,
            }],
        };
        by_leader
            .into_iter()
            .map(|(leader, partitions)| (leader, request(partitions)))
            .collect()
    }

    fn take_answer(&mut self, answer: &ProduceResponse) -> Result<(), LoadError> {
        for produced in answer.topics.iter().flat_map(|topic| &topic.partitions) {
            use ProduceDisposition as D;
            match classify_produce(produced.error_code) {
                D::Acked | D::Duplicate => {
                    if let Some(batch) = self.outstanding.remove(&produced.partition) {
                        let records = u64::try_from(batch.records).unwrap_or_default();
                        self.written.fetch_add(records, Ordering::Relaxed);
                    }
                }
                D::RetrySame => {}
                D::RefreshMetadata => {
                    self.leaders.by_partition.remove(&produced.partition);
                }
                D::RetryBounded
                | D::Refused
                | D::Unfit
                | D::SequenceGap
                | D::UnknownProducer
                | D::Fenced
                | D::Unauthorized
                | D::Fatal => {
                    return Err(LoadError::Refused {
                        tp: TopicPartition::new(TOPIC, produced.partition),
                        code: produced.error_code,
                    });
                }
            }
        }
        Ok(())
    }
}

// === impl Stamped ===

impl Stamped {
    fn new(batch: &OutgoingBatch, identity: ProducerIdentity, sequence: i32) -> Self {
        Self {
            header: batch.stamp(identity.id, identity.epoch, sequence),
            payload: batch.payload().clone(),
            records: batch.record_count(),
        }
    }
}

// === impl Leaders ===

impl Leaders {
    /// The leaders that an answer names; a partition without one is left out.
    fn of(metadata: &MetadataResponse) -> Self {
        let mut leaders = Self::default();
        let ours = |name: &Option<Arc<str>>| name.as_deref() == Some(TOPIC);
        for topic in metadata.topics.iter().filter(|topic| ours(&topic.name)) {
            leaders.topic_id = topic.topic_id;
            for partition in &topic.partitions {
                if partition.leader_id != NodeId::NONE {
                    leaders
                        .by_partition
                        .insert(partition.partition_index, partition.leader_id);
                }
            }
        }
        leaders
    }
}
