//! How it goes, said regularly: one line that renews itself on a terminal, a log line now and then elsewhere.

use std::fmt;
use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::catch_up::Left;
use crate::shared::FlowShared;

/// How often the line on a terminal is renewed.
const TERMINAL_PERIOD: Duration = Duration::from_secs(1);
/// How often the log tells how it goes.
const LOG_PERIOD: Duration = Duration::from_mins(1);
/// The same for a run that ends by itself: somebody waits for it.
const LOG_PERIOD_WITH_GOAL: Duration = Duration::from_secs(10);
/// Characters of a whole bar.
const BAR: u64 = 20;

/// Runs until dropped. `left` is how much of its way a run that ends by itself has before it.
pub(crate) async fn run(flows: Vec<Arc<FlowShared>>, left: Option<watch::Receiver<Left>>) {
    let terminal = stderr().is_terminal();
    let mut ticks = interval(match &left {
        _ if terminal => TERMINAL_PERIOD,
        Some(_) => LOG_PERIOD_WITH_GOAL,
        None => LOG_PERIOD,
    });
    let began = Instant::now();
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let (mut last, mut last_at) = (sum(&flows), Instant::now());
    loop {
        let at = ticks.tick().await;
        let totals = sum(&flows);
        let seconds = (at - last_at).as_secs_f64().max(0.001);
        let line = Line {
            records: totals.records,
            records_per_second: rate(totals.records - last.records, seconds),
            megabytes_per_second: rate(totals.bytes - last.bytes, seconds) / 1e6,
            lag: flows.iter().map(|flow| lag(flow)).sum(),
            halted: flows.iter().map(|flow| flow.halts().len()).sum(),
            // All flows share one memory.
            in_flight_bytes: flows.first().map_or(0, |flow| flow.memory.used()),
            way: left.as_ref().map(|left| Way {
                left: *left.borrow(),
                since: at - began,
            }),
        };
        if terminal {
            let written = write!(stderr(), "\r\x1b[2K{}", line.text());
            drop(written.and_then(|()| stderr().flush()));
        } else if let Some(way) = &line.way {
            tracing::info!(
                percent = way.percent(),
                offsets_left = way.left.offsets,
                offsets_total = way.left.total,
                seconds_left = way.time_left().map(|left| left.as_secs()),
                records_per_second = line.records_per_second.round(),
                halted_partitions = line.halted,
                "catching up"
            );
        } else if totals.records != last.records || line.lag > 0 {
            tracing::info!(
                records = line.records,
                records_per_second = line.records_per_second.round(),
                megabytes_per_second = (line.megabytes_per_second * 10.0).round() / 10.0,
                lag_offsets = line.lag,
                halted_partitions = line.halted,
                in_flight_bytes = line.in_flight_bytes,
                "mirroring"
            );
        }
        (last, last_at) = (totals, at);
    }
}

/// What all flows have mirrored.
#[derive(Debug, Clone, Copy)]
struct Mirrored {
    records: u64,
    bytes: u64,
}

fn sum(flows: &[Arc<FlowShared>]) -> Mirrored {
    let totals = flows.iter().map(|flow| flow.counters.totals());
    totals.fold(Mirrored { records: 0, bytes: 0 }, |sum, totals| Mirrored {
        records: sum.records + totals.acked_records,
        bytes: sum.bytes + totals.acked_bytes,
    })
}

fn lag(flow: &FlowShared) -> u64 {
    let partitions = flow.partitions();
    partitions.iter().filter_map(|partition| partition.lag()).sum()
}

struct Line {
    records: u64,
    records_per_second: f64,
    megabytes_per_second: f64,
    lag: u64,
    halted: usize,
    in_flight_bytes: u64,
    way: Option<Way>,
}

/// How far a run that ends by itself has come.
#[derive(Debug, Clone, Copy)]
struct Way {
    left: Left,
    /// How long it is on its way.
    since: Duration,
}

// === impl Line ===

impl Line {
    fn text(&self) -> String {
        let halted = if self.halted > 0 {
            format!(" | {} partitions HALTED", self.halted)
        } else {
            String::new()
        };
        if let Some(way) = self.way {
            return format!(
                "{way} | {:.0} records/s | {:.1} MB/s{halted}",
                self.records_per_second, self.megabytes_per_second
            );
        }
        format!(
            "{} records | {:.0} records/s | {:.1} MB/s | lag {} offsets{halted}",
            self.records, self.records_per_second, self.megabytes_per_second, self.lag
        )
    }
}

// === impl Way ===

impl Way {
    fn done(self) -> u64 {
        self.left.total.saturating_sub(self.left.offsets)
    }

    /// 100 only when nothing is left.
    fn percent(self) -> u64 {
        self.done()
            .saturating_mul(100)
            .checked_div(self.left.total)
            .unwrap_or(0)
    }

    /// At the speed so far; `None` while nothing was done.
    fn time_left(self) -> Option<Duration> {
        let done = self.done();
        let milliseconds = u128::from(self.left.offsets) * self.since.as_millis();
        let left = milliseconds.checked_div(u128::from(done))?;
        u64::try_from(left).ok().map(Duration::from_millis)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = usize::try_from(self.percent() * BAR / 100).unwrap_or(0);
        let empty = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
        let bar = "#".repeat(full) + &".".repeat(empty);
        let (left, total) = (self.left.offsets, self.left.total);
        write!(
            formatter,
            "[{bar}] {} % | {left} of {total} offsets left",
            self.percent()
        )?;
        match self.time_left() {
            Some(time) if time >= Duration::from_mins(2) => {
                write!(formatter, " | ETA {} min", time.as_secs() / 60)
            }
            Some(time) => write!(formatter, " | ETA {} s", time.as_secs()),
            None => Ok(()),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for human eyes")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_and_the_time_that_is_left() {
        let way = |offsets, seconds| Way {
            left: Left { offsets, total: 1000 },
            since: Duration::from_secs(seconds),
        };
        assert_eq!(
            way(750, 10).to_string(),
            "[#####...............] 25 % | 750 of 1000 offsets left | ETA 30 s"
        );
        assert!(
            way(999, 1)
                .to_string()
                .ends_with("0 % | 999 of 1000 offsets left | ETA 16 min")
        );
        assert!(
            way(1000, 5).to_string().ends_with("1000 of 1000 offsets left"),
            "nothing was done yet"
        );
        assert_eq!(way(1, 1000).percent(), 99);
        let nothing = Way {
            left: Left::default(),
            since: Duration::ZERO,
        };
        assert_eq!(nothing.percent(), 0);
    }
}
