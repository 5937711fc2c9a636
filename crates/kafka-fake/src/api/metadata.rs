//! `Metadata` (key 3): brokers, topics, who leads what.
//!
//! v1 asks for no topic by an empty list, for all by null (v0: all by an empty list); v4 lets the client forbid auto
//! creation; v5 offline replicas; v7 leader epochs; v10 topic ids, v12 questions by id alone.
//! A topic that is created on the way is answered with an error once, as its leaders are not known yet.

use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{MetadataRequest, MetadataResponse};
use kafka_wire::{ErrorCode, TopicId};

use super::{broker_id, broker_ids, text, topic_name, uuid};
use crate::call::Call;
use crate::state::{State, TopicPlan, is_topic_name};
use crate::topic::{Partition, Topic};

pub(super) fn answer(call: &Call, request: &MetadataRequest) -> MetadataResponse {
    let may_create = request.allow_auto_topic_creation || call.version < 4;
    call.shared.change(|state| {
        let topics = match &request.topics {
            Some(topics) if !(topics.is_empty() && call.version == 0) => topics
                .iter()
                .map(|topic| asked(state, topic, may_create))
                .collect(),
            Some(_) | None => {
                let all = state.topics.values();
                all.map(|topic| described(state, topic)).collect()
            }
        };
        let mut response = MetadataResponse::default()
            .with_brokers(brokers(state))
            .with_topics(topics);
        if call.version >= 1 {
            response = response.with_controller_id(broker_id(state.controller()));
        }
        if call.version >= 2 {
            response = response.with_cluster_id(Some(text(state.cluster_id.as_str())));
        }
        response
    })
}

pub(super) fn refuse(request: &MetadataRequest, code: ErrorCode) -> MetadataResponse {
    let asked = request.topics.iter().flatten();
    let topics = asked.map(|topic| {
        MetadataResponseTopic::default()
            .with_name(topic.name.clone().or_else(|| Some(topic_name(""))))
            .with_topic_id(topic.topic_id)
            .with_error_code(code.0)
    });
    MetadataResponse::default().with_topics(topics.collect())
}

fn brokers(state: &State) -> Vec<MetadataResponseBroker> {
    let up = state.brokers.iter().filter(|(_, broker)| broker.is_up);
    up.map(|(id, broker)| {
        MetadataResponseBroker::default()
            .with_node_id(broker_id(Some(*id)))
            .with_host(text(broker.host.as_str()))
            .with_port(i32::from(broker.port))
    })
    .collect()
}

fn asked(state: &mut State, asked: &MetadataRequestTopic, may_create: bool) -> MetadataResponseTopic {
    let Some(name) = &asked.name else {
        let id = TopicId(asked.topic_id.into_bytes());
        return match state.topic_named(id) {
            Some(topic) => described(state, topic),
            None => MetadataResponseTopic::default()
                .with_name(None)
                .with_topic_id(asked.topic_id)
                .with_error_code(ErrorCode::UNKNOWN_TOPIC_ID.0),
        };
    };
    if let Some(topic) = state.topics.get(name.as_str()) {
        return described(state, topic);
    }
    let code = if !is_topic_name(name) {
        ErrorCode::INVALID_TOPIC_EXCEPTION
    } else if may_create && state.broker_setting("auto.create.topics.enable") == "true" {
        create(state, name)
    } else {
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
    };
    MetadataResponseTopic::default()
        .with_name(Some(name.clone()))
        .with_error_code(code.0)
}

/// Creates the topic with the brokers' defaults and answers as the broker that has not heard of it yet.
fn create(state: &mut State, name: &str) -> ErrorCode {
    let partitions = state.broker_setting("num.partitions").parse().unwrap_or(1);
    let factor = state
        .broker_setting("default.replication.factor")
        .parse()
        .unwrap_or(1);
    match state.spread(0, partitions, factor) {
        Ok(assignment) => {
            state.create(TopicPlan {
                name: name.to_owned(),
                assignment,
                configs: crate::settings::ConfigMap::new(),
            });
            if state.release.forwards_to_controller() {
                ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
            } else {
                ErrorCode::LEADER_NOT_AVAILABLE
            }
        }
        Err(code) => code,
    }
}

fn described(state: &State, topic: &Topic) -> MetadataResponseTopic {
    let partitions = (0..)
        .zip(&topic.partitions)
        .map(|(number, partition)| described_partition(state, number, partition));
    MetadataResponseTopic::default()
        .with_name(Some(topic_name(&topic.name)))
        .with_topic_id(uuid(topic.id))
        .with_is_internal(topic.is_internal())
        .with_partitions(partitions.collect())
}

fn described_partition(state: &State, number: i32, partition: &Partition) -> MetadataResponsePartition {
    let code = match partition.leader {
        Some(_) => ErrorCode::NONE,
        None => ErrorCode::LEADER_NOT_AVAILABLE,
    };
    let offline = partition
        .replicas
        .iter()
        .filter(|replica| !state.is_up(**replica));
    MetadataResponsePartition::default()
        .with_error_code(code.0)
        .with_partition_index(number)
        .with_leader_id(broker_id(partition.leader))
        .with_leader_epoch(partition.leader_epoch)
        .with_replica_nodes(broker_ids(&partition.replicas))
        .with_isr_nodes(broker_ids(&partition.in_sync))
        .with_offline_replicas(offline.map(|replica| broker_id(Some(*replica))).collect())
}
