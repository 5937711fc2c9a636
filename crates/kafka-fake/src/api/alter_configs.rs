//! `AlterConfigs` (key 33): replaces all of a topic's own settings. Brokers' settings are fixed here.

use kafka_protocol::messages::alter_configs_request::AlterConfigsResource;
use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{AlterConfigsRequest, AlterConfigsResponse};
use kafka_wire::ErrorCode;

use super::describe_configs::TOPIC;
use super::text;
use crate::call::Call;
use crate::settings::{ConfigMap, objection};
use crate::state::State;

pub(super) fn answer(call: &Call, request: &AlterConfigsRequest) -> AlterConfigsResponse {
    call.shared.change(|state| {
        let results = request.resources.iter().map(|resource| {
            let result = replaced(state, resource);
            let answer = about(resource);
            match result {
                Ok(configs) => {
                    if !request.validate_only {
                        state.configure(&resource.resource_name, configs);
                    }
                    answer
                }
                Err((code, reason)) => answer
                    .with_error_code(code.0)
                    .with_error_message(Some(text(reason))),
            }
        });
        AlterConfigsResponse::default().with_responses(results.collect())
    })
}

pub(super) fn refuse(request: &AlterConfigsRequest, code: ErrorCode) -> AlterConfigsResponse {
    let results = request
        .resources
        .iter()
        .map(|resource| about(resource).with_error_code(code.0));
    AlterConfigsResponse::default().with_responses(results.collect())
}

fn about(resource: &AlterConfigsResource) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
}

fn replaced(state: &State, resource: &AlterConfigsResource) -> Result<ConfigMap, (ErrorCode, String)> {
    own_settings(state, resource.resource_type, &resource.resource_name)?;
    let mut configs = ConfigMap::new();
    for config in &resource.configs {
        let value = config.value.clone().unwrap_or_default();
        if let Some(reason) = objection(&config.name, &value, state.release) {
            return Err((ErrorCode::INVALID_CONFIG, reason));
        }
        configs.insert(config.name.to_string(), value.to_string());
    }
    Ok(configs)
}

/// The settings the resource has of its own: those of a topic that exists.
pub(super) fn own_settings(
    state: &State,
    resource_type: i8,
    name: &str,
) -> Result<ConfigMap, (ErrorCode, String)> {
    if resource_type != TOPIC {
        let what = "only the settings of topics can be changed".to_owned();
        return Err((ErrorCode::INVALID_REQUEST, what));
    }
    let topic = state.topics.get(name).ok_or_else(|| {
        let what = format!("The topic '{name}' does not exist.");
        (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, what)
    })?;
    Ok(topic.configs.clone())
}
