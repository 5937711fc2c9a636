//! `Produce` (key 0): appends one batch to each partition named, and answers when it is as safe as asked.
//!
//! v3 batches of magic 2 only, exactly one per partition; v5 log start offset; v7 zstd; v8 the records at fault
//! (KIP-467); v10 the new leader and where it listens (KIP-951); v13 topic ids (KIP-516).
//! `acks=0` gets no answer; an error closes the connection instead, as nothing else can tell it.

mod transaction;

use std::time::Instant as StandardInstant;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse, TopicProduceResponse,
};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};
use kafka_record::{Batch, Batches, Codec, RecordBatch};
use kafka_wire::{ErrorCode, TopicId, TopicPartition};
use tokio::time::Instant;

use super::{Unserved, broker_id, text};
use crate::call::Call;
use crate::clock::from_ms;
use crate::log::{AppendError, Appended, Rules};
use crate::shared::Look;
use crate::state::State;
use crate::topic::Topic;

const ACKS_NONE: i16 = 0;
const ACKS_LEADER: i16 = 1;
const ACKS_ALL: i16 = -1;

/// One partition of the request and what became of it.
#[derive(Debug)]
struct Outcome {
    topic: String,
    result: Result<Appended, AppendError>,
}

pub(super) async fn answer(
    call: &Call,
    request: &ProduceRequest,
) -> Result<Option<ProduceResponse>, Unserved> {
    let deadline = Instant::now() + from_ms(request.timeout_ms);
    if !matches!(request.acks, ACKS_NONE | ACKS_LEADER | ACKS_ALL) {
        return Ok(Some(refuse(request, ErrorCode::INVALID_REQUIRED_ACKS)));
    }
    let mut outcomes = if request.transactional_id.is_some() {
        let outcomes = call
            .shared
            .coordinate(|state, now| append_all(state, call, now, request));
        call.shared.change(|_| ()); // who waits for records did not hear of it yet
        outcomes
    } else {
        let now = Instant::now().into_std();
        call.shared.change(|state| append_all(state, call, now, request))
    };
    match request.acks {
        ACKS_NONE if outcomes.iter().any(|outcome| outcome.result.is_err()) => {
            return Err(Unserved::SilentAppendFailed);
        }
        ACKS_NONE => return Ok(None),
        ACKS_ALL => wait_for_replicas(call, request, &mut outcomes, deadline).await,
        _ => {}
    }
    Ok(Some(respond(call, request, outcomes)))
}

pub(super) fn refuse(request: &ProduceRequest, code: ErrorCode) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code.0)
                .with_base_offset(-1)
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

fn append_all(
    state: &mut State,
    call: &Call,
    now: StandardInstant,
    request: &ProduceRequest,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for topic in &request.topic_data {
        for data in &topic.partition_data {
            outcomes.push(append(state, call, now, request, (topic, data)));
        }
    }
    outcomes
}

fn append(
    state: &mut State,
    call: &Call,
    now: StandardInstant,
    request: &ProduceRequest,
    (topic, data): (&TopicProduceData, &PartitionProduceData),
) -> Outcome {
    let name = match name_of(state, call, topic) {
        Ok(name) => name,
        Err(code) => {
            return Outcome {
                topic: String::new(),
                result: Err(AppendError::new(code, code.name())),
            };
        }
    };
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    let result = only_batch(call, state, data.records.as_ref()).and_then(|batch| {
        check_place(state, call, request.acks, &name, data.index)
            .and_then(|()| {
                let tp = TopicPartition::new(name.as_str(), data.index);
                transaction::admit(state, call, now, transactional_id, tp, &batch)
            })
            .map_err(|code| AppendError::new(code, code.name()))?;
        append_to(state, call, &name, data.index, &batch)
    });
    Outcome { topic: name, result }
}

fn name_of(state: &State, call: &Call, topic: &TopicProduceData) -> Result<String, ErrorCode> {
    if call.version < 13 {
        return Ok(topic.name.to_string());
    }
    state
        .topic_named(TopicId(topic.topic_id.into_bytes()))
        .map(|topic| topic.name.clone())
        .ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
}

/// The one batch a partition's part of the request must be.
fn only_batch(call: &Call, state: &State, records: Option<&Bytes>) -> Result<RecordBatch, AppendError> {
    let invalid = |what: &str| {
        let code = if state.release.knows_invalid_record() {
            ErrorCode::INVALID_RECORD
        } else {
            ErrorCode::CORRUPT_MESSAGE
        };
        let version = call.version;
        AppendError::new(code, format!("Produce requests with version {version} {what}"))
    };
    let mut batches = Batches::new(records.cloned().unwrap_or_default());
    let first = batches
        .next()
        .ok_or_else(|| invalid("must have at least one record batch per partition"))?
        .map_err(|error| AppendError::corrupt(&error))?;
    let Batch::V2(batch) = first else {
        return Err(invalid(
            "are only allowed to contain record batches with magic version 2",
        ));
    };
    if batches.next().is_some() || batches.partial_tail() > 0 {
        return Err(invalid(
            "are only allowed to contain exactly one record batch per partition",
        ));
    }
    if call.version < 7 && batch.header.attributes.codec() == Ok(Codec::Zstd) {
        let what = format!("Produce requests with version {} cannot carry zstd", call.version);
        return Err(AppendError::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, what));
    }
    Ok(batch)
}

