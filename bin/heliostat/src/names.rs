//! Looks the names up that a cluster is found by before anything is started: a typing error should end the start, while a broker that
//! is only away is tried for ever, whichever of the two clusters comes first.
//!
//! Java's `ClientUtils.parseAndValidateAddresses` does the same, in these words.

use std::fmt;

use mirror_config::{Bootstrap, ClusterConfig, HostPort};

/// No name of a cluster can be resolved.
#[derive(Debug)]
pub(crate) struct NoneResolvable {
    cluster: String,
    /// Where they are written.
    key: &'static str,
    names: Vec<String>,
}

/// Warns of each name that has no address; an error if a cluster is left with none.
pub(crate) async fn check(cluster: &ClusterConfig) -> Result<(), NoneResolvable> {
    let (key, addresses) = match &cluster.bootstrap {
        Bootstrap::Servers(servers) => ("bootstrap.servers", servers),
        Bootstrap::ZooKeeper(connect) => ("zookeeper.connect", &connect.servers),
        // Whoever asks it looks its name up, and says whose it is.
        Bootstrap::Ambari(_) => return Ok(()),
    };
    let mut any_resolvable = false;
    for address in addresses {
        let HostPort { host, port } = cluster.reached_at(address);
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        if found.is_ok_and(|mut addresses| addresses.next().is_some()) {
            any_resolvable = true;
        } else {
            tracing::warn!(
                "Couldn't resolve server {address} from {key} as DNS resolution failed for {host}"
            );
        }
    }
    if any_resolvable {
        return Ok(());
    }
    Err(NoneResolvable {
        cluster: cluster.alias.clone(),
        key,
        names: addresses.iter().map(ToString::to_string).collect(),
    })
}

// === impl NoneResolvable ===

impl fmt::Display for NoneResolvable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster, key, names } = self;
        write!(
            formatter,
            "no resolvable bootstrap urls given in {key} ({cluster} cluster: {}): check the names, and \
             that this host can look them up",
            names.join(",")
        )
    }
}

impl std::error::Error for NoneResolvable {}
