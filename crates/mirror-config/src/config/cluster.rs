//! How to reach a cluster.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ambari_client::{BaseUrl, ClusterName};

/// How to reach one cluster and how patient to be with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Name of the cluster in logs, metrics and errors.
    pub alias: String,
    /// How its first brokers are found.
    pub bootstrap: Bootstrap,
    /// Where to connect to in the place of what a broker advertises, or of a name in `bootstrap`; names are in lower case.
    pub addresses: BTreeMap<HostPort, HostPort>,
    /// `client.id` of every request: what broker quotas and request logs go by.
    pub client_id: String,
    /// An answer later than this counts as lost and the connection is given up.
    pub request_timeout: Duration,
    /// A TCP connection not established after this is tried at the next address.
    pub connect_timeout: Duration,
    /// First pause before connecting again to a broker; doubles up to `reconnect_backoff_max`.
    pub reconnect_backoff: Duration,
    /// Upper end of the pause before connecting again; never below `reconnect_backoff`.
    pub reconnect_backoff_max: Duration,
    /// Pause before a request that failed retriably is sent again.
    pub retry_backoff: Duration,
    /// Metadata older than this is asked for again although nothing failed.
    pub metadata_max_age: Duration,
    /// A response frame longer than this, in bytes, is refused before anything is allocated for it.
    pub response_bytes_max: usize,
}

/// How the first brokers of a cluster are found; they name the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bootstrap {
    /// Brokers to ask, in the order written; never empty.
    Servers(Vec<HostPort>),
    /// The brokers that registered themselves in ZooKeeper, as they are whenever it is asked.
    ZooKeeper(ZooKeeperConnect),
    /// The hosts that have a broker according to Ambari, as they are whenever it is asked.
    Ambari(AmbariCluster),
}

/// A ZooKeeper ensemble, and where in it a Kafka cluster keeps its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZooKeeperConnect {
    /// Servers of the ensemble, in the order written; never empty.
    pub servers: Vec<HostPort>,
    /// The path below which the cluster keeps its nodes, like `/kafka`; empty where that is the root.
    pub chroot: String,
    /// A session not heard of for this long is over, and what it held is gone; the ensemble may allow less or more.
    pub session_timeout: Duration,
    /// A server that does not accept a connection within this is left for the next.
    pub connection_timeout: Duration,
}

/// Where Ambari answers, and what it is asked. The password stays in its file until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmbariCluster {
    /// Where Ambari answers.
    pub url: BaseUrl,
    /// What Ambari calls the cluster.
    pub cluster: ClusterName,
    /// Who logs in.
    pub user: String,
    /// A file that holds the password and nothing else.
    pub password_file: PathBuf,
    /// CAs to believe beside the system's, in PEM form.
    pub ca_file: Option<PathBuf>,
    /// The port of a plaintext listener of every broker, never 0: Ambari does not tell it.
    pub port: u16,
}

/// One address of a broker, as the user wrote it (names are resolved when connecting).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostPort {
    /// Host name or IP address; an IPv6 address stands here without brackets.
    pub host: String,
    /// TCP port, never 0.
    pub port: u16,
}

// === impl ClusterConfig ===

impl ClusterConfig {
    /// Where to connect to for an address of this cluster.
    pub fn reached_at<'a>(&'a self, address: &'a HostPort) -> &'a HostPort {
        let name = HostPort {
            host: address.host.to_ascii_lowercase(),
            port: address.port,
        };
        self.addresses.get(&name).unwrap_or(address)
    }

    /// How the first brokers are found, with servers of ZooKeeper where this host reaches them. Brokers stay what they are
    /// called: whoever connects to them goes by [`Self::addresses`].
    pub fn reached_bootstrap(&self) -> Bootstrap {
        let mut bootstrap = self.bootstrap.clone();
        if let Bootstrap::ZooKeeper(connect) = &mut bootstrap {
            for server in &mut connect.servers {
                *server = self.reached_at(server).clone();
            }
        }
        bootstrap
    }

    /// The names of [`Self::addresses`] that are a server's in `bootstrap`.
    pub fn is_in_bootstrap(&self, name: &HostPort) -> bool {
        let servers = match &self.bootstrap {
            Bootstrap::Servers(servers) => servers,
            Bootstrap::ZooKeeper(connect) => &connect.servers,
            // Its brokers are known when it was asked, and no sooner.
            Bootstrap::Ambari(_) => return false,
        };
        servers
            .iter()
            .any(|server| server.port == name.port && server.host.eq_ignore_ascii_case(&name.host))
    }
}

// === impl Bootstrap ===

impl fmt::Display for Bootstrap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Servers(servers) => list(formatter, servers),
            Self::ZooKeeper(zookeeper) => write!(formatter, "{zookeeper}"),
            Self::Ambari(ambari) => write!(formatter, "{ambari}"),
        }
    }
}

// === impl ZooKeeperConnect ===

impl fmt::Display for ZooKeeperConnect {
    /// The connect string, as `zookeeper.connect` has it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(formatter, &self.servers)?;
        formatter.write_str(&self.chroot)
    }
}

// === impl AmbariCluster ===

impl fmt::Display for AmbariCluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, cluster {}", self.url, self.cluster)
    }
}

fn list(formatter: &mut fmt::Formatter<'_>, addresses: &[HostPort]) -> fmt::Result {
    for (index, address) in addresses.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(formatter, "{comma}{address}")?;
    }
    Ok(())
}

// === impl HostPort ===

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}
