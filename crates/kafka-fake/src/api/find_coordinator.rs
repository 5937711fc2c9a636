//! `FindCoordinator` (key 10): which broker coordinates a group or a transactional id.
//!
//! v1 brings the kind of key, v4 several keys in one request (KIP-699).

use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{FindCoordinatorRequest, FindCoordinatorResponse};
use kafka_wire::{ErrorCode, NodeId};

use super::{broker_id, text};
use crate::call::Call;
use crate::state::State;

/// Keys of groups (0) and of transactions (1); share groups (2) are not known here.
const KEY_TYPES: std::ops::RangeInclusive<i8> = 0..=1;

pub(super) fn answer(call: &Call, request: &FindCoordinatorRequest) -> FindCoordinatorResponse {
    let state = call.shared.state();
    let keys = if call.version >= 4 {
        request.coordinator_keys.clone()
    } else {
        vec![request.key.clone()]
    };
    let found: Vec<Coordinator> = keys
        .into_iter()
        .map(|key| {
            let result = if KEY_TYPES.contains(&request.key_type) {
                located(&state, &key)
            } else {
                Err(ErrorCode::INVALID_REQUEST)
            };
            let answer = Coordinator::default().with_key(key);
            match result {
                Ok((broker, host, port)) => answer
                    .with_node_id(broker_id(Some(broker)))
                    .with_host(text(host))
                    .with_port(port),
                Err(code) => answer
                    .with_node_id(broker_id(None))
                    .with_port(-1)
                    .with_error_code(code.0)
                    .with_error_message(Some(text(code.name()))),
            }
        })
        .collect();
    if call.version >= 4 {
        return FindCoordinatorResponse::default().with_coordinators(found);
    }
    let Some(only) = found.into_iter().next() else {
        return FindCoordinatorResponse::default().with_error_code(ErrorCode::INVALID_REQUEST.0);
    };
    FindCoordinatorResponse::default()
        .with_error_code(only.error_code)
        .with_error_message(only.error_message)
        .with_node_id(only.node_id)
        .with_host(only.host)
        .with_port(only.port)
}

pub(super) fn refuse(request: &FindCoordinatorRequest, code: ErrorCode) -> FindCoordinatorResponse {
    let refused = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(broker_id(None))
            .with_port(-1)
            .with_error_code(code.0)
    });
    let refused: Vec<Coordinator> = refused.collect();
    if refused.is_empty() {
        return FindCoordinatorResponse::default()
            .with_error_code(code.0)
            .with_node_id(broker_id(None))
            .with_port(-1);
    }
    FindCoordinatorResponse::default().with_coordinators(refused)
}

fn located(state: &State, key: &str) -> Result<(NodeId, String, i32), ErrorCode> {
    let coordinator = state
        .coordinator_of(key)
        .ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    let broker = state
        .brokers
        .get(&coordinator)
        .ok_or(ErrorCode::COORDINATOR_NOT_AVAILABLE)?;
    Ok((coordinator, broker.host.clone(), i32::from(broker.port)))
}
