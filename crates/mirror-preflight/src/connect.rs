//! Connections that give up soon: a look ahead waits for seconds, where a mirror waits for as long as it takes.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, Connection, ConnectionSettings};
use kafka_wire::api::metadata::{MetadataRequest, MetadataResponse};
use mirror_config::{ClusterConfig, HostPort};
use tokio::time::timeout;

/// How long one step (a look-up, a connection, an answer) may take at most.
const STEP_MAX: Duration = Duration::from_secs(5);

/// Steps that may have to follow each other in a run.
const STEPS: u32 = 12;

/// A cluster that answers, and what it said of itself and all its topics.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) metadata: Arc<MetadataResponse>,
}

/// The time of one step in a run that may take `limit`.
pub(crate) fn step(limit: Duration) -> Duration {
    (limit / STEPS).min(STEP_MAX)
}

/// The servers to ask first, looked up where they are not written down.
pub(crate) async fn find(config: &ClusterConfig, step: Duration) -> Result<Vec<HostPort>, ClientError> {
    let found = mirror_discovery::addresses(&config.reached_bootstrap(), step).await;
    found.map_err(|not_found| ClientError::NoBootstrap {
        cluster: config.alias.clone(),
        tried: vec![not_found.to_string()],
        unresolvable: not_found.is_mistake(),
        looked_up_in_vain: true,
    })
}

/// Connects by one of `bootstrap` and asks for all topics.
pub(crate) async fn connect(
    config: &ClusterConfig,
    bootstrap: &[HostPort],
    step: Duration,
) -> Result<Reached, ClientError> {
    let settings = ClusterSettings {
        alias: config.alias.clone(),
        bootstrap: bootstrap.iter().map(ToString::to_string).collect(),
        addresses: AddressMap::new(
            config
                .addresses
                .iter()
                .map(|(name, at)| (name.to_string(), at.to_string())),
        ),
        connection: ConnectionSettings {
            client_id: config.client_id.as_str().into(),
            connect_timeout: config.connect_timeout.min(step),
            request_timeout: config.request_timeout.min(step),
            response_bytes_max: config.response_bytes_max,
            network: kafka_client::Network::Tcp,
        },
    };
    let cluster = Cluster::connect(settings.clone()).await?;
    // Asked of the servers that are known to answer: the addresses that the cluster names may be out of reach.
    let metadata = all_topics(&settings).await?;
    Ok(Reached {
        cluster: Arc::new(cluster),
        metadata: Arc::new(metadata),
    })
}

async fn all_topics(settings: &ClusterSettings) -> Result<MetadataResponse, ClientError> {
    let request = MetadataRequest {
        topics: None,
        allow_auto_topic_creation: false,
    };
    let mut tried = Vec::new();
    for address in &settings.bootstrap {
        let address = settings.addresses.resolve(address);
        let answer = match Connection::open(address, &settings.connection).await {
            Ok(connection) => connection.call(&request).await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(ClientError::NoBootstrap {
        cluster: settings.alias.clone(),
        tried,
        unresolvable: false,
        looked_up_in_vain: false,
    })
}

/// Waits for work no longer than `limit`, and says so where that was not enough.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ClientError>>,
) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_elapsed) => Err(format!("no answer within {limit:?}")),
    }
}
