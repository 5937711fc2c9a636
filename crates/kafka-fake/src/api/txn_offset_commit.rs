//! `TxnOffsetCommit`: offsets that belong to a transaction. Asked of the group's coordinator, not of the transaction's.
//!
//! | version | what it changes |
//! |---|---|
//! | 2 | leader epochs (KIP-320) |
//! | 3 | the member says who it is and is fenced like one (KIP-447) |
//! | 4 | a group that is no part of the transaction is `TRANSACTION_ABORTABLE`; before, `INVALID_TXN_STATE` (KIP-890) |
//! | 5 | the group becomes part of the transaction by this request; before, `AddOffsetsToTxn` comes first (KIP-890) |

use std::collections::BTreeMap;

use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use crate::call::Call;
use crate::group::{CommittedOffset, TransactionalCommitRequest};
use crate::release::KafkaRelease;
use crate::state::State;

/// The first version that makes the group a part of the transaction.
const ADDS_GROUP_SINCE: i16 = 5;

/// The first version that knows `TRANSACTION_ABORTABLE`.
const ABORTABLE_SINCE: i16 = 4;

/// The first release of those imitated whose brokers ask whether the group is part of the transaction (KIP-890, part 1).
const VERIFIES_SINCE: KafkaRelease = KafkaRelease::V3_9;

pub(super) fn answer(call: &Call, request: &TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let outcome = call.shared.coordinate(|state, now| {
        state.check_coordinator(call.broker, &request.group_id)?;
        let commit = commit_request(state, request);
        let transactions = &mut state.coordinators.transactions;
        let (id, group_id) = (request.transactional_id.as_str(), request.group_id.as_str());
        let is_part = if call.version >= ADDS_GROUP_SINCE {
            transactions.add_group(now, id, commit.producer, group_id)
        } else if state.release >= VERIFIES_SINCE {
            transactions.verify_group(id, commit.producer, group_id)
        } else {
            Ok(())
        };
        is_part.map_err(|code| refusal(call.version, code))?;
        state.coordinators.groups.commit_offsets_in_transaction(commit)
    });
    match outcome {
        Ok(held) => {
            let held: BTreeMap<TopicPartition, ErrorCode> = held.into_iter().collect();
            let unknown = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
            respond(request, |tp| held.get(tp).copied().unwrap_or(unknown))
        }
        Err(code) => refuse(request, code),
    }
}

pub(super) fn refuse(request: &TxnOffsetCommitRequest, code: ErrorCode) -> TxnOffsetCommitResponse {
    respond(request, |_| code)
}

fn respond(
    request: &TxnOffsetCommitRequest,
    code_of: impl Fn(&TopicPartition) -> ErrorCode,
) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let tp = TopicPartition::new(topic.name.as_str(), partition.partition_index);
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(code_of(&tp).0)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

/// What the client is told when the transaction's coordinator says no (Kafka's `AddPartitionsToTxnManager`).
fn refusal(version: i16, code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::PRODUCER_FENCED => ErrorCode::INVALID_PRODUCER_EPOCH,
        ErrorCode::TRANSACTION_ABORTABLE if version < ABORTABLE_SINCE => ErrorCode::INVALID_TXN_STATE,
        other => other,
    }
}

/// The request without partitions that do not exist.
fn commit_request(state: &State, request: &TxnOffsetCommitRequest) -> TransactionalCommitRequest {
    let mut offsets = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            if state.partition(&topic.name, partition.partition_index).is_ok() {
                let committed = CommittedOffset {
                    offset: partition.committed_offset,
                    leader_epoch: partition.committed_leader_epoch,
                    metadata: partition
                        .committed_metadata
                        .as_deref()
                        .unwrap_or_default()
                        .to_owned(),
                };
                offsets.push((
                    TopicPartition::new(&*topic.name.0, partition.partition_index),
                    committed,
                ));
            }
        }
    }
    TransactionalCommitRequest {
        group_id: request.group_id.to_string(),
        producer: ProducerIdentity {
            id: request.producer_id.0,
            epoch: request.producer_epoch,
        },
        generation_id: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
        offsets,
    }
}
