//! One batch at a time, until the target has acknowledged it.
//!
//! Batches carry no producer id: a retry may stand in the log twice, and one that was on its way when its connection
//! broke may even arrive behind a later write. Both are harmless. The same record twice says the same; an earlier
//! position of the same owner repeats records after a restart and loses none, until the next write covers it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_client::{CallOptions, Cluster};
use kafka_client_core::retry::{ProduceDisposition, classify_produce};
use kafka_record::{OutgoingBatch, RecordError};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceTopic};
use kafka_wire::api_key::ApiKey;
use kafka_wire::ids::{ProducerIdentity, TopicId};

use crate::attempts::{Attempts, Failed};
use crate::error::PositionTopicError;
use crate::leader::{Leader, PARTITION, client_failed};

/// All replicas in sync have it.
const ACKS_ALL: i16 = -1;
/// From version 13 on topics are named by id (KIP-516).
const PRODUCE_VERSION_BY_NAME: i16 = 12;

/// Appends to the topic.
#[derive(Debug)]
pub(crate) struct LogWriter {
    topic: Arc<str>,
    leader: Leader,
    timeout: Duration,
}

// === impl LogWriter ===

impl LogWriter {
    /// `topic_id` is the topic's as it was seen first, or zero.
    pub(crate) fn new(
        cluster: &Arc<Cluster>,
        topic: &Arc<str>,
        topic_id: TopicId,
        timeout: Duration,
    ) -> Self {
        Self {
            topic: Arc::clone(topic),
            leader: Leader::new(Arc::clone(cluster), Arc::clone(topic), topic_id),
            timeout,
        }
    }

    /// Appends a batch; returns when it is acknowledged. Sends it again after a failure that may pass.
    pub(crate) async fn append(&mut self, batch: &OutgoingBatch) -> Result<(), PositionTopicError> {
        let mut attempts = Attempts::begin(self.timeout);
        while let Err(failed) = self.append_once(batch).await {
            attempts.after(failed).await?;
        }
        Ok(())
    }

    /// Sends a batch once. After a failure that may pass it is not known whether the batch is, or will be, in the log.
    pub(crate) async fn append_once(&mut self, batch: &OutgoingBatch) -> Result<(), Failed> {
        let none = ProducerIdentity::NONE;
        let header = batch.stamp(none.id, none.epoch, -1);
        let appended = self.send(header, batch.payload().clone()).await;
        if appended.is_err() {
            self.leader.forget();
        }
        appended
    }

    /// Why records make no batch.
    pub(crate) fn unwritable(&self, source: RecordError) -> PositionTopicError {
        PositionTopicError::Unwritable {
            topic: Arc::clone(&self.topic),
            source,
        }
    }

    async fn send(&mut self, header: Bytes, payload: Bytes) -> Result<(), Failed> {
        let request = ProduceRequest {
            transactional_id: None,
            acks: ACKS_ALL,
            timeout_ms: i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX),
            topics: vec![ProduceTopic {
                topic: Arc::clone(&self.topic),
                topic_id: TopicId::ZERO,
                partitions: vec![ProducePartition {
                    partition: PARTITION,
                    header,
                    payload,
                }],
            }],
        };
        let options = CallOptions {
            timeout: self.timeout,
            version_max: PRODUCE_VERSION_BY_NAME,
            ..CallOptions::default()
        };
        let connection = &self.leader.connection().await?.connection;
        let failed = |error| client_failed(&self.topic, error);
        let mut in_flight = connection.start(&request, options).await.map_err(failed)?;
        let answer = in_flight.answer().await.map_err(failed)?;
        let produced = answer
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next();
        let produced = produced.ok_or_else(|| {
            Failed::Passing(PositionTopicError::Unanswered {
                topic: Arc::clone(&self.topic),
                api: ApiKey::Produce,
            })
        })?;
        let error = || PositionTopicError::Answered {
            topic: Arc::clone(&self.topic),
            api: ApiKey::Produce,
            code: produced.error_code,
            message: produced.error_message.clone(),
        };
        match classify_produce(produced.error_code) {
            ProduceDisposition::Acked | ProduceDisposition::Duplicate => Ok(()),
            ProduceDisposition::RetrySame
            | ProduceDisposition::RetryBounded
            | ProduceDisposition::RefreshMetadata => Err(Failed::Passing(error())),
            ProduceDisposition::Refused
            | ProduceDisposition::Unfit
            | ProduceDisposition::SequenceGap
            | ProduceDisposition::UnknownProducer
            | ProduceDisposition::Fenced
            | ProduceDisposition::Unauthorized
            | ProduceDisposition::Fatal => Err(Failed::Final(error())),
        }
    }
}
