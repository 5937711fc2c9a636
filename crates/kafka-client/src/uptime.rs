//! The clock of the membership: it goes on while the machine is suspended, as the coordinator's does.
//!
//! [`std::time::Instant`] stands still in a suspended machine (Linux reads `CLOCK_MONOTONIC` for it): a laptop that slept
//! for an hour would wake up with a session that, by that clock, is a second old. `CLOCK_BOOTTIME` counts the sleep.
//! A virtual machine that its host paused usually sees no clock move at all until its time is corrected: there, only the
//! coordinator's next answer tells.

use std::time::{Duration, Instant};

/// Now, by the clock of this module. Compare it with its own kind only; for tokio's timers there is [`until`].
#[cfg(target_os = "linux")]
pub(crate) fn now() -> Instant {
    use std::sync::OnceLock;

    static START: OnceLock<Start> = OnceLock::new();
    let start = START.get_or_init(|| Start {
        instant: Instant::now(),
        since_boot: since_boot(),
    });
    start.at(since_boot())
}

/// Now. Elsewhere than on Linux the standard library's clock has to do.
#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long it is until `then`; zero if it is over.
pub(crate) fn until(then: Instant) -> Duration {
    then.saturating_duration_since(now())
}

/// The moment this clock was first looked at, as both clocks showed it.
#[cfg(target_os = "linux")]
#[derive(Debug, Clone, Copy)]
struct Start {
    instant: Instant,
    since_boot: Duration,
}

// === impl Start ===

#[cfg(target_os = "linux")]
impl Start {
    fn at(self, since_boot: Duration) -> Instant {
        self.instant + since_boot.saturating_sub(self.since_boot)
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

    #[cfg(target_os = "linux")]
    #[test]
    fn time_in_suspension_counts() {
        let start = Start {
            instant: Instant::now(),
            since_boot: Duration::from_secs(1000),
        };
        // The standard clock stood still meanwhile.
        let woken = start.at(Duration::from_secs(4600));
        assert_eq!(woken - start.instant, Duration::from_hours(1));
    }
}
