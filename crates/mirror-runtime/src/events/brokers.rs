//! Brokers that come and go, and what they are too old for.

use kafka_client::ClientError;
use kafka_wire::ids::NodeId;
use mirror_core::status::UnreachableBroker;
use tracing::{debug, info, warn};

use super::with_this_one;

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
