//! `Fetch` (key 1): records of many partitions in one answer, at once or when there are enough of them.
//!
//! v5 log start offset; v7 sessions (KIP-227); v9 the client's leader epoch (KIP-320); v12 the epoch of the record
//! before, answered with a divergence where the log went another way (KIP-595); v13 topic ids (KIP-516); v16 where the
//! new leader listens (KIP-951). A preferred read replica is never named.
//!
//! The rules of `ReplicaManager.readFromLog`: partitions are read in the order of the request until the answer's limit
//! is used up, and only the first one that has anything may exceed it by one whole batch.

use bytes::Bytes;
use kafka_protocol::messages::fetch_request::FetchTopic;
use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData,
};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProducerId, TopicName};
use kafka_wire::{ErrorCode, TopicId};
use tokio::time::Instant;
use uuid::Uuid;

use super::{broker_id, text, topic_name, uuid};
use crate::call::Call;
use crate::clock::from_ms;
use crate::fetch_session::{Opened, Place, SessionRequest, Told, WantedPartition};
use crate::log::EpochEnd;
use crate::shared::Look;
use crate::state::State;
use crate::topic::Partition;

const READ_COMMITTED: i8 = 1;

/// Errors of a session, which stand at the top of an answer.
const SESSION_ERRORS: &[ErrorCode] = &[
    ErrorCode::FETCH_SESSION_ID_NOT_FOUND,
    ErrorCode::INVALID_FETCH_SESSION_EPOCH,
    ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR,
];

/// What one partition's part of the answer says.
#[derive(Debug)]
struct Read {
    code: ErrorCode,
    told: Option<Told>,
    last_stable_offset: i64,
    diverging: Option<EpochEnd>,
    aborted: Option<Vec<crate::log::AbortedTransaction>>,
    records: Bytes,
}

/// The limits of one fetch.
#[derive(Debug, Clone, Copy)]
struct Limits {
    bytes_max: usize,
    bytes_min: usize,
    is_committed: bool,
}

pub(super) async fn answer(call: &Call, request: &FetchRequest) -> FetchResponse {
    let session_error = |code: ErrorCode| FetchResponse::default().with_error_code(code.0);
    if let Some(code) = call.imposed
        && SESSION_ERRORS.contains(&code)
    {
        return session_error(code);
    }
    let deadline = Instant::now() + from_ms(request.max_wait_ms);
    let bytes_max = bytes_max(call, request);
    let limits = Limits {
        bytes_max,
        // More than fits into the answer would wait in vain.
        bytes_min: usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max),
        is_committed: request.isolation_level == READ_COMMITTED,
    };
    let (opened, wanted) = match open(call, request) {
        Ok(opened) => opened,
        Err(code) => return session_error(code),
    };
    let reads = call
        .shared
        .wait(deadline, |state| {
            let reads = read_all(state, call, &wanted, limits);
            if is_due(&reads, limits) {
                Look::Done(reads)
            } else {
                Look::Wait(reads)
            }
        })
        .await;
    respond(call, opened, wanted, reads)
}

/// What the client asks for, at most what brokers give: their `fetch.max.bytes`.
fn bytes_max(call: &Call, request: &FetchRequest) -> usize {
    let setting = call.shared.state().broker_setting("fetch.max.bytes");
    let ours = setting.parse().unwrap_or(i32::MAX);
    usize::try_from(request.max_bytes.min(ours)).unwrap_or(0)
}

/// Finds the session and all that is wanted in it.
fn open(call: &Call, request: &FetchRequest) -> Result<(Opened, Vec<WantedPartition>), ErrorCode> {
    let named = request.topics.iter().flat_map(wanted_of);
    let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
        let partitions = topic.partitions.iter();
        partitions.map(|partition| place(&topic.topic, topic.topic_id, *partition))
    });
    let (named, forgotten): (Vec<_>, Vec<_>) = (named.collect(), forgotten.collect());
    if call.version < 7 {
        return Ok((Opened::Without, named));
    }
    let mut state = call.shared.state();
    let slots = state.broker_setting("max.incremental.fetch.session.cache.slots");
    let session = SessionRequest {
        id: request.session_id,
        epoch: request.session_epoch,
        uses_topic_ids: call.version >= 13,
        now: Instant::now(),
        slots: slots.parse().unwrap_or(0),
    };
    let State { brokers, random, .. } = &mut *state;
    match brokers.get_mut(&call.broker) {
        Some(broker) => broker.sessions.open(session, named, &forgotten, random),
        None => Ok((Opened::Without, named)),
    }
}

