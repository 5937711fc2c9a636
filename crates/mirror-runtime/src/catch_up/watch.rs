//! The decision that a run is over: positions are held against the goal, and a standstill is timed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_wire::ids::TopicPartition;
use mirror_core::catch_up::{
    CatchUpGoal, CatchUpOutcome, CatchUpReport, FlowCatchUp, Missing, Standing, Tally,
};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::CatchUp;
use crate::events;
use crate::shared::FlowShared;

/// How often positions are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// With [`CatchUpGoal::Lag`]: a look at the ends follows on the one before after this many of those.
const LOOKS_BETWEEN_QUESTIONS: u32 = 4;

/// What is wrong with a flow that had nothing to reach.
const NO_TOPIC_MATCHES: &str = "no topic of the source matches: check the list of topics; a topic that this user may not \
                                describe is not seen either";

/// A flow and its goal.
#[derive(Debug, Clone)]
pub(crate) struct WatchedFlow {
    pub(crate) name: String,
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) catch_up: Arc<CatchUp>,
}

/// How much of the way is left, in offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) offsets: u64,
    /// The way as a whole, as far as it is known.
    pub(crate) total: u64,
    /// Partitions of which it is not known.
    pub(crate) not_begun: usize,
    /// Flows that do not know their partitions.
    pub(crate) flows_not_begun: usize,
}

/// Watches all flows of a process.
pub(crate) struct CatchUpWatch {
    goal: CatchUpGoal,
    flows: Vec<WatchedFlow>,
    /// How long nothing may move.
    wait: Duration,
    began: Instant,
    left: watch::Sender<Left>,
    /// Where each partition stood when it was seen first.
    firsts: BTreeMap<(usize, TopicPartition), i64>,
}

/// A partition of a flow, or a flow that has not begun.
type Part = (usize, Option<(String, i32)>);

/// Since when each part that is missing stands where it stands.
#[derive(Debug, Default)]
struct Standstill {
    parts: BTreeMap<Part, (Option<i64>, Instant)>,
}

// === impl Left ===

impl Left {
    /// Is the whole way known?
    pub(crate) fn is_known(&self) -> bool {
        self.not_begun == 0 && self.flows_not_begun == 0
    }
}

// === impl CatchUpWatch ===

impl CatchUpWatch {
    pub(crate) fn new(goal: CatchUpGoal, flows: Vec<WatchedFlow>, wait: Duration) -> Self {
        let nothing_known = Left {
            flows_not_begun: flows.len(),
            ..Left::default()
        };
        Self {
            goal,
            flows,
            wait,
            began: Instant::now(),
            left: watch::Sender::new(nothing_known),
            firsts: BTreeMap::new(),
        }
    }

    /// How much of the way is left, renewed at each look.
    pub(crate) fn left(&self) -> watch::Receiver<Left> {
        self.left.subscribe()
    }

    /// Ready when the run is over: everything has reached the goal, or nothing moved for too long. From then on the flows may
    /// take their time to drain. Cancel safe.
    pub(crate) async fn until_over(&mut self) -> CatchUpOutcome {
        let outcome = self.watch().await;
        self.flows.iter().for_each(|flow| flow.catch_up.end());
        outcome
    }

