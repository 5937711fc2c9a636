//! The tasks of a mirror, their supervision and their drain.
//!
//! ```text
//!                    ┌─ fetcher (one per source broker) ─ chunks ─▶ routing (one per source partition) ─┐
//!  flow (discovery, ─┤                                                                                  ▼
//!  trouble, drain)   └─ committer ◀── acked positions ── producer (one per target cluster) ─▶ target brokers
//! ```
//!
//! Decisions live below: this crate waits, moves bytes and keeps time.

#![forbid(unsafe_code)]

mod committer;
mod connect;
mod counters;
mod events;
mod fetched;
mod fetcher;
mod flow;
mod memory;
mod partition;
mod producer;
mod progress_report;
mod routing;
mod run_error;
mod shared;
mod start_positions;
mod target_topics;
mod tasks;

use mirror_config::Config;

pub use run_error::RunError;
pub use tasks::TaskPanicked;

use crate::flow::{Flow, FlowEnd};

/// How a run that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Asked to stop, drained and committed.
    Drained,
    /// The target refused a record and the configuration says to end for it.
    AbortedOnSendFailure,
}

/// Mirrors as `config` says until `shutdown` is ready.
///
/// # Errors
/// What prevents a start, or ends a run that was not asked to end. Positions are committed as far as the target has
/// acknowledged in every case in which the source still answers.
pub async fn run(
    config: Config,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<Outcome, RunError> {
    tokio::pin!(shutdown);
    let flow = tokio::select! {
        biased;
        () = &mut shutdown => return Ok(Outcome::Drained),
        flow = Flow::start(config) => flow?,
    };
    match flow.run(shutdown).await {
        FlowEnd::Shutdown => Ok(Outcome::Drained),
        FlowEnd::AbortedOnSendFailure => Ok(Outcome::AbortedOnSendFailure),
        FlowEnd::Failed(error) => Err(error),
    }
}
