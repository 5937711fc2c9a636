//! From the configuration of a cluster to the cluster.

use std::sync::Arc;

use kafka_client::{ClientError, Cluster, ClusterSettings, ConnectionSettings};
use mirror_config::ClusterConfig;

pub(crate) async fn cluster(config: &ClusterConfig) -> Result<Arc<Cluster>, ClientError> {
    let settings = ClusterSettings {
        alias: config.alias.clone(),
        bootstrap: config.bootstrap.iter().map(ToString::to_string).collect(),
        connection: ConnectionSettings {
            client_id: config.client_id.as_str().into(),
            connect_timeout: config.connect_timeout,
            request_timeout: config.request_timeout,
            response_bytes_max: config.response_bytes_max,
        },
    };
    Cluster::connect(settings).await.map(Arc::new)
}
