//! `OffsetCommit`: stores positions of a group.
//!
//! | version | what it changes |
//! |---|---|
//! | 5 | the retention time is gone (KIP-211); it is not honoured here in any version |
//! | 6 | leader epochs (KIP-320) |
//! | 7 | static members (KIP-345) |
//! | 9 | a generation of a group that is not there is `GROUP_ID_NOT_FOUND`; before, `ILLEGAL_GENERATION` |

use std::collections::BTreeMap;

use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kafka_protocol::messages::{OffsetCommitRequest, OffsetCommitResponse};
use kafka_wire::{ErrorCode, TopicPartition};

use crate::call::Call;
use crate::group::{CommitRequest, CommittedOffset};
use crate::state::State;

pub(super) fn answer(call: &Call, request: &OffsetCommitRequest) -> OffsetCommitResponse {
    let outcome = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        let commit = commit_request(state, request);
        state.coordinators.groups.commit_offsets(now, commit)
    });
    match outcome {
        Ok(stored) => {
            let stored: BTreeMap<TopicPartition, ErrorCode> = stored.into_iter().collect();
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            respond(request, |tp| stored.get(tp).copied().unwrap_or(unknown))
        }
        Err(ErrorCode::GROUP_ID_NOT_FOUND) if call.version < 9 => {
            refuse(request, ErrorCode::ILLEGAL_GENERATION)
        }
        Err(code) => refuse(request, code),
    }
}

pub(super) fn refuse(request: &OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse {
    respond(request, |_| code)
}

fn respond(
    request: &OffsetCommitRequest,
    code_of: impl Fn(&TopicPartition) -> ErrorCode,
) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let tp = TopicPartition::new(topic.name.as_str(), partition.partition_index);
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code_of(&tp).0)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

/// The request without partitions that do not exist.
fn commit_request(state: &State, request: &OffsetCommitRequest) -> CommitRequest {
    let mut offsets = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if state.partition(&topic.name, partition.partition_index).is_ok() {
                let committed = CommittedOffset {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition
                        .committed_metadata
                        .as_deref()
                        .unwrap_or_default()
                        .to_owned(),
                };
                offsets.push((
                    TopicPartition::new(&*topic.name.0, partition.partition_index),
                    committed,
                ));
            }
        }
    }
    CommitRequest {
        group_id: request.group_id.to_string(),
        generation_id: request.generation_id_or_member_epoch,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        offsets,
    }
}
