//! Who gets which partition: Java's `range` and `roundrobin`, computed by the leader of a group.
//!
//! Old and new members lead the same group in turn, so both must come to the same answer: what
//! `org.apache.kafka.clients.consumer.RangeAssignor` and `RoundRobinAssignor` answer for members without racks. Topics are
//! taken in the order of their names, members in that of `AbstractPartitionAssignor.MemberInfo`: static members first, by
//! instance id, then dynamic ones by member id, compared as Java compares strings.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use kafka_wire::ids::TopicPartition;

/// A rule for sharing partitions out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assignor {
    /// Topic by topic: consecutive partitions to each member, the first members get one more.
    Range,
    /// All partitions in order, dealt out in turn to the next member that wants the topic.
    RoundRobin,
}

/// What the leader knows of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscribedMember {
    /// The member.
    pub member_id: String,
    /// The id of a static member.
    pub group_instance_id: Option<String>,
    /// The topics it wants.
    pub topics: BTreeSet<Arc<str>>,
}

/// Partitions by member id; every member has an entry.
pub type Shares = BTreeMap<String, Vec<TopicPartition>>;

// === impl Assignor ===

impl Assignor {
    /// Every assignor there is.
    pub const ALL: &'static [Self] = &[Self::Range, Self::RoundRobin];

    /// The name in the group protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor of this name, if it is one of ours.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|assignor| assignor.name() == name)
    }

    /// Shares the partitions of all topics out. `partition_counts` has the topics that exist; a topic without an entry,
    /// or with a count below 1, has no partitions.
    pub fn assign(self, members: &[SubscribedMember], partition_counts: &BTreeMap<Arc<str>, i32>) -> Shares {
        let mut sorted: Vec<&SubscribedMember> = members.iter().collect();
        sorted.sort_by(|a, b| java_order(a, b));
        let mut shares: Shares = sorted
            .iter()
            .map(|member| (member.member_id.clone(), Vec::new()))
            .collect();
        match self {
            Self::Range => assign_ranges(&sorted, partition_counts, &mut shares),
            Self::RoundRobin => deal_out(&sorted, partition_counts, &mut shares),
        }
        shares
    }
}

impl fmt::Display for Assignor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn assign_ranges(
    members: &[&SubscribedMember],
    partition_counts: &BTreeMap<Arc<str>, i32>,
    shares: &mut Shares,
) {
    for (topic, count) in partition_counts {
        let wanting: Vec<_> = wanting(members, topic).collect();
        let Ok(member_count) = i32::try_from(wanting.len()) else {
            continue;
        };
        if member_count == 0 {
            continue;
        }
        let (each, with_one_more) = (count / member_count, count % member_count);
        let mut next = 0;
        for (member, rank) in wanting.into_iter().zip(0..) {
            let end = next + each + i32::from(rank < with_one_more);
            give(shares, member, topic, next..end);
            next = end;
        }
    }
}

fn deal_out(members: &[&SubscribedMember], partition_counts: &BTreeMap<Arc<str>, i32>, shares: &mut Shares) {
    let mut turns = members.iter().cycle();
    for (topic, count) in partition_counts {
        if wanting(members, topic).next().is_none() {
            continue;
        }
        for partition in 0..*count {
            // Those who do not want the topic lose their turn, as in Java; somebody wants it, so the search ends.
            if let Some(member) = turns.find(|member| member.topics.contains(topic)) {
                give(shares, member, topic, partition..partition + 1);
            }
        }
    }
}

fn wanting<'a>(
    members: &'a [&SubscribedMember],
    topic: &'a Arc<str>,
) -> impl Iterator<Item = &'a SubscribedMember> {
    members
        .iter()
        .copied()
        .filter(move |member| member.topics.contains(topic))
}

fn give(shares: &mut Shares, member: &SubscribedMember, topic: &Arc<str>, partitions: std::ops::Range<i32>) {
    let share = shares.entry(member.member_id.clone()).or_default();
    share.extend(partitions.map(|partition| TopicPartition {
        topic: Arc::clone(topic),
        partition,
    }));
}

fn java_order(a: &SubscribedMember, b: &SubscribedMember) -> Ordering {
    match (&a.group_instance_id, &b.group_instance_id) {
        (Some(a), Some(b)) => compare_as_java(a, b),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => compare_as_java(&a.member_id, &b.member_id),
    }
}

/// `String.compareTo` goes by UTF-16 code units, which puts U+10000 and above before U+E000.
fn compare_as_java(a: &str, b: &str) -> Ordering {
    a.encode_utf16().cmp(b.encode_utf16())
}

#[cfg(test)]
mod tests;
