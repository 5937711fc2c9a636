//! `InitProducerId`: a producer's id and epoch.
//!
//! | version | what it changes |
//! |---|---|
//! | 3 | a producer goes on with the id it has (KIP-360) |
//! | 4 | who is fenced is told so; before, `INVALID_PRODUCER_EPOCH` (KIP-588) |

use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};
use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::call::Call;
use crate::transaction;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_SINCE: i16 = 4;

pub(super) fn answer(call: &Call, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let init = transaction::InitProducerIdRequest {
        transactional_id: request.transactional_id.as_ref().map(|id| id.to_string()),
        transaction_timeout_ms: request.transaction_timeout_ms,
        current: ProducerIdentity {
            id: request.producer_id.0,
            epoch: request.producer_epoch,
        },
    };
    let outcome = call.shared.coordinate(|state, _| {
        // Any broker gives an id to a producer without transactions.
        if let Some(transactional_id) = &init.transactional_id {
            state.check_coordinator(call.broker, transactional_id)?;
        }
        if (init.current.id < 0) != (init.current.epoch < 0) {
            return Err(ErrorCode::INVALID_REQUEST);
        }
        state.coordinators.transactions.init_producer_id(&init)
    });
    match outcome {
        Ok(producer) => InitProducerIdResponse::default()
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch),
        Err(code) => refuse(request, call.fenced(code, FENCED_SINCE)),
    }
}

pub(super) fn refuse(_: &InitProducerIdRequest, code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse::default()
        .with_error_code(code.0)
        .with_producer_id(ProducerId(ProducerIdentity::NONE.id))
        .with_producer_epoch(ProducerIdentity::NONE.epoch)
}
