//! What becomes of records that do not just pass: refused, left out, given up, halted at.

use kafka_client::ClientError;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_core::halt::{Halt, HaltReason};
use mirror_core::offset_range::OffsetRange;
use tracing::{debug, error, info, warn};

pub(crate) fn halted(halt: &Halt) {
    error!(topic = %halt.tp.topic, partition = halt.tp.partition, "{halt}");
}

pub(crate) fn target_partition_stopped(target: &TopicPartition, reason: &str) {
    error!(topic = %target.topic, partition = target.partition, "target partition stopped: {reason}");
}

pub(crate) fn refused_batch_split(
    target: &TopicPartition,
    source: &TopicPartition,
    records: i32,
    code: ErrorCode,
) {
    info!(%target, %source, records, %code, "target refused a batch; sending its halves apart");
}

pub(crate) fn record_dropped(
    source: &TopicPartition,
    first_offset: i64,
    last_offset: i64,
    target: &TopicPartition,
    code: ErrorCode,
) {
    error!(
        topic = %source.topic, partition = source.partition, first_offset, last_offset, %target, %code,
        "record LOST: the target refused it and --abort.on.send.failure is false"
    );
}

pub(crate) fn dead_letter(
    source: &TopicPartition,
    first_offset: i64,
    last_offset: i64,
    topic: &str,
    code: ErrorCode,
) {
    warn!(
        topic = %source.topic, partition = source.partition, first_offset, last_offset, %code,
        "the target refused a record; it goes to topic {topic}"
    );
}

pub(crate) fn too_large_to_dead_letters(source: &TopicPartition, offset: i64, topic: &str) {
    warn!(
        topic = %source.topic, partition = source.partition, offset,
        "a record is larger than the target accepts; it is in topic {topic}"
    );
}

pub(crate) fn dead_letter_failed(source: &TopicPartition, topic: &str, reason: &ClientError) {
    error!(topic = %source.topic, partition = source.partition, "the refused record cannot be written to topic {topic}: {reason}");
}

pub(crate) fn record_too_large_dropped(source: &TopicPartition, offset: i64, size: usize, limit: usize) {
    error!(
        topic = %source.topic, partition = source.partition, offset, size, limit,
        "record LOST: it is larger than the target accepts and --abort.on.send.failure is false"
    );
}

pub(crate) fn headers_stripped(source: &TopicPartition, offset: i64, target_topic: &str) {
    warn!(
        topic = %source.topic, partition = source.partition, offset, target_topic,
        "records of this topic have headers, which the target's message format (older than Kafka 0.11) cannot hold: mirrored \
         without them, from the batch at this offset on, and counted (unsupported_headers = \"strip\")"
    );
}

pub(crate) fn produce_retried(target: &TopicPartition, code: ErrorCode, attempt: u32) {
    // The first attempts belong to every leader election; an operator wants to hear of the ones that go on.
    if attempt >= 5 && attempt.is_power_of_two() {
        warn!(%target, %code, attempt, "target partition does not take records, trying again");
    } else {
        debug!(%target, %code, attempt, "produce retried");
    }
}

pub(crate) fn loss_accepted(tp: &TopicPartition, lost: Option<OffsetRange>, reason: &HaltReason) {
    let lost = lost.map_or_else(|| "unknown".to_owned(), |lost| lost.to_string());
    error!(topic = %tp.topic, partition = tp.partition, lost, "offsets LOST, accepted by on_loss: {reason}");
}

pub(crate) fn audit(tp: &TopicPartition, words: &str) {
    warn!(topic = %tp.topic, partition = tp.partition, "AUDIT, by an operator's command: {words}");
}

pub(crate) fn audit_failed(tp: &TopicPartition, why: &str) {
    warn!(topic = %tp.topic, partition = tp.partition, "AUDIT, the command above was not carried out: {why}");
}