    async fn watch(&mut self) -> CatchUpOutcome {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut standstill = Standstill::default();
        // The looks at the ends before the last question for one.
        let mut asked_at: Option<Vec<u64>> = None;
        for tick in 0_u32.. {
            let now = ticks.tick().await;
            let looks: Vec<_> = self.flows.iter().map(|flow| flow.catch_up.looks()).collect();
            let answered = |asked_at: &Vec<u64>| looks.iter().zip(asked_at).all(|(now, then)| now > then);
            let is_fresh = self.goal == CatchUpGoal::Start || asked_at.as_ref().is_some_and(answered);
            let tallies = self.tallies();
            let all: Option<Vec<&Tally>> = tallies.iter().map(Option::as_ref).collect();
            if let Some(all) = &all {
                let is_done = all.iter().all(|tally| tally.is_done());
                if is_done && is_fresh {
                    return self.came_so_far(all);
                }
                if !is_done && all.iter().all(|tally| tally.waits_for_an_operator()) {
                    return CatchUpOutcome::Incomplete;
                }
            }
            if standstill.lasts(&tallies, now, self.wait) {
                let missing = tallies.iter().flatten().flat_map(|tally| &tally.missing);
                return CatchUpOutcome::of(missing, tallies.iter().all(Option::is_some));
            }
            let is_due = tick.is_multiple_of(LOOKS_BETWEEN_QUESTIONS) && looks.iter().all(|looks| *looks > 0);
            if self.goal == CatchUpGoal::Lag && is_due && asked_at.as_ref().is_none_or(answered) {
                self.flows.iter().for_each(|flow| flow.catch_up.look_again());
                asked_at = Some(looks);
            }
        }
        unreachable!("invariant: a run does not take 30 years")
    }

    /// Nothing is missing: because everything is there, or because there was nothing.
    fn came_so_far(&self, tallies: &[&Tally]) -> CatchUpOutcome {
        let empty = self
            .flows
            .iter()
            .zip(tallies)
            .filter(|(_, tally)| tally.is_empty());
        let empty: Vec<_> = empty.map(|(flow, _)| flow.name.as_str()).collect();
        if empty.is_empty() {
            return CatchUpOutcome::CaughtUp;
        }
        events::no_topic_matches(&empty.join(", "));
        CatchUpOutcome::NoTopics
    }

    /// What the run has come to, after its drain.
    pub(crate) fn report(&self, outcome: CatchUpOutcome) -> CatchUpReport {
        let all_stored = self.flows.iter().all(|flow| flow.shared.are_positions_stored());
        let flows = self.flow_reports();
        let outcome = match outcome {
            CatchUpOutcome::CaughtUp if !all_stored => CatchUpOutcome::PositionsNotStored,
            CatchUpOutcome::CaughtUp if flows.iter().any(FlowCatchUp::has_lost) => CatchUpOutcome::Lost,
            CatchUpOutcome::CaughtUp
            | CatchUpOutcome::Lost
            | CatchUpOutcome::Incomplete
            | CatchUpOutcome::OpenTransactions
            | CatchUpOutcome::NoTopics
            | CatchUpOutcome::Interrupted
            | CatchUpOutcome::PositionsNotStored => outcome,
        };
        CatchUpReport {
            outcome,
            goal: self.goal,
            took_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            flows,
        }
    }

    fn flow_reports(&self) -> Vec<FlowCatchUp> {
        let flows = self.flows.iter().map(|flow| {
            let tally = flow
                .catch_up
                .views(&flow.shared)
                .map(|views| self.goal.tally(&views));
            let problem = match &tally {
                None => Some(why_not_begun(&flow.shared)),
                Some(tally) => tally.is_empty().then(|| NO_TOPIC_MATCHES.to_owned()),
            };
            let totals = flow.shared.counters.totals();
            let begun = tally.is_some();
            let tally = tally.unwrap_or_default();
            FlowCatchUp {
                flow: flow.name.clone(),
                begun,
                records: totals.acked_records,
                dropped_records: totals.dropped_records,
                accepted_loss_offsets: totals.accepted_loss_offsets,
                dead_lettered_records: totals.dead_lettered_records,
                caught_up: tally.caught_up,
                elsewhere: tally.elsewhere,
                missing: tally.missing,
                open_transactions: tally.left_open,
                problem,
            }
        });
        flows.collect()
    }

