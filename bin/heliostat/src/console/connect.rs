//! From `--bootstrap-server`, `--broker-list` or `--zookeeper` to a cluster that answers.

use std::sync::Arc;
use std::time::Duration;

use kafka_client::{AddressMap, ClientError, Cluster, ClusterSettings, ConnectionSettings, Network};
use mirror_config::Bootstrap;

use super::client_properties::ClientProperties;
use super::flag_error::{FlagError, invalid};
use super::given::Given;

/// Bytes of the largest answer: what a broker fetches in one request by default, and room for one batch beyond.
const RESPONSE_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Where the brokers are and how to talk to them.
pub(crate) struct Way {
    bootstrap: Bootstrap,
    settings: ClusterSettings,
}

/// No broker can be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    #[error(transparent)]
    Client(ClientError),
    /// ZooKeeper, or the brokers that it names.
    #[error("no broker is found by --zookeeper: {}", .tried.join("; "))]
    ByZooKeeper { tried: Vec<String> },
}

// === impl Way ===

impl Way {
    /// Exactly one of `servers` (names of one flag) and, where the tool ever had it, `--zookeeper`.
    pub(crate) fn of(
        given: &Given,
        servers: &[&'static str],
        properties: &ClientProperties,
        client_id: &str,
    ) -> Result<Self, FlagError> {
        let mut bootstrap = None;
        for flag in servers {
            if let Some(list) = given.one(flag)? {
                let found = Bootstrap::of_servers(list).map_err(|reason| invalid(flag, list, &reason))?;
                bootstrap = Some(found);
            }
        }
        if let Some(list) = given.one("zookeeper")? {
            if bootstrap.is_some() {
                let text = "Only one of --bootstrap-server and --zookeeper can be given";
                return Err(FlagError::Wrong(text.to_owned()));
            }
            let found =
                Bootstrap::of_zookeeper(list).map_err(|reason| invalid("zookeeper", list, &reason))?;
            bootstrap = Some(found);
        }
        let bootstrap = match (bootstrap, properties.text("bootstrap.servers")) {
            (Some(bootstrap), _) => bootstrap,
            (None, Some("")) => {
                let advice = "write host:port, several with commas between them";
                return Err(properties.wrong("bootstrap.servers", "it is empty", advice));
            }
            (None, Some(list)) => Bootstrap::of_servers(list).map_err(|reason| {
                properties.wrong(
                    "bootstrap.servers",
                    &reason,
                    "write host:port, several with commas between them",
                )
            })?,
            (None, None) => return Err(FlagError::Required("bootstrap-server")),
        };
        let client_id = properties.text("client.id").unwrap_or(client_id);
        let request_timeout = properties.milliseconds("request.timeout.ms")?;
        let connect_timeout = properties.milliseconds("socket.connection.setup.timeout.ms")?;
        Ok(Self {
            bootstrap,
            settings: ClusterSettings {
                // There is only one cluster here, and the user gave it no name.
                alias: String::new(),
                bootstrap: Vec::new(),
                addresses: AddressMap::default(),
                connection: ConnectionSettings {
                    client_id: client_id.into(),
                    connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(10)),
                    request_timeout: request_timeout.unwrap_or(Duration::from_secs(30)),
                    response_bytes_max: RESPONSE_BYTES_MAX,
                    network: Network::Tcp,
                },
            },
        })
    }

    pub(crate) fn client_id(&self) -> Arc<str> {
        Arc::clone(&self.settings.connection.client_id)
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        self.settings.connection.request_timeout
    }

    /// # Errors
    /// Nobody answers; the text says whom it tried and why not.
    pub(crate) async fn connect(self) -> Result<Arc<Cluster>, NotConnected> {
        match mirror_discovery::connect(self.settings, &self.bootstrap).await {
            Ok(cluster) => Ok(Arc::new(cluster)),
            Err(ClientError::NoBootstrap { tried, .. })
                if matches!(self.bootstrap, Bootstrap::ZooKeeper(_)) =>
            {
                Err(NotConnected::ByZooKeeper { tried })
            }
            Err(error) => Err(NotConnected::Client(error)),
        }
    }
}
