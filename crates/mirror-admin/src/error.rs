//! What can go wrong when a process is watched or steered.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why an address cannot be served, or a process cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address of the HTTP server cannot be used.
    #[error(
        "the admin address {address} cannot be used: is another process listening there? Choose another one, or none"
    )]
    Bind {
        /// The address as it was configured.
        address: String,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The control socket cannot be made.
    #[error("the control socket {} cannot be made", .path.display())]
    MakeSocket {
        /// Its path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The path of the control socket is longer than the system allows (107 bytes on Linux).
    #[error(
        "the path of the control socket {} has {} bytes, the system allows {limit}: choose a shorter state folder",
        .path.display(),
        .path.as_os_str().len()
    )]
    PathTooLong {
        /// The path.
        path: PathBuf,
        /// The longest path that works, in bytes.
        limit: usize,
    },
    /// Something that is no socket has the socket's name.
    #[error("{} is no socket: remove it, then start again", .path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
    /// Nobody listens at a control socket: its process has ended without cleaning up.
    #[error("no process listens at {}", .path.display())]
    NobodyThere {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The control socket cannot be opened, for want of rights as a rule.
    #[error("the control socket {} cannot be opened: only the user that runs the mirror, and root, may", .path.display())]
    NotConnected {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The connection broke before the answer was there.
    #[error("the process at {} did not answer; whether it was done tells heliostat halts", .path.display())]
    NoAnswer {
        /// The path.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The answer took too long.
    #[error(
        "the process at {} did not answer within {} s; whether it was done tells heliostat halts",
        .path.display(),
        .timeout.as_secs_f32()
    )]
    TimedOut {
        /// The path.
        path: PathBuf,
        /// How long it was waited.
        timeout: Duration,
    },
    /// The answer is not one of ours.
    #[error("the answer of the process at {} is not understood: does it have another version?", .path.display())]
    NotUnderstood {
        /// The path.
        path: PathBuf,
        /// Where it stops making sense.
        #[source]
        source: serde_json::Error,
    },
}
