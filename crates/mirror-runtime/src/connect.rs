//! From the configuration of a cluster to the cluster.

use std::sync::Arc;

use kafka_client::{ClientError, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use mirror_config::ClusterConfig;
use tokio::time::sleep;

use crate::events;
use crate::reachability;
use crate::shared::FlowShared;

/// Connects, trying again for as long as it takes: a broker that is not there yet is no reason to end.
///
/// # Errors
/// Only for a mistake in the configuration: no bootstrap name can be resolved (there Java's clients end, too), or what is
/// to be looked up in ZooKeeper is not where it is said to be.
pub(crate) async fn cluster(
    config: &ClusterConfig,
    network: &Network,
    shared: &FlowShared,
) -> Result<Arc<Cluster>, ClientError> {
    let settings = ClusterSettings {
        alias: config.alias.clone(),
        bootstrap: Vec::new(),
        addresses: reachability::addresses(config),
        connection: ConnectionSettings {
            client_id: config.client_id.as_str().into(),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            response_bytes_max: config.response_bytes_max,
            network: network.clone(),
        },
    };
    let pauses = BackoffConfig {
        initial: config.reconnect_backoff,
        max: config.reconnect_backoff_max,
    };
    let mut backoff = Backoff::new(pauses, 0);
    loop {
        match mirror_discovery::connect(settings.clone(), &config.reached_bootstrap()).await {
            Ok(cluster) => {
                reachability::tell_unused(config, &cluster);
                shared.set_not_reached(&config.alias, None);
                return Ok(Arc::new(cluster));
            }
            Err(
                error @ ClientError::NoBootstrap {
                    unresolvable: true, ..
                },
            ) => return Err(error),
            Err(error) => {
                events::not_connected(backoff.attempts(), &error);
                let reason = if let ClientError::NoBootstrap { tried, .. } = &error {
                    tried.join("; ")
                } else {
                    error.to_string()
                };
                shared.set_not_reached(&config.alias, Some(reason));
            }
        }
        sleep(backoff.next_delay()).await;
    }
}
