//! Something to wait at until somebody opens it.

use std::sync::Arc;

use tokio::sync::watch;

/// A gate; clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

// === impl Gate ===

impl Gate {
    /// A gate at which everybody waits.
    pub fn closed() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// A gate everybody passes.
    pub fn opened() -> Self {
        Self(Arc::new(watch::Sender::new(true)))
    }

    /// Lets everybody through, those who wait and those who come.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    /// Makes everybody wait who comes from now on.
    pub fn close(&self) {
        self.0.send_replace(false);
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        let mut is_open = self.0.subscribe();
        // The sender lives as long as this gate does, so waiting cannot fail.
        let _open = is_open.wait_for(|is_open| *is_open).await;
    }
}
