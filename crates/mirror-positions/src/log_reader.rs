//! Every record of the topic up to its end, in order, folded as it comes.
//!
//! "The end" is the high watermark that the leader names last, not the one it named first: while we read, the cleaner
//! may remove a record that we have not reached yet because a later one of its key exists. Whoever stopped at the first
//! high watermark could miss both and take a stored position for a missing one.
//!
//! The first end comes from `ListOffsets`: a leader just elected may not know yet how far its log is committed. Asked for
//! its end it says so (KIP-207, `OFFSET_NOT_AVAILABLE`); a fetch would show a shorter log.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::offsets::{OffsetPoint, list_offsets};
use kafka_client::{CallOptions, Cluster};
use kafka_client_core::retry::{FetchDisposition, classify_fetch};
use kafka_record::{Batch, Batches, CodecContexts, RecordBatch, RecordError, Records};
use kafka_wire::api::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, FetchedPartition, READ_UNCOMMITTED,
};
use kafka_wire::api_key::ApiKey;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_core::position_record::{PositionFold, StoredPositions};

use crate::attempts::{Attempts, Failed};
use crate::error::PositionTopicError;
use crate::leader::{Leader, PARTITION, admin_failed, client_failed};

/// Bytes asked for at once. A larger batch comes alone and whole (KIP-74).
const FETCH_BYTES: i32 = 1024 * 1024;
/// How long a leader may wait for records, in milliseconds. Below the high watermark they are there.
const FETCH_WAIT_MS: i32 = 500;
/// No batch of ours decompresses to as many bytes; a foreign one is refused.
const DECOMPRESSED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The last version of Fetch that names topics by name (KIP-516).
const FETCH_VERSION_BY_NAME: i16 = 12;

/// One reading of the log: what was read so far, and where it goes on.
pub(crate) struct LogReader {
    cluster: Arc<Cluster>,
    tp: TopicPartition,
    leader: Leader,
    timeout: Duration,
    fold: PositionFold,
    /// Where the next fetch starts; not known before the log start is.
    next: Option<i64>,
    codecs: CodecContexts,
    decompressed: Vec<u8>,
}

/// What a step of reading came to.
enum Step {
    Goes,
    AtEnd,
    /// The broker's quota asks for silence.
    Throttled(Duration),
}

// === impl LogReader ===

impl LogReader {
    /// `topic_id` is the topic's as it was seen first, or zero.
    pub(crate) fn new(
        cluster: &Arc<Cluster>,
        topic: &Arc<str>,
        topic_id: TopicId,
        timeout: Duration,
    ) -> Self {
        Self {
            cluster: Arc::clone(cluster),
            tp: TopicPartition::new(Arc::clone(topic), PARTITION),
            leader: Leader::new(Arc::clone(cluster), Arc::clone(topic), topic_id),
            timeout,
            fold: PositionFold::default(),
            next: None,
            codecs: CodecContexts::new(),
            decompressed: Vec::new(),
        }
    }

    /// Reads on to the end of the log and says what all records up to there say. May be called again, to learn what was
    /// appended meanwhile.
    pub(crate) async fn catch_up(&mut self) -> Result<StoredPositions, PositionTopicError> {
        let mut attempts = Attempts::begin(self.timeout);
        let mut end = None;
        loop {
            let before = self.next;
            match self.step(&mut end).await {
                Ok(Step::AtEnd) => return Ok(self.fold.settle()),
                Ok(Step::Throttled(pause)) => tokio::time::sleep(pause).await,
                Ok(Step::Goes) if self.next > before => attempts.renew(self.timeout),
                Ok(Step::Goes) => {}
                Err(failed) => {
                    self.leader.forget();
                    attempts.after(failed).await?;
                }
            }
        }
    }