    /// How far each flow is; `None` where it has not begun.
    fn tallies(&mut self) -> Vec<Option<Tally>> {
        let mut left = Left::default();
        let mut tallies = Vec::new();
        for (number, flow) in self.flows.iter().enumerate() {
            let Some(views) = flow.catch_up.views(&flow.shared) else {
                left.flows_not_begun += 1;
                tallies.push(None);
                continue;
            };
            for view in &views {
                if let (Standing::Mirrored(position), Ok(_)) = (&view.standing, &view.end) {
                    self.firsts.entry((number, view.tp.clone())).or_insert(*position);
                }
            }
            let tally = self.goal.tally(&views);
            left.offsets += tally.offsets_left;
            let is_unknown = |missing: &&Missing| missing.position.is_none() || missing.goal.is_none();
            left.not_begun += tally.missing.iter().filter(is_unknown).count();
            // The way as a whole: the same tally with every partition where it was seen first.
            let mut first_views = views;
            for view in &mut first_views {
                if let (Standing::Mirrored(position), Some(first)) =
                    (&mut view.standing, self.firsts.get(&(number, view.tp.clone())))
                {
                    *position = *first;
                }
            }
            left.total += self.goal.tally(&first_views).offsets_left;
            tallies.push(Some(tally));
        }
        self.left.send_replace(left);
        tallies
    }
}

/// Why a flow does not even know its partitions.
fn why_not_begun(shared: &FlowShared) -> String {
    let (state, _, problem) = shared.state();
    let unreachable = shared.unreachable_brokers();
    match (problem, unreachable.split_first()) {
        (Some(problem), _) => problem,
        (None, Some((first, []))) => first.to_string(),
        (None, Some((first, others))) => format!("{first} (and {} more)", others.len()),
        (None, None) => format!("it is {}", state.name()),
    }
}

// === impl Standstill ===

impl Standstill {
    /// Has nothing that is missing moved for this long? A flow that has not begun counts as one that does not move.
    fn lasts(&mut self, tallies: &[Option<Tally>], now: Instant, wait: Duration) -> bool {
        let mut is_over = true;
        let mut look = |part: Part, position: Option<i64>| {
            let (before, since) = self.parts.entry(part).or_insert((position, now));
            if *before != position {
                (*before, *since) = (position, now);
            }
            is_over &= now.saturating_duration_since(*since) >= wait;
        };
        for (number, tally) in tallies.iter().enumerate() {
            match tally {
                None => look((number, None), None),
                Some(tally) => {
                    for missing in &tally.missing {
                        look(
                            (number, Some((missing.topic.clone(), missing.partition))),
                            missing.position,
                        );
                    }
                }
            }
        }
        let is_anything_missing = tallies
            .iter()
            .any(|tally| tally.as_ref().is_none_or(|tally| !tally.is_done()));
        is_anything_missing && is_over
    }
}

#[cfg(test)]
mod tests {
    use mirror_core::catch_up::MissingKind;

    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    fn tally(positions: &[(i32, i64)]) -> Vec<Option<Tally>> {
        let missing = positions.iter().map(|(partition, position)| Missing {
            topic: "orders".to_owned(),
            partition: *partition,
            kind: MissingKind::Behind,
            position: Some(*position),
            goal: Some(100),
            words: String::new(),
        });
        vec![Some(Tally {
            missing: missing.collect(),
            ..Tally::default()
        })]
    }

    #[test]
    fn whoever_moves_is_waited_for_and_whoever_does_not_is_timed_from_his_last_move() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut standstill = Standstill::default();
        assert!(!standstill.lasts(&tally(&[(0, 5), (1, 7)]), at(0), WAIT));
        assert!(!standstill.lasts(&tally(&[(0, 6), (1, 7)]), at(8), WAIT));
        assert!(
            !standstill.lasts(&tally(&[(0, 6), (1, 7)]), at(12), WAIT),
            "one moved 4 s ago"
        );
        // Under a load the other is caught up now and then: it does not hold up the end of the one that is stuck.
        assert!(standstill.lasts(&tally(&[(1, 7)]), at(13), WAIT));
        assert!(
            !Standstill::default().lasts(&tally(&[]), at(100), WAIT),
            "nothing is missing"
        );
    }

    #[test]
    fn a_flow_that_never_begins_ends_the_run_as_well() {
        let start = Instant::now();
        let mut standstill = Standstill::default();
        assert!(!standstill.lasts(&[None], start, WAIT));
        assert!(standstill.lasts(&[None], start + WAIT, WAIT));
    }
}
