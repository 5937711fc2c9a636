//! What all connections of a cluster share: the state behind its lock, and the signal that it changed.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafka_wire::{ApiKey, VersionRange};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::fault::Faults;
use crate::state::State;

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) clock: Clock,
    /// What the brokers serve.
    pub(crate) versions: BTreeMap<ApiKey, VersionRange>,
    pub(crate) faults: Faults,
    state: Mutex<State>,
    changed: Notify,
}

/// One look at the state by somebody who may wait.
#[derive(Debug)]
pub(crate) enum Look<T> {
    /// This is the answer.
    Done(T),
    /// This would be the answer if nothing changed before the deadline.
    Wait(T),
}

// === impl Shared ===

impl Shared {
    pub(crate) fn new(clock: Clock, versions: BTreeMap<ApiKey, VersionRange>, state: State) -> Self {
        Self {
            clock,
            versions,
            faults: Faults::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
        }
    }

    /// Looks at the state. To change what somebody may wait for, use [`Self::change`].
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes everybody who waits for a change.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.changed.notify_waiters();
        changed
    }

    /// Looks again at every change until the look is satisfied or `deadline` has passed.
    pub(crate) async fn wait<T>(&self, deadline: Instant, mut look: impl FnMut(&mut State) -> Look<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, so that no change falls between them
            let fallback = match look(&mut self.state()) {
                Look::Done(answer) => return answer,
                Look::Wait(fallback) => fallback,
            };
            tokio::select! {
                biased;
                () = changed => {}
                () = sleep_until(deadline) => return fallback,
            }
        }
    }
}
