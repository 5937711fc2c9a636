//! `CreateTopics` (key 19): makes topics, or only says whether they could be made.
//!
//! v4 defaults of the brokers by -1 (KIP-464), v5 what the topic looks like (KIP-525), v7 its id.

use std::collections::BTreeSet;

use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::{CreateTopicsRequest, CreateTopicsResponse};
use kafka_wire::{ErrorCode, NodeId, TopicId};

use super::{text, uuid};
use crate::call::Call;
use crate::settings::{ConfigMap, effective, objection, topic_settings};
use crate::state::{State, TopicPlan, is_topic_name};

/// Source of a setting in an answer: the topic's own.
const OWN: i8 = 1;
/// The default.
const DEFAULT: i8 = 5;

type Refused = (ErrorCode, String);

pub(super) fn answer(call: &Call, request: &CreateTopicsRequest) -> CreateTopicsResponse {
    call.shared.change(|state| {
        if !state.release.forwards_to_controller() && state.controller() != Some(call.broker) {
            return refuse(request, ErrorCode::NOT_CONTROLLER);
        }
        let results = request
            .topics
            .iter()
            .map(|topic| create(state, call, topic, request.validate_only));
        CreateTopicsResponse::default().with_topics(results.collect())
    })
}

pub(super) fn refuse(request: &CreateTopicsRequest, code: ErrorCode) -> CreateTopicsResponse {
    let results = request.topics.iter().map(|topic| {
        CreatableTopicResult::default()
            .with_name(topic.name.clone())
            .with_error_code(code.0)
            .with_error_message(Some(text(code.name())))
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn create(
    state: &mut State,
    call: &Call,
    topic: &CreatableTopic,
    validate_only: bool,
) -> CreatableTopicResult {
    let answer = CreatableTopicResult::default().with_name(topic.name.clone());
    let plan = match planned(state, topic) {
        Ok(plan) => plan,
        Err((code, reason)) => {
            return answer
                .with_error_code(code.0)
                .with_error_message(Some(text(reason)))
                .with_num_partitions(-1)
                .with_replication_factor(-1);
        }
    };
    let partitions = i32::try_from(plan.assignment.len()).unwrap_or(i32::MAX);
    let factor = plan.assignment.first().map_or(0, Vec::len);
    let mut answer = answer.with_error_message(None);
    if call.version >= 5 {
        answer = answer
            .with_num_partitions(partitions)
            .with_replication_factor(i16::try_from(factor).unwrap_or(i16::MAX))
            .with_configs(Some(described(state, &plan.configs)));
    }
    if validate_only {
        // The controller draws an id before it knows that nothing is to be made.
        answer = answer.with_topic_id(uuid(TopicId(state.random.uuid())));
    } else {
        state.create(plan);
        if let Some(created) = state.topics.get(topic.name.as_str()) {
            answer = answer.with_topic_id(uuid(created.id));
        }
    }
    answer
}

fn planned(state: &State, topic: &CreatableTopic) -> Result<TopicPlan, Refused> {
    let name = topic.name.to_string();
    if !is_topic_name(&name) {
        let what = format!("Topic name is invalid: {name}");
        return Err((ErrorCode::INVALID_TOPIC_EXCEPTION, what));
    }
    if state.topics.contains_key(&name) {
        let what = format!("Topic '{name}' already exists.");
        return Err((ErrorCode::TOPIC_ALREADY_EXISTS, what));
    }
    let assignment = if topic.assignments.is_empty() {
        spread(state, topic)?
    } else {
        assigned(state, topic)?
    };
    let mut configs = ConfigMap::new();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let what = format!(
                "Null value not supported for topic configs: {}",
                config.name.as_str()
            );
            return Err((ErrorCode::INVALID_CONFIG, what));
        };
        if let Some(what) = objection(&config.name, value, state.release) {
            return Err((ErrorCode::INVALID_CONFIG, what));
        }
        configs.insert(config.name.to_string(), value.to_string());
    }
    Ok(TopicPlan {
        name,
        assignment,
        configs,
    })
}

fn spread(state: &State, topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, Refused> {
    let default = |name: &str| state.broker_setting(name);
    let has_defaults = state.release.has_defaults_for_created_topics();
    let partitions = match topic.num_partitions {
        -1 if has_defaults => default("num.partitions").parse().unwrap_or(1),
        given => given,
    };
    let factor = match topic.replication_factor {
        -1 if has_defaults => default("default.replication.factor").parse().unwrap_or(1),
        given => given,
    };
    state.spread(0, partitions, factor).map_err(|code| {
        let what = match code {
            ErrorCode::INVALID_PARTITIONS => "Number of partitions must be larger than 0.".to_owned(),
            _ => format!(
                "Unable to replicate the partition {factor} time(s): {} brokers are registered.",
                state.brokers.len()
            ),
        };
        (code, what)
    })
}

/// An assignment by hand: every partition from 0 on, the same number of distinct known brokers for each.
fn assigned(state: &State, topic: &CreatableTopic) -> Result<Vec<Vec<NodeId>>, Refused> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let what = "Both numPartitions or replicationFactor and replicasAssignments are set.";
        return Err((ErrorCode::INVALID_REQUEST, what.to_owned()));
    }
    let invalid = |what: &str| (ErrorCode::INVALID_REPLICA_ASSIGNMENT, what.to_owned());
    let mut assignments = topic.assignments.clone();
    assignments.sort_by_key(|assignment| assignment.partition_index);
    let mut assignment = Vec::with_capacity(assignments.len());
    for (expected, given) in (0..).zip(assignments) {
        let replicas: Vec<NodeId> = given.broker_ids.iter().map(|id| NodeId(id.0)).collect();
        if given.partition_index != expected {
            return Err(invalid(
                "partitions must be a consecutive 0-based integer sequence",
            ));
        }
        check_replicas(state, &replicas, assignment.first().map(Vec::len)).map_err(|what| invalid(&what))?;
        assignment.push(replicas);
    }
    Ok(assignment)
}

/// Why these brokers cannot replicate a partition, where another partition has `factor` replicas.
pub(super) fn check_replicas(
    state: &State,
    replicas: &[NodeId],
    factor: Option<usize>,
) -> Result<(), String> {
    let distinct: BTreeSet<_> = replicas.iter().collect();
    if replicas.is_empty() || distinct.len() != replicas.len() {
        return Err("replicas must be given, each broker once".to_owned());
    }
    if factor.is_some_and(|factor| factor != replicas.len()) {
        return Err("all partitions must have the same number of replicas".to_owned());
    }
    match replicas
        .iter()
        .find(|replica| !state.brokers.contains_key(replica))
    {
        Some(unknown) => Err(format!("broker {unknown} is not registered")),
        None => Ok(()),
    }
}

fn described(state: &State, own: &ConfigMap) -> Vec<CreatableTopicConfigs> {
    topic_settings(state.release)
        .map(|(name, _)| {
            let value = effective(name, own, &state.configs, state.release).unwrap_or_default();
            CreatableTopicConfigs::default()
                .with_name(text(name))
                .with_value(Some(text(value)))
                .with_config_source(if own.contains_key(name) { OWN } else { DEFAULT })
        })
        .collect()
}
