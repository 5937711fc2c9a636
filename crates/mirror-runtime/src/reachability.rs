//! Whether this host reaches every broker that a cluster names: what cannot be reached is explained once, not at each try.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use kafka_client::{AddressMap, Cluster, UnreachableBroker};
use kafka_wire::ids::NodeId;
use mirror_config::{ClusterConfig, FlowConfig, Positions};
use mirror_core::status;
use mirror_core::unreachable_broker::AddressForm;
use tokio::sync::watch;

use crate::events;

/// One cluster of a flow and what is known of the way to its brokers.
#[derive(Debug, Clone)]
pub(crate) struct Reachability {
    cluster: String,
    form: AddressForm,
    unreachable: watch::Receiver<BTreeMap<NodeId, UnreachableBroker>>,
}

/// The address map of a configuration, as the client takes it.
pub(crate) fn addresses(config: &ClusterConfig) -> AddressMap {
    let entries = config.addresses.iter();
    AddressMap::new(entries.map(|(advertised, address)| (advertised.to_string(), address.to_string())))
}

/// Names the entries of the address map that nobody needs: often they have a typing error.
pub(crate) fn tell_unused(config: &ClusterConfig, cluster: &Cluster) {
    let of_bootstrap: Vec<_> = config
        .addresses
        .keys()
        .filter(|name| config.is_in_bootstrap(name))
        .map(ToString::to_string)
        .collect();
    let unused = cluster.unused_addresses();
    for name in unused.iter().filter(|name| !of_bootstrap.contains(name)) {
        events::address_unused(&config.alias, name);
    }
}

/// Where the user of this flow writes addresses, for its source and its target.
pub(crate) fn address_forms(flow: &FlowConfig) -> [AddressForm; 2] {
    match flow.positions {
        // Only MirrorMaker's flags keep positions there.
        Positions::SourceGroup { .. } => ["source.addresses", "target.addresses"].map(AddressForm::Flag),
        Positions::TargetTopic { .. } => [AddressForm::File; 2],
    }
}

// === impl Reachability ===

impl Reachability {
    pub(crate) fn of(cluster: &Arc<Cluster>, form: AddressForm) -> Self {
        Self {
            cluster: cluster.alias().to_owned(),
            form,
            unreachable: cluster.unreachable_brokers(),
        }
    }

    /// The brokers that cannot be reached now, by id.
    pub(crate) fn unreachable(&self) -> Vec<status::UnreachableBroker> {
        let now = self.unreachable.borrow();
        now.iter()
            .map(|(node, broker)| self.explained(*node, broker))
            .collect()
    }

    /// Tells of each broker that was never reached, and of its end. Runs until dropped, or until the cluster is gone.
    pub(crate) async fn tell(mut self) {
        let mut told = BTreeSet::new();
        loop {
            let now = self.unreachable.borrow_and_update().clone();
            for (node, broker) in &now {
                // What was reached before is told as lost, by whoever lost it.
                if !broker.was_reached && told.insert(*node) {
                    events::broker_unreachable(&self.explained(*node, broker));
                }
            }
            told.retain(|node| {
                let lasts = now.contains_key(node);
                if !lasts {
                    events::broker_reached(&self.cluster, *node);
                }
                lasts
            });
            if self.unreachable.changed().await.is_err() {
                return;
            }
        }
    }

    fn explained(&self, node: NodeId, broker: &UnreachableBroker) -> status::UnreachableBroker {
        let explained = status::UnreachableBroker {
            cluster: self.cluster.clone(),
            broker: node.0,
            advertised: broker.advertised.clone(),
            mapped: broker.mapped.clone(),
            tried: broker.reason.clone(),
            was_reached: broker.was_reached,
            advice: String::new(),
        };
        explained.advised(self.form)
    }
}
