//! From `host:port` to a stream of bytes: a socket to whichever address of the name answers, or something else that
//! carries bytes in order.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, split};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{ClientError, io_reason};
use crate::reach;

/// The receiving half of a connection.
pub type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;
/// The sending half of a connection. Dropping it tells the peer that nothing more comes.
pub type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;
/// A connection that is being made.
pub type Connecting<'a> = Pin<Box<dyn Future<Output = io::Result<(ReadHalf, WriteHalf)>> + Send + 'a>>;

/// What connections are made of.
#[derive(Clone, Default)]
pub enum Network {
    /// Sockets of this machine, names as the machine resolves them.
    #[default]
    Tcp,
    /// Something else that carries bytes in order, such as pipes to brokers in this process.
    Other(Arc<dyn Dial>),
}

/// Makes connections for [`Network::Other`].
pub trait Dial: Send + Sync {
    /// Connects to `host:port`; there is a deadline around it.
    ///
    /// # Errors
    /// Nobody listens there, or cannot be reached.
    fn dial<'a>(&'a self, address: &'a str) -> Connecting<'a>;

    /// What spreads the retries of those who connect by it. A network of one process has nobody to be told apart from, so
    /// that a run on it repeats.
    fn jitter_seed(&self) -> u64 {
        0
    }
}

/// A function that opens a pipe is a network inside this process.
impl<Open> Dial for Open
where
    Open: Fn(&str) -> io::Result<DuplexStream> + Send + Sync,
{
    fn dial<'a>(&'a self, address: &'a str) -> Connecting<'a> {
        Box::pin(async move {
            let (reads, writes) = split(self(address)?);
            Ok((Box::new(reads) as _, Box::new(writes) as _))
        })
    }
}

// === impl Network ===

impl Network {
    /// What spreads the retries of processes that met one failure: those on sockets need not come back together.
    pub(crate) fn jitter_seed(&self) -> u64 {
        match self {
            Self::Tcp => u64::from(std::process::id()),
            Self::Other(dial) => dial.jitter_seed(),
        }
    }

    /// # Errors
    /// [`ClientError::Resolve`] if the name has no address, [`ClientError::Connect`] with the reasons otherwise.
    pub(crate) async fn connect(
        &self,
        address: &str,
        connect_timeout: Duration,
    ) -> Result<(ReadHalf, WriteHalf), ClientError> {
        match self {
            Self::Tcp => {
                let (read_half, write_half) = connect(address, connect_timeout).await?.into_split();
                Ok((Box::new(read_half), Box::new(write_half)))
            }
            Self::Other(dial) => match timeout(connect_timeout, dial.dial(address)).await {
                Ok(Ok(halves)) => Ok(halves),
                Ok(Err(error)) => Err(ClientError::Connect {
                    address: address.to_owned(),
                    reason: io_reason(&error),
                }),
                Err(_) => Err(ClientError::Connect {
                    address: address.to_owned(),
                    reason: format!("no answer within {connect_timeout:?}"),
                }),
            },
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "Tcp",
            Self::Other(_) => "Other",
        })
    }
}

/// Idle time after which the kernel probes a silent peer, so that a half-open connection is noticed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Connects to `host:port`, trying every address the name resolves to.
///
/// Socket buffers are left to the kernel: setting them would switch its autotuning off.
///
/// # Errors
/// [`ClientError::Resolve`] if the name has no address, [`ClientError::Connect`] with each address' reason otherwise.
async fn connect(address: &str, connect_timeout: Duration) -> Result<TcpStream, ClientError> {
    let resolved = reach::resolve(address, connect_timeout).await;
    let addresses = resolved.map_err(|reason| ClientError::Resolve {
        address: address.to_owned(),
        reason,
    })?;
    match reach::connect_any(&addresses, connect_timeout).await {
        Ok((_, stream)) => {
            prepare(&stream);
            Ok(stream)
        }
        Err(failed) => Err(ClientError::Connect {
            address: address.to_owned(),
            reason: reach::tried(address, &failed),
        }),
    }
}

/// Best effort: a socket without these options works, only slower to answer or to notice a dead peer.
fn prepare(stream: &TcpStream) {
    let nodelay = stream.set_nodelay(true);
    let keepalive = socket2::SockRef::from(stream)
        .set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(KEEPALIVE_IDLE));
    if let Err(error) = nodelay.and(keepalive) {
        tracing::debug!(%error, "socket options not set");
    }
}