fn wanted_of(topic: &FetchTopic) -> impl Iterator<Item = WantedPartition> + '_ {
    topic.partitions.iter().map(|asked| WantedPartition {
        place: place(&topic.topic, topic.topic_id, asked.partition),
        current_leader_epoch: asked.current_leader_epoch,
        fetch_offset: asked.fetch_offset,
        last_fetched_epoch: asked.last_fetched_epoch,
        partition_bytes_max: asked.partition_max_bytes,
    })
}

/// Up to version 12 the id is zero, from 13 on the name is empty.
fn place(topic: &TopicName, topic_id: Uuid, partition: i32) -> Place {
    Place {
        topic: topic.to_string(),
        topic_id: TopicId(topic_id.into_bytes()),
        partition,
    }
}

fn read_all(state: &State, call: &Call, wanted: &[WantedPartition], limits: Limits) -> Vec<Read> {
    let mut bytes_left = limits.bytes_max;
    let mut is_first = true;
    let mut reads = Vec::with_capacity(wanted.len());
    for wanted in wanted {
        let bytes_max = usize::try_from(wanted.partition_bytes_max)
            .unwrap_or(0)
            .min(bytes_left);
        let read = read_one(state, call, wanted, bytes_max, is_first, limits.is_committed)
            .unwrap_or_else(Read::failed);
        bytes_left = bytes_left.saturating_sub(read.records.len());
        is_first &= read.records.is_empty();
        reads.push(read);
    }
    reads
}

fn read_one(
    state: &State,
    call: &Call,
    wanted: &WantedPartition,
    bytes_max: usize,
    first_batch_whole: bool,
    is_committed: bool,
) -> Result<Read, ErrorCode> {
    if let Some(code) = call.imposed {
        return Err(code);
    }
    let partition = located(state, &wanted.place)?;
    partition.check_leader(call.broker, wanted.current_leader_epoch)?;
    let log = &partition.log;
    let mut read = Read {
        code: ErrorCode::NONE,
        told: Some(Told {
            high_watermark: log.high_watermark(),
            log_start_offset: log.start(),
        }),
        last_stable_offset: log.last_stable_offset(),
        diverging: None,
        aborted: is_committed.then(Vec::new),
        records: Bytes::new(),
    };
    if wanted.last_fetched_epoch >= 0 {
        read.diverging = divergence(partition, wanted)?;
        if read.diverging.is_some() {
            return Ok(read);
        }
    }
    let upper_bound = if is_committed {
        log.last_stable_offset()
    } else {
        log.high_watermark()
    };
    let bytes = log
        .read(wanted.fetch_offset, bytes_max, first_batch_whole, upper_bound)
        .ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
    if is_committed {
        read.aborted = Some(log.aborted_in(wanted.fetch_offset, bytes.end_offset));
    }
    read.records = bytes.bytes;
    Ok(read)
}

fn located<'a>(state: &'a State, place: &Place) -> Result<&'a Partition, ErrorCode> {
    if !place.topic.is_empty() {
        return state.partition(&place.topic, place.partition);
    }
    let topic = state
        .topic_named(place.topic_id)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
    topic
        .partition(place.partition)
        .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
}

