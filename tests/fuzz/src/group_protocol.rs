//! Target `group_protocol`: what members of a group wrote, any client of any age, and how their leader shares out.
//!
//! Input: a byte that chooses subscription, assignment or a whole group. A group's members follow each other: the length of
//! a subscription in one byte, then its bytes; then, in what is left, a byte for each topic's number of partitions.
//!
//! - (A) What is read is written and read again as the same.
//! - (B) Each partition of each topic that somebody wants is given once, to somebody who wants it, and no other one is.
//! - (C) By range, no member gets two more of a topic than another one who wants it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use kafka_client_core::assignor::{Assignor, Shares, SubscribedMember};
use kafka_client_core::consumer_protocol::{Assignment, Subscription};
use kafka_wire::TopicPartition;

use crate::selectors::Selectors;

pub(crate) fn one_input(input: &[u8]) {
    let mut selectors = Selectors::new(input);
    let one = selectors.choose([subscription, assignment, group]);
    one(selectors.rest());
}

fn subscription(bytes: &[u8]) {
    let Ok(read) = Subscription::decode(Bytes::copy_from_slice(bytes)) else {
        return;
    };
    let written = read
        .encode()
        .expect("invariant: names that were read can be written");
    assert_eq!(Subscription::decode(written), Ok(read));
}

fn assignment(bytes: &[u8]) {
    let Ok(read) = Assignment::decode(Bytes::copy_from_slice(bytes)) else {
        return;
    };
    let written = read
        .encode()
        .expect("invariant: names that were read can be written");
    assert_eq!(Assignment::decode(written), Ok(read));
}

fn group(bytes: &[u8]) {
    let (members, mut counts) = members(bytes);
    let topics: BTreeSet<Arc<str>> = members
        .iter()
        .flat_map(|member| &member.topics)
        .cloned()
        .collect();
    let counts: BTreeMap<Arc<str>, i32> = topics
        .into_iter()
        .map(|topic| (topic, i32::from(counts.byte().cast_signed()) % 16))
        .collect();
    for assignor in Assignor::ALL {
        let shares = assignor.assign(&members, &counts);
        check(*assignor, &members, &counts, &shares);
    }
}

/// The members, and what stands behind them.
fn members(bytes: &[u8]) -> (Vec<SubscribedMember>, Selectors<'_>) {
    let mut members: Vec<SubscribedMember> = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first() {
        let Some((subscription, after)) = after.split_at_checked(usize::from(*length)) else {
            break;
        };
        rest = after;
        let Ok(subscription) = Subscription::decode(Bytes::copy_from_slice(subscription)) else {
            break;
        };
        let number = members.len();
        let is_static = subscription.user_data.len() % 2 == 1;
        members.push(SubscribedMember {
            member_id: format!("member-{number}"),
            group_instance_id: is_static.then(|| format!("instance-{}", 100 - number.min(100))),
            topics: subscription.topics.into_iter().collect(),
        });
    }
    (members, Selectors::new(rest))
}

fn check(
    assignor: Assignor,
    members: &[SubscribedMember],
    counts: &BTreeMap<Arc<str>, i32>,
    shares: &Shares,
) {
    let wanted = counts.iter().flat_map(|(topic, count)| {
        (0..*count).map(|partition| TopicPartition::new(Arc::clone(topic), partition))
    });
    let given: Vec<&TopicPartition> = shares.values().flatten().collect();
    let distinct: BTreeSet<TopicPartition> = given.iter().copied().cloned().collect();
    assert_eq!(distinct.len(), given.len(), "{assignor} gives a partition twice");
    assert!(wanted.eq(distinct), "{assignor} gives others than are wanted");
    assert_eq!(shares.len(), members.len(), "every member has a share");
    for member in members {
        let share = &shares[&member.member_id];
        assert!(
            share.iter().all(|tp| member.topics.contains(&tp.topic)),
            "{assignor} gives what nobody wants"
        );
    }
    if assignor != Assignor::Range {
        return;
    }
    for topic in counts.keys() {
        let shares = members
            .iter()
            .filter(|member| member.topics.contains(topic))
            .map(|member| {
                shares[&member.member_id]
                    .iter()
                    .filter(|tp| tp.topic == *topic)
                    .count()
            });
        let (least, most) = shares.fold((usize::MAX, 0), |(least, most), share| {
            (least.min(share), most.max(share))
        });
        assert!(
            most <= least.saturating_add(1),
            "{assignor} gives {least} and {most}"
        );
    }
}
