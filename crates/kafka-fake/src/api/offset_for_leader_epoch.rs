//! `OffsetForLeaderEpoch` (key 23): where an epoch ended, so that a client can tell whether its log was cut.
//!
//! v2 the client's idea of the current epoch (KIP-320), v3 the replica id, v4 flexible.

use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
use kafka_protocol::messages::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::log::EpochEnd;
use crate::state::State;

pub(super) fn answer(call: &Call, request: &OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let state = call.shared.state();
    map_partitions(request, |topic, asked| {
        let answer = EpochEndOffset::default().with_partition(asked.partition);
        match end_of(&state, call, topic, asked) {
            Ok(Some(end)) => answer
                .with_leader_epoch(end.epoch)
                .with_end_offset(end.end_offset),
            Ok(None) => answer,
            Err(code) => answer.with_error_code(code.0),
        }
    })
}

pub(super) fn refuse(request: &OffsetForLeaderEpochRequest, code: ErrorCode) -> OffsetForLeaderEpochResponse {
    map_partitions(request, |_topic, asked| {
        EpochEndOffset::default()
            .with_partition(asked.partition)
            .with_error_code(code.0)
    })
}

fn map_partitions(
    request: &OffsetForLeaderEpochRequest,
    mut answer: impl FnMut(&str, &OffsetForLeaderPartition) -> EpochEndOffset,
) -> OffsetForLeaderEpochResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| answer(&topic.topic, asked));
        topics.push(
            OffsetForLeaderTopicResult::default()
                .with_topic(topic.topic.clone())
                .with_partitions(partitions.collect()),
        );
    }
    OffsetForLeaderEpochResponse::default().with_topics(topics)
}

fn end_of(
    state: &State,
    call: &Call,
    topic: &str,
    asked: &OffsetForLeaderPartition,
) -> Result<Option<EpochEnd>, ErrorCode> {
    let partition = state.partition(topic, asked.partition)?;
    partition.check_leader(call.broker, asked.current_leader_epoch)?;
    Ok(partition
        .log
        .epochs()
        .end_of(asked.leader_epoch, partition.log.end()))
}
