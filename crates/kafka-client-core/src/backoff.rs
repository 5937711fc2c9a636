//! How long to wait before the next attempt: exponential, capped, with a jitter that comes from a seed.
//!
//! The jitter keeps a thousand partitions that failed together from coming back together. It is a pure
//! function of seed and attempt, so that a simulation can be replayed.

use std::time::Duration;

/// How far the jitter may shorten or lengthen a delay, in percent. Kafka's own clients use 20.
const JITTER_PERCENT: u64 = 20;

/// The shape of an exponential backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackoffConfig {
    /// The delay after the first failure, before jitter.
    pub initial: Duration,
    /// No delay is ever longer than this, jitter included.
    pub max: Duration,
}

/// Counts failed attempts of one thing and says how long to wait before the next one.
#[derive(Debug, Clone)]
pub struct Backoff {
    config: BackoffConfig,
    seed: u64,
    attempts: u32,
}

// === impl BackoffConfig ===

impl Default for BackoffConfig {
    /// 50 ms doubling to 1 s: a leader election is over within a few hundred milliseconds, and a target
    /// that is down for an hour is asked once a second.
    fn default() -> Self {
        Self {
            initial: Duration::from_millis(50),
            max: Duration::from_secs(1),
        }
    }
}

impl BackoffConfig {
    /// The delay after failure number `attempt` (the first is 1; 0 means "no failure", no delay).
    ///
    /// Doubles with each attempt up to [`BackoffConfig::max`]; `seed` moves it by up to 20 percent.
    #[must_use]
    pub fn delay(&self, attempt: u32, seed: u64) -> Duration {
        let Some(doublings) = attempt.checked_sub(1) else {
            return Duration::ZERO;
        };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let plain = self.initial.saturating_mul(factor).min(self.max);
        let spread = 2 * JITTER_PERCENT + 1;
        let percent = 100 - JITTER_PERCENT + mix(seed ^ u64::from(attempt).rotate_left(32)) % spread;
        let percent = u32::try_from(percent).expect("invariant: at most 120");
        (plain.saturating_mul(percent) / 100).min(self.max)
    }
}

// === impl Backoff ===

impl Backoff {
    /// A backoff that has not failed yet.
    #[must_use]
    pub fn new(config: BackoffConfig, seed: u64) -> Self {
        Self {
            config,
            seed,
            attempts: 0,
        }
    }

    /// One more failure: the time to wait before trying again.
    #[must_use]
    pub fn next_delay(&mut self) -> Duration {
        self.attempts = self.attempts.saturating_add(1);
        self.config.delay(self.attempts, self.seed)
    }

    /// The attempt succeeded: the next failure starts from [`BackoffConfig::initial`] again.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }

    /// Failures since the last success.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators"):
/// every input bit reaches every output bit.
pub(crate) fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: BackoffConfig = BackoffConfig {
        initial: Duration::from_millis(100),
        max: Duration::from_secs(2),
    };

    #[test]
    fn doubles_up_to_the_cap_within_the_jitter() {
        for seed in 0..200 {
            for (attempt, plain) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1600)] {
                let delay = CONFIG.delay(attempt, seed).as_millis();
                assert!(
                    (plain * 80 / 100..=plain * 120 / 100).contains(&delay),
                    "{attempt}: {delay}"
                );
            }
            for attempt in [6, 7, 32, 33, 1000, u32::MAX] {
                let delay = CONFIG.delay(attempt, seed).as_millis();
                assert!((1600..=2000).contains(&delay), "{attempt}: {delay}");
            }
        }
    }

    #[test]
    fn same_seed_same_delays_other_seed_other_delays() {
        let delays = |seed| {
            let mut backoff = Backoff::new(CONFIG, seed);
            (0..8).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
    }

    #[test]
    fn success_starts_over() {
        let mut backoff = Backoff::new(CONFIG, 3);
        let first = backoff.next_delay();
        assert!(backoff.next_delay() > first);
        assert_eq!(backoff.attempts(), 2);
        backoff.reset();
        assert_eq!(backoff.next_delay(), first);
    }

    #[test]
    fn no_failure_no_delay() {
        assert_eq!(CONFIG.delay(0, 1), Duration::ZERO);
    }
}
