//! May a transactional batch be written? The part of the coordinator in a produce request.

use std::time::Instant;

use kafka_record::RecordBatch;
use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use crate::call::Call;
use crate::release::KafkaRelease;
use crate::state::State;

/// From this version on, writing to a partition makes it part of the transaction (KIP-890, part 2).
const ADDS_PARTITION_SINCE: i16 = 12;

/// The first version that knows `TRANSACTION_ABORTABLE`.
const ABORTABLE_SINCE: i16 = 11;

/// The first release of those imitated whose brokers ask the coordinator (KIP-890, part 1).
const VERIFIES_SINCE: KafkaRelease = KafkaRelease::V3_9;

/// Makes the partition part of the batch's transaction, or checks that it is, as the version has it.
///
/// # Errors
/// Those of `ReplicaManager.handleProduceAppend`: what an older client would not try again becomes
/// `NOT_ENOUGH_REPLICAS`, which it does.
pub(super) fn admit(
    state: &mut State,
    call: &Call,
    now: Instant,
    transactional_id: Option<&str>,
    tp: TopicPartition,
    batch: &RecordBatch,
) -> Result<(), ErrorCode> {
    if !batch.header.attributes.is_transactional() {
        return Ok(());
    }
    let id = transactional_id.ok_or(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED)?;
    let producer = ProducerIdentity {
        id: batch.header.producer_id,
        epoch: batch.header.producer_epoch,
    };
    let adds = call.version >= ADDS_PARTITION_SINCE;
    let admitted = if adds {
        let transactions = &mut state.coordinators.transactions;
        transactions.add_partitions(now, id, producer, [tp])
    } else if state.release >= VERIFIES_SINCE {
        state
            .coordinators
            .transactions
            .verify_partition(id, producer, &tp)
    } else {
        Ok(())
    };
    admitted.map_err(|code| match code {
        ErrorCode::TRANSACTION_ABORTABLE if call.version < ABORTABLE_SINCE => ErrorCode::INVALID_TXN_STATE,
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::CONCURRENT_TRANSACTIONS if !adds => ErrorCode::NOT_ENOUGH_REPLICAS,
        other => other,
    })
}
