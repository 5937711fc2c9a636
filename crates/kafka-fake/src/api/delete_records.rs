//! `DeleteRecords` (key 21): moves the start of a log forward; -1 means to the high watermark.
//!
//! What lies before is gone for readers at once: a fetch there is answered with `OFFSET_OUT_OF_RANGE`.

use kafka_protocol::messages::delete_records_request::DeleteRecordsPartition;
use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse};
use kafka_wire::ErrorCode;

use crate::call::Call;
use crate::state::State;

pub(super) fn answer(call: &Call, request: &DeleteRecordsRequest) -> DeleteRecordsResponse {
    call.shared
        .change(|state| map_partitions(request, |topic, asked| delete(state, call, topic, asked)))
}

pub(super) fn refuse(request: &DeleteRecordsRequest, code: ErrorCode) -> DeleteRecordsResponse {
    map_partitions(request, |_topic, _asked| Err(code))
}

fn delete(
    state: &mut State,
    call: &Call,
    topic: &str,
    asked: &DeleteRecordsPartition,
) -> Result<i64, ErrorCode> {
    let partition = state.partition_mut(topic, asked.partition_index)?;
    partition.check_leader(call.broker, -1)?;
    partition.log.delete_records(asked.offset)
}

fn map_partitions(
    request: &DeleteRecordsRequest,
    mut low_watermark: impl FnMut(&str, &DeleteRecordsPartition) -> Result<i64, ErrorCode>,
) -> DeleteRecordsResponse {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in &request.topics {
        let partitions = topic.partitions.iter().map(|asked| {
            let result = low_watermark(&topic.name, asked);
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_low_watermark(result.unwrap_or(-1))
                .with_error_code(result.err().unwrap_or(ErrorCode::NONE).0)
        });
        topics.push(
            DeleteRecordsTopicResult::default()
                .with_name(topic.name.clone())
                .with_partitions(partitions.collect()),
        );
    }
    DeleteRecordsResponse::default().with_topics(topics)
}
