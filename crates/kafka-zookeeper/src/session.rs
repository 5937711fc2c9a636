//! A session with an ensemble, as its user sees it. Paths are those below the chroot.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::answer;
use crate::connection::{Identity, Refused};
use crate::driver::{Call, CallFailure, Driver};
use crate::error::{ErrorCode, ZooKeeperError};
use crate::jute::Malformed;
use crate::operation::{ANY_VERSION, Operation, Stat};
use crate::task::OwnedTask;

/// Calls that may wait for a connection.
const CALLS: usize = 64;
/// A session that is closed is not waited for any longer.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// The servers of an ensemble, and how patient to be with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ensemble {
    /// `host:port` of each, tried in this order; never empty.
    pub servers: Vec<String>,
    /// Stands in front of every path, like `/kafka`; empty where there is none.
    pub chroot: String,
    /// What is asked for; the ensemble allows between 2 and 20 of its ticks.
    pub session_timeout: Duration,
    /// How long one server's name, connection and handshake may take, each.
    pub connection_timeout: Duration,
}

/// A session. It outlives its connections; when it is over every call fails with [`ZooKeeperError::SessionOver`], and a new
/// one is to be opened. [`Session::close`] ends it at once; a session that is only dropped ends when its time is up.
#[derive(Debug)]
pub struct Session {
    ensemble: Ensemble,
    id: i64,
    calls: mpsc::Sender<Call>,
    _driver: OwnedTask,
}

// === impl Ensemble ===

impl fmt::Display for Ensemble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", self.servers.join(","), self.chroot)
    }
}

// === impl Session ===

impl Session {
    /// Asks one server after the other for a session.
    ///
    /// # Errors
    /// [`ZooKeeperError::Unreachable`] with the reason of each.
    pub async fn open(ensemble: Ensemble) -> Result<Self, ZooKeeperError> {
        let (calls, receiver) = mpsc::channel(CALLS);
        let mut driver = Driver {
            identity: Identity::new(ensemble.session_timeout),
            ensemble: ensemble.clone(),
            calls: receiver,
            next_server: 0,
        };
        let connection = match driver.attach().await {
            Ok(connection) => connection,
            Err((refused, unresolvable)) => {
                return Err(ZooKeeperError::Unreachable {
                    ensemble: ensemble.to_string(),
                    tried: refused.into_iter().map(reason).collect(),
                    unresolvable,
                });
            }
        };
        Ok(Self {
            id: driver.identity.session,
            ensemble,
            calls,
            _driver: OwnedTask::start(driver.run(connection)),
        })
    }

    /// What [`Stat::owner_session`] says of the ephemeral nodes of this session.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Where it was opened.
    pub fn ensemble(&self) -> &Ensemble {
        &self.ensemble
    }

    /// Has it ended? Then it will not come back.
    pub fn is_over(&self) -> bool {
        self.calls.is_closed()
    }

    /// What is known about a node; `None` where there is none.
    pub async fn stat(&self, path: &str) -> Result<Option<Stat>, ZooKeeperError> {
        let asked = self.ask(Operation::exists(&self.whole(path)), answer::stat).await;
        none_without_node(asked)
    }

    /// A node's data; `None` where there is no such node.
    pub async fn data(&self, path: &str) -> Result<Option<(Vec<u8>, Stat)>, ZooKeeperError> {
        none_without_node(self.ask(Operation::data(&self.whole(path)), answer::data).await)
    }

    /// The names of a node's children, sorted; `None` where there is no such node.
    pub async fn children(&self, path: &str) -> Result<Option<Vec<String>>, ZooKeeperError> {
        self.children_at(&self.whole(path)).await
    }

    /// As [`Self::children`], with a path that no chroot stands in front of.
    pub async fn children_at(&self, whole_path: &str) -> Result<Option<Vec<String>>, ZooKeeperError> {
        none_without_node(self.ask(Operation::children(whole_path), answer::children).await)
    }

