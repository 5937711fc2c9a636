//! Brakes: how long to wait before the next bytes may move, so that a mirror much faster than the traffic of the day
//! neither evicts the source's page cache nor shrinks the target's in-sync sets.
//!
//! A token bucket that is paid after the fact: nobody knows how large an answer will be before it is there. Whoever
//! wants to move bytes waits until [`Brake::ready_at`], moves them, and says how many they were ([`Brake::spend`]). A
//! large one puts the balance below zero, and everybody waits until the rate has made up for it.
//!
//! Three things slow down; the slowest decides:
//! - the configured rate, which grows from a tenth to the whole over the start ramp;
//! - a hold, for as long as a broker asked for silence;
//! - a back-off, while the target lacks in-sync replicas: the rate is halved, at most once per [`STEP_EVERY`], and grows
//!   again step by step. Without a configured rate the halves are counted from the rate of the last second.
//!
//! Invariants: (A) over a window no more is spent than rate × window, [`BURST`]'s worth, and what was on its way when the
//! balance fell below zero; (B) `ready_at` is never later than [`WAIT_MAX`] after `now`, and after any finite debt it is
//! `now` again: nothing stands still for ever. Time is an argument, and one that goes backwards counts as standing still.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use self::backing_off::BackingOff;

mod backing_off;

/// What an idle brake saves up, as time at the present rate: enough to even out late timers, too little to be felt.
pub const BURST: Duration = Duration::from_millis(100);

/// What one answer may bring, as time at the present rate. A broker has one request on its way, and of the time that this
/// takes no more than [`BURST`] is saved up: over a line of 200 ms one broker gives nine tenths of the rate, and with less in
/// an answer it would be far below that.
pub const ANSWER: Duration = Duration::from_secs(1);

/// The longest wait between two looks at the brake, and the longest hold: a broker's quota window is shorter, and more
/// than that is a defect of the broker that must not stop a mirror.
pub const WAIT_MAX: Duration = Duration::from_mins(1);

/// The least time between two steps of the back-off: one shortage is told once per batch in flight.
pub const STEP_EVERY: Duration = Duration::from_secs(1);

/// Where the start ramp begins: this part of the rate.
const RAMP_FROM: u64 = 10;

/// More than this is not made up at once, so that products of rate and time stay far from the end of their type.
const ELAPSED_MAX: Duration = Duration::from_hours(24);

/// How fast bytes may move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BrakeSettings {
    /// Bytes per second; `None`: only holds and back-offs slow down.
    pub rate: Option<NonZeroU64>,
    /// How long the rate grows after the start; zero: it is whole at once. Without meaning where there is no rate.
    pub start_ramp: Duration,
}

/// The brake of everything that shares one rate.
#[derive(Debug, Clone)]
pub struct Brake {
    settings: BrakeSettings,
    started: Instant,
    /// What may be spent now, in billionths of a byte (rate times nanoseconds, without rounding); negative: debt.
    balance: i128,
    /// Up to when the balance has been made up.
    settled: Instant,
    held_until: Instant,
    backing_off: BackingOff,
}

// === impl Brake ===

impl Brake {
    /// A brake whose start ramp begins at `started`.
    pub fn new(settings: BrakeSettings, started: Instant) -> Self {
        Self {
            settings,
            started,
            balance: 0,
            settled: started,
            held_until: started,
            backing_off: BackingOff::new(started),
        }
    }

    /// When the next bytes may move: `now` if they may at once, else the time to ask again.
    pub fn ready_at(&mut self, now: Instant) -> Instant {
        self.settle(now);
        now + self.debt_paid_in(now).max(self.hold_left(now)).min(WAIT_MAX)
    }

    /// `bytes` have moved.
    pub fn spend(&mut self, now: Instant, bytes: u64) {
        self.settle(now);
        self.backing_off.handle_spent(now, bytes);
        if self.rate(now).is_some() {
            self.balance -= i128::from(bytes) * NANOS_PER_SECOND;
        }
    }

