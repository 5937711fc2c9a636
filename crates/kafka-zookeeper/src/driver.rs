//! The task behind a session: one connection at a time, requests in order, signs of life, and the way to the next server
//! when a connection is lost.
//!
//! ```text
//!   attached ── connection lost ──▶ looking for a server ── same session ──▶ attached
//!       │                                   └── no server within the session's time, or it is over ──▶ ended
//!       └── closeSession answered ──▶ ended
//! ```
//! Calls that were sent when a connection is lost are told so: nobody knows whether they were carried out. Those that were
//! not sent wait for the next connection. When the task ends, whoever waits is told that the session is over.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::debug;

use crate::connection::{Connection, Identity, Refused};
use crate::error::ErrorCode;
use crate::jute::Reader;
use crate::operation::{Operation, code, framed, xid};
use crate::session::Ensemble;

/// Between two rounds over all servers.
const ROUND_PAUSE: Duration = Duration::from_millis(100);

/// A request of a session's user.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    pub(crate) answer: oneshot::Sender<Result<Bytes, CallFailure>>,
}

/// Why a call has no answer.
#[derive(Debug)]
pub(crate) enum CallFailure {
    Code(ErrorCode),
    Lost { server: String, reason: String },
}

/// The task's state.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) ensemble: Ensemble,
    pub(crate) identity: Identity,
    pub(crate) calls: mpsc::Receiver<Call>,
    /// The server to try first.
    pub(crate) next_server: usize,
}

/// A call whose answer is on its way. Servers answer in the order of the requests.
struct Sent {
    xid: i32,
    closes: bool,
    answer: oneshot::Sender<Result<Bytes, CallFailure>>,
}

/// How the time on a connection ended.
enum Ended {
    /// We closed the session, or nobody has it any more.
    Closed,
    /// The server says that it is over.
    SessionOver,
    Lost(String),
}

/// One connection while it works.
struct Attached<'a> {
    connection: Connection,
    identity: &'a mut Identity,
    sent: VecDeque<Sent>,
    next_xid: i32,
    last_sent: Instant,
    last_heard: Instant,
}

// === impl Driver ===

impl Driver {
    /// One round over the servers. The reasons of all are the error, and whether no name had an address.
    pub(crate) async fn attach(&mut self) -> Result<Connection, (Vec<Refused>, bool)> {
        let mut refused = Vec::new();
        for _ in 0..self.ensemble.servers.len() {
            let server = self
                .ensemble
                .servers
                .get(self.next_server)
                .cloned()
                .unwrap_or_default();
            match Connection::open(&server, &mut self.identity, self.ensemble.connection_timeout).await {
                Ok(connection) => return Ok(connection),
                Err(reason) => refused.push(reason),
            }
            self.step_server();
            if refused.last() == Some(&Refused::SessionOver) {
                break;
            }
        }
        let unresolvable = refused
            .iter()
            .all(|reason| matches!(reason, Refused::Unresolvable(_)));
        Err((refused, unresolvable))
    }

    fn step_server(&mut self) {
        self.next_server = (self.next_server + 1) % self.ensemble.servers.len().max(1);
    }

    pub(crate) async fn run(mut self, mut connection: Connection) {
        loop {
            let server = connection.server.clone();
            let mut attached = Attached::new(connection, &mut self.identity);
            let ended = attached.serve(&mut self.calls).await;
            let sent = attached.sent;
            match ended {
                Ended::Closed | Ended::SessionOver => return,
                Ended::Lost(reason) => {
                    debug!(%server, "connection to ZooKeeper lost: {reason}");
                    for call in sent {
                        let (server, reason) = (server.clone(), reason.clone());
                        // Whoever asked may have given up.
                        drop(call.answer.send(Err(CallFailure::Lost { server, reason })));
                    }
                }
            }
            self.step_server();
            match self.attach_again().await {
                Some(again) => connection = again,
                None => return,
            }
        }
    }

