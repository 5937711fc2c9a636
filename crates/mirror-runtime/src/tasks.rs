//! The one place of this crate that starts tasks: every task has a name, an owner that ends it, and an end that is seen.

use std::future::Future;
use std::thread;

use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};

/// Starts tasks and tells of the first one that panicked.
#[derive(Debug)]
pub(crate) struct Tasks {
    panicked: watch::Sender<Option<&'static str>>,
}

/// A named task. Dropping it ends the task at its next await.
#[derive(Debug)]
pub(crate) struct Task<T> {
    name: &'static str,
    handle: JoinHandle<T>,
    told: bool,
}

/// Lives inside a task; unwinding drops it.
struct PanicWitness {
    name: &'static str,
    panicked: watch::Sender<Option<&'static str>>,
}

// === impl Tasks ===

impl Tasks {
    pub(crate) fn new() -> Self {
        Self {
            panicked: watch::Sender::new(None),
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the owner awaits the task, and dropping it ends it"
    )]
    pub(crate) fn start<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let witness = PanicWitness {
            name,
            panicked: self.panicked.clone(),
        };
        let handle = tokio::spawn(async move {
            let _witness = witness;
            work.await
        });
        Task {
            name,
            handle,
            told: false,
        }
    }

    /// Ready when some task panicked: a flow with a hole in it must not look alive.
    pub(crate) async fn panicked(&self) -> TaskPanicked {
        let mut panicked = self.panicked.subscribe();
        let name = match panicked.wait_for(Option::is_some).await {
            Ok(name) => *name,
            Err(_closed) => None,
        };
        TaskPanicked {
            name: name.unwrap_or("unknown"),
            reason: "its message stands above".to_owned(),
        }
    }
}

// === impl PanicWitness ===

impl Drop for PanicWitness {
    fn drop(&mut self) {
        if thread::panicking() {
            self.panicked.send_replace(Some(self.name));
        }
    }
}

// === impl Task ===

impl<T: Send + 'static> Task<T> {
    /// Has it ended already?
    pub(crate) fn is_over(&self) -> bool {
        self.handle.is_finished()
    }

    /// Waits for the end of the task; an error is a panic inside it, or that its end was told before. Cancel safe.
    pub(crate) async fn ended(&mut self) -> Result<T, TaskPanicked> {
        if self.told {
            let reason = "its end was told before".to_owned();
            return Err(TaskPanicked {
                name: self.name,
                reason,
            });
        }
        let ended = (&mut self.handle).await;
        self.told = true;
        ended.map_err(|error| TaskPanicked {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_any_task_is_told() {
        let tasks = Tasks::new();
        let mut quiet = tasks.start("quiet", async { 7 });
        assert_eq!(quiet.ended().await.unwrap(), 7);
        let mut broken = tasks.start::<()>("broken", async { panic!("an invariant does not hold") });
        assert_eq!(tasks.panicked().await.name, "broken");
        let error = broken.ended().await.unwrap_err().to_string();
        assert!(error.contains("an invariant does not hold"), "{error}");
    }

    /// The drain asks again for the end of a task whose end the supervision has seen already.
    #[tokio::test]
    async fn the_end_of_a_task_may_be_asked_for_twice() {
        let mut task = Tasks::new().start("short", async {});
        task.ended().await.unwrap();
        assert!(task.ended().await.is_err());
    }
}
