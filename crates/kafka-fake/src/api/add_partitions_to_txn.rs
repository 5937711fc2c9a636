//! `AddPartitionsToTxn`: what a transaction is going to write to.
//!
//! | version | what it changes |
//! |---|---|
//! | 2 | who is fenced is told so; before, `INVALID_PRODUCER_EPOCH` (KIP-588) |
//! | 4 | several transactions in one request, and a question instead of a change; brokers speak it among each other (KIP-890) |

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
use kafka_wire::{ErrorCode, ProducerIdentity, TopicPartition};

use crate::call::Call;
use crate::state::State;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_SINCE: i16 = 2;

/// One transaction's part of a request.
struct Addition<'a> {
    transactional_id: &'a str,
    producer: ProducerIdentity,
    topics: &'a [AddPartitionsToTxnTopic],
    verify_only: bool,
}

pub(super) fn answer(call: &Call, request: &AddPartitionsToTxnRequest) -> AddPartitionsToTxnResponse {
    respond(request, |addition| {
        let codes = call
            .shared
            .coordinate(|state, now| outcome(call, state, now, addition));
        match codes {
            Ok(codes) => results(addition.topics, |tp| codes.get(tp).copied().unwrap_or_default()),
            Err(code) => results(addition.topics, |_| call.fenced(code, FENCED_SINCE)),
        }
    })
}

pub(super) fn refuse(request: &AddPartitionsToTxnRequest, code: ErrorCode) -> AddPartitionsToTxnResponse {
    respond(request, |addition| results(addition.topics, |_| code))
}

/// What to say of each partition that is not fine; or of all. A partition that does not exist keeps out the others.
fn outcome(
    call: &Call,
    state: &mut State,
    now: Instant,
    addition: &Addition<'_>,
) -> Result<BTreeMap<TopicPartition, ErrorCode>, ErrorCode> {
    let id = addition.transactional_id;
    state.check_coordinator(call.broker, id)?;
    let exists = |tp: &TopicPartition| state.partition(&tp.topic, tp.partition).is_ok();
    if !partitions(addition.topics).all(|tp| exists(&tp)) {
        let code_of = |tp: TopicPartition| {
            let is_there = exists(&tp);
            (
                tp,
                if is_there {
                    ErrorCode::OPERATION_NOT_ATTEMPTED
                } else {
                    ErrorCode::UNKNOWN_TOPIC_OR_PARTITION
                },
            )
        };
        return Ok(partitions(addition.topics).map(code_of).collect());
    }
    let transactions = &mut state.coordinators.transactions;
    if addition.verify_only {
        let verify = |tp: TopicPartition| {
            let code = transactions.verify_partition(id, addition.producer, &tp).err()?;
            Some((tp, code))
        };
        return Ok(partitions(addition.topics).filter_map(verify).collect());
    }
    transactions.add_partitions(now, id, addition.producer, partitions(addition.topics))?;
    Ok(BTreeMap::new())
}

/// The answer with one list of results for each transaction of the request.
fn respond(
    request: &AddPartitionsToTxnRequest,
    results_of: impl Fn(&Addition<'_>) -> Vec<AddPartitionsToTxnTopicResult>,
) -> AddPartitionsToTxnResponse {
    if request.transactions.is_empty() {
        return AddPartitionsToTxnResponse::default().with_results_by_topic_v3_and_below(results_of(
            &Addition {
                transactional_id: &request.v3_and_below_transactional_id,
                producer: ProducerIdentity {
                    id: request.v3_and_below_producer_id.0,
                    epoch: request.v3_and_below_producer_epoch,
                },
                topics: &request.v3_and_below_topics,
                verify_only: false,
            },
        ));
    }
    let transactions = request.transactions.iter().map(|transaction| {
        let results = results_of(&Addition {
            transactional_id: &transaction.transactional_id,
            producer: ProducerIdentity {
                id: transaction.producer_id.0,
                epoch: transaction.producer_epoch,
            },
            topics: &transaction.topics,
            verify_only: transaction.verify_only,
        });
        AddPartitionsToTxnResult::default()
            .with_transactional_id(transaction.transactional_id.clone())
            .with_topic_results(results)
    });
    AddPartitionsToTxnResponse::default().with_results_by_transaction(transactions.collect())
}

fn partitions(topics: &[AddPartitionsToTxnTopic]) -> impl Iterator<Item = TopicPartition> + '_ {
    topics.iter().flat_map(|topic| {
        let numbers = topic.partitions.iter();
        numbers.map(|number| TopicPartition::new(topic.name.as_str(), *number))
    })
}

fn results(
    topics: &[AddPartitionsToTxnTopic],
    code_of: impl Fn(&TopicPartition) -> ErrorCode,
) -> Vec<AddPartitionsToTxnTopicResult> {
    let result = |topic: &AddPartitionsToTxnTopic| {
        let partitions = topic.partitions.iter().map(|number| {
            let code = code_of(&TopicPartition::new(topic.name.as_str(), *number));
            AddPartitionsToTxnPartitionResult::default()
                .with_partition_index(*number)
                .with_partition_error_code(code.0)
        });
        AddPartitionsToTxnTopicResult::default()
            .with_name(topic.name.clone())
            .with_results_by_partition(partitions.collect())
    };
    topics.iter().map(result).collect()
}
