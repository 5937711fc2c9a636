//! Everything the runtime says, in one place: the words, the level, the fields.
//!
//! WARN is for what an operator would want to be told about; what repairs itself within its normal rhythm is INFO or
//! DEBUG. Nothing here is called per record.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::counters::Totals;
use crate::ownership::Ended;
use crate::run_error::RunError;
use crate::shared::Halted;
use crate::zookeeper_group::Differ;
use kafka_client::ClientError;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicPartition};
use kafka_zookeeper::ZooKeeperError;
use mirror_core::halt::{Halt, HaltReason, Side};
use mirror_core::offset_range::OffsetRange;
use mirror_core::status::UnreachableBroker;
use mirror_core::topic_plan::Finding;
use tracing::{debug, error, info, warn};

/// The number of failures in a row, where so many came before: nobody reads `attempts=0` beside an attempt that failed.
fn with_this_one(before: u32) -> u32 {
    before.saturating_add(1)
}

/// Told at once, then ever more rarely.
pub(crate) fn source_broker_lost(node: NodeId, before: u32, reason: &ClientError, partitions: usize) {
    let attempts = with_this_one(before);
    if attempts.is_power_of_two() {
        warn!(broker = %node, attempts, partitions, "source broker lost, trying again: {reason}");
    } else {
        debug!(broker = %node, attempts, partitions, "source broker not there yet: {reason}");
    }
}

pub(crate) fn target_broker_lost(node: NodeId, reason: &ClientError, unanswered: usize) {
    warn!(broker = %node, unanswered, "target broker lost, trying again: {reason}");
}

pub(crate) fn broker_unreachable(broker: &UnreachableBroker) {
    warn!("{broker}");
}

pub(crate) fn broker_reached(cluster: &str, node: NodeId) {
    info!(cluster, broker = %node, "the broker that could not be reached is reached now, or is not named any more");
}

pub(crate) fn address_unused(cluster: &str, name: &str) {
    warn!(
        cluster,
        "the address map has an entry for {name}, which no broker advertises now and no bootstrap server is called: check its \
         spelling and its port"
    );
}

/// The first failure is told at once, then ever more rarely: somebody waits for a broker, or has to mend a port.
pub(crate) fn not_connected(before: u32, reason: &ClientError) {
    let attempts = with_this_one(before);
    if attempts.is_power_of_two() {
        warn!(attempts, "not connected yet, trying again: {reason}");
    }
}

/// Told as [`not_connected`] is.
pub(crate) fn no_broker_answers(before: u32) {
    let attempts = with_this_one(before);
    if attempts.is_power_of_two() {
        warn!(
            attempts,
            "no broker that the source or the target names can be reached, trying again: check advertised.listeners"
        );
    }
}

pub(crate) fn identity_unavailable(before: u32, reason: &ClientError) {
    let attempts = with_this_one(before);
    if attempts >= 4 && attempts.is_power_of_two() {
        warn!(
            attempts,
            "the target gives no producer id, asking again: {reason}"
        );
    } else {
        debug!(attempts, "no producer id yet: {reason}");
    }
}

pub(crate) fn no_idempotence(cluster: &str) {
    warn!(
        cluster,
        "the target is older than Kafka 0.11 and knows no idempotent producers: one batch of a partition is on its way at \
         a time, in order; if its answer is lost it is sent again and may be on the target twice (counted as possibly \
         duplicated)"
    );
}

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

pub(crate) fn no_transactions(cluster: &str) {
    info!(
        cluster,
        "the source is older than Kafka 0.11 and knows no transactions: all its records are committed ones"
    );
}

pub(crate) fn no_settings(cluster: &str, in_zookeeper: bool) {
    let so = if in_zookeeper {
        "what topics set themselves is read in ZooKeeper, its brokers' own configuration is not known"
    } else {
        "Kafka's defaults are assumed"
    };
    warn!(
        cluster,
        "the cluster is older than Kafka 0.11 and does not tell its topics' settings; {so}"
    );
}

pub(crate) fn metadata_unavailable(cluster: &str, reason: &ClientError) {
    warn!(cluster, "no metadata, trying again: {reason}");
}

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

pub(crate) fn commit_failed(reason: &RunError) {
    warn!("positions not committed, trying again: {}", causes(reason));
}

