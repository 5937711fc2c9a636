//! How many records are due: a rate, without a burst for the time in which nothing could be sent.

use tokio::time::Instant;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    rate: u64,
    since: Instant,
    /// Records that were due since then.
    given: u64,
}

// === impl Pace ===

impl Pace {
    /// `rate` is in records per second.
    pub(super) fn new(now: Instant, rate: u64) -> Self {
        Self {
            rate,
            since: now,
            given: 0,
        }
    }

    /// How many records are due now, at most `max`; what is above it is forgotten.
    pub(super) fn due(&mut self, now: Instant, max: u64) -> u64 {
        let elapsed_us = now.saturating_duration_since(self.since).as_micros();
        let total = elapsed_us.saturating_mul(u128::from(self.rate)) / 1_000_000;
        let due = u64::try_from(total)
            .unwrap_or(u64::MAX)
            .saturating_sub(self.given);
        if due > max {
            (self.since, self.given) = (now, 0);
            return max;
        }
        self.given += due;
        due
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Pace;

    #[test]
    fn the_rate_holds_whatever_the_rounds_are() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 1000);
        let mut given = 0;
        for ms in [1, 3, 50, 51, 52, 499, 1000, 2000] {
            given += pace.due(start + Duration::from_millis(ms), u64::MAX);
        }
        assert_eq!(given, 2000);
    }

    #[test]
    fn a_pause_is_not_made_up_for_by_a_burst() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 1000);
        let later = start + Duration::from_mins(1);
        assert_eq!(pace.due(later, 500), 500);
        assert_eq!(pace.due(later + Duration::from_millis(10), 500), 10);
    }
}
