//! A run that ends by itself: until what it set out for is on the target, or nothing moves any more.
//!
//! ```text
//!   each flow:  topics at the start ─▶ ends (of each partition's log, asked of its leader) ─┐
//!                                                                                          ▼
//!   process:    watch, four times a second: positions against ends ─▶ caught up, or stuck ─▶ stop, drain, report
//! ```
//! What is decided is decided in `mirror_core::catch_up`; here is the clock and the questions to brokers.

mod ends;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_wire::ids::TopicPartition;
use mirror_config::LifeConfig;
use mirror_core::catch_up::{LogEnd, PartitionView, Standing};
use tokio::sync::Notify;

use crate::shared::FlowShared;

pub(crate) use ends::look_at_ends;
pub(crate) use watch::{CatchUpWatch, Left, WatchedFlow};

/// A run that ends by itself may take this long for what was routed beyond its goal: left behind, it would be repeated.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the last drain of a flow may take.
pub(crate) fn drain_timeout(life: LifeConfig, catch_up: Option<&CatchUp>) -> Duration {
    match catch_up {
        Some(catch_up) if catch_up.is_over.load(Ordering::Relaxed) => life.drain_timeout.max(DRAIN_TIMEOUT),
        Some(_) | None => life.drain_timeout,
    }
}

/// What one flow has to reach.
#[derive(Debug, Default)]
pub(crate) struct CatchUp {
    known: Mutex<Known>,
    look_again: Notify,
    /// The process ends by itself; nobody who sent a signal waits for it.
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct Known {
    /// The partitions of the source's first look; `None` before it.
    ends: Option<BTreeMap<TopicPartition, Result<LogEnd, String>>>,
    /// Looks at all ends that are complete.
    looks: u64,
    /// The topics that the source shows now, with their partition counts.
    shown: BTreeMap<Arc<str>, i32>,
}

// === impl CatchUp ===

impl CatchUp {
    /// The source shows these topics. Those of the first call are the goal; what comes later is none of it.
    pub(crate) fn learn_topics(&self, topics: &BTreeMap<Arc<str>, i32>) {
        let mut known = self.known();
        known.shown.clone_from(topics);
        known.ends.get_or_insert_with(|| {
            let partitions = topics.iter().flat_map(|(name, count)| {
                (0..*count).map(|partition| TopicPartition::new(Arc::clone(name), partition))
            });
            let not_asked = "its leader has not told yet how long its log is";
            partitions.map(|tp| (tp, Err(not_asked.to_owned()))).collect()
        });
    }

    /// An end that was known before stays what it was where it is not known now.
    fn learn_ends(&self, found: impl IntoIterator<Item = (TopicPartition, Result<LogEnd, String>)>) {
        let mut known = self.known();
        let Some(ends) = &mut known.ends else { return };
        for (tp, end) in found {
            if end.is_ok() || ends.get(&tp).is_some_and(Result::is_err) {
                ends.insert(tp, end);
            }
        }
    }

    /// How many complete looks at the ends there were.
    fn looks(&self) -> u64 {
        self.known().looks
    }

    /// From here on the flow only drains.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    fn look_again(&self) {
        self.look_again.notify_one();
    }

    /// Every partition of the goal as it stands now. `None` while the flow is not connected, or belongs to no generation of its
    /// group.
    fn views(&self, shared: &FlowShared) -> Option<Vec<PartitionView>> {
        let assigned = shared.assigned()?;
        let (partitions, not_started) = shared.owned();
        let halts: BTreeMap<_, _> = shared
            .halts()
            .into_iter()
            .map(|halted| (halted.halt.tp.clone(), halted.halt.reason.to_string()))
            .collect();
        let mirrored: BTreeMap<_, _> = partitions
            .iter()
            .map(|partition| {
                (
                    &partition.tp,
                    (partition.acked().offset, partition.log_ends().high_watermark),
                )
            })
            .collect();
        let waiting: BTreeMap<_, _> = not_started
            .iter()
            .map(|(waiting, halted)| (&waiting.tp, (&waiting.waits_for, halted)))
            .collect();
        let (_, _, problem) = shared.state();
        let about_to_start = || match &problem {
            Some(problem) => format!("it has not started: {problem}"),
            None => "it is about to start".to_owned(),
        };
        let known = self.known();
        let standing = |tp: &TopicPartition| {
            let is_shown = known
                .shown
                .get(&tp.topic)
                .is_some_and(|count| tp.partition < *count);
            if let Some(why) = halts.get(tp) {
                let position = mirrored.get(tp).map(|(position, _)| *position);
                return Standing::Halted(position, why.clone());
            }
            if let Some((position, fetched_end)) = mirrored.get(tp) {
                return mirrored_from(
                    *position,
                    *fetched_end,
                    known.ends.as_ref().and_then(|ends| ends.get(tp)),
                );
            }
            match waiting.get(tp) {
                Some((_, Some(halted))) => Standing::Halted(None, halted.halt.reason.to_string()),
                Some((waits_for, None)) => Standing::Waiting((*waits_for).clone()),
                None if !is_shown => Standing::Waiting("the source does not show it any more".to_owned()),
                None if assigned.contains(tp) => Standing::Waiting(about_to_start()),
                None => Standing::Elsewhere,
            }
        };
        let views = known.ends.as_ref()?.iter().map(|(tp, end)| PartitionView {
            tp: tp.clone(),
            end: end.clone(),
            standing: standing(tp),
        });
        Some(views.collect())
    }

    fn partitions(&self) -> BTreeSet<TopicPartition> {
        self.known()
            .ends
            .iter()
            .flat_map(BTreeMap::keys)
            .cloned()
            .collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A position behind the log's end says nothing before the log has taken it: the log may be another one than that in which the
/// position counts. `fetched_end` is the high watermark of the last answer that held no error, -1 before the first.
fn mirrored_from(position: i64, fetched_end: i64, end: Option<&Result<LogEnd, String>>) -> Standing {
    match end {
        Some(Ok(end)) if position > end.high_watermark && position > fetched_end => {
            Standing::Waiting(format!(
                "its position {position} lies behind the end of its log, {}, and its leader has not taken it yet",
                end.high_watermark
            ))
        }
        Some(_) | None => Standing::Mirrored(position),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run ended with success before the fetch was answered that found the position outside of the log.
    #[test]
    fn a_position_behind_the_end_counts_once_the_log_has_taken_it() {
        let end = Ok(LogEnd {
            high_watermark: 60,
            last_stable: None,
            open_since_ms: None,
        });
        assert!(matches!(mirrored_from(100, -1, Some(&end)), Standing::Waiting(_)));
        assert_eq!(mirrored_from(60, -1, Some(&end)), Standing::Mirrored(60));
        assert_eq!(mirrored_from(100, 100, Some(&end)), Standing::Mirrored(100));
        assert_eq!(mirrored_from(100, -1, None), Standing::Mirrored(100));
    }
}
