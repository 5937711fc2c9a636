//! How fast it goes: over the last seconds, for a figure of one second jumps with every batch.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// What has been mirrored up to a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mirrored {
    pub(super) records: u64,
    pub(super) bytes: u64,
}

/// What was mirrored by when, not longer ago than the first look before [`WINDOW`].
#[derive(Debug)]
pub(super) struct Speed {
    looks: VecDeque<(Instant, Mirrored)>,
}

/// The time that a figure tells of, where looks are more frequent.
const WINDOW: Duration = Duration::from_secs(10);

// === impl Speed ===

impl Speed {
    pub(super) fn from(at: Instant, mirrored: Mirrored) -> Self {
        Self {
            looks: VecDeque::from([(at, mirrored)]),
        }
    }

    /// Records and bytes per second. Never less than one look before this one is kept, so that there is a time between.
    pub(super) fn at(&mut self, at: Instant, mirrored: Mirrored) -> (f64, f64) {
        while self.looks.get(1).is_some_and(|(next, _)| *next + WINDOW <= at) {
            self.looks.pop_front();
        }
        let (since, then) = self.looks.front().copied().unwrap_or((at, mirrored));
        self.looks.push_back((at, mirrored));
        let seconds = (at - since).as_secs_f64().max(0.001);
        let rate = |now: u64, then: u64| per_second(now.saturating_sub(then), seconds);
        (
            rate(mirrored.records, then.records),
            rate(mirrored.bytes, then.bytes),
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for human eyes")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(speed: &mut Speed, at: Instant, records: u64) -> u64 {
        let mirrored = Mirrored { records, bytes: 0 };
        format!("{:.0}", speed.at(at, mirrored).0).parse().unwrap()
    }

    #[test]
    fn the_rate_jumped_with_every_batch() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut speed = Speed::from(start, Mirrored::default());
        // A batch of 4000 records every fourth second: 1000 a second.
        let mut told = Vec::new();
        for second in 1..=40 {
            told.push(records(&mut speed, at(second), second / 4 * 4000));
        }
        let settled = &told[12..];
        assert!(settled.iter().all(|rate| (700..=1300).contains(rate)), "{told:?}");
    }

    #[test]
    fn a_look_a_minute_tells_of_that_minute() {
        let start = Instant::now();
        let mut speed = Speed::from(start, Mirrored::default());
        let minute = Duration::from_mins(1);
        assert_eq!(records(&mut speed, start + minute, 6000), 100);
        assert_eq!(records(&mut speed, start + 2 * minute, 6000), 0);
        assert_eq!(records(&mut speed, start + 3 * minute, 18_000), 200);
    }
}
