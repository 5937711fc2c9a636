//! `IncrementalAlterConfigs` (key 44): changes single settings of a topic (KIP-339).

use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
use kafka_protocol::messages::{IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse};
use kafka_wire::ErrorCode;

use super::alter_configs::own_settings;
use super::text;
use crate::call::Call;
use crate::settings::{ConfigMap, effective, objection};
use crate::state::State;

/// What is done with a setting (`AlterConfigOp.OpType`).
const SET: i8 = 0;
const DELETE: i8 = 1;
const APPEND: i8 = 2;
const SUBTRACT: i8 = 3;

pub(super) fn answer(
    call: &Call,
    request: &IncrementalAlterConfigsRequest,
) -> IncrementalAlterConfigsResponse {
    call.shared.change(|state| {
        let results = request.resources.iter().map(|resource| {
            let result = changed(state, resource);
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
        IncrementalAlterConfigsResponse::default().with_responses(results.collect())
    })
}

pub(super) fn refuse(
    request: &IncrementalAlterConfigsRequest,
    code: ErrorCode,
) -> IncrementalAlterConfigsResponse {
    let results = request
        .resources
        .iter()
        .map(|resource| about(resource).with_error_code(code.0));
    IncrementalAlterConfigsResponse::default().with_responses(results.collect())
}

fn about(resource: &AlterConfigsResource) -> AlterConfigsResourceResponse {
    AlterConfigsResourceResponse::default()
        .with_resource_type(resource.resource_type)
        .with_resource_name(resource.resource_name.clone())
}

fn changed(state: &State, resource: &AlterConfigsResource) -> Result<ConfigMap, (ErrorCode, String)> {
    let mut configs = own_settings(state, resource.resource_type, &resource.resource_name)?;
    for config in &resource.configs {
        let Some(value) = new_value(state, &configs, config)? else {
            configs.remove(config.name.as_str());
            continue;
        };
        if let Some(reason) = objection(&config.name, &value, state.release) {
            return Err((ErrorCode::INVALID_CONFIG, reason));
        }
        configs.insert(config.name.to_string(), value);
    }
    Ok(configs)
}

/// What the setting becomes; `None` gives it back to the brokers' default.
fn new_value(
    state: &State,
    own: &ConfigMap,
    config: &AlterableConfig,
) -> Result<Option<String>, (ErrorCode, String)> {
    let given = config.value.clone().unwrap_or_default().to_string();
    let present = || {
        let value = effective(&config.name, own, &state.configs, state.release).unwrap_or_default();
        let items: Vec<String> = value.split(',').map(|item| item.trim().to_owned()).collect();
        items.into_iter().filter(|item| !item.is_empty())
    };
    match config.config_operation {
        SET => Ok(Some(given)),
        DELETE => Ok(None),
        APPEND => {
            let others = present().filter(|item| *item != given);
            Ok(Some(others.chain([given.clone()]).collect::<Vec<_>>().join(",")))
        }
        SUBTRACT => Ok(Some(
            present()
                .filter(|item| *item != given)
                .collect::<Vec<_>>()
                .join(","),
        )),
        other => {
            let what = format!("Unknown operation type {other}");
            Err((ErrorCode::INVALID_REQUEST, what))
        }
    }
}
