//! A running cluster and the orders it takes: what a test, a checker or a demonstration does to it from outside.

mod brokers;
mod coordination;
mod inspect;
mod topics;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use kafka_wire::NodeId;

use crate::builder::FakeClusterBuilder;
use crate::fault::{Gate, InterceptedRequest, Interception};
use crate::network::Network;
use crate::proxy::{AcceptedConnection, Link};
use crate::shared::Shared;
use crate::tasks::Tasks;

pub use inspect::{LogView, StoredRecord};

/// A running cluster. Dropping it ends all brokers.
pub struct FakeCluster {
    shared: Arc<Shared>,
    network: Network,
    connections: Arc<AtomicU64>,
    running: Mutex<BTreeMap<NodeId, RunningBroker>>,
    /// What goes on whichever brokers are up.
    _tasks: Tasks,
}

/// A broker that is up.
struct RunningBroker {
    tasks: Arc<Tasks>,
    /// Closed while it is paused.
    gate: Gate,
}

// === impl FakeCluster ===

impl FakeCluster {
    /// Describes a cluster.
    pub fn builder() -> FakeClusterBuilder {
        FakeClusterBuilder::new()
    }

    pub(crate) fn new(shared: Arc<Shared>, network: Network, connections: Arc<AtomicU64>) -> Self {
        let tasks = Tasks::new();
        tasks.spawn(Arc::clone(&shared).run_coordinators());
        Self {
            shared,
            network,
            connections,
            running: Mutex::default(),
            _tasks: tasks,
        }
    }

    /// `host:port` of all brokers, separated by commas.
    pub fn bootstrap(&self) -> String {
        let addresses: Vec<String> = self
            .brokers()
            .into_iter()
            .filter_map(|broker| self.address(broker))
            .collect();
        addresses.join(",")
    }

    /// `host:port` of one broker, up or not.
    pub fn address(&self, broker: NodeId) -> Option<String> {
        let state = self.shared.state();
        let broker = state.brokers.get(&broker)?;
        Some(format!("{}:{}", broker.host, broker.port))
    }

    /// The ids of all brokers, up or not.
    pub fn brokers(&self) -> Vec<NodeId> {
        self.shared.state().brokers.keys().copied().collect()
    }

    /// What the cluster calls itself.
    pub fn cluster_id(&self) -> String {
        self.shared.state().cluster_id.clone()
    }

    /// Lets a function look at every request before it is carried out and decide what becomes of it. Of several, the
    /// first that does not let it pass decides.
    pub fn intercept(
        &self,
        decide: impl Fn(&InterceptedRequest<'_>) -> crate::Action + Send + Sync + 'static,
    ) -> Interception {
        self.shared.faults.interceptors.add(decide)
    }

    /// Puts links between clients and brokers: a function says for each connection that is accepted from now on what lies
    /// between. It replaces the one before; connections keep the link they have.
    pub fn set_links(&self, choose: impl Fn(AcceptedConnection) -> Option<Link> + Send + Sync + 'static) {
        self.shared.faults.links.set(Some(Arc::new(choose)));
    }

    /// Connections that are accepted from now on have no link.
    pub fn clear_links(&self) {
        self.shared.faults.links.set(None);
    }

    /// Tells clients of this API to be silent for so long after each answer, and does not listen meanwhile (KIP-219).
    pub fn set_throttle(&self, api: kafka_wire::ApiKey, silence: std::time::Duration) {
        self.shared.faults.set_throttle(api, silence);
    }

    /// Why connections were closed instead of answered, oldest first: requests that could not be read or served.
    pub fn unserved(&self) -> Vec<String> {
        self.shared.faults.unserved()
    }
}

impl fmt::Debug for FakeCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCluster")
            .field("bootstrap", &self.bootstrap())
            .finish_non_exhaustive()
    }
}
