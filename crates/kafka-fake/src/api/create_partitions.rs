//! `CreatePartitions` (key 37): raises the number of a topic's partitions (KIP-195).

use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::{CreatePartitionsRequest, CreatePartitionsResponse};
use kafka_wire::{ErrorCode, NodeId};

use super::create_topics::check_replicas;
use super::text;
use crate::call::Call;
use crate::state::State;

pub(super) fn answer(call: &Call, request: &CreatePartitionsRequest) -> CreatePartitionsResponse {
    call.shared.change(|state| {
        if !state.release.forwards_to_controller() && state.controller() != Some(call.broker) {
            return refuse(request, ErrorCode::NOT_CONTROLLER);
        }
        let results = request.topics.iter().map(|topic| {
            let answer = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
            match planned(state, topic) {
                Ok(assignment) => {
                    if !request.validate_only {
                        state.grow(&topic.name, assignment);
                    }
                    answer
                }
                Err((code, reason)) => answer
                    .with_error_code(code.0)
                    .with_error_message(Some(text(reason))),
            }
        });
        CreatePartitionsResponse::default().with_results(results.collect())
    })
}

pub(super) fn refuse(request: &CreatePartitionsRequest, code: ErrorCode) -> CreatePartitionsResponse {
    let results = request.topics.iter().map(|topic| {
        CreatePartitionsTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(code.0)
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

/// The replicas of the new partitions.
fn planned(state: &State, asked: &CreatePartitionsTopic) -> Result<Vec<Vec<NodeId>>, (ErrorCode, String)> {
    let topic = state.topics.get(asked.name.as_str()).ok_or_else(|| {
        let what = "This server does not host this topic-partition.".to_owned();
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what)
    })?;
    let present = topic.partitions.len();
    let count = usize::try_from(asked.count).unwrap_or(0);
    if count <= present {
        let what =
            format!("The topic currently has {present} partition(s); {count} would not be an increase.");
        return Err((ErrorCode::INVALID_PARTITIONS, what));
    }
    let factor = topic.partitions.first().map_or(1, |first| first.replicas.len());
    let Some(given) = &asked.assignments else {
        let more = i32::try_from(count - present).unwrap_or(i32::MAX);
        let factor = i16::try_from(factor).unwrap_or(i16::MAX);
        return state
            .spread(present, more, factor)
            .map_err(|code| (code, code.name().to_owned()));
    };
    let invalid = |what: String| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, what);
    if given.len() != count - present {
        let what = format!("{} new partitions need as many assignments", count - present);
        return Err(invalid(what));
    }
    given
        .iter()
        .map(|assignment| {
            let replicas: Vec<NodeId> = assignment.broker_ids.iter().map(|id| NodeId(id.0)).collect();
            check_replicas(state, &replicas, Some(factor)).map_err(invalid)?;
            Ok(replicas)
        })
        .collect()
}
