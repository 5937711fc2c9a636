//! When a run with `--until-caught-up` has reached its end, and what is missing where it ends without.
//!
//! The goal is an offset for each partition that the source showed at the start: everything below it is to be on the target and
//! committed. Offsets, not records: compaction and transactions leave gaps.
//!
//! | goal | `read_uncommitted` | `read_committed` |
//! |---|---|---|
//! | [`CatchUpGoal::Start`] | the high watermark at the start | the last stable offset at the start |
//! | [`CatchUpGoal::Lag`] | the high watermark now | the high watermark now, so that open transactions are waited for |
//!
//! Partitions that appear later, and those that the group gave to other members, belong to no goal of this process.

mod report;

use kafka_wire::ids::TopicPartition;
use serde::{Deserialize, Serialize};

pub use report::{CatchUpOutcome, CatchUpReport, FlowCatchUp, Missing, MissingKind, OpenTransaction};

/// What a run is to reach before it ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpGoal {
    /// What the source held when the run started.
    Start,
    /// What a fresh look at the source finds, again and again until nothing is missing.
    Lag,
}

/// The ends of a log at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// The end of what is replicated, exclusive.
    pub high_watermark: i64,
    /// Up to here every transaction has ended; `None` where uncommitted records are read as well.
    pub last_stable: Option<i64>,
    /// The time, in ms since 1970, that the first batch of the oldest open transaction carries, if there is one and it is known.
    pub open_since_ms: Option<i64>,
}

/// A partition of the goal, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionView {
    /// Which one.
    pub tp: TopicPartition,
    /// The words say why its leader has not told.
    pub end: Result<LogEnd, String>,
    /// What becomes of it here.
    pub standing: Standing,
}

/// What becomes of a partition in this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Another member of the group has it.
    Elsewhere,
    /// It is ours and is not mirrored yet; the words say what it waits for.
    Waiting(String),
    /// It stands still until an operator decides; the words say why. `None`: before it had a position.
    Halted(Option<i64>, String),
    /// It is mirrored; below this position everything is acknowledged.
    Mirrored(i64),
}

/// How far a flow is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Partitions that have reached the goal.
    pub caught_up: usize,
    /// Partitions of other members.
    pub elsewhere: usize,
    /// Offsets up to the goal, as far as both ends are known.
    pub offsets_left: u64,
    /// Partitions that have not reached it, in order.
    pub missing: Vec<Missing>,
    /// Open transactions that [`CatchUpGoal::Start`] leaves out.
    pub left_open: Vec<OpenTransaction>,
}

// === impl CatchUpGoal ===

impl CatchUpGoal {
    /// How far to go with these ends.
    fn offset(self, end: LogEnd) -> i64 {
        match (self, end.last_stable) {
            (Self::Start, Some(last_stable)) => last_stable,
            (Self::Start, None) | (Self::Lag, _) => end.high_watermark,
        }
    }

    /// How far the partitions of a flow are.
    pub fn tally(self, partitions: &[PartitionView]) -> Tally {
        let mut tally = Tally::default();
        for partition in partitions {
            self.count(partition, &mut tally);
        }
        tally
    }

    fn count(self, view: &PartitionView, tally: &mut Tally) {
        let PartitionView { tp, end, standing } = view;
        let position = match standing {
            Standing::Elsewhere => {
                tally.elsewhere += 1;
                return;
            }
            Standing::Waiting(_) => None,
            Standing::Halted(position, _) => *position,
            Standing::Mirrored(position) => Some(*position),
        };
        let goal = end.as_ref().ok().map(|end| self.offset(*end));
        if let (Some(position), Some(goal)) = (position, goal) {
            tally.offsets_left += u64::try_from(goal - position).unwrap_or(0);
        }
        let open = end.as_ref().ok().and_then(|end| open_transaction(tp, *end));
        // Where a partition halted, what its position means is in doubt: it may count in a log that is gone.
        let counts = match standing {
            Standing::Mirrored(_) => true,
            Standing::Halted(..) | Standing::Waiting(_) | Standing::Elsewhere => false,
        };
        let reached = position
            .zip(goal)
            .is_some_and(|(position, goal)| position >= goal);
        if counts && reached {
            tally.caught_up += 1;
            tally.left_open.extend(open.filter(|_| self == Self::Start));
            return;
        }
        let (kind, words) = match (standing, open) {
            (Standing::Halted(_, why), _) => (MissingKind::Halted, why.clone()),
            (Standing::Waiting(waits_for), _) => (MissingKind::NotStarted, waits_for.clone()),
            (Standing::Mirrored(_) | Standing::Elsewhere, _) if let Err(why) = end => {
                (MissingKind::NotStarted, why.clone())
            }
            (Standing::Mirrored(position), Some(open)) if *position >= open.last_stable_offset => {
                (MissingKind::OpenTransaction, open.to_string())
            }
            (Standing::Mirrored(_) | Standing::Elsewhere, _) => {
                (MissingKind::Behind, "not mirrored yet".to_owned())
            }
        };
        tally.missing.push(Missing {
            topic: tp.topic.to_string(),
            partition: tp.partition,
            kind,
            position: position.filter(|position| *position >= 0),
            goal,
            words,
        });
    }
}

fn open_transaction(tp: &TopicPartition, end: LogEnd) -> Option<OpenTransaction> {
    let last_stable_offset = end.last_stable.filter(|stable| *stable < end.high_watermark)?;
    Some(OpenTransaction {
        topic: tp.topic.to_string(),
        partition: tp.partition,
        last_stable_offset,
        high_watermark: end.high_watermark,
        open_since_ms: end.open_since_ms,
    })
}

// === impl Tally ===

