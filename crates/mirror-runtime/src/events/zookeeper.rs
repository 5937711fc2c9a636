//! Groups of the ZooKeeper era: old consumers, and the offsets there.

use std::fmt;
use std::time::Duration;

use kafka_wire::ids::TopicPartition;
use kafka_zookeeper::ZooKeeperError;
use tracing::{error, info, warn};

use crate::zookeeper_group::Differ;

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
