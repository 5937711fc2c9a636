//! Half the rate at each shortage, back by equal steps: what TCP does about congestion, for replicas that fall behind.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::STEP_EVERY;

/// The back-off goes no lower, in bytes per second: less than this helps no replica and looks like a standstill.
const FLOOR: NonZeroU64 = NonZeroU64::new(64 * 1024).expect("not zero");

/// Steps from nothing to the ceiling.
const STEPS: u64 = 20;

/// ```text
///           back_off                          back_off: limit halved, never below the floor
///   Free ──────────────▶ Limited { limit, ceiling } ◀─┐
///    ▲                      │   └─────────────────────┘
///    └──────────────────────┘ recovered: limit + ceiling / STEPS; at the ceiling: free
/// ```
/// Steps in either direction are at least [`STEP_EVERY`] apart.
#[derive(Debug, Clone)]
pub(super) struct BackingOff {
    state: State,
    meter: Meter,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Free,
    Limited {
        limit: NonZeroU64,
        /// The rate at the first shortage, to which the limit grows back.
        ceiling: NonZeroU64,
        stepped: Instant,
    },
}

/// What moved in the last second: the rate to count from where none is configured.
#[derive(Debug, Clone)]
struct Meter {
    since: Instant,
    bytes: u64,
    /// Bytes in the second before `since`.
    before: u64,
}

// === impl BackingOff ===

impl BackingOff {
    pub(super) fn new(started: Instant) -> Self {
        Self {
            state: State::Free,
            meter: Meter {
                since: started,
                bytes: 0,
                before: 0,
            },
        }
    }

    /// The limit in force, in bytes per second.
    pub(super) fn limit(&self) -> Option<NonZeroU64> {
        match self.state {
            State::Free => None,
            State::Limited { limit, .. } => Some(limit),
        }
    }

    pub(super) fn handle_spent(&mut self, now: Instant, bytes: u64) {
        self.meter.roll(now);
        self.meter.bytes = self.meter.bytes.saturating_add(bytes);
    }

    pub(super) fn back_off(&mut self, now: Instant, configured: Option<NonZeroU64>) {
        let (limit, ceiling) = match self.state {
            State::Free => {
                let rate = configured.unwrap_or_else(|| self.meter.rate(now));
                (rate, rate)
            }
            State::Limited { stepped, .. } if !is_due(stepped, now) => return,
            State::Limited { limit, ceiling, .. } => (limit, ceiling),
        };
        let half = NonZeroU64::new(limit.get() / 2).unwrap_or(NonZeroU64::MIN);
        self.state = State::Limited {
            limit: half.max(FLOOR.min(ceiling)),
            ceiling,
            stepped: now,
        };
    }

    pub(super) fn recovered(&mut self, now: Instant) {
        let State::Limited {
            limit,
            ceiling,
            stepped,
        } = self.state
        else {
            return;
        };
        if !is_due(stepped, now) {
            return;
        }
        let step = (ceiling.get() / STEPS).max(FLOOR.get());
        let limit = limit.saturating_add(step);
        self.state = if limit >= ceiling {
            State::Free
        } else {
            State::Limited {
                limit,
                ceiling,
                stepped: now,
            }
        };
    }
}

fn is_due(stepped: Instant, now: Instant) -> bool {
    now.saturating_duration_since(stepped) >= STEP_EVERY
}

// === impl Meter ===

impl Meter {
    const SECOND: Duration = Duration::from_secs(1);

    /// Bytes of the last whole second, or of the present one if those are more.
    fn rate(&mut self, now: Instant) -> NonZeroU64 {
        self.roll(now);
        NonZeroU64::new(self.bytes.max(self.before))
            .unwrap_or(FLOOR)
            .max(FLOOR)
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.since);
        if elapsed >= Self::SECOND {
            self.before = if elapsed < 2 * Self::SECOND { self.bytes } else { 0 };
            self.bytes = 0;
            self.since = now;
        }
    }
}
