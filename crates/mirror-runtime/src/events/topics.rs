//! Topics and partitions on their way into the mirror.

use std::fmt;

use kafka_client::ClientError;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use mirror_core::halt::Side;
use mirror_core::topic_plan::Finding;
use tracing::{error, info, warn};

use super::{causes, with_this_one};
use crate::run_error::RunError;

pub(crate) fn old_log_format(target_topic: &str, without_timestamps: bool) {
    let lost = if without_timestamps {
        "headers and loses its timestamps (they came with 0.10)"
    } else {
        "headers"
    };
    warn!(
        target_topic,
        "the target keeps this topic in a message format from before Kafka 0.11 (message.format.version): it is written \
         without producer ids, one batch of a partition at a time, and what is sent again because its answer is lost may be \
         there twice (counted as possibly duplicated); it has no room for {lost}"
    );
}

pub(crate) fn old_log_format_found(target: &TopicPartition) {
    warn!(
        %target,
        "the target refuses batches with producer ids for this topic: its leader keeps it in a message format from before Kafka \
         0.11 (message.format.version, or the broker's log.message.format.version). It is written as message sets from here on: \
         without producer ids, one batch of a partition at a time, and what is sent again because its answer is lost may be \
         there twice (counted as possibly duplicated); it has no room for headers. After the format was raised, restart heliostat"
    );
}

pub(crate) fn metadata_unavailable(cluster: &str, reason: &ClientError) {
    warn!(cluster, "no metadata, trying again: {reason}");
}

pub(crate) fn partition_starts(tp: &TopicPartition, offset: i64, why: &str) {
    info!(topic = %tp.topic, partition = tp.partition, offset, "mirroring starts {why}");
}

pub(crate) fn topic_created(topic: &str, partitions: i32, replication_factor: i16) {
    info!(
        %topic,
        partitions, replication_factor, "created topic on the target"
    );
}

pub(crate) fn topic_created_by_asking(topic: &str, partitions: i32) {
    warn!(
        %topic,
        partitions,
        "the target is older than Kafka 0.10.1 and can only create topics by itself: this one has its brokers' settings, \
         not the source's"
    );
}

pub(crate) fn topic_grown(topic: &str, partitions: i32) {
    info!(%topic, partitions, "raised the partition count on the target");
}

pub(crate) fn partition_waits(tp: &TopicPartition) {
    warn!(topic = %tp.topic, partition = tp.partition, "cannot be fetched for some time, trying again");
}

pub(crate) fn anchors_not_checked(cluster: &str, example: &TopicPartition, partitions: usize) {
    warn!(
        cluster, partitions, %example,
        "the last mirrored batches cannot be read back yet, trying again"
    );
}

pub(crate) fn anchor_unreadable(tp: &TopicPartition, side: Side, reason: &str) {
    warn!(
        example = %tp, %side,
        "whether logs still hold the last mirrored batches cannot be found out, going on without: {reason}"
    );
}

pub(crate) fn target_holds(topic: &str, target_topic: &str, held: i64, why: &str) {
    warn!(
        %topic, %target_topic,
        "the target topic already holds {held} offsets, and no position is stored for this topic: mirroring starts {why}"
    );
}

pub(crate) fn topic_finding(topic: &str, finding: &Finding) {
    warn!(%topic, "{finding}");
}

pub(crate) fn settings_unreadable(cluster: &str, topic: &str, code: ErrorCode) {
    warn!(cluster, %topic, %code, "the topic's settings may not be read; Kafka's defaults are assumed");
}

pub(crate) fn topic_not_ready(topic: &str, reason: &impl fmt::Display) {
    warn!(%topic, "not ready on the target, trying again: {reason}");
}

pub(crate) fn topic_refused(topic: &str, reason: &str) {
    error!(%topic, "topic NOT mirrored: {reason}");
}

/// Told at once, then ever more rarely.
pub(crate) fn refresh_failed(before: u32, reason: &RunError) {
    let failures = with_this_one(before);
    if failures.is_power_of_two() {
        warn!(
            failures,
            "new topics, partitions and leaders are not known, trying again: {}",
            causes(reason)
        );
    }
}

/// A run that ends by itself had nothing to mirror in these flows.
pub(crate) fn no_topic_matches(flows: &str) {
    warn!(
        flows,
        "no topic of the source matches, so nothing was mirrored: check the list of topics"
    );
}

pub(crate) fn existing_skipped(partitions: usize, offsets: i64, examples: &str) {
    warn!(
        partitions,
        offsets,
        "auto.offset.reset=latest SKIPS what these partitions hold now ({examples}): set it to earliest to mirror it"
    );
}
