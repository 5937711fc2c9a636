//! Positions, and the places they are kept in.

use std::io;

use kafka_client::ClientError;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::TopicPartition;
use tracing::warn;

use super::{causes, with_this_one};
use crate::run_error::RunError;

pub(crate) fn commit_failed(reason: &RunError) {
    warn!("positions not committed, trying again: {}", causes(reason));
}

pub(crate) fn commit_refused(tp: &TopicPartition, code: ErrorCode) {
    warn!(topic = %tp.topic, partition = tp.partition, %code, "the source refused a position");
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

pub(crate) fn commit_group_late(group: &str) {
    warn!(
        group,
        "lag tools see old positions: the group's coordinator on the source does not answer in time"
    );
}

pub(crate) fn state_not_kept(reason: &io::Error) {
    warn!(
        "member ids are not kept in the state folder; after a kill the group waits for its sessions to end: {reason}"
    );
}

pub(crate) fn last_commit_failed() {
    warn!("the last positions were not committed: the next start repeats what came after the commit before");
}
