//! `InitProducerId` (key 22): a producer's id and epoch.

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use kafka_wire::ErrorCode;

use crate::call::Call;

pub(super) fn answer(call: &Call, _request: InitProducerIdRequest) -> InitProducerIdResponse {
    let mut state = call.shared.state();
    let id = state.next_producer_id;
    state.next_producer_id += 1;
    InitProducerIdResponse::default()
        .with_producer_id(ProducerId(id))
        .with_producer_epoch(0)
}

pub(super) fn refuse(_request: &InitProducerIdRequest, code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code.0)
        .with_producer_id(ProducerId(-1))
        .with_producer_epoch(-1)
}
