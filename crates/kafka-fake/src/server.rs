//! A broker's door: accepts connections and serves each in a task of its own.

mod connection;
mod request;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use kafka_wire::NodeId;
use tokio::io::duplex;
use tokio::time::sleep;

use crate::fault::Gate;
use crate::network::{Listener, Stream};
use crate::proxy::{AcceptedConnection, carry};
use crate::shared::Shared;
use crate::tasks::Tasks;
use connection::Connection;

/// Pause after a connection could not be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(50);

/// Largest request, in bytes: the brokers' `socket.request.max.bytes`.
const REQUEST_BYTES_MAX: usize = 100 << 20;

/// Bytes between a proxy and its broker: little, so that a link's window is what counts.
const PROXY_BYTES: usize = 4 << 10;

/// What every connection of one broker needs.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    pub(crate) broker: NodeId,
    /// Closed while the broker is paused.
    pub(crate) running: Gate,
    /// Counts the connections of the cluster.
    pub(crate) connections: Arc<AtomicU64>,
}

// === impl Server ===

impl Server {
    /// Accepts until the task is ended; connections are tasks beside this one.
    ///
    /// `tasks` is weak because this is one of them: a strong one would keep itself alive when the cluster is dropped.
    pub(crate) async fn run(self, listener: Listener, tasks: Weak<Tasks>) {
        match listener {
            Listener::Tcp(listener) => loop {
                // A connection that is gone concerns nobody; out of sockets, the next one has to wait.
                let Ok((stream, peer)) = listener.accept().await else {
                    sleep(ACCEPT_AGAIN).await;
                    continue;
                };
                // Small answers must not wait for more; without the option they only come later.
                let _nodelay = stream.set_nodelay(true);
                self.start(stream, peer.to_string(), peer.ip().to_string(), &tasks);
            },
            Listener::Memory(mut accepted) => {
                while let Some(stream) = accepted.recv().await {
                    let number = self.connections.load(Ordering::Relaxed) + 1;
                    self.start(stream, format!("pipe:{number}"), "pipe".to_owned(), &tasks);
                }
            }
        }
    }

    fn start(&self, stream: impl Stream, peer: String, client_host: String, tasks: &Weak<Tasks>) {
        let Some(tasks) = tasks.upgrade() else { return };
        let connection = Connection {
            server: self.clone(),
            number: self.connections.fetch_add(1, Ordering::Relaxed) + 1,
            peer,
            client_host,
        };
        let accepted = AcceptedConnection {
            broker: self.broker,
            number: connection.number,
        };
        if let Some(link) = self.shared.faults.links.choose(accepted) {
            let (near, far) = duplex(PROXY_BYTES);
            tasks.spawn(carry(stream, near, link));
            tasks.spawn(connection.run(far));
        } else {
            tasks.spawn(connection.run(stream));
        }
    }
}
