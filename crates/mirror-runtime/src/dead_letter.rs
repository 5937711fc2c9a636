//! Records that the target refuses in their own topic, written to another one, so that nothing is lost without a trace.
//!
//! This happens once in a while, one record at a time: no producer id, no pipeline, one request that waits for its ack.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::admin::{self, NewTopic};
use kafka_client::read_back::{PlaceInLog, read_batch};
use kafka_client::{ClientError, Cluster};
use kafka_client_core::retry::{ProduceDisposition, classify_produce};
use kafka_record::{BatchBuilder, Codec, CodecContexts, OutgoingBatch, RecordBatch, RecordError, Records};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId};
use tokio::time::sleep;

use crate::flow::FlowContext;
use crate::partition::SourcePartition;

/// How often a write is tried before whoever asked is told.
const ATTEMPTS_MAX: u32 = 20;
/// Pause between two attempts: a topic that was just made has no leader for a moment.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the target may take to replicate, in milliseconds.
const PRODUCE_TIMEOUT_MS: i32 = 30_000;

/// Writes a batch to partition 0 of `topic`, which is made if it is missing, and returns when all in-sync replicas
/// have it.
///
/// # Errors
/// What the target said last.
pub(crate) async fn write(
    target: &Cluster,
    topic: &Arc<str>,
    batch: &OutgoingBatch,
) -> Result<(), ClientError> {
    let mut attempts = 1;
    loop {
        match try_write(target, topic, batch).await {
            Err(error) if attempts < ATTEMPTS_MAX => {
                tracing::debug!(%topic, %error, attempts, "dead letter not written yet")
            }
            written => return written,
        }
        attempts += 1;
        sleep(PAUSE).await;
    }
}

async fn try_write(target: &Cluster, topic: &Arc<str>, batch: &OutgoingBatch) -> Result<(), ClientError> {
    let leader = leader(target, topic).await?;
    let request = ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: PRODUCE_TIMEOUT_MS,
        topics: vec![ProduceTopic {
            topic: Arc::clone(topic),
            topic_id: TopicId::ZERO,
            partitions: vec![ProducePartition {
                partition: 0,
                header: batch.stamp(-1, -1, -1),
                payload: batch.payload().clone(),
            }],
        }],
    };
    let connection = target.connection(leader).await?;
    let answer = connection
        .start(
            &request,
            kafka_client::CallOptions {
                version_max: 12,
                ..kafka_client::CallOptions::default()
            },
        )
        .await?
        .answer()
        .await?;
    let partition = answer
        .topics
        .into_iter()
        .flat_map(|topic| topic.partitions)
        .next();
    let (code, message) = partition.map_or((ErrorCode::UNKNOWN, None), |partition| {
        (partition.error_code, partition.error_message)
    });
    match classify_produce(code) {
        ProduceDisposition::Acked | ProduceDisposition::Duplicate => Ok(()),
        _ => Err(refused(target, topic, ApiKey::Produce, code, message)),
    }
}

async fn leader(target: &Cluster, topic: &Arc<str>) -> Result<NodeId, ClientError> {
    let metadata = target.metadata(Some(vec![Arc::clone(topic)])).await?;
    let found = metadata
        .topics
        .iter()
        .find(|found| found.name.as_ref() == Some(topic));
    let code = found.map_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, |found| found.error_code);
    if code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION {
        let replicas = metadata.brokers.len().min(3);
        let wanted = NewTopic {
            name: Arc::clone(topic),
            partitions: 1,
            replication_factor: i16::try_from(replicas).unwrap_or(1).max(1),
            // A record is here because another topic refused it: nothing is refused here, and nothing expires.
            configs: vec![
                ("retention.ms".to_owned(), "-1".to_owned()),
                ("max.message.bytes".to_owned(), i32::MAX.to_string()),
            ],
        };
        match admin::create_topic(target, &wanted).await {
            Err(error) if error.code() != Some(ErrorCode::TOPIC_ALREADY_EXISTS) => return Err(error),
            _ => {}
        }
    }
    let partition = found.and_then(|found| {
        found
            .partitions
            .iter()
            .find(|partition| partition.partition_index == 0)
    });
    partition
        .map(|partition| partition.leader_id)
        .filter(|leader| leader.0 >= 0)
        .ok_or_else(|| {
            refused(
                target,
                topic,
                ApiKey::Metadata,
                ErrorCode::LEADER_NOT_AVAILABLE,
                None,
            )
        })
}

fn refused(
    target: &Cluster,
    topic: &Arc<str>,
    api: ApiKey,
    code: ErrorCode,
    message: Option<String>,
) -> ClientError {
    ClientError::Answered {
        address: format!("topic {topic} on cluster \"{}\"", target.alias()),
        api,
        code,
        message,
    }
}

/// Copies one record of the source to `topic` on the target.
///
/// # Errors
/// In words: the record is not there, cannot be read, or the target does not take it.
pub(crate) async fn copy_record(
    flow: &FlowContext,
    leader: NodeId,
    partition: &SourcePartition,
    offset: i64,
    topic: &Arc<str>,
) -> Result<(), String> {
    let place = PlaceInLog {
        leader,
        tp: partition.tp.clone(),
        topic_id: partition.topic_id,
        offset,
    };
    let bytes = read_batch(&flow.source, &place)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("the source has no record at offset {offset}"))?;
    let batch =
        RecordBatch::parse(bytes).map_err(|error| format!("the batch at offset {offset}: {error}"))?;
    let mut bench = flow.shared.workbenches.take();
    let alone = alone(
        &batch,
        offset,
        flow.memory.decompressed_batch_bytes_max,
        &mut bench.codecs,
    );
    flow.shared.workbenches.put(bench);
    let alone = alone
        .map_err(|error| format!("the batch at offset {offset}: {error}"))?
        .ok_or_else(|| format!("the source has no record at offset {offset}"))?;
    write(&flow.target, topic, &alone)
        .await
        .map_err(|error| error.to_string())
}

/// The record at `offset` in a batch of its own; `None` if the batch has none there.
pub(crate) fn alone(
    batch: &RecordBatch,
    offset: i64,
    decompressed_bytes_max: usize,
    codecs: &mut CodecContexts,
) -> Result<Option<OutgoingBatch>, RecordError> {
    let mut memory = Vec::new();
    let records = batch.decompressed(codecs, decompressed_bytes_max, &mut memory)?;
    let mut builder = BatchBuilder::new();
    for record in Records::new(records, batch.header.record_count) {
        let record = record?;
        if batch
            .header
            .base_offset
            .saturating_add(i64::from(record.offset_delta))
            == offset
        {
            builder.push(batch.header.record_timestamp(record.timestamp_delta), record.tail);
            return builder.finish(Codec::None, None, codecs).map(Some);
        }
    }
    Ok(None)
}
