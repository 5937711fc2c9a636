//! A byte-level proxy in front of a broker's connections: what a bad network does, on TCP and on pipes alike.
//!
//! It stands between the accepted stream and the broker, so clients meet it at the advertised address. It knows no frames:
//! interceptors ([`FakeCluster::intercept`](crate::FakeCluster::intercept)) are for faults of requests and answers.

mod carry;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_wire::NodeId;

use crate::fault::Gate;

pub(crate) use carry::carry;

/// Bytes on their way in one direction unless a link says otherwise.
const WINDOW_BYTES: usize = 64 << 10;

/// A connection that was just accepted.
#[derive(Debug, Clone, Copy)]
pub struct AcceptedConnection {
    /// The broker that accepted it.
    pub broker: NodeId,
    /// Counts the connections of the cluster, from 1; the same number as in
    /// [`InterceptedRequest`](crate::InterceptedRequest).
    pub number: u64,
}

/// What lies between a client and a broker.
#[derive(Debug, Clone, Default)]
pub struct Link {
    pub to_broker: Direction,
    pub to_client: Direction,
}

/// What happens to bytes on their way in one direction. The default changes nothing.
#[derive(Debug, Clone)]
pub struct Direction {
    /// Time from one end to the other.
    pub delay: Duration,
    /// How fast bytes enter the line; `None` for at once.
    pub bytes_per_second: Option<u64>,
    /// Bytes that may be on their way before the sender has to wait, at least 1 (64 KiB).
    pub window_bytes: usize,
    /// The connection breaks, both ways, when so many bytes have arrived. 0 breaks it at once.
    pub cut_after: Option<u64>,
    /// Bytes that arrive before all that was sent, uncounted: what a peer says that does not speak Kafka.
    pub prefix: Bytes,
    /// Bytes to change: how many bytes come before it, and the bits that turn.
    pub flips: Vec<(u64, u8)>,
    /// Nothing arrives while this is closed; what was sent meanwhile comes later, as retransmissions would.
    pub gate: Gate,
}

type Choose = dyn Fn(AcceptedConnection) -> Option<Link> + Send + Sync;

/// Which connections of a cluster get a link.
#[derive(Clone, Default)]
pub(crate) struct Links(Arc<Mutex<Option<Arc<Choose>>>>);

// === impl Direction ===

impl Default for Direction {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            bytes_per_second: None,
            window_bytes: WINDOW_BYTES,
            cut_after: None,
            prefix: Bytes::new(),
            flips: Vec::new(),
            gate: Gate::opened(),
        }
    }
}

// === impl Links ===

impl Links {
    pub(crate) fn set(&self, choose: Option<Arc<Choose>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = choose;
    }

    pub(crate) fn choose(&self, connection: AcceptedConnection) -> Option<Link> {
        let choose = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        choose.and_then(|choose| choose(connection))
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Links")
    }
}
