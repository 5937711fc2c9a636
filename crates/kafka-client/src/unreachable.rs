//! Brokers that a cluster names and that this host cannot talk to: the first thing to look at when a mirror stands still
//! between two networks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafka_wire::ids::NodeId;
use tokio::sync::watch;

use crate::error::ClientError;

/// A broker that could not be reached when that was last tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreachableBroker {
    /// `host:port` that the broker advertises.
    pub advertised: String,
    /// What the address map puts in its place.
    pub mapped: Option<String>,
    /// What was tried and what came of it, address by address.
    pub reason: String,
    /// It was reached earlier, by this process: so its address is right, and the broker or the way there is not.
    pub was_reached: bool,
}

/// What is known of the brokers of one cluster.
#[derive(Debug, Default)]
pub(crate) struct Unreachable {
    reached: Mutex<BTreeSet<NodeId>>,
    now: watch::Sender<BTreeMap<NodeId, UnreachableBroker>>,
}

// === impl Unreachable ===

impl Unreachable {
    pub(crate) fn subscribe(&self) -> watch::Receiver<BTreeMap<NodeId, UnreachableBroker>> {
        self.now.subscribe()
    }

    pub(crate) fn reached(&self, node: NodeId) {
        self.ever_reached().insert(node);
        self.now.send_if_modified(|now| now.remove(&node).is_some());
    }

    pub(crate) fn failed(&self, node: NodeId, advertised: &str, mapped: Option<&str>, error: &ClientError) {
        let broker = UnreachableBroker {
            advertised: advertised.to_owned(),
            mapped: mapped.map(str::to_owned),
            reason: reason(error),
            was_reached: self.ever_reached().contains(&node),
        };
        self.now.send_if_modified(|now| {
            let before = now.insert(node, broker.clone());
            before.as_ref() != Some(&broker)
        });
    }

    /// Forgets the brokers that the cluster does not name any more, or names at another address.
    pub(crate) fn retain(&self, named: &BTreeMap<NodeId, String>) {
        self.now.send_if_modified(|now| {
            let before = now.len();
            now.retain(|node, broker| named.get(node) == Some(&broker.advertised));
            now.len() != before
        });
    }

    fn ever_reached(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of it, without the address, which stands beside it.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Resolve { reason, .. } => format!("no address is known: {reason}"),
        ClientError::Connect { reason, .. } => format!("cannot connect: {reason}"),
        ClientError::Lost { .. }
        | ClientError::TimedOut { .. }
        | ClientError::Malformed { .. }
        | ClientError::Encode { .. }
        | ClientError::Unsupported { .. }
        | ClientError::Answered { .. }
        | ClientError::Corrupt { .. }
        | ClientError::NoBootstrap { .. }
        | ClientError::UnknownBroker { .. } => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: NodeId = NodeId(1001);

    fn refused() -> ClientError {
        ClientError::Connect {
            address: "wn0:9092".to_owned(),
            reason: "10.0.0.4:9092: refused".to_owned(),
        }
    }

    #[test]
    fn told_once_as_long_as_nothing_changes() {
        let unreachable = Unreachable::default();
        let mut told = unreachable.subscribe();
        unreachable.failed(NODE, "wn0:9092", None, &refused());
        assert!(told.has_changed().unwrap());
        let broker = told.borrow_and_update()[&NODE].clone();
        assert_eq!(broker.advertised, "wn0:9092");
        assert_eq!(
            broker.reason, "cannot connect: 10.0.0.4:9092: refused",
            "the advertised address stands beside it"
        );
        assert!(!broker.was_reached);
        unreachable.failed(NODE, "wn0:9092", None, &refused());
        assert!(!told.has_changed().unwrap(), "the same again is no news");
    }

    #[test]
    fn a_broker_that_was_reached_before_is_another_case() {
        let unreachable = Unreachable::default();
        unreachable.reached(NODE);
        unreachable.failed(NODE, "wn0:9092", Some("10.0.0.4:9092"), &refused());
        let told = unreachable.subscribe();
        assert!(told.borrow()[&NODE].was_reached);
        unreachable.reached(NODE);
        assert!(told.borrow().is_empty());
    }

    #[test]
    fn what_the_cluster_does_not_name_any_more_is_forgotten() {
        let unreachable = Unreachable::default();
        for node in [1, 2, 3] {
            unreachable.failed(NodeId(node), "wn0:9092", None, &refused());
        }
        let named = [
            (NodeId(1), "wn0:9092".to_owned()),
            (NodeId(2), "wn9:9092".to_owned()),
        ];
        unreachable.retain(&BTreeMap::from(named));
        let left: Vec<_> = unreachable.subscribe().borrow().keys().copied().collect();
        assert_eq!(left, [NodeId(1)]);
    }
}