    /// A broker asked for silence (`throttle_time_ms`): nothing moves for `pause`, at most for [`WAIT_MAX`].
    pub fn hold_for(&mut self, now: Instant, pause: Duration) {
        self.held_until = self.held_until.max(now + pause.min(WAIT_MAX));
    }

    /// The target lacks in-sync replicas (`NOT_ENOUGH_REPLICAS`): half the rate from now on.
    pub fn back_off(&mut self, now: Instant) {
        self.settle(now);
        self.backing_off.back_off(now, self.settings.rate);
    }

    /// The target took a batch: back to the whole rate, step by step.
    pub fn recovered(&mut self, now: Instant) {
        self.settle(now);
        self.backing_off.recovered(now);
    }

    /// The rate in force, in bytes per second; `None`: no limit.
    pub fn rate(&self, now: Instant) -> Option<NonZeroU64> {
        let configured = self.settings.rate.map(|rate| self.ramped(rate, now));
        match (configured, self.backing_off.limit()) {
            (Some(configured), Some(limit)) => Some(configured.min(limit)),
            (configured, limit) => configured.or(limit),
        }
    }

    /// The largest answer that should be asked for at once, in bytes, at least 1: [`ANSWER`]'s worth of the rate in force.
    /// `None`: no limit. The balance begins at zero, so what a first answer holds is the whole of a first burst; and at a low
    /// rate an answer of the ordinary size would be minutes of it.
    pub fn answer_bytes(&self, now: Instant) -> Option<NonZeroU64> {
        let rate = u128::from(self.rate(now)?.get());
        let bytes = rate * ANSWER.as_nanos() / Duration::from_secs(1).as_nanos();
        Some(NonZeroU64::new(u64::try_from(bytes).unwrap_or(u64::MAX)).unwrap_or(NonZeroU64::MIN))
    }

    fn ramped(&self, rate: NonZeroU64, now: Instant) -> NonZeroU64 {
        let ramp = self.settings.start_ramp.as_nanos();
        let run = now.saturating_duration_since(self.started).as_nanos();
        if run >= ramp {
            return rate;
        }
        // Both are below 2^94 and the rate is below 2^64: in milliseconds the product is far below 2^128.
        let (ramp, run) = (ramp.div_ceil(NANOS_PER_MILLI), run / NANOS_PER_MILLI);
        let from = rate.get() / RAMP_FROM;
        let grown = u128::from(rate.get() - from).saturating_mul(run) / ramp;
        let grown = from.saturating_add(u64::try_from(grown).unwrap_or(u64::MAX));
        NonZeroU64::new(grown.min(rate.get())).unwrap_or(NonZeroU64::MIN)
    }

    /// Makes up for the time since the last look.
    fn settle(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.settled).min(ELAPSED_MAX);
        let Some(rate) = self.rate(now) else {
            self.balance = 0;
            self.settled = self.settled.max(now);
            return;
        };
        // Between two steps the rate grows along a straight line that may only flatten, so the mean of both ends is what
        // has come together, or less.
        let rate_before = self.rate(self.settled).unwrap_or(rate).min(rate);
        let mean = i128::from(rate_before.get()).midpoint(i128::from(rate.get()));
        let burst = i128::from(rate.get()) * nanos(BURST);
        self.balance = (self.balance + mean * nanos(elapsed)).min(burst);
        self.settled = self.settled.max(now);
    }

    /// How long until the balance is no longer negative, at the latest: the rate may only grow meanwhile.
    fn debt_paid_in(&self, now: Instant) -> Duration {
        let Some(rate) = self.rate(now) else {
            return Duration::ZERO;
        };
        let debt = u128::try_from(-self.balance).unwrap_or(0);
        let nanos = debt.div_ceil(u128::from(rate.get()));
        u64::try_from(nanos).map_or(WAIT_MAX, Duration::from_nanos)
    }

    fn hold_left(&self, now: Instant) -> Duration {
        self.held_until.saturating_duration_since(now)
    }
}

const NANOS_PER_SECOND: i128 = 1_000_000_000;
const NANOS_PER_MILLI: u128 = 1_000_000;

/// Nanoseconds of a duration that is bounded.
fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests;
