//! What brokers listen on: loopback TCP, or pipes in memory.

mod memory;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

pub use memory::MemoryNetwork;

/// A connection as a broker sees it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl Stream for TcpStream {}
impl Stream for DuplexStream {}

/// Where the brokers of a cluster can be reached.
#[derive(Debug, Clone)]
pub(crate) enum Network {
    Tcp,
    Memory(MemoryNetwork),
}

/// Somewhere to accept connections.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(TcpListener),
    Memory(mpsc::Receiver<DuplexStream>),
}

// === impl Network ===

impl Network {
    /// Listens on a host and port; on TCP the host is the loopback address and port 0 any free port.
    pub(crate) async fn listen(&self, host: &str, port: u16) -> io::Result<(Listener, u16)> {
        match self {
            Self::Tcp => {
                let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
                let port = listener.local_addr()?.port();
                Ok((Listener::Tcp(listener), port))
            }
            Self::Memory(network) => {
                let accepted = network.listen(&format!("{host}:{port}"))?;
                Ok((Listener::Memory(accepted), port))
            }
        }
    }
}
