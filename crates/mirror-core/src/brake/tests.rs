//! The brake over made-up time: nobody waits here.

use proptest::prelude::*;

use super::*;

const MEGABYTE: u64 = 1_000_000;

/// The instant a test counts from.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be made without the clock; tests only need one to count from"
)]
fn start() -> Instant {
    Instant::now()
}

fn brake(rate: u64, start_ramp: Duration) -> (Brake, Instant) {
    let started = start();
    let settings = BrakeSettings {
        rate: NonZeroU64::new(rate),
        start_ramp,
    };
    (Brake::new(settings, started), started)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn rate(brake: &Brake, now: Instant) -> u64 {
    brake.rate(now).map_or(0, NonZeroU64::get)
}

/// Moves `chunk` bytes whenever the brake lets it, up to `end`; returns when and how many.
fn run(brake: &mut Brake, from: Instant, end: Instant, chunk: u64) -> Vec<(Instant, u64)> {
    let mut spent = Vec::new();
    let mut now = from;
    while now < end {
        let ready = brake.ready_at(now);
        if ready <= now {
            brake.spend(now, chunk);
            spent.push((now, chunk));
            // Something always takes some time.
            now += ms(1);
        } else {
            now = ready;
        }
    }
    spent
}

fn sum(spent: &[(Instant, u64)], from: Instant, to: Instant) -> u64 {
    let within = spent.iter().filter(|(at, _)| *at >= from && *at < to);
    within.map(|(_, bytes)| bytes).sum()
}

#[test]
fn without_a_rate_nothing_waits() {
    let (mut brake, t0) = brake(0, Duration::ZERO);
    brake.spend(t0, u64::MAX);
    assert_eq!(brake.ready_at(t0), t0);
    assert_eq!(brake.rate(t0), None);
}

#[test]
fn what_was_moved_is_waited_for_afterwards() {
    let (mut brake, t0) = brake(MEGABYTE, Duration::ZERO);
    assert_eq!(brake.ready_at(t0), t0, "the first bytes are free to go");
    brake.spend(t0, 2 * MEGABYTE);
    assert_eq!(brake.ready_at(t0), t0 + ms(2000));
    assert_eq!(
        brake.ready_at(t0 + ms(500)),
        t0 + ms(2000),
        "asking costs nothing"
    );
    assert_eq!(brake.ready_at(t0 + ms(2000)), t0 + ms(2000));
}

#[test]
fn one_answer_is_a_second_at_the_rate_in_force() {
    let (without, t0) = brake(0, Duration::ZERO);
    assert_eq!(without.answer_bytes(t0), None);
    for (configured, expected) in [(1, 1), (1000, 1000), (MEGABYTE, MEGABYTE), (u64::MAX, u64::MAX)] {
        let (brake, t0) = brake(configured, Duration::ZERO);
        assert_eq!(brake.answer_bytes(t0).map(NonZeroU64::get), Some(expected));
    }
    let (ramped, t0) = brake(MEGABYTE, ms(1000));
    assert_eq!(ramped.answer_bytes(t0).map(NonZeroU64::get), Some(MEGABYTE / 10));
}

/// With a tenth of a second's worth in an answer one broker gave half of the rate where the line takes 200 ms.
#[test]
fn one_broker_behind_a_long_line_gives_nearly_the_whole_rate() {
    let (mut brake, t0) = brake(MEGABYTE, Duration::ZERO);
    let mut now = t0;
    let mut moved = 0;
    while now < t0 + ms(60_000) {
        let bytes = brake.answer_bytes(now).map_or(0, NonZeroU64::get);
        now += ms(200);
        brake.spend(now, bytes);
        moved += bytes;
        now = brake.ready_at(now);
    }
    assert!(moved >= 54 * MEGABYTE, "{moved} bytes in a minute");
}

#[test]
fn an_idle_hour_saves_up_one_burst_only() {
    let (mut brake, t0) = brake(MEGABYTE, Duration::ZERO);
    let later = t0 + Duration::from_hours(1);
    brake.spend(later, MEGABYTE);
    assert_eq!(brake.ready_at(later), later + ms(900));
}

#[test]
fn the_rate_grows_from_a_tenth_to_the_whole() {
    let (brake, t0) = brake(MEGABYTE, ms(10_000));
    let at = |milliseconds| rate(&brake, t0 + ms(milliseconds));
    assert_eq!(at(0), 100_000);
    assert_eq!(at(5_000), 550_000);
    assert_eq!(at(10_000), MEGABYTE);
    assert_eq!(at(60_000), MEGABYTE);
}

#[test]
fn a_ramp_moves_what_lies_below_its_line() {
    let (mut brake, t0) = brake(MEGABYTE, ms(10_000));
    let end = t0 + ms(10_000);
    let moved = sum(&run(&mut brake, t0, end, 1000), t0, end);
    // The line's mean over ten seconds is 550,000 bytes per second.
    assert!((5_400_000..=5_510_000).contains(&moved), "{moved}");
}

#[test]
fn a_hold_keeps_everything_back_and_the_longer_one_wins() {
    for configured in [0, MEGABYTE] {
        let (mut brake, t0) = brake(configured, Duration::ZERO);
        brake.hold_for(t0, ms(700));
        brake.hold_for(t0 + ms(100), ms(200));
        assert_eq!(brake.ready_at(t0 + ms(100)), t0 + ms(700));
        assert_eq!(brake.ready_at(t0 + ms(700)), t0 + ms(700));
    }
}

#[test]
fn a_broker_cannot_hold_for_longer_than_the_longest_wait() {
    let (mut brake, t0) = brake(0, Duration::ZERO);
    brake.hold_for(t0, Duration::MAX);
    assert_eq!(brake.ready_at(t0), t0 + WAIT_MAX);
}

#[test]
fn a_shortage_halves_the_rate_once_per_second_down_to_the_floor() {
    let (mut brake, t0) = brake(MEGABYTE, Duration::ZERO);
    for _batch_in_flight in 0..5 {
        brake.back_off(t0);
    }
    assert_eq!(rate(&brake, t0), 500_000);
    brake.back_off(t0 + STEP_EVERY);
    assert_eq!(rate(&brake, t0), 250_000);
    for second in 2..20 {
        brake.back_off(t0 + second * STEP_EVERY);
    }
    assert_eq!(rate(&brake, t0), 64 * 1024, "the floor");
}

#[test]
fn the_rate_comes_back_by_equal_steps() {
    let (mut brake, t0) = brake(10 * MEGABYTE, Duration::ZERO);
    brake.back_off(t0);
    brake.recovered(t0 + ms(999));
    assert_eq!(rate(&brake, t0), 5_000_000, "one step per second");
    for second in 1..=9 {
        let now = t0 + second * STEP_EVERY;
        brake.recovered(now);
        brake.recovered(now);
        assert_eq!(rate(&brake, now), 5_000_000 + u64::from(second) * 500_000);
    }
    brake.recovered(t0 + 10 * STEP_EVERY);
    assert_eq!(rate(&brake, t0), 10_000_000);
}

#[test]
fn without_a_rate_a_shortage_counts_from_the_last_second() {
    let (mut brake, t0) = brake(0, Duration::ZERO);
    for tick in 0..20 {
        brake.spend(t0 + tick * ms(100), MEGABYTE);
    }
    let now = t0 + ms(2000);
    brake.back_off(now);
    assert_eq!(rate(&brake, now), 5 * MEGABYTE);
    brake.spend(now, 5 * MEGABYTE);
    assert_eq!(brake.ready_at(now), now + ms(1000));
    for second in 1..=10 {
        brake.recovered(now + second * STEP_EVERY);
    }
    assert_eq!(brake.rate(now), None, "no limit any more");
}

#[test]
fn a_rate_below_the_floor_is_not_raised_by_a_shortage() {
    let (mut brake, t0) = brake(1000, Duration::ZERO);
    brake.back_off(t0);
    assert_eq!(rate(&brake, t0), 1000);
}

#[test]
fn extreme_numbers_neither_panic_nor_stop_for_ever() {
    for configured in [1, u64::MAX] {
        for ramp in [Duration::ZERO, ms(1), Duration::MAX] {
            let (mut brake, t0) = brake(configured, ramp);
            let mut now = t0;
            for step in [ms(0), ms(1), Duration::from_hours(24 * 365 * 100)] {
                now += step;
                brake.spend(now, u64::MAX);
                brake.back_off(now);
                brake.recovered(now);
                assert!(brake.ready_at(now) <= now + WAIT_MAX);
                assert!(brake.ready_at(t0) <= t0 + WAIT_MAX, "a clock that goes backwards");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Invariant A.
    #[test]
    fn no_window_gets_more_than_its_rate_and_a_burst(
        configured in 100_000..20_000_000_u64,
        ramp_ms in 0..8000_u64,
        chunk in 1000..500_000_u64,
        shortages in proptest::collection::vec(0..10_000_u64, 0..6),
        idle_ms in 0..3000_u64,
    ) {
        let (mut brake, t0) = brake(configured, ms(ramp_ms));
        let end = t0 + ms(10_000);
        let mut shortages = shortages;
        shortages.sort_unstable();
        let mut spent = Vec::new();
        let mut from = t0 + ms(idle_ms);
        for shortage in shortages {
            let until = t0 + ms(shortage);
            spent.extend(run(&mut brake, from, until, chunk));
            from = from.max(until);
            brake.back_off(from);
        }
        spent.extend(run(&mut brake, from, end, chunk));
        for window_ms in [1000_u64, 2500, 7000] {
            for window_start in (0..10_000 - window_ms).step_by(500) {
                let window_start = t0 + ms(window_start);
                let moved = sum(&spent, window_start, window_start + ms(window_ms));
                let allowed = configured * window_ms / 1000 + configured / 10 + chunk;
                prop_assert!(moved <= allowed, "{moved} bytes in {window_ms} ms, {allowed} are allowed");
            }
        }
    }

    /// Invariant B.
    #[test]
    fn every_debt_is_paid_in_finite_time(
        configured in proptest::option::of(1000..20_000_000_u64),
        debt in 0..100_000_000_u64,
        ramp_ms in 0..60_000_u64,
        hold_ms in 0..600_000_u64,
        shortages in 0..30_u32,
    ) {
        let (mut brake, t0) = brake(configured.unwrap_or(0), ms(ramp_ms));
        for shortage in 0..shortages {
            brake.back_off(t0 + shortage * STEP_EVERY);
        }
        let mut now = t0 + shortages * STEP_EVERY;
        brake.spend(now, debt);
        brake.hold_for(now, ms(hold_ms));
        // The slowest: a tenth of 1000 bytes per second pays 100 MB back in 10^6 seconds.
        for _look in 0..20_000 {
            let ready = brake.ready_at(now);
            prop_assert!(ready <= now + WAIT_MAX);
            if ready <= now {
                return Ok(());
            }
            now = ready;
        }
        prop_assert!(false, "still waiting after {:?}", now - t0);
    }
}
