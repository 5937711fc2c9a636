//! The one place of this crate that starts tasks: every task has a name, an owner that ends it, and an end that is seen.

use std::future::Future;

use tokio::task::{JoinError, JoinHandle};

/// A named task. Dropping it ends the task at its next await.
#[derive(Debug)]
pub(crate) struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
}

// === impl Task ===

impl<T: Send + 'static> Task<T> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the owner awaits the task, and dropping it ends it"
    )]
    pub(crate) fn start(name: &'static str, work: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            name,
            handle: tokio::spawn(work),
        }
    }

    /// Waits for the end of the task; an error is a panic inside it. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Result<T, TaskPanicked> {
        (&mut self.handle).await.map_err(|error| TaskPanicked {
            name: self.name,
            reason: reason(error),
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

/// A task met a broken invariant. Nothing it had not yet been acked for is committed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the {name} task ended by a panic: {reason}")]
pub struct TaskPanicked {
    name: &'static str,
    reason: String,
}

fn reason(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "no text".to_owned()),
        Err(error) => error.to_string(),
    }
}
