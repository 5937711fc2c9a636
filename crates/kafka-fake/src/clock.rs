//! The two clocks of a cluster: tokio's for waiting, and a wall clock on top of it for timestamps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A wall clock that moves with tokio's clock, so that a paused test sees a wall clock that stands still as well.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started: Instant,
    started_wall_ms: i64,
}

// === impl Clock ===

impl Clock {
    /// `started_wall_ms` is the wall-clock time now, in ms since 1970; `None` asks the machine.
    pub(crate) fn new(started_wall_ms: Option<i64>) -> Self {
        Self {
            started: Instant::now(),
            started_wall_ms: started_wall_ms.unwrap_or_else(machine_wall_ms),
        }
    }

    /// In ms since 1970.
    pub(crate) fn wall_ms(&self) -> i64 {
        self.started_wall_ms
            .saturating_add(whole_ms(self.started.elapsed()))
    }
}

/// A duration in whole milliseconds, at most `i64::MAX`.
pub(crate) fn whole_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A duration as requests give it: negative means none.
pub(crate) fn from_ms(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn machine_wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, whole_ms)
}
