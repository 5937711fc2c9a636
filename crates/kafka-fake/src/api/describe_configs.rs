//! `DescribeConfigs` (key 32): the effective settings of topics and brokers, and where each comes from.
//!
//! v1 sources and synonyms (KIP-226), v3 types and documentation; documentation is left out here.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResult, DescribeConfigsSynonym,
};
use kafka_protocol::messages::{DescribeConfigsRequest, DescribeConfigsResponse};
use kafka_wire::ErrorCode;

use super::text;
use crate::call::Call;
use crate::settings::{Setting, broker_settings, default_of, inherited, topic_settings};
use crate::state::State;
use crate::topic::Topic;

/// Kinds of resources (`ConfigResource.Type`).
pub(super) const TOPIC: i8 = 2;
pub(super) const BROKER: i8 = 4;

/// Where a value comes from (`DescribeConfigsResponse.ConfigSource`).
const OWN_TOPIC: i8 = 1;
const STATIC_BROKER: i8 = 4;
const DEFAULT: i8 = 5;

pub(super) fn answer(call: &Call, request: &DescribeConfigsRequest) -> DescribeConfigsResponse {
    let state = call.shared.state();
    let results = request.resources.iter().map(|resource| {
        let answer = DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone());
        match described(&state, call, resource, request.include_synonyms) {
            Ok(configs) => answer.with_configs(configs),
            Err(code) => answer
                .with_error_code(code.0)
                .with_error_message(Some(text(code.name()))),
        }
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

pub(super) fn refuse(request: &DescribeConfigsRequest, code: ErrorCode) -> DescribeConfigsResponse {
    let results = request.resources.iter().map(|resource| {
        DescribeConfigsResult::default()
            .with_resource_type(resource.resource_type)
            .with_resource_name(resource.resource_name.clone())
            .with_error_code(code.0)
    });
    DescribeConfigsResponse::default().with_results(results.collect())
}

fn described(
    state: &State,
    call: &Call,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, ErrorCode> {
    let keys = resource.configuration_keys.as_ref();
    let is_asked = |name: &str| keys.is_none_or(|keys| keys.iter().any(|key| key.as_str() == name));
    let configs: Vec<_> = match resource.resource_type {
        TOPIC => {
            let topic = state
                .topics
                .get(resource.resource_name.as_str())
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
            topic_settings(state.release)
                .filter(|(name, _)| is_asked(name))
                .map(|(name, setting)| of_topic(state, topic, name, setting, with_synonyms))
                .collect()
        }
        // An empty name asks for the defaults of all brokers; a broker describes nobody but itself.
        BROKER
            if resource.resource_name.is_empty()
                || resource.resource_name.as_str() == call.broker.to_string() =>
        {
            broker_settings()
                .filter(|(name, _)| is_asked(name))
                .map(|(name, setting)| of_broker(state, call, name, setting))
                .collect()
        }
        BROKER => return Err(ErrorCode::INVALID_REQUEST),
        _ => return Err(ErrorCode::INVALID_REQUEST),
    };
    Ok(configs)
}

fn of_topic(
    state: &State,
    topic: &Topic,
    name: &'static str,
    setting: &Setting,
    with_synonyms: bool,
) -> DescribeConfigsResourceResult {
    let own = topic.configs.get(name).cloned();
    let default = default_of(name, setting, state.release).to_owned();
    let below = inherited(name, setting, &state.configs, state.release).unwrap_or_default();
    let is_of_broker = setting
        .broker_name
        .is_some_and(|broker_name| state.configs.contains_key(broker_name));
    let source = match (&own, is_of_broker) {
        (Some(_), _) => OWN_TOPIC,
        (None, true) => STATIC_BROKER,
        (None, false) => DEFAULT,
    };
    let mut synonyms = Vec::new();
    if with_synonyms {
        let broker_name = setting.broker_name.unwrap_or(name);
        synonyms.extend(own.clone().map(|value| synonym(name, value, OWN_TOPIC)));
        if is_of_broker {
            synonyms.push(synonym(broker_name, below.clone(), STATIC_BROKER));
        }
        synonyms.push(synonym(broker_name, default, DEFAULT));
    }
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(own.unwrap_or(below))))
        .with_config_source(source)
        .with_synonyms(synonyms)
        .with_config_type(setting.kind.code())
}

fn of_broker(
    state: &State,
    call: &Call,
    name: &'static str,
    setting: &Setting,
) -> DescribeConfigsResourceResult {
    let own = match name {
        "broker.id" => Some(call.broker.to_string()),
        _ => state.configs.get(name).cloned(),
    };
    let source = if own.is_some() { STATIC_BROKER } else { DEFAULT };
    let value = own.unwrap_or_else(|| default_of(name, setting, state.release).to_owned());
    DescribeConfigsResourceResult::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_read_only(true)
        .with_config_source(source)
        .with_config_type(setting.kind.code())
}

fn synonym(name: &str, value: String, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym::default()
        .with_name(text(name))
        .with_value(Some(text(value)))
        .with_source(source)
}
