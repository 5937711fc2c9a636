//! From what a configuration says about a cluster's first brokers to addresses that can be asked.
//!
//! Servers that are written down are what they are. Brokers that registered themselves somewhere are looked up there each time
//! somebody needs them: at the start, and whenever no broker answers that is known ([`connect`]).

#![forbid(unsafe_code)]

mod topic_settings;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use ambari_client::{Ambari, AmbariError, Component, ComponentHost, Password, Patience};
use kafka_client::cluster::{FindServers, Finding, ServersNotFound};
use kafka_client::{ClientError, Cluster, ClusterSettings};
use kafka_zookeeper::discovery::{self, DiscoveryError};
use kafka_zookeeper::{Ensemble, Session};
use mirror_config::{AmbariCluster, Bootstrap, HostPort, ZooKeeperConnect};

pub use topic_settings::TopicSettings;

/// Steps that a question to Ambari takes: the name, a connection, the handshake, an answer for which Ambari asks a database.
const AMBARI_STEPS: u32 = 4;

/// Why there are no addresses. `Display` is one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// ZooKeeper names no broker that can be asked.
    #[error("{0}")]
    ZooKeeper(DiscoveryError),
    /// Ambari does not name the hosts.
    #[error("{reason}")]
    Ambari {
        /// One sentence.
        reason: String,
        /// Asking again does not help.
        is_mistake: bool,
    },
}

/// Looks a cluster's brokers up; gives up a server of whatever is asked after `step`, where the configuration has more
/// patience.
///
/// # Errors
/// [`NotFound`] where something is to be looked up and is not found.
pub async fn addresses(bootstrap: &Bootstrap, step: Duration) -> Result<Vec<HostPort>, NotFound> {
    match bootstrap {
        Bootstrap::Servers(servers) => Ok(servers.clone()),
        Bootstrap::ZooKeeper(connect) => in_zookeeper(connect, step).await.map_err(NotFound::ZooKeeper),
        Bootstrap::Ambari(cluster) => in_ambari(cluster, step)
            .await
            .map_err(|error| NotFound::of_ambari(&error)),
    }
}

/// Connects to a cluster by whatever its configuration names; brokers that have to be looked up are looked up anew each time
/// none answers that is known. The servers in `settings` are not looked at.
///
/// # Errors
/// As [`Cluster::connect`].
pub async fn connect(settings: ClusterSettings, bootstrap: &Bootstrap) -> Result<Cluster, ClientError> {
    match bootstrap {
        Bootstrap::Servers(servers) => {
            let bootstrap = servers.iter().map(ToString::to_string).collect();
            Cluster::connect(ClusterSettings {
                bootstrap,
                ..settings
            })
            .await
        }
        Bootstrap::ZooKeeper(_) | Bootstrap::Ambari(_) => {
            let finder = Finder {
                step: settings.connection.connect_timeout,
                bootstrap: bootstrap.clone(),
            };
            Cluster::connect_by(settings, Arc::new(finder)).await
        }
    }
}

/// The ensemble that a configuration names.
pub fn ensemble(connect: &ZooKeeperConnect) -> Ensemble {
    Ensemble {
        servers: connect.servers.iter().map(ToString::to_string).collect(),
        chroot: connect.chroot.clone(),
        session_timeout: connect.session_timeout,
        connection_timeout: connect.connection_timeout,
    }
}

async fn in_zookeeper(connect: &ZooKeeperConnect, step: Duration) -> Result<Vec<HostPort>, DiscoveryError> {
    let mut ensemble = ensemble(connect);
    ensemble.connection_timeout = ensemble.connection_timeout.min(step);
    let session = Session::open(ensemble).await.map_err(DiscoveryError::ZooKeeper)?;
    let found = discovery::brokers(&session).await;
    session.close().await;
    let found = found?;
    for reason in &found.unusable {
        tracing::debug!("a broker registered in ZooKeeper {connect} is not asked: {reason}");
    }
    let address = |broker: discovery::Broker| HostPort {
        host: broker.endpoint.host,
        port: broker.endpoint.port,
    };
    Ok(found.usable.into_iter().map(address).collect())
}

/// The password and the CAs are read anew each time: both change while a mirror runs.
async fn in_ambari(cluster: &AmbariCluster, step: Duration) -> Result<Vec<HostPort>, AmbariError> {
    let password = Password::from_file(&cluster.password_file)?;
    let ambari = Ambari::new(
        cluster.url.clone(),
        cluster.cluster.clone(),
        &cluster.user,
        &password,
        cluster.ca_file.as_deref(),
    )?;
    let usual = Patience::default();
    let ambari = ambari.with_patience(Patience {
        connect: usual.connect.min(step),
        question: usual.question.min(step * AMBARI_STEPS),
    });
    let hosts = ambari.hosts(Component::KafkaBroker).await?;
    let address = |host: ComponentHost| HostPort {
        host: host.name,
        port: cluster.port,
    };
    Ok(hosts.into_iter().map(address).collect())
}

/// Looks up anew each time it is asked.
#[derive(Debug)]
struct Finder {
    bootstrap: Bootstrap,
    step: Duration,
}

// === impl NotFound ===

impl NotFound {
    /// Is it a mistake that nobody but the configuration's author can mend?
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::ZooKeeper(error) => error.is_mistake(),
            Self::Ambari { is_mistake, .. } => *is_mistake,
        }
    }

    fn of_ambari(error: &AmbariError) -> Self {
        let mut reason = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            reason = format!("{reason}: {error}");
            cause = error.source();
        }
        Self::Ambari {
            reason,
            is_mistake: !error.may_pass(),
        }
    }
}

// === impl Finder ===

impl FindServers for Finder {
    fn find(&self) -> Finding<'_> {
        Box::pin(async move {
            match addresses(&self.bootstrap, self.step).await {
                Ok(found) => {
                    let found: Vec<_> = found.iter().map(ToString::to_string).collect();
                    tracing::debug!("brokers found by {}: {}", self.bootstrap, found.join(","));
                    Ok(found)
                }
                Err(error) => Err(ServersNotFound {
                    is_mistake: error.is_mistake(),
                    reason: error.to_string(),
                }),
            }
        })
    }
}
