//! How it goes, said regularly: one line that renews itself on a terminal, a log line now and then elsewhere.

mod line;
mod speed;
mod terminal;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::line::{Line, Way};
use self::speed::{Mirrored, Speed};
use self::terminal::TerminalLine;
use crate::catch_up::Left;
use crate::shared::FlowShared;

/// How often the line on a terminal is renewed.
const TERMINAL_PERIOD: Duration = Duration::from_secs(1);
/// How often the log tells how it goes.
const LOG_PERIOD: Duration = Duration::from_mins(1);
/// The same for a run that ends by itself: somebody waits for it.
const LOG_PERIOD_WITH_GOAL: Duration = Duration::from_secs(10);

/// Runs until dropped; nothing is left of the line on a terminal then. `left` is how much of its way a run that ends by
/// itself has before it.
pub(crate) async fn run(flows: Vec<Arc<FlowShared>>, left: Option<watch::Receiver<Left>>) {
    let mut terminal = TerminalLine::of_stderr();
    let mut ticks = interval(match &left {
        _ if terminal.is_some() => TERMINAL_PERIOD,
        Some(_) => LOG_PERIOD_WITH_GOAL,
        None => LOG_PERIOD,
    });
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let mut before = sum(&flows);
    let mut speed = Speed::from(Instant::now(), before);
    // The time that is left is counted from when there was a way to count.
    let mut way_began = None;
    loop {
        let at = ticks.tick().await;
        let totals = sum(&flows);
        let (records_per_second, bytes_per_second) = speed.at(at, totals);
        let way = left.as_ref().map(|left| *left.borrow()).map(|left| {
            let began = (left.total > 0).then(|| *way_began.get_or_insert(at));
            let since = began.map_or(Duration::ZERO, |began| at - began);
            Way { left, since }
        });
        let line = Line {
            records: totals.records,
            records_per_second,
            megabytes_per_second: bytes_per_second / 1e6,
            lag: flows.iter().map(|flow| lag(flow)).sum(),
            halted: flows.iter().map(|flow| flow.halts().len()).sum(),
            way,
        };
        if let Some(terminal) = &mut terminal {
            terminal.renew(&line);
        } else if line.way.is_some() || totals.records != before.records || line.lag > 0 {
            // All flows share one memory.
            line.log(flows.first().map_or(0, |flow| flow.memory.used()));
        }
        before = totals;
    }
}

fn sum(flows: &[Arc<FlowShared>]) -> Mirrored {
    let totals = flows.iter().map(|flow| flow.counters.totals());
    totals.fold(Mirrored::default(), |sum, totals| Mirrored {
        records: sum.records + totals.acked_records,
        bytes: sum.bytes + totals.acked_bytes,
    })
}

fn lag(flow: &FlowShared) -> u64 {
    let partitions = flow.partitions();
    partitions.iter().filter_map(|partition| partition.lag()).sum()
}