impl Tally {
    /// Has everything reached the goal?
    pub fn is_done(&self) -> bool {
        self.missing.is_empty()
    }

    /// Was there nothing at all to reach, not even by another member of the group?
    pub fn is_empty(&self) -> bool {
        self.is_done() && self.caught_up == 0 && self.elsewhere == 0
    }

    /// Is everything that is missing such that waiting does not help?
    pub fn waits_for_an_operator(&self) -> bool {
        self.missing
            .iter()
            .all(|missing| missing.kind == MissingKind::Halted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(high_watermark: i64, last_stable: Option<i64>) -> LogEnd {
        LogEnd {
            high_watermark,
            last_stable,
            open_since_ms: None,
        }
    }

    fn view(partition: i32, end: impl Into<Option<LogEnd>>, standing: Standing) -> PartitionView {
        PartitionView {
            tp: TopicPartition::new("orders", partition),
            end: end.into().ok_or_else(|| "its leader is away".to_owned()),
            standing,
        }
    }

    fn kinds(tally: &Tally) -> Vec<(i32, MissingKind)> {
        let missing = tally.missing.iter();
        missing.map(|missing| (missing.partition, missing.kind)).collect()
    }

    #[test]
    fn everything_below_the_goal_and_nothing_more() {
        let reached = [
            view(0, end(100, None), Standing::Mirrored(100)),
            view(1, end(0, None), Standing::Mirrored(0)),
            view(2, end(50, None), Standing::Mirrored(70)),
            view(4, None, Standing::Elsewhere),
        ];
        let tally = CatchUpGoal::Start.tally(&reached);
        assert!(tally.is_done());
        assert_eq!((tally.caught_up, tally.elsewhere, tally.offsets_left), (3, 1, 0));
    }

    /// A topic was made anew with fewer records than had been mirrored of the old one: its partition had halted, and its position
    /// lay behind the new log's end.
    #[test]
    fn a_halted_partition_has_reached_nothing_wherever_it_stands() {
        for position in [50, 100] {
            let halted = Standing::Halted(Some(position), "another topic".to_owned());
            for goal in [CatchUpGoal::Start, CatchUpGoal::Lag] {
                let tally = goal.tally(&[view(3, end(50, None), halted.clone())]);
                assert_eq!(kinds(&tally), [(3, MissingKind::Halted)]);
                assert!(tally.waits_for_an_operator());
                assert_eq!(CatchUpOutcome::of(&tally.missing, true).exit_code(), 3);
            }
        }
    }

    #[test]
    fn nothing_to_reach_is_not_the_same_as_everything_reached() {
        assert!(CatchUpGoal::Start.tally(&[]).is_empty());
        for view in [
            view(0, end(0, None), Standing::Mirrored(0)),
            view(0, None, Standing::Elsewhere),
            view(0, None, Standing::Mirrored(0)),
        ] {
            assert!(!CatchUpGoal::Start.tally(&[view]).is_empty());
        }
        assert_eq!(CatchUpOutcome::NoTopics.exit_code(), 3);
    }

    #[test]
    fn what_keeps_a_partition_from_its_goal() {
        let stuck = [
            view(0, end(100, None), Standing::Mirrored(99)),
            view(
                1,
                end(100, None),
                Standing::Halted(Some(10), "refused".to_owned()),
            ),
            view(
                2,
                end(100, None),
                Standing::Waiting("it has no leader".to_owned()),
            ),
            view(3, None, Standing::Mirrored(5)),
        ];
        let tally = CatchUpGoal::Start.tally(&stuck);
        let expected = [
            (0, MissingKind::Behind),
            (1, MissingKind::Halted),
            (2, MissingKind::NotStarted),
            (3, MissingKind::NotStarted),
        ];
        assert_eq!(kinds(&tally), expected);
        assert_eq!(tally.missing[3].words, "its leader is away");
        assert_eq!(tally.offsets_left, 91);
        assert!(!tally.waits_for_an_operator());
        assert!(CatchUpGoal::Start.tally(&stuck[1..2]).waits_for_an_operator());
        assert_eq!(CatchUpOutcome::of(&tally.missing, true).exit_code(), 3);
    }

    /// docs/traps.md: under a transaction that hangs the end never comes; so there is one without it.
    #[test]
    fn an_open_transaction_is_no_part_of_the_start_and_has_to_end_before_the_lag_is_zero() {
        let open = [view(0, end(100, Some(40)), Standing::Mirrored(40))];
        let at_start = CatchUpGoal::Start.tally(&open);
        assert!(at_start.is_done());
        assert_eq!(
            (
                at_start.left_open[0].last_stable_offset,
                at_start.left_open[0].high_watermark
            ),
            (40, 100)
        );
        let no_lag = CatchUpGoal::Lag.tally(&open);
        assert_eq!(kinds(&no_lag), [(0, MissingKind::OpenTransaction)]);
        assert_eq!(CatchUpOutcome::of(&no_lag.missing, true).exit_code(), 4);
        let behind = [view(0, end(100, Some(40)), Standing::Mirrored(39))];
        assert_eq!(
            kinds(&CatchUpGoal::Lag.tally(&behind)),
            [(0, MissingKind::Behind)]
        );
        let mut words = no_lag.missing[0].words.clone();
        assert!(
            words.contains("40 (last stable offset)") && words.contains("100 (high watermark)"),
            "{words}"
        );
        let old = LogEnd {
            open_since_ms: Some(1_795_258_636_250),
            ..open[0].end.clone().unwrap()
        };
        words = CatchUpGoal::Lag
            .tally(&[view(0, Some(old), Standing::Mirrored(40))])
            .missing[0]
            .words
            .clone();
        assert!(
            words.ends_with("its first batch is of 2026-11-21T10:57:16Z"),
            "{words}"
        );
    }
}
