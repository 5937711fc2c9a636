//! Something to wait at until somebody opens it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// A gate; clones are the same gate.
///
/// Whoever waits goes on in the order of arrival. A `watch` channel would wake them in one that tokio draws at random, and a
/// simulation would not repeat itself.
#[derive(Debug, Clone)]
pub struct Gate(Arc<State>);

#[derive(Debug)]
struct State {
    is_open: AtomicBool,
    opened: Notify,
}

// === impl Gate ===

impl Gate {
    /// A gate at which everybody waits.
    pub fn closed() -> Self {
        Self::new(false)
    }

    /// A gate everybody passes.
    pub fn opened() -> Self {
        Self::new(true)
    }

    fn new(is_open: bool) -> Self {
        Self(Arc::new(State {
            is_open: AtomicBool::new(is_open),
            opened: Notify::new(),
        }))
    }

    /// Lets everybody through, those who wait and those who come.
    pub fn open(&self) {
        self.0.is_open.store(true, Ordering::SeqCst);
        self.0.opened.notify_waiters();
    }

    /// Makes everybody wait who comes from now on.
    pub fn close(&self) {
        self.0.is_open.store(false, Ordering::SeqCst);
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        loop {
            let mut opened = pin!(self.0.opened.notified());
            opened.as_mut().enable(); // before the look, so that no opening falls between them
            if self.0.is_open.load(Ordering::SeqCst) {
                return;
            }
            opened.await;
        }
    }
}
