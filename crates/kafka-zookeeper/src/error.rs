//! What can go wrong between a call to ZooKeeper and its answer.

use std::fmt;

/// A failed call. `Display` is one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZooKeeperError {
    /// No server of the ensemble gave us a session; `tried` says why, server by server.
    #[error("no server of ZooKeeper can be used: {}", .tried.join("; "))]
    Unreachable {
        /// The connect string.
        ensemble: String,
        /// The name and the reason of each server.
        tried: Vec<String>,
        /// None of the names has an address: a mistake in the configuration rather than a server that is down.
        unresolvable: bool,
    },
    /// The connection broke; whether the server carried out what was in flight is unknown.
    #[error("the connection to ZooKeeper at {server} was lost: {reason}")]
    Lost {
        /// The server.
        server: String,
        /// Why.
        reason: String,
    },
    /// The session is over: what it held is gone, and it answers nothing any more.
    #[error("the session with ZooKeeper is over")]
    SessionOver,
    /// No answer in time.
    #[error("ZooKeeper did not answer {operation} of {path} in time")]
    TimedOut {
        /// What was asked.
        operation: &'static str,
        /// Of which node, chroot included.
        path: String,
    },
    /// The server answered with an error code.
    #[error("ZooKeeper answered {operation} of {path} with {code}")]
    Answered {
        /// What was asked.
        operation: &'static str,
        /// Of which node, chroot included.
        path: String,
        /// Its answer.
        code: ErrorCode,
    },
    /// The server sent bytes that are no answer to this.
    #[error("ZooKeeper's answer to {operation} of {path} cannot be read: {reason}")]
    Malformed {
        /// What was asked.
        operation: &'static str,
        /// Of which node, chroot included.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// An error code of ZooKeeper's protocol (`org.apache.zookeeper.KeeperException.Code`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode(pub i32);

// === impl ErrorCode ===

impl ErrorCode {
    /// No error.
    pub const OK: Self = Self(0);
    /// There is no such node.
    pub const NO_NODE: Self = Self(-101);
    /// The node's access list does not allow it.
    pub const NO_AUTH: Self = Self(-102);
    /// The node has another version than was expected.
    pub const BAD_VERSION: Self = Self(-103);
    /// The node is there already.
    pub const NODE_EXISTS: Self = Self(-110);
    /// The node has children.
    pub const NOT_EMPTY: Self = Self(-111);
    /// The session is over.
    pub const SESSION_EXPIRED: Self = Self(-112);
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::OK => "OK",
            Self::NO_NODE => "NONODE",
            Self::NO_AUTH => "NOAUTH",
            Self::BAD_VERSION => "BADVERSION",
            Self::NODE_EXISTS => "NODEEXISTS",
            Self::NOT_EMPTY => "NOTEMPTY",
            Self::SESSION_EXPIRED => "SESSIONEXPIRED",
            Self(_) => "error",
        };
        write!(formatter, "{name}[{}]", self.0)
    }
}

// === impl ZooKeeperError ===

impl ZooKeeperError {
    /// The code of the answer, where there was one.
    pub fn code(&self) -> Option<ErrorCode> {
        if let Self::Answered { code, .. } = self {
            Some(*code)
        } else {
            None
        }
    }
}
