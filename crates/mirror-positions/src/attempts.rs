//! How long one step is tried: until the target has had its time, with growing pauses.

use std::time::Duration;

use kafka_client_core::backoff::{Backoff, BackoffConfig};
use tokio::time::{Instant, sleep};

use crate::error::PositionTopicError;

/// A failed attempt of a step.
#[derive(Debug)]
pub(crate) enum Failed {
    /// It may go well after a while.
    Passing(PositionTopicError),
    /// It will not.
    Final(PositionTopicError),
}

/// The attempts of one step. No attempt begins later than the time given; so a step takes at most that time and one
/// request's.
#[derive(Debug)]
pub(crate) struct Attempts {
    until: Instant,
    backoff: Backoff,
}

// === impl Attempts ===

impl Attempts {
    pub(crate) fn begin(time: Duration) -> Self {
        Self {
            until: Instant::now() + time,
            // One caller at a time: there is no herd for a jitter to spread.
            backoff: Backoff::new(BackoffConfig::default(), 0),
        }
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The failure itself, if it is final or the time is over.
    pub(crate) async fn after(&mut self, failed: Failed) -> Result<(), PositionTopicError> {
        match failed {
            Failed::Passing(error) => {
                let pause = self.backoff.next_delay();
                if Instant::now() + pause >= self.until {
                    return Err(error);
                }
                tracing::debug!(%error, "trying again");
                sleep(pause).await;
                Ok(())
            }
            Failed::Final(error) => Err(error),
        }
    }

    /// The step went on: what follows has the whole time again.
    pub(crate) fn renew(&mut self, time: Duration) {
        self.until = Instant::now() + time;
        self.backoff.reset();
    }
}
