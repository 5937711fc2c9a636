//! From a host name to a TCP stream: every address of the name is tried, with one deadline for each.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::error::{ClientError, io_reason};

/// Idle time after which the kernel probes a silent peer, so that a half-open connection is noticed.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);

/// Connects to `host:port`, trying every address the name resolves to.
///
/// Socket buffers are left to the kernel: setting them would switch its autotuning off.
///
/// # Errors
/// [`ClientError::Resolve`] if the name has no address, [`ClientError::Connect`] with each address' reason otherwise.
pub(crate) async fn connect(address: &str, connect_timeout: Duration) -> Result<TcpStream, ClientError> {
    let resolved = match timeout(connect_timeout, lookup_host(address)).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => {
            return Err(ClientError::Resolve {
                address: address.to_owned(),
                reason: io_reason(&error),
            });
        }
        Err(_) => {
            return Err(ClientError::Resolve {
                address: address.to_owned(),
                reason: format!("the name was not resolved within {connect_timeout:?}"),
            });
        }
    };
    let mut reasons = Vec::new();
    for socket_address in resolved {
        match timeout(connect_timeout, TcpStream::connect(socket_address)).await {
            Ok(Ok(stream)) => {
                prepare(&stream);
                return Ok(stream);
            }
            Ok(Err(error)) => reasons.push(format!("{socket_address}: {}", io_reason(&error))),
            Err(_) => reasons.push(format!("{socket_address}: no answer within {connect_timeout:?}")),
        }
    }
    if reasons.is_empty() {
        return Err(ClientError::Resolve {
            address: address.to_owned(),
            reason: "no address found".to_owned(),
        });
    }
    Err(ClientError::Connect {
        address: address.to_owned(),
        reason: reasons.join(", "),
    })
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
