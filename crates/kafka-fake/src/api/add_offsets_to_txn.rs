//! `AddOffsetsToTxn`: a group whose offsets a transaction is going to commit. `PRODUCER_FENCED` came with version 2
//! (KIP-588).

use kafka_protocol::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use kafka_wire::{ErrorCode, ProducerIdentity};

use crate::call::Call;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_SINCE: i16 = 2;

pub(super) fn answer(call: &Call, request: &AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let producer = ProducerIdentity {
        id: request.producer_id.0,
        epoch: request.producer_epoch,
    };
    let outcome = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.transactional_id)?;
        let transactions = &mut state.coordinators.transactions;
        transactions.add_group(now, &request.transactional_id, producer, &request.group_id)
    });
    let code = outcome.err().unwrap_or_default();
    refuse(request, call.fenced(code, FENCED_SINCE))
}

pub(super) fn refuse(_: &AddOffsetsToTxnRequest, code: ErrorCode) -> AddOffsetsToTxnResponse {
    AddOffsetsToTxnResponse::default().with_error_code(code.0)
}