/// Where the client's log parted from this one; `None` if it did not (`Partition.scala`, `readRecords`).
fn divergence(partition: &Partition, wanted: &WantedPartition) -> Result<Option<EpochEnd>, ErrorCode> {
    let log = &partition.log;
    let end = log
        .epochs()
        .end_of(wanted.last_fetched_epoch, log.end())
        .ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
    // An offset that is gone is out of range, diverging or not.
    if wanted.fetch_offset < log.start() {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    let diverges = end.epoch < wanted.last_fetched_epoch || end.end_offset < wanted.fetch_offset;
    Ok(diverges.then_some(end))
}

/// Is there a reason to answer before the deadline?
fn is_due(reads: &[Read], limits: Limits) -> bool {
    let bytes: usize = reads.iter().map(|read| read.records.len()).sum();
    let is_urgent = |read: &Read| read.code.is_error() || read.diverging.is_some();
    reads.is_empty() || bytes >= limits.bytes_min || reads.iter().any(is_urgent)
}

fn respond(call: &Call, opened: Opened, wanted: Vec<WantedPartition>, reads: Vec<Read>) -> FetchResponse {
    let mut state = call.shared.state();
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    let mut endpoints: Vec<NodeEndpoint> = Vec::new();
    for (wanted, read) in wanted.into_iter().zip(reads) {
        let told = read.told.filter(|_| read.diverging.is_none());
        let release = state.release;
        let is_news = state.brokers.get_mut(&call.broker).is_none_or(|broker| {
            broker
                .sessions
                .is_news(opened, &wanted, told, !read.records.is_empty(), release)
        });
        if !is_news {
            continue;
        }
        let mut data = read.into_data(wanted.place.partition);
        if call.version >= 16
            && matches!(
                ErrorCode(data.error_code),
                ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::FENCED_LEADER_EPOCH
            )
        {
            data.current_leader = name_leader(&state, &wanted.place, &mut endpoints);
        }
        let id = uuid(wanted.place.topic_id);
        match topics.last_mut() {
            Some(last) if last.topic.as_str() == wanted.place.topic && last.topic_id == id => {
                last.partitions.push(data);
            }
            Some(_) | None => topics.push(
                FetchableTopicResponse::default()
                    .with_topic(topic_name(&wanted.place.topic))
                    .with_topic_id(id)
                    .with_partitions(vec![data]),
            ),
        }
    }
    let response = FetchResponse::default().with_responses(topics);
    if call.version < 7 {
        return response;
    }
    response
        .with_session_id(opened.id())
        .with_node_endpoints(endpoints)
}

fn name_leader(state: &State, place: &Place, endpoints: &mut Vec<NodeEndpoint>) -> LeaderIdAndEpoch {
    let Ok(partition) = located(state, place) else {
        return LeaderIdAndEpoch::default();
    };
    let leader = broker_id(partition.leader);
    if let Some(broker) = partition.leader.and_then(|leader| state.brokers.get(&leader))
        && !endpoints.iter().any(|endpoint| endpoint.node_id == leader)
    {
        endpoints.push(
            NodeEndpoint::default()
                .with_node_id(leader)
                .with_host(text(broker.host.as_str()))
                .with_port(i32::from(broker.port)),
        );
    }
    LeaderIdAndEpoch::default()
        .with_leader_id(leader)
        .with_leader_epoch(partition.leader_epoch)
}

// === impl Read ===

impl Read {
    fn failed(code: ErrorCode) -> Self {
        Self {
            code,
            told: None,
            last_stable_offset: -1,
            diverging: None,
            aborted: None,
            records: Bytes::new(),
        }
    }

    fn into_data(self, partition: i32) -> PartitionData {
        let aborted = self.aborted.map(|aborted| {
            let listed = aborted.into_iter().map(|aborted| {
                AbortedTransaction::default()
                    .with_producer_id(ProducerId(aborted.producer_id))
                    .with_first_offset(aborted.first_offset)
            });
            listed.collect()
        });
        let told = self.told.unwrap_or(Told {
            high_watermark: -1,
            log_start_offset: -1,
        });
        let data = PartitionData::default()
            .with_partition_index(partition)
            .with_error_code(self.code.0)
            .with_high_watermark(told.high_watermark)
            .with_last_stable_offset(self.last_stable_offset)
            .with_log_start_offset(told.log_start_offset)
            .with_aborted_transactions(aborted)
            .with_records(Some(self.records));
        match self.diverging {
            Some(end) => data.with_diverging_epoch(
                EpochEndOffset::default()
                    .with_epoch(end.epoch)
                    .with_end_offset(end.end_offset),
            ),
            None => data,
        }
    }
}
