//! From the configuration of a cluster to the cluster.

use std::sync::Arc;

use kafka_client::{ClientError, Cluster, ClusterSettings, ConnectionSettings, Network};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use mirror_config::ClusterConfig;
use tokio::time::sleep;

use crate::events;

/// Connects, trying again for as long as it takes: a broker that is not there yet is no reason to end.
///
/// # Errors
/// Only when no bootstrap name can be resolved: that is a mistake in the configuration, and Java's clients end too.
pub(crate) async fn cluster(config: &ClusterConfig, network: &Network) -> Result<Arc<Cluster>, ClientError> {
    let settings = ClusterSettings {
        alias: config.alias.clone(),
        bootstrap: config.bootstrap.iter().map(ToString::to_string).collect(),
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
        match Cluster::connect(settings.clone()).await {
            Ok(cluster) => return Ok(Arc::new(cluster)),
            Err(
                error @ ClientError::NoBootstrap {
                    unresolvable: true, ..
                },
            ) => return Err(error),
            Err(error) => events::not_connected(backoff.attempts(), &error),
        }
        sleep(backoff.next_delay()).await;
    }
}
