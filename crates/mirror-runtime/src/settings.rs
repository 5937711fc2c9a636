//! From the configuration to the settings of each task.

use std::time::Duration;

use kafka_client_core::backoff::BackoffConfig;
use mirror_config::{FlowConfig, IsolationLevel, MemoryConfig};
use mirror_core::budget::BudgetLimits;

use crate::abilities::Abilities;
use crate::fetcher::FetcherSettings;
use crate::producer::ProducerSettings;

/// What stands around the records in an answer, in bytes: names of topics, aborted transactions, all that is small.
const ANSWER_FRAME_BYTES: usize = 64 * 1024;

/// `partition_bytes_max`: the largest batch that is fetched with ordinary settings, of all flows.
pub(crate) fn budget_limits(memory: MemoryConfig, partition_bytes_max: i32) -> BudgetLimits {
    let total = u64::try_from(memory.in_flight_bytes_max).unwrap_or(u64::MAX);
    let lane = u64::try_from(partition_bytes_max).unwrap_or(0).min(total / 8);
    BudgetLimits {
        total,
        share: (total / 8).max(lane),
        lane,
    }
}

pub(crate) fn fetcher(flow: &FlowConfig, memory: MemoryConfig, brokers: usize) -> FetcherSettings {
    let fetch = flow.fetch;
    let total = u64::try_from(memory.in_flight_bytes_max).unwrap_or(u64::MAX);
    let frame = flow.source.response_bytes_max.saturating_sub(ANSWER_FRAME_BYTES);
    FetcherSettings {
        committed_only: flow.isolation == IsolationLevel::ReadCommitted,
        wait_max: fetch.wait_max,
        bytes_min: fetch.bytes_min,
        // An idle request reserves what its answer may hold: all brokers' together no more than half of the budget.
        bytes_max: u64::try_from(fetch.bytes_max)
            .unwrap_or(0)
            .min(total / (2 * u64::try_from(brokers.max(1)).unwrap_or(1)))
            .min(u64::try_from(frame).unwrap_or(u64::MAX)),
        partition_bytes_max: fetch.partition_bytes_max,
        batch_bytes_max: i32::try_from(frame).unwrap_or(i32::MAX),
        request_timeout: flow.source.request_timeout,
        reconnect: backoff(flow.source.reconnect_backoff, flow.source.reconnect_backoff_max),
    }
}

pub(crate) fn producer(flow: &FlowConfig, memory: MemoryConfig, abilities: Abilities) -> ProducerSettings {
    let (produce, target) = (flow.produce, &flow.target);
    ProducerSettings {
        idempotent: produce.idempotent && abilities.idempotent,
        target_formats: abilities.target_formats,
        message_sets: abilities.message_sets,
        headers: flow.unsupported_headers,
        in_flight_per_partition: produce.in_flight_per_partition,
        request_bytes_max: produce.request_bytes_max,
        level: flow.compression.and_then(|compression| compression.level),
        decompressed_bytes_max: memory.decompressed_batch_bytes_max,
        timeout: produce.timeout,
        // The broker's own time-out comes first, so that its answer is heard.
        request_timeout: target
            .request_timeout
            .max(produce.timeout + Duration::from_secs(5)),
        reconnect: backoff(target.reconnect_backoff, target.reconnect_backoff_max),
        retry: backoff(target.retry_backoff, target.reconnect_backoff_max),
    }
}

pub(crate) fn backoff(initial: Duration, max: Duration) -> BackoffConfig {
    BackoffConfig {
        initial,
        max: max.max(initial),
    }
}
