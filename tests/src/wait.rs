//! Waiting for a state, with a deadline. The only place in the tests where time is let pass.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(25);

/// Asks `probe` again and again until it has an answer. Fails after `limit`, naming what was waited for and the last error, if any.
pub fn wait_for<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        let answer = probe();
        match answer {
            Ok(Some(found)) => return Ok(found),
            Err(error) if error.is::<Hopeless>() => return Err(error),
            Ok(None) if Instant::now() >= deadline => {
                bail!("waited {limit:?} for: {what}");
            }
            Err(error) if Instant::now() >= deadline => {
                return Err(error).context(format!("waited {limit:?} for: {what}"));
            }
            Ok(None) | Err(_) => thread::park_timeout(POLL),
        }
    }
}

/// As [`wait_for`], for a yes-or-no question.
pub fn wait_until(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<bool>) -> Result<()> {
    wait_for(what, limit, || Ok(probe()?.then_some(())))
}

/// Keeps a fault (a broker down, a frozen process) in place for `period` while a workload goes on beside it. Not for waiting until something
/// is ready: that is [`wait_until`].
pub fn hold(period: Duration) {
    let until = Instant::now() + period;
    while let Some(left) = until
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
    {
        thread::park_timeout(left);
    }
}

/// An error that no further waiting can mend: [`wait_for`] gives up at once.
#[derive(Debug)]
pub struct Hopeless(pub String);

// === impl Hopeless ===

impl std::fmt::Display for Hopeless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Hopeless {}
