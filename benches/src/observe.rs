//! One run of one peer, watched from its start to its exit.

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use integration::process::{Process, Signal, describe};

use crate::end_offsets::EndOffsets;
use crate::process_tree::{self, Cost};

/// Until the first record is there: what the figure is worth.
const FINE: Duration = Duration::from_millis(1);
/// From then on: a hundredth of the shortest stream we time.
const COARSE: Duration = Duration::from_millis(10);
const STREAM_LIMIT: Duration = Duration::from_mins(20);
const STOP_LIMIT: Duration = Duration::from_mins(1);

/// What was seen of a run. Times count from the start of the process.
#[derive(Debug, Clone, Copy)]
pub struct Observed {
    pub first_record: Duration,
    pub last_record: Duration,
    /// Up to the last record.
    pub cost: Cost,
    /// From SIGTERM to the exit.
    pub stop: Duration,
    pub status: ExitStatus,
}

/// Watches `process`, started at `started`, until `wanted` records are on the target; then sends SIGTERM and waits for its end.
pub fn observe(
    mut process: Process,
    started: Instant,
    probe: &mut EndOffsets,
    wanted: i64,
) -> Result<Observed> {
    let arrived = |ends: &[i64]| ends.iter().sum::<i64>();
    let first_record = poll(&mut process, started, FINE, || Ok(arrived(&probe.ask()?) > 0))
        .context("before the first record")?;
    let last_record = poll(&mut process, started, COARSE, || {
        Ok(arrived(&probe.ask()?) >= wanted)
    })
    .context("before the last record")?;
    let cost = process_tree::cost(process.id())?;
    let stopped = Instant::now();
    process.signal(Signal::Term)?;
    let mut status = None;
    while status.is_none() {
        if stopped.elapsed() > STOP_LIMIT {
            bail!(
                "still running {STOP_LIMIT:?} after SIGTERM\n{}",
                process.last_words()
            );
        }
        thread::park_timeout(FINE);
        status = process.exit_status()?;
    }
    let status = status.context("invariant: the loop ends with a status")?;
    Ok(Observed {
        first_record,
        last_record,
        cost,
        stop: stopped.elapsed(),
        status,
    })
}

/// Asks until the answer is yes; returns the time since `started`.
fn poll(
    process: &mut Process,
    started: Instant,
    period: Duration,
    mut reached: impl FnMut() -> Result<bool>,
) -> Result<Duration> {
    while !reached()? {
        if let Some(status) = process.exit_status()? {
            bail!(
                "the mirror has ended by itself ({})\n{}",
                describe(status),
                process.last_words()
            );
        }
        if started.elapsed() > STREAM_LIMIT {
            bail!(
                "not there {STREAM_LIMIT:?} after the start\n{}",
                process.last_words()
            );
        }
        thread::park_timeout(period);
    }
    Ok(started.elapsed())
}