    /// Goes round until a server takes the session up again. `None` when it is over, or must be by now.
    async fn attach_again(&mut self) -> Option<Connection> {
        let deadline = Instant::now() + self.identity.timeout;
        loop {
            match self.attach().await {
                Ok(connection) => return Some(connection),
                Err((refused, _)) if refused.contains(&Refused::SessionOver) => return None,
                Err((refused, _)) => debug!(?refused, "no server takes the session up yet"),
            }
            if Instant::now() >= deadline || self.calls.is_closed() {
                return None;
            }
            sleep(ROUND_PAUSE).await;
        }
    }
}

// === impl Attached ===

impl<'a> Attached<'a> {
    fn new(connection: Connection, identity: &'a mut Identity) -> Self {
        let now = Instant::now();
        Self {
            connection,
            identity,
            sent: VecDeque::new(),
            next_xid: 1,
            last_sent: now,
            last_heard: now,
        }
    }

    /// A server that is silent for two thirds of the session is left, so that a third remains to find another; a third of
    /// the session without a request is broken by a ping (as in `ClientCnxn`).
    async fn serve(&mut self, calls: &mut mpsc::Receiver<Call>) -> Ended {
        let third = self.identity.timeout / 3;
        loop {
            let ping_at = self.last_sent + third;
            let lost_at = self.last_heard + 2 * third;
            let step = tokio::select! {
                biased;
                frame = self.connection.reader.next() => match frame {
                    Ok(frame) => self.handle_frame(&frame),
                    Err(reason) => Some(Ended::Lost(reason)),
                },
                () = sleep_until(lost_at) => Some(Ended::Lost("the server is silent".to_owned())),
                call = calls.recv() => match call {
                    Some(call) => self.send(call, third).await,
                    None => Some(Ended::Closed),
                },
                () = sleep_until(ping_at) => self.ping(third).await,
            };
            if let Some(ended) = step {
                return ended;
            }
        }
    }

    async fn send(&mut self, call: Call, limit: Duration) -> Option<Ended> {
        let xid = self.next_xid;
        self.next_xid = self.next_xid.checked_add(1).unwrap_or(1);
        let frame = call.operation.frame(xid);
        self.sent.push_back(Sent {
            xid,
            closes: call.operation.code == code::CLOSE_SESSION,
            answer: call.answer,
        });
        self.write(&frame, limit).await
    }

    async fn ping(&mut self, limit: Duration) -> Option<Ended> {
        let ping = [xid::PING.to_be_bytes(), code::PING.to_be_bytes()].concat();
        self.write(&framed(&ping), limit).await
    }

    async fn write(&mut self, frame: &[u8], limit: Duration) -> Option<Ended> {
        self.last_sent = Instant::now();
        match timeout(limit, self.connection.send(frame)).await {
            Ok(Ok(())) => None,
            Ok(Err(reason)) => Some(Ended::Lost(reason)),
            Err(_elapsed) => Some(Ended::Lost("the server takes no requests".to_owned())),
        }
    }

    fn handle_frame(&mut self, frame: &Bytes) -> Option<Ended> {
        self.last_heard = Instant::now();
        let mut reader = Reader::new(frame);
        let header = (reader.i32(), reader.i64(), reader.i32());
        let (Ok(xid), Ok(zxid), Ok(error)) = header else {
            return Some(Ended::Lost("an answer has no header".to_owned()));
        };
        self.identity.last_zxid = self.identity.last_zxid.max(zxid);
        if xid == xid::PING || xid == xid::NOTIFICATION {
            return None;
        }
        let Some(sent) = self.sent.pop_front().filter(|sent| sent.xid == xid) else {
            return Some(Ended::Lost(format!("answer {xid} was not expected")));
        };
        let error = ErrorCode(error);
        if error == ErrorCode::SESSION_EXPIRED {
            return Some(Ended::SessionOver);
        }
        let answer = if error == ErrorCode::OK {
            /// Request id, transaction id, error code.
            const HEADER_BYTES: usize = 4 + 8 + 4;
            Ok(frame.slice(HEADER_BYTES..))
        } else {
            Err(CallFailure::Code(error))
        };
        // Whoever asked may have given up.
        drop(sent.answer.send(answer));
        sent.closes.then_some(Ended::Closed)
    }
}
