//! The group, and the life of the process in it up to its last words.

use std::fmt;

use kafka_client::ClientError;
use tracing::{debug, info, warn};

use crate::counters::Totals;
use crate::ownership::Ended;
use crate::shared::Halted;

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
