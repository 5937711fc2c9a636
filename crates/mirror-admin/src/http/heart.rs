//! Liveness: does the process's event loop still run tasks in time? Nothing else (docs/traps.md): a mirror whose target
//! is down for an hour is healthy, and restarting it would help nobody.

use std::convert::Infallible;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

/// A task beats this often..
const BEAT: Duration = Duration::from_secs(1);
/// ..and is taken for dead when the last beat is older than this: far beyond what a busy machine causes.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// When the event loop last ran the beating task.
#[derive(Debug)]
pub(super) struct Heart {
    last_beat: Mutex<Instant>,
}

// === impl Heart ===

impl Heart {
    pub(super) fn new() -> Self {
        Self {
            last_beat: Mutex::new(Instant::now()),
        }
    }

    /// To be run as a task of its own, so that it waits for its turn like all others.
    pub(super) async fn beat(&self) -> Infallible {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            *self.last_beat() = Instant::now();
        }
    }

    pub(super) fn beats(&self) -> bool {
        let last = *self.last_beat();
        last.elapsed() < DEAD_AFTER
    }

    fn last_beat(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.last_beat
            .lock()
            .expect("invariant: nobody panics while holding an instant")
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_heart_beats_while_its_task_runs_and_not_without() {
        let heart = Heart::new();
        assert!(timeout(10 * DEAD_AFTER, heart.beat()).await.is_err());
        assert!(heart.beats());
        advance(DEAD_AFTER).await;
        assert!(!heart.beats());
    }
}
