//! Functions that look at every request before it is carried out, and say what becomes of it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use kafka_wire::{ApiKey, ErrorCode, NodeId};
use tokio::sync::watch;

use super::gate::Gate;

/// A request that has arrived and was not looked into.
#[derive(Debug, Clone, Copy)]
pub struct InterceptedRequest<'a> {
    /// The broker that was asked.
    pub broker: NodeId,
    pub api: ApiKey,
    pub version: i16,
    /// Empty if the client gave none.
    pub client_id: &'a str,
    /// Where the client calls from: `host:port`, or the number of the pipe.
    pub peer: &'a str,
    /// Counts the connections of the cluster, from 1.
    pub connection: u64,
    pub correlation_id: i32,
    /// The request without its header.
    pub body: &'a Bytes,
}

/// What becomes of a request.
#[derive(Clone)]
pub enum Action {
    /// It is carried out and answered.
    Pass,
    /// It waits before it is carried out. Later requests of the connection wait behind it.
    Delay(Duration),
    /// It is carried out at once, and the answer waits.
    DelayAnswer(Duration),
    /// It is not carried out; the answer carries this code in each place the API has for one.
    Fail(ErrorCode),
    /// It is not carried out; the connection is closed.
    Cut,
    /// It is carried out; the connection is closed instead of answered.
    CutAnswer,
    /// It is carried out and never answered; the connection stays open and silent.
    Swallow,
    /// It is carried out; the bytes of the answer (header and body, without the length) are changed.
    AlterAnswer(Arc<Alter>),
    /// It is carried out; the answer tells the client to be silent, and the broker does not listen meanwhile.
    Throttle(Duration),
    /// It waits until the gate opens, and is then carried out.
    Hold(Gate),
}

/// An interceptor at work. Dropping this leaves it at work; [`Interception::remove`] ends it.
#[derive(Debug)]
pub struct Interception {
    interceptors: Interceptors,
    number: u64,
    acted: watch::Receiver<u64>,
}

/// The interceptors of a cluster, in the order they were added. Clones are the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interceptors(Arc<Mutex<Added>>);

#[derive(Debug, Default)]
struct Added {
    count: u64,
    interceptors: Vec<Interceptor>,
}

struct Interceptor {
    number: u64,
    decide: Arc<Decide>,
    acted: watch::Sender<u64>,
}

/// Changes the bytes of an answer.
pub type Alter = dyn Fn(&mut Vec<u8>) + Send + Sync;

type Decide = dyn Fn(&InterceptedRequest<'_>) -> Action + Send + Sync;

// === impl Action ===

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("Pass"),
            Self::Delay(time) => write!(f, "Delay({time:?})"),
            Self::DelayAnswer(time) => write!(f, "DelayAnswer({time:?})"),
            Self::Fail(code) => write!(f, "Fail({code})"),
            Self::Cut => f.write_str("Cut"),
            Self::CutAnswer => f.write_str("CutAnswer"),
            Self::Swallow => f.write_str("Swallow"),
            Self::AlterAnswer(_) => f.write_str("AlterAnswer"),
            Self::Throttle(time) => write!(f, "Throttle({time:?})"),
            Self::Hold(_) => f.write_str("Hold"),
        }
    }
}

// === impl Interception ===

impl Interception {
    /// Requests it has acted on: those it did not let pass.
    pub fn count(&self) -> u64 {
        *self.acted.borrow()
    }

    /// Waits until it has acted on `count` requests in all.
    pub async fn wait_for(&self, count: u64) {
        let mut acted = self.acted.clone();
        // Fails only if the interceptor was removed, and then there is nothing to wait for.
        let _acted = acted.wait_for(|acted| *acted >= count).await;
    }

    /// Ends it. Requests it holds stay held.
    pub fn remove(self) {
        let mut added = self.interceptors.added();
        added
            .interceptors
            .retain(|interceptor| interceptor.number != self.number);
    }
}

// === impl Interceptors ===

impl Interceptors {
    pub(crate) fn add(
        &self,
        decide: impl Fn(&InterceptedRequest<'_>) -> Action + Send + Sync + 'static,
    ) -> Interception {
        let (sender, acted) = watch::channel(0);
        let mut added = self.added();
        added.count += 1;
        let number = added.count;
        added.interceptors.push(Interceptor {
            number,
            decide: Arc::new(decide),
            acted: sender,
        });
        drop(added);
        Interception {
            interceptors: self.clone(),
            number,
            acted,
        }
    }

    /// The first action that is not [`Action::Pass`].
    pub(crate) fn decide(&self, request: &InterceptedRequest<'_>) -> Action {
        // Asked without the lock, so that an interceptor may add and remove others.
        let interceptors: Vec<_> = self
            .added()
            .interceptors
            .iter()
            .map(|interceptor| (Arc::clone(&interceptor.decide), interceptor.acted.clone()))
            .collect();
        for (decide, acted) in interceptors {
            let action = decide(request);
            if !matches!(action, Action::Pass) {
                acted.send_modify(|acted| *acted += 1);
                return action;
            }
        }
        Action::Pass
    }

    fn added(&self) -> MutexGuard<'_, Added> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Interceptor ===

impl fmt::Debug for Interceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interceptor")
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