    async fn step(&mut self, end: &mut Option<i64>) -> Result<Step, Failed> {
        let node = self.leader.connection().await?.node;
        let next = match self.next {
            Some(next) => next,
            None => self.listed(node, OffsetPoint::Earliest).await?,
        };
        self.next = Some(next);
        let log_end = match *end {
            Some(end) => end,
            None => self.listed(node, OffsetPoint::Latest).await?,
        };
        *end = Some(log_end);
        if next >= log_end {
            return Ok(Step::AtEnd);
        }
        let answer = self.fetch(next).await?;
        let throttle = u64::try_from(answer.throttle_time_ms).unwrap_or(0);
        let Some(fetched) = answer
            .topics
            .into_iter()
            .flat_map(|topic| topic.partitions)
            .next()
        else {
            // A client over its quota gets an answer without partitions (KIP-219).
            if throttle > 0 {
                return Ok(Step::Throttled(Duration::from_millis(throttle).min(self.timeout)));
            }
            return Err(Failed::Passing(self.unanswered(ApiKey::Fetch)));
        };
        if let Err(failed) = self.judge(&fetched) {
            if fetched.error_code == ErrorCode::OFFSET_OUT_OF_RANGE {
                // The log start moved past us, or the log was cut: what was read may be gone.
                self.fold = PositionFold::default();
                self.next = None;
                *end = None;
            }
            return Err(failed);
        }
        let log_end = log_end.max(fetched.high_watermark);
        *end = Some(log_end);
        if fetched.records.is_empty() {
            return self.nothing_at(next, log_end, fetched.high_watermark);
        }
        self.take(&fetched, log_end)?;
        Ok(Step::Goes)
    }

    /// No batch between `next` and the end: compaction may have removed them all. A leader whose high watermark is still
    /// below the end does not show all it has.
    fn nothing_at(&mut self, next: i64, end: i64, high_watermark: i64) -> Result<Step, Failed> {
        if high_watermark < end {
            return Err(Failed::Passing(self.stuck(next, end)));
        }
        self.next = Some(end);
        Ok(Step::AtEnd)
    }

    async fn listed(&self, node: NodeId, point: OffsetPoint) -> Result<i64, Failed> {
        let partitions = std::slice::from_ref(&self.tp);
        let listed = list_offsets(&self.cluster, node, partitions, point, false).await;
        let mut listed = listed.map_err(|error| client_failed(&self.tp.topic, error))?;
        let listed = listed
            .remove(&self.tp)
            .ok_or_else(|| Failed::Passing(self.unanswered(ApiKey::ListOffsets)))?;
        if listed.error_code.is_error() {
            return Err(admin_failed(
                &self.tp.topic,
                ApiKey::ListOffsets,
                listed.error_code,
            ));
        }
        Ok(listed.offset)
    }

    async fn fetch(&mut self, offset: i64) -> Result<FetchResponse, Failed> {
        let topic = Arc::clone(&self.tp.topic);
        let request = FetchRequest {
            max_wait_ms: FETCH_WAIT_MS,
            min_bytes: 1,
            max_bytes: FETCH_BYTES,
            isolation_level: READ_UNCOMMITTED,
            session_id: 0,
            session_epoch: -1, // no session
            topics: vec![FetchTopic {
                topic: Arc::clone(&topic),
                topic_id: TopicId::ZERO,
                partitions: vec![FetchPartition {
                    partition: PARTITION,
                    current_leader_epoch: -1,
                    fetch_offset: offset,
                    last_fetched_epoch: -1,
                    log_start_offset: -1,
                    partition_max_bytes: FETCH_BYTES,
                }],
            }],
            forgotten: Vec::new(),
            rack_id: String::new(),
        };
        let options = CallOptions {
            timeout: self.timeout,
            expected_bytes: usize::try_from(FETCH_BYTES).unwrap_or(0),
            version_max: FETCH_VERSION_BY_NAME,
            ..CallOptions::default()
        };
        let connection = &self.leader.connection().await?.connection;
        let failed = |error| client_failed(&topic, error);
        let mut in_flight = connection.start(&request, options).await.map_err(failed)?;
        let answer = in_flight.answer().await.map_err(failed)?;
        match answer.error_code {
            ErrorCode::NONE => Ok(answer),
            code => Err(self.refused(code)),
        }
    }

