//! Records that the target refuses in their own topic, written to another one, so that nothing is lost without a trace.
//!
//! This happens once in a while, one record at a time: no producer id, no pipeline, one request that waits for its ack.

mod topic;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::read_back::{PlaceInLog, read_batch};
use kafka_client::{CallOptions, ClientError, Cluster};
use kafka_client_core::retry::{AdminDisposition, ProduceDisposition, classify_admin, classify_produce};
use kafka_record::{
    Batch, BatchBuilder, Codec, CodecContexts, DownConversion, HeaderPolicy, OutgoingBatch, RecordError,
    Records, down_convert,
};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId};
use tokio::time::{Instant, sleep, timeout};

use crate::abilities::{TargetFormat, TargetFormats};
use crate::flow::FlowContext;
use crate::partition::SourcePartition;
use crate::target_topics::{LogFormat, describe_settings};

/// For how long a write is tried again while its target is on its way back: an election, a broker that restarts. Other
/// records wait for that for ever; here whoever asked is told.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long an operator waits for one record to be copied, and with it the flow that copies it.
const COPY_PATIENCE: Duration = Duration::from_secs(15);
/// Pause between two attempts: a topic that was just made has no leader for a moment.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the target may take to replicate, in milliseconds.
const PRODUCE_TIMEOUT_MS: i32 = 30_000;

/// How letters are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LetterForm {
    pub(crate) formats: TargetFormats,
    /// What becomes of headers where the format of the letters' topic has none.
    pub(crate) headers: HeaderPolicy,
}

/// Writes a batch to partition 0 of `topic`, which is made if it is missing, and returns when all in-sync replicas
/// have it. `form` tells what the target takes. Takes [`PATIENCE`] and one request's time-out at most.
///
/// # Errors
/// What the target said last: that it does not take the record, or what did not pass in time.
pub(crate) async fn write(
    target: &Cluster,
    topic: &Arc<str>,
    batch: &OutgoingBatch,
    form: LetterForm,
) -> Result<(), ClientError> {
    persist(|| try_write(target, topic, batch, form)).await
}

/// Tries until it works, fails for good, or [`PATIENCE`] is over.
async fn persist<F>(mut attempt: impl FnMut() -> F) -> Result<(), ClientError>
where
    F: Future<Output = Result<(), ClientError>>,
{
    let begun = Instant::now();
    loop {
        match attempt().await {
            Err(error) if may_pass(&error) && begun.elapsed() < PATIENCE => {
                tracing::debug!(%error, "dead letter not written yet");
            }
            written => return written,
        }
        sleep(PAUSE).await;
    }
}

fn may_pass(error: &ClientError) -> bool {
    match error {
        ClientError::Answered {
            api: ApiKey::Produce,
            code,
            ..
        } => matches!(
            classify_produce(*code),
            ProduceDisposition::RetrySame
                | ProduceDisposition::RetryBounded
                | ProduceDisposition::RefreshMetadata
        ),
        ClientError::Answered { code, .. } => matches!(
            classify_admin(*code),
            AdminDisposition::Retry | AdminDisposition::RefreshMetadata | AdminDisposition::AlreadyThere
        ),
        ClientError::Resolve { .. }
        | ClientError::Connect { .. }
        | ClientError::Lost { .. }
        | ClientError::TimedOut { .. }
        | ClientError::NoBootstrap { .. }
        | ClientError::UnknownBroker { .. } => true,
        ClientError::Malformed { .. }
        | ClientError::Encode { .. }
        | ClientError::Unsupported { .. }
        | ClientError::Corrupt { .. } => false,
    }
}