pub(crate) fn commit_refused(tp: &TopicPartition, code: ErrorCode) {
    warn!(topic = %tp.topic, partition = tp.partition, %code, "the source refused a position");
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

pub(crate) fn commit_group_failed(group: &str, reason: &ClientError) {
    warn!(
        group,
        "lag tools see old positions, the group was not told: {reason}"
    );
}

pub(crate) fn positions_of_another_target(source: &TopicPartition, former: &str, now: &str) {
    warn!(
        topic = %source.topic, partition = source.partition,
        "this flow's stored positions are those of target topic {former}; for {now} it starts anew"
    );
}

/// Told at once, then ever more rarely.
pub(crate) fn positions_unavailable(before: u32, reason: &RunError) {
    let attempts = with_this_one(before);
    if attempts.is_power_of_two() {
        warn!(
            attempts,
            "the stored positions cannot be read, trying again: {}",
            causes(reason)
        );
    }
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

/// An error with everything behind it, in one line.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
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

pub(crate) fn commit_group_late(group: &str) {
    warn!(
        group,
        "lag tools see old positions: the group's coordinator on the source does not answer in time"
    );
}

pub(crate) fn joining(group: &str, topics: usize) {
    info!(group, topics, "joining the group");
}

pub(crate) fn joining_takes_long(group: &str, problem: &str) {
    warn!(group, "{problem}");
}

pub(crate) fn taking_over(members: usize, group: &str) {
    info!(
        group,
        members, "taking over the members of a process that did not leave its group"
    );
}

pub(crate) fn members_left_alone(members: usize, because: &str) {
    info!(
        members,
        "the member ids in the state folder are not taken over, {because}; the group waits for their sessions to end"
    );
}

pub(crate) fn dead_members_stay(members: usize, reason: &ClientError) {
    warn!(
        members,
        "a dead process's members stay in the group until their session ends: {reason}"
    );
}

pub(crate) fn state_not_kept(reason: &io::Error) {
    warn!(
        "member ids are not kept in the state folder; after a kill the group waits for its sessions to end: {reason}"
    );
}

pub(crate) fn not_left(reason: &impl fmt::Display) {
    warn!(
        "the group was not left: others wait for our members' sessions to end, unless this process is started again \
         before: {reason}"
    );
}

pub(crate) fn assigned(generation: i32, partitions: usize) {
    info!(generation, partitions, "the group assigned partitions");
}

pub(crate) fn revoking() {
    info!("the group rebalances: finishing what is in hand");
}

pub(crate) fn lost_partitions(reason: &str) {
    warn!("the group has given our partitions to others: {reason}");
}

pub(crate) fn abandoned(batches: usize) {
    if batches > 0 {
        warn!(
            batches,
            "batches without an acknowledgement were given up: their new owner writes them again"
        );
    }
}

pub(crate) fn not_produced(because: Ended) {
    match because {
        Ended::GivenUp => debug!("requests are not sent any more: their partitions were handed over"),
        Ended::LeaseOver => warn!(
            "nothing is written: the group has not heard from us for too long and may have given our partitions away"
        ),
    }
}

pub(crate) fn existing_skipped(partitions: usize, offsets: i64, examples: &str) {
    warn!(
        partitions,
        offsets,
        "auto.offset.reset=latest SKIPS what these partitions hold now ({examples}): set it to earliest to mirror it"
    );
}

pub(crate) fn last_commit_failed() {
    warn!("the last positions were not committed: the next start repeats what came after the commit before");
}

pub(crate) fn flows_left_behind() {
    warn!(
        "ended before every flow had stored its positions and left its group: the next start may repeat batches"
    );
}

pub(crate) fn not_drained(batches: usize) {
    warn!(
        batches,
        "stopped before the target acknowledged everything: the next start may repeat these batches"
    );
}

pub(crate) fn stopped(totals: &Totals, halts: &[Halted]) {
    info!(
        records = totals.acked_records,
        bytes = totals.acked_bytes,
        forwarded_batches = totals.forwarded_batches,
        rebuilt_batches = totals.rebuilt_batches,
        filtered_offsets = totals.control_offsets + totals.aborted_offsets + totals.already_mirrored_offsets,
        lost_records = totals.dropped_records,
        stripped_headers_records = totals.stripped_headers_records,
        possibly_duplicated_batches = totals.possibly_duplicated_batches,
        halted_partitions = halts.len(),
        "mirror stopped"
    );
    for Halted { halt, .. } in halts {
        warn!(topic = %halt.tp.topic, partition = halt.tp.partition, "was halted: {halt}");
    }
}

pub(crate) fn old_consumer_lives(group: &str, ids: &[String], patience: Duration) {
    warn!(
        group,
        "an old consumer is at work in this group by ZooKeeper's account ({}): waiting up to {} s for it to end",
        ids.join(", "),
        patience.as_secs()
    );
}

pub(crate) fn old_consumer_came(group: &str, id: &str) {
    error!(
        group,
        "old consumer {id} came into this group in ZooKeeper: it gets none of the partitions that are mirrored here, whose \
         owners' nodes are held; stop it, or stop this mirror"
    );
}

pub(crate) fn owned_in_zookeeper(tp: &TopicPartition, who: &str) {
    warn!(topic = %tp.topic, partition = tp.partition, "{who} owns this partition in ZooKeeper; its node is taken as soon as it is free");
}

pub(crate) fn adopted(tp: &TopicPartition, offset: i64, group: &str) {
    info!(
        topic = %tp.topic, partition = tp.partition, offset,
        "adopted from /consumers/{group}/offsets/{}/{} in ZooKeeper", tp.topic, tp.partition
    );
}

pub(crate) fn positions_differ(tp: &TopicPartition, differ: Differ) {
    let Differ {
        brokers,
        zookeeper,
        adopted,
        why,
    } = differ;
    let goes_on = if adopted { zookeeper } else { brokers };
    warn!(
        topic = %tp.topic, partition = tp.partition,
        "two positions: the group on the brokers has offset {brokers}, ZooKeeper has {zookeeper}; mirroring goes on at {goes_on} ({why})"
    );
}

pub(crate) fn written_by_others(
    tp: &TopicPartition,
    path: &str,
    theirs: Option<i64>,
    ours: i64,
    stays: bool,
) {
    let theirs = theirs.map_or_else(|| "no offset".to_owned(), |offset| format!("offset {offset}"));
    let so = if stays {
        "it is the larger, so nothing is written over it before the next start decides which one holds"
    } else {
        "ours is written over it"
    };
    warn!(
        topic = %tp.topic, partition = tp.partition,
        "somebody else wrote {theirs} into {path} in ZooKeeper while this mirror stands at {ours}: {so}"
    );
}

pub(crate) fn position_of_former_topic(tp: &TopicPartition, path: &str, offset: i64, why: &str) {
    warn!(
        topic = %tp.topic, partition = tp.partition, offset,
        "the position is not written back to {path} in ZooKeeper: {why}, and the position counts in the one that was mirrored"
    );
}

pub(crate) fn not_written_back(group: &str, reason: &dyn fmt::Display) {
    warn!(
        group,
        "the last positions were not written back to ZooKeeper ({reason}): an old consumer that comes back repeats what was \
         mirrored since the last time they were"
    );
}

pub(crate) fn not_judged(place: &str, reason: &ZooKeeperError) {
    warn!(
        "ZooKeeper does not tell the offsets that it holds ({reason}); mirroring goes on at the positions in {place}: what an old \
         mirror copied behind them is copied again. Was one started since, restart heliostat once ZooKeeper answers"
    );
}

/// Told ever more rarely: mirroring goes on without it.
pub(crate) fn zookeeper_away(failures: u32, reason: &ZooKeeperError) {
    if failures == 0 || failures.is_power_of_two() {
        warn!(
            "ZooKeeper cannot be used, trying again; mirroring goes on, positions are on the brokers: {reason}"
        );
    }
}

pub(crate) fn zookeeper_back(ensemble: &str) {
    info!("ZooKeeper {ensemble} answers again");
}

#[cfg(test)]
mod tests {
    use super::with_this_one;

    #[test]
    fn the_first_failure_was_told_as_attempts_0() {
        assert_eq!([0, 1, u32::MAX].map(with_this_one), [1, 2, u32::MAX]);
    }
}
