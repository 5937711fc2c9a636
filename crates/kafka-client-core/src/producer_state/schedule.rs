//! Which partitions want a place in the next request to which broker, and which wait for a point in time.
//!
//! Holds hints only: an entry says "look at this partition", the partition itself says whether it may send.
//! So nothing has to be searched for when a partition changes its mind; stale entries fall out when they are met.

use kafka_wire::ids::NodeId;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

/// Names a partition within one [`ProducerState`](super::ProducerState).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(pub(super) usize);

/// The ready queues of all brokers and the clock of all waits.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// First come, first served: who got a place goes to the end (round robin).
    ready: BTreeMap<NodeId, VecDeque<Slot>>,
    /// At which broker's queue a partition stands; an entry in another queue is stale.
    standing: Vec<Option<NodeId>>,
    waits: BTreeSet<(Instant, Slot)>,
}

// === impl Schedule ===

impl Schedule {
    /// `slot` can send to `node`: puts it at the end of the queue unless it stands there already.
    pub(super) fn push(&mut self, node: NodeId, slot: Slot) {
        if self.standing(slot) != Some(node) {
            self.set_standing(slot, Some(node));
            self.ready.entry(node).or_default().push_back(slot);
        }
    }

    /// `slot` was first in line but did not fit: it is first again next time.
    pub(super) fn push_front(&mut self, node: NodeId, slot: Slot) {
        if self.standing(slot) != Some(node) {
            self.set_standing(slot, Some(node));
            self.ready.entry(node).or_default().push_front(slot);
        }
    }

    /// The next partition in line for `node`.
    pub(super) fn pop(&mut self, node: NodeId) -> Option<Slot> {
        while let Some(slot) = self.ready.get_mut(&node)?.pop_front() {
            if self.standing(slot) == Some(node) {
                self.set_standing(slot, None);
                return Some(slot);
            }
        }
        None
    }

    /// `slot` has nothing to send for the moment.
    pub(super) fn remove(&mut self, slot: Slot) {
        self.set_standing(slot, None);
    }

    /// The brokers that somebody stands in line for, in ascending order.
    pub(super) fn nodes(&mut self) -> Vec<NodeId> {
        let standing = &self.standing;
        self.ready.retain(|node, queue| {
            while let Some(slot) = queue.front()
                && standing.get(slot.0) != Some(&Some(*node))
            {
                queue.pop_front();
            }
            !queue.is_empty()
        });
        self.ready.keys().copied().collect()
    }

    /// `slot` waits until `until`.
    pub(super) fn wait(&mut self, until: Instant, slot: Slot) {
        self.waits.insert((until, slot));
    }

    /// A wait that is over by `now`. It may be one that `slot` no longer cares about.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Slot)> {
        let first = *self.waits.first()?;
        if first.0 > now {
            return None;
        }
        self.waits.remove(&first);
        Some(first)
    }

    /// When the first wait is over.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.waits.first().map(|(until, _)| *until)
    }

    fn standing(&self, slot: Slot) -> Option<NodeId> {
        self.standing.get(slot.0).copied().flatten()
    }

    fn set_standing(&mut self, slot: Slot, node: Option<NodeId>) {
        if self.standing.len() <= slot.0 {
            self.standing.resize(slot.0 + 1, None);
        }
        self.standing[slot.0] = node;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use std::time::Duration;

    const ONE: NodeId = NodeId(1);
    const TWO: NodeId = NodeId(2);

    #[test]
    fn serves_in_order_and_only_once() {
        let mut schedule = Schedule::default();
        schedule.push(ONE, Slot(3));
        schedule.push(ONE, Slot(1));
        schedule.push(ONE, Slot(3));
        assert_eq!(schedule.pop(ONE), Some(Slot(3)));
        schedule.push_front(ONE, Slot(3));
        assert_eq!(schedule.pop(ONE), Some(Slot(3)));
        assert_eq!(schedule.pop(ONE), Some(Slot(1)));
        assert_eq!(schedule.pop(ONE), None);
    }

    #[test]
    fn a_partition_that_moved_is_served_by_its_new_broker_only() {
        let mut schedule = Schedule::default();
        schedule.push(ONE, Slot(0));
        schedule.push(TWO, Slot(0));
        assert_eq!(schedule.nodes(), [TWO]);
        assert_eq!(schedule.pop(ONE), None);
        assert_eq!(schedule.pop(TWO), Some(Slot(0)));
        assert_eq!(schedule.nodes(), []);
    }

    #[test]
    fn moving_there_and_back_serves_once_per_round() {
        let mut schedule = Schedule::default();
        schedule.push(ONE, Slot(0));
        schedule.push(TWO, Slot(0));
        schedule.push(ONE, Slot(0));
        assert_eq!(schedule.pop(ONE), Some(Slot(0)));
        assert_eq!(
            schedule.pop(ONE),
            None,
            "the older entry of the same queue is stale"
        );
    }

    #[test]
    fn waits_come_due_in_order() {
        let start = testing::start();
        let later = start + Duration::from_secs(1);
        let mut schedule = Schedule::default();
        schedule.wait(later, Slot(0));
        schedule.wait(start, Slot(1));
        assert_eq!(schedule.next_timeout(), Some(start));
        assert_eq!(schedule.pop_due(start), Some((start, Slot(1))));
        assert_eq!(schedule.pop_due(start), None);
        assert_eq!(schedule.pop_due(later), Some((later, Slot(0))));
        assert_eq!(schedule.next_timeout(), None);
    }
}
