//! The answering end of the control socket.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_core::control::{ControlReply, ControlRequest};
use tokio::net::unix::UCred;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::line;
use crate::AdminError;

/// A request on its way to whoever carries it out, and where the reply goes. Without a reply the operator is told that
/// nobody knows whether it was done.
pub type Order = (ControlRequest, oneshot::Sender<ControlReply>);

/// Operators served at a time.
const CONNECTIONS_MAX: usize = 16;
/// Bytes of a request: names and numbers.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// For the request to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// For it to be carried out: brokers may have to be asked, one of which may be away.
const ORDER_TIMEOUT: Duration = Duration::from_mins(1);
/// For the reply to be taken.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// After the system had no connection to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// `sockaddr_un.sun_path` on Linux, without the byte that ends it.
const PATH_BYTES_MAX: usize = 107;

const ONLY_OWNER: u32 = 0o600;
const ROOT: u32 = 0;

/// A control socket that is ours. Dropping it removes the socket.
#[derive(Debug)]
pub struct ControlListener {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

/// Makes the socket. The socket of a dead process is replaced: the caller holds the lock of the state folder, so no
/// living process can be its owner.
pub fn bind_control(path: &Path) -> Result<ControlListener, AdminError> {
    if path.as_os_str().len() > PATH_BYTES_MAX {
        return Err(AdminError::PathTooLong {
            path: path.to_owned(),
            limit: PATH_BYTES_MAX,
        });
    }
    let not_made = |source| AdminError::MakeSocket {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path).map_err(not_made)?,
        Ok(_) => {
            return Err(AdminError::InTheWay {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(not_made(error)),
    }
    let listener = UnixListener::bind(path).map_err(not_made)?;
    // Between these two lines others could connect: that is why the peer's user id is looked at, too.
    fs::set_permissions(path, fs::Permissions::from_mode(ONLY_OWNER)).map_err(not_made)?;
    let owner = fs::metadata(path).map_err(not_made)?.uid();
    Ok(ControlListener {
        listener,
        path: path.to_owned(),
        owner,
    })
}

/// Hands requests over and replies back until it is dropped. Every request that changes something is written to the
/// log with who asked, what was asked and how it ended.
pub async fn serve_control(listener: ControlListener, orders: mpsc::Sender<Order>) -> Infallible {
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= CONNECTIONS_MAX {
            connections.join_next().await;
            continue;
        }
        tokio::select! {
            accepted = listener.listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    connections.spawn(connection(stream, listener.owner, orders.clone()));
                }
                Err(error) => {
                    tracing::debug!("no control connection accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_ended) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: UnixStream, owner: u32, orders: mpsc::Sender<Order>) {
    let peer = match stream.peer_cred() {
        Ok(peer) if peer.uid() == owner || peer.uid() == ROOT => peer,
        Ok(peer) => {
            tracing::warn!(user_id = peer.uid(), "control socket: a stranger was turned away");
            return;
        }
        Err(error) => {
            tracing::debug!("control socket: nobody knows who asks: {error}");
            return;
        }
    };
    let reply = match timeout(REQUEST_TIMEOUT, line::read(&mut stream, REQUEST_BYTES_MAX)).await {
        Ok(Ok(request)) => match serde_json::from_slice(&request) {
            Ok(request) => order(request, peer, &orders).await,
            Err(error) => Some(refused(format!(
                "the request is not understood, does this process have another version? {error}"
            ))),
        },
        Ok(Err(error)) => Some(refused(format!("no request: {error}"))),
        Err(_elapsed) => Some(refused("the request did not arrive in time".to_owned())),
    };
    // No reply, no line: the operator is told that nobody knows.
    let Some(reply) = reply else { return };
    match serde_json::to_vec(&reply) {
        Ok(text) => {
            // An operator who does not wait for the answer finds it in the log.
            let _ = timeout(REPLY_TIMEOUT, line::write(&mut stream, text)).await;
        }
        Err(error) => tracing::warn!("control socket: the reply cannot be written: {error}"),
    }
}

/// Has the request carried out; `None` when nobody said how it ended.
async fn order(request: ControlRequest, peer: UCred, orders: &mpsc::Sender<Order>) -> Option<ControlReply> {
    let audited = match request {
        ControlRequest::Status | ControlRequest::Halts => None,
        ControlRequest::Resume { .. } | ControlRequest::Skip { .. } => {
            // The same JSON that came in: nothing of what was asked is missing in the log.
            Some(serde_json::to_string(&request).unwrap_or_default())
        }
    };
    let (reply_to, reply) = oneshot::channel();
    let carried_out = async {
        orders.send((request, reply_to)).await.ok()?;
        reply.await.ok()
    };
    let reply = timeout(ORDER_TIMEOUT, carried_out).await.ok().flatten();
    if let Some(request) = audited {
        audit(&request, peer, reply.as_ref());
    }
    reply
}

/// Who asked for what. What became of the partition is written by the mirror, which alone knows.
fn audit(request: &str, peer: UCred, reply: Option<&ControlReply>) {
    let (user_id, process_id) = (peer.uid(), peer.pid());
    match reply {
        Some(ControlReply::Done { words }) => {
            tracing::info!(user_id, process_id, request, "operator's command done: {words}");
        }
        Some(ControlReply::Refused { words }) => {
            tracing::info!(
                user_id,
                process_id,
                request,
                "operator's command refused: {words}"
            );
        }
        Some(ControlReply::Status(_) | ControlReply::Halts(_)) | None => {
            tracing::warn!(
                user_id,
                process_id,
                request,
                "operator's command ended without an answer"
            );
        }
    }
}

fn refused(words: String) -> ControlReply {
    ControlReply::Refused { words }
}

// === impl ControlListener ===

impl Drop for ControlListener {
    fn drop(&mut self) {
        // The next start replaces it anyway; without it `heliostat status` need not try.
        let _ = fs::remove_file(&self.path);
    }
}
