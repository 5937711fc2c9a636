//! Many seeds, side by side: each has a thread and a runtime of its own, so that none sees another.

use std::fmt;
use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::simulation::{Failure, Totals, simulate};

/// Which seeds.
#[derive(Debug, Clone, Copy)]
pub struct Seeds {
    pub from: u64,
    pub count: u64,
    /// How many side by side.
    pub threads: usize,
}

/// What came of them.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub seeds: u64,
    /// Those that failed, ascending.
    pub failed: Vec<u64>,
    /// Source records that were compared.
    pub records: u64,
    /// Target records beyond the first copies.
    pub duplicates: u64,
    pub totals: Totals,
    /// Virtual time, all together.
    pub simulated: Duration,
    /// Real time.
    pub took: Duration,
}

/// As many threads as the machine has processors for us.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// Runs all of them; `on_failure` is told of each that fails as soon as it does.
///
/// # Panics
/// `on_failure` does.
pub fn run(seeds: &Seeds, on_failure: impl Fn(&Failure) + Sync) -> Summary {
    let began = Instant::now();
    let next = AtomicU64::new(seeds.from);
    let summary = Mutex::new(Summary::default());
    thread::scope(|scope| {
        for _ in 0..seeds.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.from + seeds.count {
                        return;
                    }
                    let simulated = simulate(seed);
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.seeds += 1;
                    match simulated {
                        Ok(report) => {
                            summary.records += report.agreement.records;
                            summary.duplicates += report.agreement.duplicates;
                            summary.totals += report.totals;
                            summary.simulated += report.elapsed;
                        }
                        Err(failure) => {
                            summary.failed.push(seed);
                            on_failure(&failure);
                        }
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failed.sort_unstable();
    summary.took = began.elapsed();
    summary
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per_minute =
            60.0 * f64::from(u32::try_from(self.seeds).unwrap_or(u32::MAX)) / self.took.as_secs_f64();
        write!(
            f,
            "{} seeds in {:.1} s, {per_minute:.0} seeds per minute: {:.0} minutes simulated, {} records compared, \
             {} duplicates, {:?}, {} failed {:?}",
            self.seeds,
            self.took.as_secs_f64(),
            self.simulated.as_secs_f64() / 60.0,
            self.records,
            self.duplicates,
            self.totals,
            self.failed.len(),
            self.failed,
        )
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, error } = self;
        write!(
            f,
            "seed {seed} fails; replay it with: cargo xtask sim --seed {seed}\n{error:?}"
        )
    }
}
