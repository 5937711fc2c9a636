//! The clock of the membership: it goes on while the machine is suspended, as the coordinator's does.
//!
//! [`std::time::Instant`] stands still in a suspended machine (Linux reads `CLOCK_MONOTONIC` for it): a laptop that slept
//! for an hour would wake up with a session that, by that clock, is a second old. `CLOCK_BOOTTIME` counts the sleep.
//! A virtual machine that its host paused usually sees no clock move at all until its time is corrected: there, only the
//! coordinator's next answer tells.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::time;

/// Two looks at two clocks differ by less; a suspension lasts longer.
#[cfg(target_os = "linux")]
const STEP_MS: u64 = 50;

/// Now, by the clock of this module. Compare it with its own kind only; for tokio's timers there is [`until`].
///
/// It is tokio's clock, so that a test which pauses that one pauses this one, plus all the time spent in suspension.
pub(crate) fn now() -> Instant {
    time::Instant::now().into_std() + suspended()
}

/// How long it is until `then`; zero if it is over.
pub(crate) fn until(then: Instant) -> Duration {
    then.saturating_duration_since(now())
}

/// How long the machine was suspended since this was first asked.
#[cfg(target_os = "linux")]
fn suspended() -> Duration {
    use std::sync::OnceLock;

    static START: OnceLock<Start> = OnceLock::new();
    START
        .get_or_init(Start::now)
        .suspended(since_boot(), Instant::now())
}

/// Elsewhere than on Linux the standard library's clock has to do.
#[cfg(not(target_os = "linux"))]
fn suspended() -> Duration {
    Duration::ZERO
}

/// The moment this clock was first looked at, as both clocks showed it, and how far they have parted since.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Start {
    since_boot: Duration,
    instant: Instant,
    parted_ms: AtomicU64,
}

// === impl Start ===

#[cfg(target_os = "linux")]
impl Start {
    fn now() -> Self {
        Self {
            since_boot: since_boot(),
            instant: Instant::now(),
            parted_ms: AtomicU64::new(0),
        }
    }

    /// The clocks are read one after the other: `since_boot` has to be first, then whatever happens in between makes them
    /// part less, which the next look mends. Small steps are taken for just that, so that the sum never goes back.
    fn suspended(&self, since_boot: Duration, instant: Instant) -> Duration {
        let by_boot = since_boot.saturating_sub(self.since_boot);
        let parted = by_boot.saturating_sub(instant.saturating_duration_since(self.instant));
        let parted = u64::try_from(parted.as_millis()).unwrap_or(u64::MAX);
        let known = self.parted_ms.load(Ordering::Relaxed);
        if parted > known.saturating_add(STEP_MS) {
            self.parted_ms.fetch_max(parted, Ordering::Relaxed);
        }
        Duration::from_millis(self.parted_ms.load(Ordering::Relaxed))
    }
}

/// Time since the machine was started, suspended or not.
#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    let read = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(read).unwrap_or_default() // the kernel's is never negative
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_goes_back_and_keeps_up_with_the_standard_clock() {
        let (standard, ours) = (Instant::now(), now());
        let mut last = ours;
        while standard.elapsed() < Duration::from_millis(5) {
            let next = now();
            assert!(next >= last);
            last = next;
        }
        assert!(now() - ours >= Duration::from_millis(4));
        assert_eq!(until(ours), Duration::ZERO);
        assert!(until(now() + Duration::from_mins(1)) > Duration::from_secs(59));
    }

    #[tokio::test(start_paused = true)]
    async fn stands_still_while_a_test_pauses_tokios_clock() {
        let (standard, before) = (Instant::now(), now());
        while standard.elapsed() < Duration::from_millis(2) {
            assert_eq!(now(), before);
        }
        time::advance(Duration::from_secs(10)).await;
        assert_eq!(now() - before, Duration::from_secs(10));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn time_in_suspension_counts_and_never_goes_back() {
        let start = Start::now();
        let at = |boot_seconds, seconds| {
            start.suspended(
                start.since_boot + Duration::from_secs(boot_seconds),
                start.instant + Duration::from_secs(seconds),
            )
        };
        assert_eq!(at(10, 10), Duration::ZERO);
        // The standard clock stood still for an hour.
        assert_eq!(at(3610, 10), Duration::from_hours(1));
        assert_eq!(
            at(3620, 60),
            Duration::from_hours(1),
            "a late second look parts the clocks less"
        );
        assert_eq!(at(3630, 30), Duration::from_hours(1));
    }
}
