//! Checks in rounds: each asks for the leaders anew, looks at all of them at once, and leaves what was not possible to
//! the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::look::{Place, judge};
use super::{AnchorCheck, CheckOutcome, Checked, is_final};
use crate::events;
use crate::shared::FlowShared;

/// Looks at one broker at the same time.
const LANES_PER_BROKER: usize = 16;
/// A broker that needs longer for one look is asked again in the next round, after everybody else.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between rounds.
const PAUSE: BackoffConfig = BackoffConfig {
    initial: Duration::from_millis(100),
    max: Duration::from_secs(5),
};
/// What is not possible for this long is told, and again whenever it has doubled.
const TOLD_AFTER: Duration = Duration::from_secs(10);

/// What the rounds of some checks need.
pub(super) struct Rounds {
    pub(super) shared: Arc<FlowShared>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) outcomes: mpsc::Sender<Checked>,
}

/// Looks that are made one after the other.
struct Lane {
    cluster: Arc<Cluster>,
    outcomes: mpsc::Sender<Checked>,
    checks: Vec<(AnchorCheck, Place)>,
}

// === impl Rounds ===

impl Rounds {
    /// Repeats what was not possible, until everything was, or the patience is over.
    pub(super) async fn run(self, mut open: Vec<AnchorCheck>, patience: Option<Duration>) {
        let begun = Instant::now();
        let mut tell_after = TOLD_AFTER;
        let mut pauses = Backoff::new(PAUSE, 0);
        loop {
            open = self.round(open, pauses.attempts() > 0).await;
            let Some(first) = open.first() else { return };
            if patience.is_some_and(|patience| begun.elapsed() >= patience) {
                break;
            }
            if begun.elapsed() >= tell_after {
                events::anchors_not_checked(self.cluster.alias(), &first.tp, open.len());
                tell_after = begun.elapsed() * 2;
            }
            sleep(pauses.next_delay()).await;
        }
        for check in open {
            let outcome = CheckOutcome::GivenUp;
            drop(self.outcomes.send(Checked { check, outcome }).await);
        }
    }

    /// Looks once at everything that has a leader. Returns what has to be looked at again.
    async fn round(&self, open: Vec<AnchorCheck>, is_repeated: bool) -> Vec<AnchorCheck> {
        let topics: BTreeSet<_> = open.iter().map(|check| Arc::clone(&check.tp.topic)).collect();
        let metadata = match self.cluster.metadata(Some(topics.into_iter().collect())).await {
            Ok(metadata) => metadata,
            Err(error) => {
                tracing::debug!(cluster = self.cluster.alias(), %error, "anchors wait for metadata");
                return open;
            }
        };
        let shown = shown(&metadata);
        let mut again = Vec::new();
        let mut by_leader: BTreeMap<Option<NodeId>, Vec<(AnchorCheck, Place)>> = BTreeMap::new();
        for check in open {
            match place_of(&shown, &check.tp) {
                Some(place @ Place::Led(leader, _)) => {
                    by_leader.entry(Some(leader)).or_default().push((check, place));
                }
                // A broker hears of new partitions a little later than others do.
                Some(place @ Place::NoPartition(_)) if is_repeated => {
                    by_leader.entry(None).or_default().push((check, place));
                }
                Some(Place::NoPartition(_)) | None => again.push(check),
            }
        }
        let mut running = Vec::new();
        for checks in by_leader.into_values() {
            let lane_length = checks.len().div_ceil(LANES_PER_BROKER);
            for checks in checks.chunks(lane_length.max(1)) {
                let lane = Lane {
                    cluster: Arc::clone(&self.cluster),
                    outcomes: self.outcomes.clone(),
                    checks: checks.to_vec(),
                };
                running.push(self.shared.tasks.start("anchor check", lane.run()));
            }
        }
        for mut lane in running {
            // A panic in it has ended the flow already.
            again.extend(lane.ended().await.unwrap_or_default());
        }
        again
    }
}

// === impl Lane ===

impl Lane {
    /// Returns what was not possible.
    async fn run(self) -> Vec<AnchorCheck> {
        let mut again = Vec::new();
        let mut checks = self.checks.into_iter();
        while let Some((check, place)) = checks.next() {
            let judged = timeout(LOOK_TIMEOUT, judge(&self.cluster, &check, place)).await;
            let outcome = match judged {
                Ok(Ok(verdict)) => CheckOutcome::Judged(verdict),
                Ok(Err(error)) if never_possible(&error) => CheckOutcome::Unreadable(error.to_string()),
                // The broker is there, and had something to say about this partition only.
                Ok(Err(error @ (ClientError::Answered { .. } | ClientError::Corrupt { .. }))) => {
                    tracing::debug!(tp = %check.tp, %error, "anchor not read back yet");
                    again.push(check);
                    continue;
                }
                not_answered => {
                    tracing::debug!(tp = %check.tp, ?not_answered, "anchor not read back yet");
                    again.push(check);
                    again.extend(checks.map(|(check, _)| check));
                    return again;
                }
            };
            if self.outcomes.send(Checked { check, outcome }).await.is_err() {
                return Vec::new();
            }
        }
        again
    }
}

fn never_possible(error: &ClientError) -> bool {
    matches!(error, ClientError::Unsupported { .. }) || error.code().is_some_and(is_final)
}

/// A topic, as metadata shows it.
struct Shown {
    topic_id: TopicId,
    /// By partition number.
    leaders: BTreeMap<i32, NodeId>,
}

fn shown(metadata: &MetadataResponse) -> BTreeMap<Arc<str>, Shown> {
    let mut shown = BTreeMap::new();
    for topic in &metadata.topics {
        let Some(name) = topic.name.as_ref().filter(|_| topic.error_code.is_ok()) else {
            continue;
        };
        let partitions = topic.partitions.iter();
        let leaders = partitions.map(|partition| (partition.partition_index, partition.leader_id));
        let topic = Shown {
            topic_id: topic.topic_id,
            leaders: leaders.collect(),
        };
        shown.insert(Arc::clone(name), topic);
    }
    shown
}

/// `None` while nobody can be asked.
fn place_of(shown: &BTreeMap<Arc<str>, Shown>, tp: &TopicPartition) -> Option<Place> {
    let topic = shown.get(&tp.topic)?;
    match topic.leaders.get(&tp.partition) {
        Some(leader) => (leader.0 >= 0).then_some(Place::Led(*leader, topic.topic_id)),
        None => Some(Place::NoPartition(topic.topic_id)),
    }
}
