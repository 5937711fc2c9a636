//! How it goes, said regularly: one line that renews itself on a terminal, a log line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::shared::FlowShared;

/// How often the line on a terminal is renewed.
const TERMINAL_PERIOD: Duration = Duration::from_secs(1);
/// How often the log tells how it goes.
const LOG_PERIOD: Duration = Duration::from_mins(1);

/// Runs until dropped.
pub(crate) async fn run(flows: Vec<Arc<FlowShared>>) {
    let terminal = stderr().is_terminal();
    let mut ticks = interval(if terminal { TERMINAL_PERIOD } else { LOG_PERIOD });
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
        };
        if terminal {
            let written = write!(stderr(), "\r\x1b[2K{}", line.text());
            drop(written.and_then(|()| stderr().flush()));
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
}

// === impl Line ===

impl Line {
    fn text(&self) -> String {
        let halted = if self.halted > 0 {
            format!(" | {} partitions HALTED", self.halted)
        } else {
            String::new()
        };
        format!(
            "{} records | {:.0} records/s | {:.1} MB/s | lag {} offsets{halted}",
            self.records, self.records_per_second, self.megabytes_per_second, self.lag
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for human eyes")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}
