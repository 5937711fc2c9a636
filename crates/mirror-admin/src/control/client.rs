//! The asking end of the control socket.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirror_core::control::{ControlReply, ControlRequest};
use tokio::net::UnixStream;
use tokio::time;

use super::line;
use crate::AdminError;

/// The socket's name in the state folder of a process.
pub const SOCKET_NAME: &str = "control.sock";

/// Bytes of a reply: the status of 100,000 partitions.
const REPLY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Asks the process at this socket and waits for its answer, at most for `timeout`.
///
/// [`AdminError::NobodyThere`] is the socket of a process that has ended, and after [`AdminError::NotConnected`] nothing
/// was asked, either. After any other error nobody knows whether the request was carried out.
pub async fn ask(
    path: &Path,
    request: &ControlRequest,
    timeout: Duration,
) -> Result<ControlReply, AdminError> {
    match time::timeout(timeout, exchange(path, request)).await {
        Ok(reply) => reply,
        Err(_elapsed) => Err(AdminError::TimedOut {
            path: path.to_owned(),
            timeout,
        }),
    }
}

async fn exchange(path: &Path, request: &ControlRequest) -> Result<ControlReply, AdminError> {
    let no_answer = |source| AdminError::NoAnswer {
        path: path.to_owned(),
        source,
    };
    let not_understood = |source| AdminError::NotUnderstood {
        path: path.to_owned(),
        source,
    };
    let mut stream = UnixStream::connect(path)
        .await
        .map_err(|source| not_connected(path, source))?;
    let text = serde_json::to_vec(request).map_err(not_understood)?;
    line::write(&mut stream, text).await.map_err(no_answer)?;
    let reply = line::read(&mut stream, REPLY_BYTES_MAX)
        .await
        .map_err(no_answer)?;
    serde_json::from_slice(&reply).map_err(not_understood)
}

fn not_connected(path: &Path, source: io::Error) -> AdminError {
    let path = path.to_owned();
    if matches!(source.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) {
        AdminError::NobodyThere { path, source }
    } else {
        AdminError::NotConnected { path, source }
    }
}

/// The control sockets below a state folder, `<folder>/<group or flow>/<slot>/control.sock`, in the order of their
/// names. A folder that does not exist has none. A socket may have outlived its process: [`ask`] tells.
pub fn find_sockets(state_folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for group in folders(state_folder)? {
        for slot in folders(&group)? {
            let socket = slot.join(SOCKET_NAME);
            if socket.try_exists()? {
                found.push(socket);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    Ok(found)
}
