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
    /// What each partition waits for, as it stands in `waits`.
    waiting: BTreeMap<Slot, Instant>,
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

    /// `slot` waits until `until`, and for nothing else; `None`: it does not wait.
    pub(super) fn set_wait(&mut self, slot: Slot, until: Option<Instant>) {
        let before = match until {
            Some(until) => self.waiting.insert(slot, until),
            None => self.waiting.remove(&slot),
        };
        if before == until {
            return;
        }
        if let Some(before) = before {
            self.waits.remove(&(before, slot));
        }
        if let Some(until) = until {
            self.waits.insert((until, slot));
        }
    }

    /// A partition whose wait is over by `now`; it waits no longer.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Slot> {
        let &(until, slot) = self.waits.first()?;
        if until > now {
            return None;
        }
        self.set_wait(slot, None);
        Some(slot)
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
    fn waits_come_due_in_order_and_can_be_changed() {
        let start = testing::start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut schedule = Schedule::default();
        schedule.set_wait(Slot(0), Some(at(3)));
        schedule.set_wait(Slot(1), Some(at(1)));
        schedule.set_wait(Slot(2), Some(at(2)));
        schedule.set_wait(Slot(2), None);
        schedule.set_wait(Slot(0), Some(at(4)));
        assert_eq!(schedule.next_timeout(), Some(at(1)));
        assert_eq!(schedule.pop_due(start), None);
        assert_eq!(schedule.pop_due(at(3)), Some(Slot(1)));
        assert_eq!(schedule.pop_due(at(3)), None);
        assert_eq!(schedule.next_timeout(), Some(at(4)));
        assert_eq!(schedule.pop_due(at(4)), Some(Slot(0)));
        assert_eq!(schedule.next_timeout(), None);
    }
}
