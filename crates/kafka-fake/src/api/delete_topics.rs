//! `DeleteTopics` (key 20): topics and their records are gone at once. v6 names topics by id as well.

use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{DeleteTopicsRequest, DeleteTopicsResponse, TopicName};
use kafka_wire::{ErrorCode, TopicId};
use uuid::Uuid;

use super::{topic_name, uuid};
use crate::call::Call;
use crate::state::State;

pub(super) fn answer(call: &Call, request: &DeleteTopicsRequest) -> DeleteTopicsResponse {
    call.shared.change(|state| {
        if !state.release.forwards_to_controller() && state.controller() != Some(call.broker) {
            return refuse(request, ErrorCode::NOT_CONTROLLER);
        }
        let results = named(request).map(|(name, id)| delete(state, name, id));
        DeleteTopicsResponse::default().with_responses(results.collect())
    })
}

pub(super) fn refuse(request: &DeleteTopicsRequest, code: ErrorCode) -> DeleteTopicsResponse {
    let results = named(request).map(|(name, id)| result(name, id, code));
    DeleteTopicsResponse::default().with_responses(results.collect())
}

/// Names up to v5, names or ids after.
fn named(request: &DeleteTopicsRequest) -> impl Iterator<Item = (Option<TopicName>, Uuid)> + '_ {
    let by_name = request
        .topic_names
        .iter()
        .map(|name| (Some(name.clone()), Uuid::nil()));
    let either = request
        .topics
        .iter()
        .map(|topic| (topic.name.clone(), topic.topic_id));
    by_name.chain(either)
}

fn delete(state: &mut State, name: Option<TopicName>, id: Uuid) -> DeletableTopicResult {
    let (found, unknown) = match &name {
        Some(name) => (
            state.topics.get(name.as_str()),
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        ),
        None => (
            state.topic_named(TopicId(id.into_bytes())),
            ErrorCode::UNKNOWN_TOPIC_ID,
        ),
    };
    let Some(topic) = found else {
        return result(name, id, unknown);
    };
    let (name, id) = (topic.name.clone(), topic.id);
    state.delete(&name);
    state.coordinators.groups.forget_topic(&name);
    result(Some(topic_name(&name)), uuid(id), ErrorCode::NONE)
}

fn result(name: Option<TopicName>, id: Uuid, code: ErrorCode) -> DeletableTopicResult {
    DeletableTopicResult::default()
        .with_name(name)
        .with_topic_id(id)
        .with_error_code(code.0)
}