/// Can the partition be written here, as safely as asked?
fn check_place(state: &State, call: &Call, acks: i16, topic: &str, partition: i32) -> Result<(), ErrorCode> {
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let topic = state.topics.get(topic).ok_or(unknown)?;
    let partition = topic.partition(partition).ok_or(unknown)?;
    partition.check_leader(call.broker, -1)?;
    if acks == ACKS_ALL && partition.in_sync.len() < topic.settings.min_in_sync_replicas {
        return Err(ErrorCode::NOT_ENOUGH_REPLICAS);
    }
    Ok(())
}

fn append_to(
    state: &mut State,
    call: &Call,
    topic: &str,
    partition: i32,
    batch: &RecordBatch,
) -> Result<Appended, AppendError> {
    let State {
        topics,
        codecs,
        release,
        ..
    } = state;
    let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
    let unknown = || AppendError::new(unknown, unknown.name());
    let Topic {
        settings, partitions, ..
    } = topics.get_mut(topic).ok_or_else(unknown)?;
    let rules = Rules {
        settings,
        release: *release,
        now_ms: call.shared.clock.wall_ms(),
    };
    let partition = usize::try_from(partition)
        .ok()
        .and_then(|number| partitions.get_mut(number))
        .ok_or_else(unknown)?;
    partition
        .log
        .append(batch, partition.leader_epoch, &rules, codecs)
}

/// Waits until every appended batch is below its high watermark.
async fn wait_for_replicas(
    call: &Call,
    request: &ProduceRequest,
    outcomes: &mut [Outcome],
    deadline: Instant,
) {
    let indexes: Vec<i32> = request
        .topic_data
        .iter()
        .flat_map(|topic| topic.partition_data.iter().map(|data| data.index))
        .collect();
    let is_waiting = |state: &State, outcome: &Outcome, index: i32| match &outcome.result {
        Ok(appended) => state
            .partition(&outcome.topic, index)
            .is_ok_and(|partition| partition.log.high_watermark() < appended.next_offset),
        Err(_) => false,
    };
    let waiting = call
        .shared
        .wait(deadline, |state| {
            let pairs = outcomes.iter().zip(&indexes);
            let waiting: Vec<bool> = pairs
                .map(|(outcome, index)| is_waiting(state, outcome, *index))
                .collect();
            if waiting.contains(&true) {
                Look::Wait(waiting)
            } else {
                Look::Done(waiting)
            }
        })
        .await;
    for (outcome, _) in outcomes.iter_mut().zip(waiting).filter(|(_, waiting)| *waiting) {
        let code = ErrorCode::REQUEST_TIMED_OUT;
        outcome.result = Err(AppendError::new(code, code.name()));
    }
}

fn respond(call: &Call, request: &ProduceRequest, outcomes: Vec<Outcome>) -> ProduceResponse {
    let state = call.shared.state();
    let mut outcomes = outcomes.into_iter();
    let mut endpoints = Vec::new();
    let mut topics = Vec::with_capacity(request.topic_data.len());
    for topic in &request.topic_data {
        let answered = topic
            .partition_data
            .iter()
            .zip(outcomes.by_ref().take(topic.partition_data.len()));
        let partitions: Vec<_> = answered
            .map(|(data, outcome)| {
                let mut answer = described(&state, data.index, &outcome);
                if call.version >= 10 && answer.error_code == ErrorCode::NOT_LEADER_OR_FOLLOWER.0 {
                    answer.current_leader = name_leader(&state, &outcome.topic, data.index, &mut endpoints);
                }
                answer
            })
            .collect();
        topics.push(
            TopicProduceResponse::default()
                .with_name(topic.name.clone())
                .with_topic_id(topic.topic_id)
                .with_partition_responses(partitions),
        );
    }
    ProduceResponse::default()
        .with_responses(topics)
        .with_node_endpoints(endpoints)
}

fn described(state: &State, index: i32, outcome: &Outcome) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default().with_index(index);
    match &outcome.result {
        Ok(appended) => answer
            .with_base_offset(appended.base_offset)
            .with_log_append_time_ms(appended.log_append_time_ms)
            .with_log_start_offset(log_start(state, outcome, index)),
        Err(error) => {
            let start = match error.code {
                // What ReplicaManager.appendToLocalLog answers with an unknown LogAppendInfo.
                ErrorCode::NOT_LEADER_OR_FOLLOWER
                | ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                | ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::RECORD_LIST_TOO_LARGE
                | ErrorCode::CORRUPT_MESSAGE
                | ErrorCode::INVALID_REQUIRED_ACKS => -1,
                _ => log_start(state, outcome, index),
            };
            let records = error.records.iter().map(|(index, reason)| {
                BatchIndexAndErrorMessage::default()
                    .with_batch_index(*index)
                    .with_batch_index_error_message(Some(text(reason.as_str())))
            });
            answer
                .with_error_code(error.code.0)
                .with_base_offset(-1)
                .with_log_start_offset(start)
                .with_error_message(Some(text(error.message.as_str())))
                .with_record_errors(records.collect())
        }
    }
}

fn log_start(state: &State, outcome: &Outcome, index: i32) -> i64 {
    state
        .partition(&outcome.topic, index)
        .map_or(-1, |partition| partition.log.start())
}

fn name_leader(
    state: &State,
    topic: &str,
    partition: i32,
    endpoints: &mut Vec<NodeEndpoint>,
) -> LeaderIdAndEpoch {
    let Ok(partition) = state.partition(topic, partition) else {
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
