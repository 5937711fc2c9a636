//! One address from name to protocol: does the name resolve, does somebody listen, and is it a Kafka broker?

use std::net::SocketAddr;
use std::time::Duration;

use kafka_client::reach::{self, FailedAttempt};
use tokio::time::Instant;

use crate::peer::{self, Peer};

/// How far we came with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The name has no address; the resolver's reason.
    Unresolved(String),
    /// Nobody accepts connections at any of the addresses.
    Unreachable {
        /// What was to be connected to.
        asked: String,
        failed: Vec<FailedAttempt>,
    },
    /// Somebody does.
    Reached {
        /// What was to be connected to is a name, and no address.
        is_name: bool,
        resolved: Vec<SocketAddr>,
        /// The address that was connected to first.
        address: SocketAddr,
        /// How long that took.
        took: Duration,
        peer: Peer,
    },
}

/// Goes the whole way to `host:port`; each step takes at most `step`.
pub(super) async fn examine(asked: &str, step: Duration) -> Endpoint {
    let resolved = match reach::resolve(asked, step).await {
        Ok(resolved) => resolved,
        Err(reason) => return Endpoint::Unresolved(reason),
    };
    let began = Instant::now();
    match reach::connect_any(&resolved, step).await {
        Ok((address, stream)) => {
            let took = began.elapsed();
            Endpoint::Reached {
                is_name: asked.parse::<SocketAddr>().is_err(),
                resolved,
                address,
                took,
                peer: peer::identify(stream, address, step).await,
            }
        }
        Err(failed) => Endpoint::Unreachable {
            asked: asked.to_owned(),
            failed,
        },
    }
}

// === impl Endpoint ===

impl Endpoint {
    pub(super) fn is_broker(&self) -> bool {
        matches!(
            self,
            Self::Reached {
                peer: Peer::Kafka,
                ..
            }
        )
    }

    /// The addresses of the name, each once.
    pub(super) fn resolved(&self) -> Vec<String> {
        let addresses: Vec<_> = match self {
            Self::Unresolved(_) => Vec::new(),
            Self::Unreachable { failed, .. } => failed.iter().map(|attempt| attempt.address.ip()).collect(),
            Self::Reached { resolved, .. } => resolved.iter().map(SocketAddr::ip).collect(),
        };
        let mut shown: Vec<_> = addresses.iter().map(ToString::to_string).collect();
        shown.dedup();
        shown
    }

    /// What was found, in a sentence. What was asked for stands beside it, so an address is not named again.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Unresolved(reason) => format!("the name does not resolve: {reason}"),
            Self::Unreachable { .. } => self.connection(),
            Self::Reached {
                is_name: false, peer, ..
            } => peer.to_string(),
            Self::Reached {
                is_name: true, peer, ..
            } => {
                format!("resolves to {}; {peer}", self.resolved().join(", "))
            }
        }
    }

    /// What came of connecting, in a phrase.
    pub(super) fn connection(&self) -> String {
        match self {
            Self::Unresolved(reason) => format!("does not resolve: {reason}"),
            Self::Unreachable { asked, failed } => format!("cannot connect: {}", reach::tried(asked, failed)),
            Self::Reached {
                peer: Peer::Kafka, ..
            } => "connected".to_owned(),
            Self::Reached { peer, .. } => format!("connected; {peer}"),
        }
    }

    /// What to do about a bootstrap server that is none.
    pub(super) fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Unresolved(_) => Some("check the spelling, and that this host can look the name up"),
            Self::Unreachable { .. } => {
                Some("check the port, that the broker runs, and that no firewall stands between")
            }
            Self::Reached { peer, .. } => match peer {
                Peer::Kafka => None,
                Peer::Tls => Some("name the port of a PLAINTEXT listener"),
                Peer::Http | Peer::Other(_) => Some("name the port of a Kafka listener, often 9092"),
                Peer::Closed => Some("check the port, and the broker's log at this moment"),
                Peer::Silent => Some("check the port, and whether the broker is overloaded or stopped"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_was_named_three_times_in_one_row() {
        let refused = |asked: &str| Endpoint::Unreachable {
            asked: asked.to_owned(),
            failed: vec![FailedAttempt {
                address: "10.0.0.4:9092".parse().unwrap(),
                reason: "refused".to_owned(),
            }],
        };
        assert_eq!(refused("10.0.0.4:9092").words(), "cannot connect: refused");
        assert_eq!(refused("wn0:9092").words(), "cannot connect: 10.0.0.4: refused");
        let reached = |is_name| Endpoint::Reached {
            is_name,
            resolved: vec!["10.0.0.4:9092".parse().unwrap()],
            address: "10.0.0.4:9092".parse().unwrap(),
            took: Duration::ZERO,
            peer: Peer::Kafka,
        };
        assert!(!reached(false).words().contains("10.0.0.4"));
        assert!(reached(true).words().starts_with("resolves to 10.0.0.4; "));
    }
}
