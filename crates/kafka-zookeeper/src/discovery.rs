//! The brokers of a cluster, as they registered themselves below `/brokers/ids`.

use crate::error::ZooKeeperError;
use crate::registration::{Endpoint, Registration};
use crate::session::Session;

const IDS: &str = "/brokers/ids";
/// Children of the root in which a cluster is looked for whose path was not given.
const CHROOTS_LOOKED_AT: usize = 64;

/// Why no broker was found. `Display` is one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// ZooKeeper does not answer.
    #[error("{0}")]
    ZooKeeper(ZooKeeperError),
    /// No Kafka cluster ever used this path.
    #[error("ZooKeeper {ensemble} holds no Kafka cluster: there is no node {path}{}", elsewhere(.found_at))]
    NoCluster {
        /// The connect string.
        ensemble: String,
        /// What is not there, chroot included.
        path: String,
        /// Other chroots that have brokers, as connect strings end with them; empty for the root.
        found_at: Vec<String>,
    },
    /// The cluster has no broker that runs.
    #[error(
        "no broker is registered in ZooKeeper {ensemble} now: start one, or, if the cluster was moved to KRaft and does not \
         use ZooKeeper any more, name its brokers in bootstrap.servers"
    )]
    NoBroker {
        /// The connect string.
        ensemble: String,
    },
    /// Brokers run, and none can be spoken to.
    #[error("no broker registered in ZooKeeper {ensemble} has a PLAINTEXT listener: {}", .brokers.join("; "))]
    NoListener {
        /// The connect string.
        ensemble: String,
        /// What each of them has.
        brokers: Vec<String>,
    },
}

/// A broker that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Its id.
    pub id: i32,
    /// Its PLAINTEXT address.
    pub endpoint: Endpoint,
}

/// What is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brokers {
    /// Those that can be asked, by id; never empty.
    pub usable: Vec<Broker>,
    /// Why others cannot, one sentence each.
    pub unusable: Vec<String>,
}

/// Reads all registrations.
pub async fn brokers(session: &Session) -> Result<Brokers, DiscoveryError> {
    let ensemble = session.ensemble().to_string();
    let Some(names) = session.children(IDS).await.map_err(DiscoveryError::ZooKeeper)? else {
        return Err(no_cluster(session).await);
    };
    if names.is_empty() {
        return Err(DiscoveryError::NoBroker { ensemble });
    }
    let mut usable = Vec::new();
    let mut unusable = Vec::new();
    for name in names {
        let found = session
            .data(&format!("{IDS}/{name}"))
            .await
            .map_err(DiscoveryError::ZooKeeper)?;
        // It may have gone since the list was made.
        let Some((data, _)) = found else { continue };
        match read(&name, &data) {
            Ok(broker) => usable.push(broker),
            Err(reason) => unusable.push(format!("broker {name}: {reason}")),
        }
    }
    usable.sort_by_key(|broker| broker.id);
    match (usable.is_empty(), unusable.is_empty()) {
        (false, _) => Ok(Brokers { usable, unusable }),
        (true, true) => Err(DiscoveryError::NoBroker { ensemble }),
        (true, false) => Err(DiscoveryError::NoListener {
            ensemble,
            brokers: unusable,
        }),
    }
}

fn read(name: &str, data: &[u8]) -> Result<Broker, String> {
    let id: i32 = name.parse().ok().ok_or("its node's name is no broker id")?;
    let registration = Registration::parse(id, data)?;
    if let Some(endpoint) = registration.plaintext() {
        return Ok(Broker {
            id,
            endpoint: endpoint.clone(),
        });
    }
    let listeners = registration.endpoints.iter();
    let listeners: Vec<_> = listeners
        .map(|endpoint| format!("{} at {endpoint}", endpoint.protocol))
        .collect();
    Err(format!("it listens for {}", listeners.join(", ")))
}

/// Says where brokers are, for the most frequent mistake is a chroot that was left away.
async fn no_cluster(session: &Session) -> DiscoveryError {
    let chroot = &session.ensemble().chroot;
    let mut found_at = Vec::new();
    let mut candidates = vec![String::new()];
    if let Ok(Some(names)) = session.children_at("/").await {
        candidates.extend(
            names
                .into_iter()
                .take(CHROOTS_LOOKED_AT)
                .map(|name| format!("/{name}")),
        );
    }
    for candidate in candidates {
        let ids = session.children_at(&format!("{candidate}{IDS}")).await;
        if ids.is_ok_and(|ids| ids.is_some_and(|ids| !ids.is_empty())) {
            found_at.push(candidate);
        }
    }
    DiscoveryError::NoCluster {
        ensemble: session.ensemble().to_string(),
        path: format!("{chroot}{IDS}"),
        found_at,
    }
}

fn elsewhere(found_at: &[String]) -> String {
    if found_at.is_empty() {
        return "; a cluster in KRaft mode has no ZooKeeper, there bootstrap.servers is needed".to_owned();
    }
    let places: Vec<_> = found_at
        .iter()
        .map(|chroot| match chroot.as_str() {
            "" => "at the root (no chroot)".to_owned(),
            chroot => format!("at chroot {chroot}"),
        })
        .collect();
    format!("; there are brokers {}", places.join(" and "))
}

// === impl DiscoveryError ===

impl DiscoveryError {
    /// Is it a mistake that nobody but the configuration's author can mend?
    pub fn is_mistake(&self) -> bool {
        match self {
            Self::ZooKeeper(ZooKeeperError::Unreachable { unresolvable, .. }) => *unresolvable,
            Self::NoCluster { .. } => true,
            Self::ZooKeeper(_) | Self::NoBroker { .. } | Self::NoListener { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_chroot_is_said_with_the_right_one() {
        let error = |found_at: &[&str]| {
            DiscoveryError::NoCluster {
                ensemble: "zk0:2181".to_owned(),
                path: "/brokers/ids".to_owned(),
                found_at: found_at.iter().map(|&at| at.to_owned()).collect(),
            }
            .to_string()
        };
        assert_eq!(
            error(&["/kafka"]),
            "ZooKeeper zk0:2181 holds no Kafka cluster: there is no node /brokers/ids; there are brokers at chroot /kafka"
        );
        assert!(error(&[""]).ends_with("at the root (no chroot)"));
        assert!(error(&[]).ends_with("bootstrap.servers is needed"));
    }

    #[test]
    fn a_broker_without_a_plaintext_listener_says_what_it_has() {
        let json = br#"{"endpoints":["SSL://a:1","SASL_SSL://a:2"],"version":3}"#;
        assert_eq!(
            read("1", json).unwrap_err(),
            "it listens for SSL at a:1, SASL_SSL at a:2"
        );
        assert_eq!(read("x", json).unwrap_err(), "its node's name is no broker id");
    }
}
