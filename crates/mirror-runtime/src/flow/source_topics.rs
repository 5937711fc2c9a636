//! The topics of a flow, as the source showed them last: what the group is told, and which partitions are new.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_wire::ids::TopicPartition;
use tokio::sync::Notify;

/// Topic to partition count.
pub(crate) type PartitionCounts = BTreeMap<Arc<str>, i32>;

/// Filled by whoever asks for metadata, read by whoever speaks to the group.
#[derive(Debug, Default)]
pub(crate) struct SourceTopics {
    seen: Mutex<Seen>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    /// What the group is told.
    now: PartitionCounts,
    /// The partitions of the first look. What appears later is new, and read from its beginning.
    at_start: Option<BTreeSet<TopicPartition>>,
    /// The group has not been told of `now` yet.
    untold: bool,
}

// === impl SourceTopics ===

impl SourceTopics {
    /// Takes in what the source has. Others hear of it through [`Self::changed`].
    pub(crate) fn learn(&self, topics: PartitionCounts) {
        let mut seen = self.seen();
        let first = seen.at_start.is_none();
        if first {
            seen.at_start = Some(partitions_of(&topics).collect());
        }
        if first || seen.now != topics {
            seen.now = topics;
            seen.untold = true;
            self.changed.notify_one();
        }
    }

    /// The topics and their partition counts, as soon as they are others than those of the last call. Cancel safe.
    pub(crate) async fn changed(&self) -> PartitionCounts {
        loop {
            {
                let mut seen = self.seen();
                if std::mem::take(&mut seen.untold) {
                    return seen.now.clone();
                }
            }
            self.changed.notified().await;
        }
    }

    /// Does every partition of the topics have a position?
    pub(crate) fn are_known_to<T>(&self, positions: &BTreeMap<TopicPartition, T>) -> bool {
        partitions_of(&self.seen().now).all(|tp| positions.contains_key(&tp))
    }

    /// In the order of their names.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.seen().now.keys().cloned().collect()
    }

    /// Was the partition made after this process started?
    pub(crate) fn appeared_while_running(&self, tp: &TopicPartition) -> bool {
        let seen = self.seen();
        seen.at_start.as_ref().is_some_and(|known| !known.contains(tp))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn partitions_of(topics: &PartitionCounts) -> impl Iterator<Item = TopicPartition> + '_ {
    topics.iter().flat_map(|(name, count)| {
        (0..*count).map(|partition| TopicPartition::new(Arc::clone(name), partition))
    })
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    fn counts(topics: &[(&str, i32)]) -> PartitionCounts {
        topics
            .iter()
            .map(|(name, count)| (Arc::from(*name), *count))
            .collect()
    }

    fn told(topics: &SourceTopics) -> Option<PartitionCounts> {
        match pin!(topics.changed()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(counts) => Some(counts),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_group_is_told_of_every_change_once() {
        let topics = SourceTopics::default();
        assert_eq!(told(&topics), None, "nothing was seen yet");
        topics.learn(counts(&[]));
        assert_eq!(
            told(&topics),
            Some(counts(&[])),
            "no topic at all is an answer, too"
        );
        topics.learn(counts(&[("a", 2)]));
        topics.learn(counts(&[("a", 3)]));
        topics.learn(counts(&[("a", 3)]));
        assert_eq!(told(&topics), Some(counts(&[("a", 3)])), "the newest");
        topics.learn(counts(&[("a", 3)]));
        assert_eq!(told(&topics), None, "it is the same");
    }

    #[test]
    fn what_the_first_look_did_not_show_is_new() {
        let topics = SourceTopics::default();
        let tp = |name: &str, partition| TopicPartition::new(Arc::from(name), partition);
        assert!(
            !topics.appeared_while_running(&tp("a", 0)),
            "before the first look nothing is new"
        );
        topics.learn(counts(&[("a", 1)]));
        topics.learn(counts(&[("a", 2), ("b", 1)]));
        assert!(!topics.appeared_while_running(&tp("a", 0)));
        assert!(topics.appeared_while_running(&tp("a", 1)));
        assert!(topics.appeared_while_running(&tp("b", 0)));
    }

    #[test]
    fn topics_are_known_when_each_partition_has_a_position() {
        let topics = SourceTopics::default();
        topics.learn(counts(&[("a", 2)]));
        let mut positions = BTreeMap::from([(TopicPartition::new(Arc::from("a"), 0), 5_i64)]);
        assert!(!topics.are_known_to(&positions));
        positions.insert(TopicPartition::new(Arc::from("a"), 1), 0);
        assert!(topics.are_known_to(&positions));
    }
}