    /// Makes a node that stays. Its parents have to be there.
    ///
    /// # Errors
    /// [`ErrorCode::NODE_EXISTS`] and [`ErrorCode::NO_NODE`] among others.
    pub async fn create(&self, path: &str, data: &[u8]) -> Result<(), ZooKeeperError> {
        let operation = Operation::create(&self.whole(path), data, false);
        self.ask(operation, |_| Ok(())).await
    }

    /// Makes a node that ends with this session. Its parents have to be there.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub async fn create_ephemeral(&self, path: &str, data: &[u8]) -> Result<(), ZooKeeperError> {
        let operation = Operation::create(&self.whole(path), data, true);
        self.ask(operation, |_| Ok(())).await
    }

    /// Makes the nodes above `path` that are not there, as far as the chroot.
    pub async fn create_parents(&self, path: &str) -> Result<(), ZooKeeperError> {
        for (at, _) in path.match_indices('/').skip(1) {
            match self.create(&path[..at], &[]).await {
                Err(error) if error.code() != Some(ErrorCode::NODE_EXISTS) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Writes a node's data if its version is still this one, and says what is known about it then.
    ///
    /// # Errors
    /// [`ErrorCode::BAD_VERSION`] where somebody else wrote it, [`ErrorCode::NO_NODE`] where it is gone.
    pub async fn set_data(&self, path: &str, data: &[u8], version: i32) -> Result<Stat, ZooKeeperError> {
        self.ask(
            Operation::set_data(&self.whole(path), data, version),
            answer::stat,
        )
        .await
    }

    /// Removes a node, whatever its version. One that is not there is as good.
    ///
    /// # Errors
    /// [`ErrorCode::NOT_EMPTY`] where it has children.
    pub async fn delete(&self, path: &str) -> Result<(), ZooKeeperError> {
        let operation = Operation::delete(&self.whole(path), ANY_VERSION);
        none_without_node(self.ask(operation, |_| Ok(())).await).map(drop)
    }

    /// Ends the session: what it held is gone when this returns, if a server answered.
    pub async fn close(self) {
        let closing = self.ask(Operation::close_session(), |_| Ok(()));
        // Otherwise it ends when its time is up.
        drop(timeout(CLOSE_MAX, closing).await);
    }

    fn whole(&self, path: &str) -> String {
        let chroot = &self.ensemble.chroot;
        if path == "/" && !chroot.is_empty() {
            chroot.clone()
        } else {
            format!("{chroot}{path}")
        }
    }

    async fn ask<T>(
        &self,
        operation: Operation,
        read: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Result<T, ZooKeeperError> {
        let (name, path) = (operation.name, operation.path.clone());
        let bytes = match timeout(self.ensemble.session_timeout, self.call(operation)).await {
            Ok(answer) => answer?,
            Err(_elapsed) => {
                return Err(ZooKeeperError::TimedOut {
                    operation: name,
                    path,
                });
            }
        };
        read(&bytes).map_err(|reason| ZooKeeperError::Malformed {
            operation: name,
            path,
            reason,
        })
    }

    async fn call(&self, operation: Operation) -> Result<Bytes, ZooKeeperError> {
        let (name, path) = (operation.name, operation.path.clone());
        let (answer, answered) = oneshot::channel();
        let call = Call { operation, answer };
        if self.calls.send(call).await.is_err() {
            return Err(ZooKeeperError::SessionOver);
        }
        match answered.await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(CallFailure::Code(code))) => Err(ZooKeeperError::Answered {
                operation: name,
                path,
                code,
            }),
            Ok(Err(CallFailure::Lost { server, reason })) => Err(ZooKeeperError::Lost { server, reason }),
            Err(_ended) => Err(ZooKeeperError::SessionOver),
        }
    }
}

fn none_without_node<T>(asked: Result<T, ZooKeeperError>) -> Result<Option<T>, ZooKeeperError> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some(ErrorCode::NO_NODE) => Ok(None),
        Err(error) => Err(error),
    }
}

fn reason(refused: Refused) -> String {
    match refused {
        Refused::Unresolvable(reason) | Refused::Failed(reason) => reason,
        Refused::SessionOver => "it gave no session".to_owned(),
    }
}
