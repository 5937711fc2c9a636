//! A broker that requests go to, whichever kind it is, and the requests that every case begins with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use integration::raw::Batch;
use integration::record_file::Record;
use kafka_client::{CallOptions, Connection, ConnectionSettings, Network};
use kafka_wire::api::create_topics::{CreatableTopic, CreateTopicsRequest};
use kafka_wire::api::list_offsets::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic};
use kafka_wire::api::metadata::{MetadataRequest, MetadataTopic};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic, ProducedPartition};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicId;
use kafka_wire::request::Request;
use tokio::time::timeout;

/// What comes before the records of a batch.
const HEADER_BYTES: usize = 61;
const LIMIT: Duration = Duration::from_secs(30);

/// One broker, and a prefix for what this case makes there.
pub(crate) struct Peer {
    connection: Connection,
    prefix: String,
}

// === impl Peer ===

impl Peer {
    pub(crate) async fn open(bootstrap: &str, case: &str) -> Result<Self> {
        let settings = ConnectionSettings {
            client_id: Arc::from("conformance"),
            connect_timeout: Duration::from_secs(5),
            request_timeout: LIMIT,
            response_bytes_max: 16 << 20,
            network: Network::Tcp,
        };
        let address = bootstrap.split(',').next().context("no address")?;
        Ok(Self {
            connection: Connection::open(address, &settings).await?,
            prefix: format!("it-conformance_{case}_"),
        })
    }

    /// A name of this case's own.
    pub(crate) fn name(&self, name: &str) -> Arc<str> {
        Arc::from(format!("{}{name}", self.prefix))
    }

    /// Asks in the newest version that both sides know.
    pub(crate) async fn ask<R: Request>(&self, request: &R) -> Result<R::Response> {
        self.ask_up_to(request, i16::MAX).await
    }

    pub(crate) async fn ask_up_to<R: Request>(&self, request: &R, version_max: i16) -> Result<R::Response> {
        let options = CallOptions {
            version_max,
            timeout: LIMIT,
            ..CallOptions::default()
        };
        Ok(self.connection.start(request, options).await?.answer().await?)
    }

    /// Makes a topic with one partition and waits until it has a leader.
    pub(crate) async fn make_topic(&self, name: &str, configs: &[(&str, &str)]) -> Result<Topic> {
        let name = self.name(name);
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: Arc::clone(&name),
                num_partitions: 1,
                replication_factor: 1,
                configs: configs
                    .iter()
                    .map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned())))
                    .collect(),
            }],
            timeout_ms: 10_000,
            validate_only: false,
        };
        let answer = self.ask(&request).await?;
        ensure!(
            answer.topics.iter().all(|topic| topic.error_code.is_ok()),
            "{answer:?}"
        );
        let ready = async {
            loop {
                let topic = self.describe(&name).await?;
                // Metadata may know the leader before the leader does.
                if topic.error_code.is_ok() && self.leads(&name).await? {
                    return anyhow::Ok(topic.topic_id);
                }
            }
        };
        let id = timeout(LIMIT, ready).await.context("no leader in time")??;
        Ok(Topic { name, id })
    }

    async fn leads(&self, name: &Arc<str>) -> Result<bool> {
        let request = ListOffsetsRequest {
            isolation_level: 0,
            topics: vec![ListOffsetsTopic {
                name: Arc::clone(name),
                partitions: vec![ListOffsetsPartition {
                    partition_index: 0,
                    current_leader_epoch: -1,
                    timestamp: -1,
                }],
            }],
            timeout_ms: 5_000,
        };
        let answer = self.ask_up_to(&request, 7).await?;
        let mut partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
        Ok(partitions.all(|partition| partition.error_code.is_ok()))
    }

    pub(crate) async fn describe(&self, name: &Arc<str>) -> Result<MetadataTopic> {
        let request = MetadataRequest {
            topics: Some(vec![Arc::clone(name)]),
            allow_auto_topic_creation: false,
        };
        let mut topics = self.ask(&request).await?.topics;
        match topics.pop() {
            Some(topic) => Ok(topic),
            None => bail!("metadata names no topic"),
        }
    }

    /// Writes these bytes to partition 0 and gives the partition's answer.
    pub(crate) async fn produce(&self, topic: &Topic, batch: Vec<u8>) -> Result<ProducedPartition> {
        self.produce_to(topic, 0, -1, batch).await
    }

    pub(crate) async fn produce_to(
        &self,
        topic: &Topic,
        partition: i32,
        acks: i16,
        batch: Vec<u8>,
    ) -> Result<ProducedPartition> {
        let mut header = Bytes::from(batch);
        let payload = header.split_off(HEADER_BYTES.min(header.len()));
        let request = ProduceRequest {
            transactional_id: None,
            acks,
            timeout_ms: 10_000,
            topics: vec![ProduceTopic {
                topic: Arc::clone(&topic.name),
                topic_id: topic.id,
                partitions: vec![ProducePartition {
                    partition,
                    header,
                    payload,
                }],
            }],
        };
        let answer = self.ask_up_to(&request, 12).await?;
        let partition = answer
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next();
        partition.context("the answer names no partition")
    }

    /// As [`Self::produce`], and it must be taken.
    pub(crate) async fn must_produce(&self, topic: &Topic, batch: &Batch) -> Result<i64> {
        let produced = self.produce(topic, batch.bytes()?).await?;
        ensure!(produced.error_code == ErrorCode::NONE, "{produced:?}");
        Ok(produced.base_offset)
    }
}

/// A topic that a case made.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: TopicId,
}

/// Some records of now: `records` of them, each with a value of `bytes`.
pub(crate) fn batch(records: usize, bytes: usize) -> Result<Batch> {
    batch_at(now()?, records, bytes)
}

/// The same with times of their own, a millisecond apart.
pub(crate) fn batch_at(first_ms: i64, records: usize, bytes: usize) -> Result<Batch> {
    let records: Vec<Record> = (0..records)
        .map(|number| {
            let ahead = i64::try_from(number).unwrap_or(0);
            Record::new("")
                .timestamp(first_ms + ahead)
                .key(format!("key-{number}"))
                .value(vec![b'x'; bytes])
        })
        .collect();
    Batch::of(&records)
}

pub(crate) fn now() -> Result<i64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_millis())?)
}
