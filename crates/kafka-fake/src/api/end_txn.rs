//! `EndTxn`: commits or aborts. Answered when the decision is stored; the markers follow.
//!
//! | version | what it changes |
//! |---|---|
//! | 2 | who is fenced is told so; before, `INVALID_PRODUCER_EPOCH` (KIP-588) |
//! | 5 | the answer has a new epoch for the next transaction (KIP-890) |

use kafka_protocol::messages::{EndTxnRequest, EndTxnResponse, ProducerId};
use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::call::Call;
use crate::transaction::{EndRequest, TransactionResult};

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_SINCE: i16 = 2;

/// The first version whose answer names the producer.
const BUMPS_EPOCH_SINCE: i16 = 5;

pub(super) fn answer(call: &Call, request: &EndTxnRequest) -> EndTxnResponse {
    let end = EndRequest {
        transactional_id: request.transactional_id.to_string(),
        producer: ProducerIdentity {
            id: request.producer_id.0,
            epoch: request.producer_epoch,
        },
        result: if request.committed {
            TransactionResult::Commit
        } else {
            TransactionResult::Abort
        },
        bumps_epoch: call.version >= BUMPS_EPOCH_SINCE,
    };
    let outcome = call.shared.coordinate(|state, _| {
        state.check_coordinator(call.broker, &end.transactional_id)?;
        state.coordinators.transactions.end(&end)
    });
    match outcome {
        Ok(producer) if end.bumps_epoch => EndTxnResponse::default()
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch),
        Ok(_) => EndTxnResponse::default(),
        Err(code) => refuse(request, call.fenced(code, FENCED_SINCE)),
    }
}

/// Without a producer: -1 is what the fields hold when nobody sets them.
pub(super) fn refuse(_: &EndTxnRequest, code: ErrorCode) -> EndTxnResponse {
    EndTxnResponse::default().with_error_code(code.0)
}
