//! The one place of this crate that starts tasks: each is ended when its owner is dropped.

use std::future::Future;

use tokio::task::JoinHandle;

/// A running task that ends with its owner.
#[derive(Debug)]
pub(crate) struct OwnedTask(JoinHandle<()>);

// === impl OwnedTask ===

impl OwnedTask {
    #[expect(
        clippy::disallowed_methods,
        reason = "the task is aborted when its owner is dropped"
    )]
    pub(crate) fn start(work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}
