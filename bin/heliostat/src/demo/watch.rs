//! How the demonstration goes, as its process sees it from outside: by the mirror's status, as `heliostat status` shows it.

use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mirror_core::status::{FlowStatus, PartitionState, StatusSource as _};
use mirror_runtime::StatusView;
use tokio::time::{Instant, sleep};

use super::screen::Screen;
use super::words::{grouped, seconds};

/// How often the status is looked at: what the time of the first record is exact to.
const LOOK: Duration = Duration::from_millis(10);

/// See the module.
pub(super) struct Watch {
    view: StatusView,
    written: Arc<AtomicU64>,
    started: Instant,
    first_record: Cell<Option<Duration>>,
}

/// What the mirror says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// Records that the target acknowledged; after a change of the group some count again.
    pub(super) mirrored: u64,
    /// Offsets of the source that are not on the target yet, as far as the mirror knows.
    pub(super) lag: u64,
    /// What stands still, and why.
    pub(super) halts: Vec<String>,
}

/// Where the mirror stands beside the source's ends; of all partitions the least counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Arrival {
    UnderWay,
    /// It stands still until an operator decides.
    Halted,
    Complete,
}

// === impl Watch ===

impl Watch {
    /// `started` is the process's start, which times count from.
    pub(super) fn new(view: StatusView, written: Arc<AtomicU64>, started: Instant) -> Self {
        Self {
            view,
            written,
            started,
            first_record: Cell::new(None),
        }
    }

    /// When the target acknowledged the first record.
    pub(super) fn first_record(&self) -> Option<Duration> {
        self.first_record.get()
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(super) fn seen(&self) -> Seen {
        Seen::of(&self.flows())
    }

    /// A look at the mirror; the first one that shows a record notes the time.
    fn flows(&self) -> Vec<FlowStatus> {
        let flows = self.view.status().flows;
        let has_mirrored = flows.iter().any(|flow| flow.totals.acked_records > 0);
        if has_mirrored && self.first_record.get().is_none() {
            self.first_record.set(Some(self.started.elapsed()));
        }
        flows
    }

    /// Shows how it goes until it is dropped; where lines stay, only those that tell something new.
    pub(super) async fn run(&self, screen: &Screen) -> Infallible {
        let mut shown = (Instant::now(), self.seen(), self.written());
        loop {
            sleep(LOOK).await;
            let seen = self.seen();
            let (at, before, written_before) = &shown;
            if at.elapsed() < screen.period() {
                continue;
            }
            let written = self.written();
            let rate = per_second(seen.mirrored.saturating_sub(before.mirrored), at.elapsed());
            if screen.is_terminal() || seen != *before || written != *written_before {
                screen.progress(&line(self.started.elapsed(), written, &seen, rate));
            }
            shown = (Instant::now(), seen, written);
        }
    }

    /// Waits until each source partition has arrived at its end, or has halted. Answers whether all have arrived.
    pub(super) async fn until_settled(&self, ends: &[i64]) -> bool {
        loop {
            match arrival(&self.flows(), ends) {
                Arrival::UnderWay => sleep(LOOK).await,
                Arrival::Halted => return false,
                Arrival::Complete => return true,
            }
        }
    }
}

// === impl Seen ===

impl Seen {
    fn of(flows: &[FlowStatus]) -> Self {
        let partitions = || flows.iter().flat_map(|flow| &flow.partitions);
        let halts = partitions().filter_map(|partition| {
            let halt = partition.halt.as_ref()?;
            Some(format!(
                "{}:{} halted: {}",
                partition.topic, partition.partition, halt.text
            ))
        });
        Self {
            mirrored: flows.iter().map(|flow| flow.totals.acked_records).sum(),
            lag: partitions().filter_map(|partition| partition.lag_offsets).sum(),
            halts: halts.collect(),
        }
    }
}

fn arrival(flows: &[FlowStatus], ends: &[i64]) -> Arrival {
    let status = |number: i32| {
        let mut partitions = flows.iter().flat_map(|flow| &flow.partitions);
        partitions.find(|partition| partition.partition == number)
    };
    let of = |(number, end): (i32, &i64)| match status(number) {
        _ if *end == 0 => Arrival::Complete,
        Some(partition) if partition.acked_offset >= *end => Arrival::Complete,
        Some(partition) if partition.state == PartitionState::Halted => Arrival::Halted,
        // Nobody holds it while the group shares out anew.
        Some(_) | None => Arrival::UnderWay,
    };
    (0..).zip(ends).map(of).min().unwrap_or(Arrival::Complete)
}

fn line(elapsed: Duration, written: u64, seen: &Seen, rate: u64) -> String {
    let halted = match seen.halts.len() {
        0 => String::new(),
        count => format!(" | {count} partitions HALTED"),
    };
    format!(
        "{:>7} | written {} | mirrored {} | {} records/s | lag {}{halted}",
        seconds(elapsed),
        grouped(written),
        grouped(seen.mirrored),
        grouped(rate),
        grouped(seen.lag),
    )
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(count).saturating_mul(1000) / elapsed.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mirror_core::status::{FlowStatus, HaltStatus, PartitionState, PartitionStatus};

    use super::{Arrival, Seen, arrival, line};

    fn flow(acked: &[i64]) -> Vec<FlowStatus> {
        let partition = |(partition, acked_offset): (i32, &i64)| PartitionStatus {
            topic: "t".to_owned(),
            partition,
            acked_offset: *acked_offset,
            state: PartitionState::Mirroring,
            lag_offsets: Some(7),
            ..PartitionStatus::default()
        };
        let mut flow = FlowStatus {
            partitions: (0..).zip(acked).map(partition).collect(),
            ..FlowStatus::default()
        };
        flow.totals.acked_records = 1234;
        vec![flow]
    }

    #[test]
    fn every_partition_has_to_arrive() {
        assert_eq!(arrival(&flow(&[5, 9]), &[5, 8]), Arrival::Complete);
        assert_eq!(arrival(&flow(&[5, 7]), &[5, 8]), Arrival::UnderWay);
        // An empty partition needs nobody; one that nobody holds just now has not arrived.
        assert_eq!(arrival(&flow(&[5]), &[5, 0]), Arrival::Complete);
        assert_eq!(arrival(&flow(&[5]), &[5, 1]), Arrival::UnderWay);
        assert_eq!(arrival(&[], &[]), Arrival::Complete);
    }

    #[test]
    fn a_halted_partition_is_waited_for_only_as_long_as_others_are_under_way() {
        let mut flows = flow(&[5, 9]);
        flows[0].partitions[0].state = PartitionState::Halted;
        assert_eq!(arrival(&flows, &[5, 9]), Arrival::Complete);
        assert_eq!(arrival(&flows, &[6, 9]), Arrival::Halted);
        assert_eq!(arrival(&flows, &[6, 10]), Arrival::UnderWay);
    }

    #[test]
    fn a_line_of_progress() {
        let mut flows = flow(&[5, 9]);
        let shown = |flows: &[FlowStatus]| line(Duration::from_millis(4260), 2000, &Seen::of(flows), 500);
        assert_eq!(
            shown(&flows),
            "  4.3 s | written 2,000 | mirrored 1,234 | 500 records/s | lag 14"
        );
        flows[0].partitions[1].halt = Some(HaltStatus::default());
        assert!(shown(&flows).ends_with("lag 14 | 1 partitions HALTED"));
    }
}