    fn judge(&self, fetched: &FetchedPartition) -> Result<(), Failed> {
        match fetched.error_code {
            ErrorCode::NONE => Ok(()),
            code => Err(self.refused(code)),
        }
    }

    fn refused(&self, code: ErrorCode) -> Failed {
        let error = PositionTopicError::Answered {
            topic: Arc::clone(&self.tp.topic),
            api: ApiKey::Fetch,
            code,
            message: None,
        };
        match classify_fetch(code) {
            FetchDisposition::RefreshMetadata
            | FetchDisposition::Retry
            | FetchDisposition::AskLeader
            | FetchDisposition::SessionReset
            | FetchDisposition::OutOfRange
            // Metadata, asked next, tells whether it is another topic by now.
            | FetchDisposition::Recreated => Failed::Passing(error),
            FetchDisposition::Ok
            | FetchDisposition::Unauthorized
            | FetchDisposition::Corrupt
            | FetchDisposition::Fatal => Failed::Final(error),
        }
    }

    /// Takes in every whole batch of an answer and moves on behind it.
    fn take(&mut self, fetched: &FetchedPartition, end: i64) -> Result<(), Failed> {
        let asked = self.next.unwrap_or(0);
        for batch in Batches::new(fetched.records.clone()) {
            let at = self.next.unwrap_or(0);
            match batch.map_err(|error| self.corrupt(at, error))? {
                Batch::V2(batch) => {
                    // A fetch answers with the whole batch that contains the offset: some of it may be behind us.
                    if batch.header.next_offset() > at {
                        self.take_batch(&batch, at)?;
                        self.next = Some(batch.header.next_offset());
                    }
                }
                Batch::Legacy(entry) => {
                    return Err(Failed::Final(PositionTopicError::LegacyFormat {
                        topic: Arc::clone(&self.tp.topic),
                        offset: entry.last_offset,
                        magic: entry.magic,
                    }));
                }
            }
        }
        if self.next <= Some(asked) {
            return Err(Failed::Passing(self.stuck(asked, end)));
        }
        Ok(())
    }

    fn take_batch(&mut self, batch: &RecordBatch, from: i64) -> Result<(), Failed> {
        let base = batch.header.base_offset;
        batch.verify_crc().map_err(|error| self.corrupt(base, error))?;
        if batch.header.attributes.is_control() {
            return Ok(()); // the end of a transaction, not a record of anybody's
        }
        let topic = Arc::clone(&self.tp.topic);
        let corrupt = |source| corrupt(&topic, base, source);
        let payload = batch
            .decompressed(&mut self.codecs, DECOMPRESSED_BYTES_MAX, &mut self.decompressed)
            .map_err(corrupt)?;
        for record in Records::new(payload, batch.header.record_count) {
            let record = record.map_err(corrupt)?;
            let offset = base.saturating_add(i64::from(record.offset_delta));
            if offset < from {
                continue;
            }
            self.fold
                .apply(offset, record.key, record.value)
                .map_err(|source| {
                    Failed::Final(PositionTopicError::Foreign {
                        topic: Arc::clone(&topic),
                        offset,
                        source,
                    })
                })?;
        }
        Ok(())
    }

    fn corrupt(&self, offset: i64, source: RecordError) -> Failed {
        corrupt(&self.tp.topic, offset, source)
    }

    fn stuck(&self, offset: i64, end: i64) -> PositionTopicError {
        PositionTopicError::Stuck {
            topic: Arc::clone(&self.tp.topic),
            offset,
            end,
        }
    }

    fn unanswered(&self, api: ApiKey) -> PositionTopicError {
        PositionTopicError::Unanswered {
            topic: Arc::clone(&self.tp.topic),
            api,
        }
    }
}

/// Damage may have happened on the way: the bytes are fetched again before it is told.
fn corrupt(topic: &Arc<str>, offset: i64, source: RecordError) -> Failed {
    Failed::Passing(PositionTopicError::Corrupt {
        topic: Arc::clone(topic),
        offset,
        source,
    })
}
