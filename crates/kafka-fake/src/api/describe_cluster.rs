//! `DescribeCluster` (key 60): the brokers and the controller, for administration clients (KIP-700).
//!
//! v1 asks for brokers (1) or controllers (2); there are no controllers of their own here. v2 tells fenced brokers.

use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};
use kafka_wire::ErrorCode;

use super::{broker_id, text};
use crate::call::Call;

const ENDPOINTS_OF_BROKERS: i8 = 1;

pub(super) fn answer(call: &Call, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    if call.version >= 1 && request.endpoint_type != ENDPOINTS_OF_BROKERS {
        return refuse(request, ErrorCode::MISMATCHED_ENDPOINT_TYPE);
    }
    let state = call.shared.state();
    let up = state.brokers.iter().filter(|(_, broker)| broker.is_up);
    let brokers = up.map(|(id, broker)| {
        DescribeClusterBroker::default()
            .with_broker_id(broker_id(Some(*id)))
            .with_host(text(broker.host.as_str()))
            .with_port(i32::from(broker.port))
    });
    DescribeClusterResponse::default()
        .with_cluster_id(text(state.cluster_id.as_str()))
        .with_controller_id(broker_id(state.controller()))
        .with_brokers(brokers.collect())
}

pub(super) fn refuse(_request: &DescribeClusterRequest, code: ErrorCode) -> DescribeClusterResponse {
    DescribeClusterResponse::default()
        .with_error_code(code.0)
        .with_error_message(Some(text(code.name())))
}
