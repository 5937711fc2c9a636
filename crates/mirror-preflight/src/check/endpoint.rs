//! One address from name to protocol: does the name resolve, does somebody listen, and is it a Kafka broker?

use std::net::SocketAddr;
use std::time::Duration;

use crate::peer::{self, Peer};

/// How far we came with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// The name has no address; the resolver's reason.
    Unresolved(String),
    /// Nobody accepts connections; the addresses and their reasons.
    Unreachable { resolved: String, reasons: String },
    /// Somebody does, at the first address.
    Reached { resolved: String, peer: Peer },
}

/// Goes the whole way; each step takes at most `step`.
pub(super) async fn examine(host: &str, port: u16, step: Duration) -> Endpoint {
    let addresses = match peer::resolve(host, port, step).await {
        Ok(addresses) => addresses,
        Err(reason) => return Endpoint::Unresolved(reason),
    };
    let resolved = shown(&addresses);
    match peer::connect(&addresses, step).await {
        Ok((address, stream)) => Endpoint::Reached {
            resolved,
            peer: peer::identify(stream, address, step).await,
        },
        Err(reasons) => Endpoint::Unreachable { resolved, reasons },
    }
}

fn shown(addresses: &[SocketAddr]) -> String {
    let mut shown: Vec<_> = addresses.iter().map(|address| address.ip().to_string()).collect();
    shown.dedup();
    shown.join(", ")
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

    /// What was found, in a sentence.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Unresolved(reason) => format!("the name does not resolve: {reason}"),
            Self::Unreachable { resolved, reasons } => {
                format!("resolves to {resolved}; cannot connect: {reasons}")
            }
            Self::Reached { resolved, peer } => format!("resolves to {resolved}; {peer}"),
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