async fn try_write(
    target: &Cluster,
    topic: &Arc<str>,
    batch: &OutgoingBatch,
    form: LetterForm,
) -> Result<(), ClientError> {
    let unfit = |error: RecordError| ClientError::Unsupported {
        address: format!("topic {topic} on cluster \"{}\"", target.alias()),
        api: ApiKey::Produce,
        reason: error.to_string(),
    };
    // Looked at first: no topic is made for a record that it could not hold.
    let batch = form.fit(batch, form.formats.usual()).map_err(unfit)?;
    let leader = topic::leader(target, topic).await?;
    let connection = target.connection(leader).await?;
    let format = form.format_of(target, topic).await?;
    let batch = form.fit(&batch, format).map_err(unfit)?;
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
    let version_max = TargetFormat::of_batch(batch.is_message_set())
        .produce_versions()
        .max;
    let answer = connection
        .start(
            &request,
            CallOptions {
                version_max,
                ..CallOptions::default()
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
        ProduceDisposition::RetrySame
        | ProduceDisposition::RetryBounded
        | ProduceDisposition::RefreshMetadata
        | ProduceDisposition::Refused
        | ProduceDisposition::Unfit
        | ProduceDisposition::SequenceGap
        | ProduceDisposition::UnknownProducer
        | ProduceDisposition::Fenced
        | ProduceDisposition::Unauthorized
        | ProduceDisposition::Fatal => Err(refused(target, topic, ApiKey::Produce, code, message)),
    }
}

// === impl LetterForm ===

impl LetterForm {
    /// The form that the topic takes. Its settings are asked for only where they decide: every letter costs that.
    async fn format_of(self, target: &Cluster, topic: &Arc<str>) -> Result<TargetFormat, ClientError> {
        match self.formats {
            TargetFormats::MessageSets | TargetFormats::RecordBatches => Ok(self.formats.usual()),
            TargetFormats::ByTopic => {
                let kept = LogFormat::of(&describe_settings(target, topic).await?);
                Ok(self.formats.of_topic(kept))
            }
        }
    }

    /// The record as `format` asks for it: itself, or an uncompressed message.
    fn fit(self, batch: &OutgoingBatch, format: TargetFormat) -> Result<OutgoingBatch, RecordError> {
        if format == TargetFormat::RecordBatchV2 {
            return Ok(batch.clone());
        }
        let conversion = DownConversion {
            codec: Codec::None,
            level: None,
            headers: self.headers,
        };
        // Dead letters are not compressed.
        down_convert(batch, &conversion, &mut CodecContexts::new(), batch.size())
    }
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

/// Copies one record of the source to `topic` on the target, within [`COPY_PATIENCE`].
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
    let copied = timeout(COPY_PATIENCE, copy(flow, leader, partition, offset, topic)).await;
    copied.unwrap_or_else(|_elapsed| {
        let seconds = COPY_PATIENCE.as_secs();
        Err(format!(
            "not done within {seconds} s, try again (the copy may be there already, and then twice)"
        ))
    })
}

async fn copy(
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
    let batch = read_batch(&flow.source, &place)
        .await
        .map_err(|error| error.to_string())?
        .ok_or_else(|| format!("the source has no record at offset {offset}"))?;
    let mut bench = flow.shared.workbenches.take();
    let alone = alone(
        batch,
        offset,
        flow.memory.decompressed_batch_bytes_max,
        &mut bench.codecs,
    );
    flow.shared.workbenches.put(bench);
    let alone = alone
        .map_err(|error| format!("the batch at offset {offset}: {error}"))?
        .ok_or_else(|| format!("the source has no record at offset {offset}"))?;
    let form = LetterForm {
        formats: flow.abilities.target_formats,
        headers: flow.config.unsupported_headers,
    };
    write(&flow.target, topic, &alone, form)
        .await
        .map_err(|error| error.to_string())
}

/// The record at `offset` in a batch of its own; `None` if the batch has none there.
pub(crate) fn alone(
    batch: Batch,
    offset: i64,
    decompressed_bytes_max: usize,
    codecs: &mut CodecContexts,
) -> Result<Option<OutgoingBatch>, RecordError> {
    let batch = batch.verified(codecs, decompressed_bytes_max)?;
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn answered(api: ApiKey, code: ErrorCode) -> ClientError {
        ClientError::Answered {
            address: "a broker".to_owned(),
            api,
            code,
            message: None,
        }
    }

    /// Fails for so long, then works. The outcome, and how long it took.
    async fn outcome(fails_for: Duration, error: ClientError) -> (Result<(), ClientError>, Duration) {
        let begun = Instant::now();
        let attempts = Cell::new(0);
        let written = persist(|| {
            attempts.set(attempts.get() + 1);
            let outcome = if begun.elapsed() < fails_for {
                Err(error.clone())
            } else {
                Ok(())
            };
            async move { outcome }
        })
        .await;
        (written, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_election_of_half_a_minute_is_waited_for() {
        for error in [
            answered(ApiKey::Metadata, ErrorCode::LEADER_NOT_AVAILABLE),
            answered(ApiKey::Produce, ErrorCode::NOT_LEADER_OR_FOLLOWER),
            answered(ApiKey::Produce, ErrorCode::NOT_ENOUGH_REPLICAS),
            answered(ApiKey::CreateTopics, ErrorCode::NOT_CONTROLLER),
            ClientError::Lost {
                address: "a broker".to_owned(),
                reason: "closed".to_owned(),
            },
        ] {
            let (written, _) = outcome(Duration::from_secs(30), error.clone()).await;
            assert!(written.is_ok(), "{error}: {written:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_pass_within_a_minute_is_told() {
        let error = answered(ApiKey::Metadata, ErrorCode::LEADER_NOT_AVAILABLE);
        let (written, took) = outcome(Duration::from_hours(1), error).await;
        assert!(written.is_err());
        assert!((PATIENCE..PATIENCE + 2 * PAUSE).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_verdict_is_told_at_once() {
        for error in [
            answered(ApiKey::Produce, ErrorCode::INVALID_TIMESTAMP),
            answered(ApiKey::Produce, ErrorCode::TOPIC_AUTHORIZATION_FAILED),
            answered(ApiKey::CreateTopics, ErrorCode::POLICY_VIOLATION),
        ] {
            let (written, took) = outcome(Duration::from_hours(1), error).await;
            assert!(written.is_err());
            assert_eq!(took, Duration::ZERO);
        }
    }
}
