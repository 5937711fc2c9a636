//! `ListOffsets` (key 2): the offset that belongs to a time, or to an end of the log.
//!
//! v1 one offset per partition, v2 isolation level, v4 leader epochs, v7 the record with the highest time (-3, KIP-734),
//! v8 the start of the local log (-4, KIP-405), v9 what was last copied to remote storage (-5). Without remote storage
//! -4 is the log start and -5 finds nothing.

use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
use kafka_protocol::messages::{ListOffsetsRequest, ListOffsetsResponse};
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::state::State;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const EARLIEST_LOCAL: i64 = -4;
const LATEST_TIERED: i64 = -5;

const READ_COMMITTED: i8 = 1;

/// Time, offset and epoch of an answer; -1 for what is not known.
type Found = (i64, i64, Option<i32>);

pub(super) fn answer(call: &Call, request: &ListOffsetsRequest) -> ListOffsetsResponse {
    let state = call.shared.state();
    let is_committed = request.isolation_level == READ_COMMITTED;
    map_partitions(request, |topic, asked| {
        let answer = ListOffsetsPartitionResponse::default().with_partition_index(asked.partition_index);
        match found(&state, call, topic, asked, is_committed) {
            Ok((timestamp, offset, epoch)) => {
                let answer = answer.with_timestamp(timestamp).with_offset(offset);
                if call.version >= 4 {
                    answer.with_leader_epoch(epoch.unwrap_or(-1))
                } else {
                    answer
                }
            }
            Err(code) => answer.with_error_code(code.0),
        }
    })
}

pub(super) fn refuse(request: &ListOffsetsRequest, code: ErrorCode) -> ListOffsetsResponse {
    map_partitions(request, |_topic, asked| {
        ListOffsetsPartitionResponse::default()
            .with_partition_index(asked.partition_index)
            .with_error_code(code.0)
    })
}

fn map_partitions(
    request: &ListOffsetsRequest,
    mut answer: impl FnMut(&str, &ListOffsetsPartition) -> ListOffsetsPartitionResponse,
) -> ListOffsetsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| answer(&topic.name, asked));
        topics.push(
            ListOffsetsTopicResponse::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect()),
        );
    }
    ListOffsetsResponse::default().with_topics(topics)
}

fn found(
    state: &State,
    call: &Call,
    topic: &str,
    asked: &ListOffsetsPartition,
    is_committed: bool,
) -> Result<Found, ErrorCode> {
    let partition = state.partition(topic, asked.partition_index)?;
    partition.check_leader(call.broker, asked.current_leader_epoch)?;
    let log = &partition.log;
    let last_fetchable = if is_committed {
        log.last_stable_offset()
    } else {
        log.high_watermark()
    };
    let nothing = (-1, -1, None);
    let record = match asked.timestamp {
        LATEST => return Ok((-1, last_fetchable, Some(partition.leader_epoch))),
        EARLIEST | EARLIEST_LOCAL => return Ok((-1, log.start(), log.epochs().epoch_of(log.start()))),
        LATEST_TIERED => return Ok(nothing),
        MAX_TIMESTAMP => log.find_newest_time(last_fetchable),
        timestamp if timestamp >= 0 => log.find_time(timestamp, last_fetchable),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    };
    Ok(record.map_or(nothing, |record| {
        (record.timestamp, record.offset, record.leader_epoch)
    }))
}
