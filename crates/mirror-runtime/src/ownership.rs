//! What this process owns in one generation of its group: which partitions, through which of its members.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use kafka_client::membership::{GroupAssignment, Lease};
use kafka_wire::ids::TopicPartition;

/// The partitions that the group gave to this process, until it takes them back.
#[derive(Debug)]
pub(crate) struct Ownership {
    generation_id: i32,
    /// Member ids, one per stream.
    members: Vec<String>,
    partitions: BTreeMap<TopicPartition, usize>,
    /// Under which number positions are written that are not fenced by the group itself.
    fence: i64,
    lease: Lease,
    given_up: AtomicBool,
}

/// Why nothing may be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The partitions were handed over; what was still on its way is left to whoever has them next.
    GivenUp,
    /// The group may have given the partitions away without our doing.
    LeaseOver,
}

// === impl Ownership ===

impl Ownership {
    pub(crate) fn new(assignment: GroupAssignment, fence: i64, lease: Lease) -> Self {
        let mut members = Vec::new();
        let mut partitions = BTreeMap::new();
        for (member, assigned) in assignment.members.into_iter().enumerate() {
            members.push(assigned.member_id);
            partitions.extend(assigned.partitions.into_iter().map(|tp| (tp, member)));
        }
        Self {
            generation_id: assignment.generation_id,
            members,
            partitions,
            fence,
            lease,
            given_up: AtomicBool::new(false),
        }
    }

    /// The same, after it was given up by ourselves and is still ours.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            generation_id: self.generation_id,
            members: self.members.clone(),
            partitions: self.partitions.clone(),
            fence: self.fence,
            lease: self.lease.clone(),
            given_up: AtomicBool::new(false),
        }
    }

    pub(crate) fn owns(&self, tp: &TopicPartition) -> bool {
        self.partitions.contains_key(tp)
    }

    /// Does this process own any partition of the topic?
    pub(crate) fn owns_of(&self, topic: &str) -> bool {
        self.partitions.keys().any(|tp| &*tp.topic == topic)
    }

    pub(crate) fn partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.partitions.keys()
    }

    /// The member that owns a partition, by its number in this process.
    pub(crate) fn member_of(&self, tp: &TopicPartition) -> Option<usize> {
        self.partitions.get(tp).copied()
    }

    /// The id of a member, and the generation: what a commit is made with.
    pub(crate) fn identity(&self, member: usize) -> Option<(&str, i32)> {
        self.members
            .get(member)
            .map(|member| (member.as_str(), self.generation_id))
    }

    pub(crate) fn generation_id(&self) -> i32 {
        self.generation_id
    }

    pub(crate) fn fence(&self) -> i64 {
        self.fence
    }

    /// May records still be written? Not after the partitions were given up, and not while the group may have given
    /// them to others because it did not hear from us: a process that was stopped and wakes up must not write behind
    /// its successor (docs/traps.md). Asked when a request is made, and again right before its bytes are written.
    pub(crate) fn may_produce(&self) -> Result<(), Ended> {
        if self.given_up.load(Ordering::Acquire) {
            Err(Ended::GivenUp)
        } else if self.lease.is_valid() {
            Ok(())
        } else {
            Err(Ended::LeaseOver)
        }
    }

    /// From now on nothing is written.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn a_handover_is_told_from_a_lease_that_ran_out() {
        let assignment = GroupAssignment {
            generation_id: 1,
            members: Vec::new(),
            leads: false,
            user_data: Bytes::new(),
        };
        let ownership = Ownership::new(assignment, -1, Lease::default());
        assert_eq!(ownership.may_produce(), Err(Ended::LeaseOver));
        ownership.give_up();
        assert_eq!(
            ownership.may_produce(),
            Err(Ended::GivenUp),
            "that was our own doing"
        );
    }
}
