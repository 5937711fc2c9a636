//! The expected shares are worked out by hand from the rules in the Javadoc of `RangeAssignor` and `RoundRobinAssignor`,
//! whose own examples are among them.

use super::*;
use proptest::prelude::*;

fn member(id: &str, topics: &[&str]) -> SubscribedMember {
    SubscribedMember {
        member_id: id.to_owned(),
        group_instance_id: None,
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
    }
}

fn fixed(id: &str, instance: &str, topics: &[&str]) -> SubscribedMember {
    SubscribedMember {
        group_instance_id: Some(instance.to_owned()),
        ..member(id, topics)
    }
}

fn counts(counts: &[(&str, i32)]) -> BTreeMap<Arc<str>, i32> {
    counts
        .iter()
        .map(|(topic, count)| (Arc::from(*topic), *count))
        .collect()
}

/// `a: t0-0 t0-1 | b: t1-2`, members in order of their ids.
fn told(shares: &Shares) -> String {
    let told: Vec<String> = shares
        .iter()
        .map(|(member, share)| {
            let partitions: Vec<String> = share
                .iter()
                .map(|tp| format!("{}-{}", tp.topic, tp.partition))
                .collect();
            format!("{member}: {}", partitions.join(" "))
        })
        .collect();
    told.join(" | ")
}

#[test]
fn range_gives_consecutive_partitions_topic_by_topic() {
    let both = [member("C0", &["t0", "t1"]), member("C1", &["t0", "t1"])];
    let shares = Assignor::Range.assign(&both, &counts(&[("t0", 3), ("t1", 3)]));
    assert_eq!(told(&shares), "C0: t0-0 t0-1 t1-0 t1-1 | C1: t0-2 t1-2");
}

#[test]
fn round_robin_goes_on_where_the_last_topic_ended() {
    let both = [member("C0", &["t0", "t1"]), member("C1", &["t0", "t1"])];
    let shares = Assignor::RoundRobin.assign(&both, &counts(&[("t0", 3), ("t1", 3)]));
    assert_eq!(told(&shares), "C0: t0-0 t0-2 t1-1 | C1: t0-1 t1-0 t1-2");
}

#[test]
fn round_robin_skips_members_that_do_not_want_the_topic() {
    let members = [
        member("C0", &["t0"]),
        member("C1", &["t0", "t1"]),
        member("C2", &["t0", "t1", "t2"]),
    ];
    let shares = Assignor::RoundRobin.assign(&members, &counts(&[("t0", 1), ("t1", 2), ("t2", 3)]));
    assert_eq!(told(&shares), "C0: t0-0 | C1: t1-0 | C2: t1-1 t2-0 t2-1 t2-2");
}

#[test]
fn range_with_unequal_subscriptions() {
    let members = [
        member("C0", &["t0"]),
        member("C1", &["t0", "t1"]),
        member("C2", &["t0", "t1", "t2"]),
    ];
    let shares = Assignor::Range.assign(&members, &counts(&[("t0", 5), ("t1", 3), ("t2", 1)]));
    assert_eq!(
        told(&shares),
        "C0: t0-0 t0-1 | C1: t0-2 t0-3 t1-0 t1-1 | C2: t0-4 t1-2 t2-0"
    );
}

#[test]
fn members_beyond_the_partitions_get_none() {
    let members: Vec<_> = ["C2", "C0", "C1"].map(|id| member(id, &["t"])).to_vec();
    for assignor in Assignor::ALL {
        let shares = assignor.assign(&members, &counts(&[("t", 2)]));
        assert_eq!(told(&shares), "C0: t-0 | C1: t-1 | C2: ", "{assignor}");
    }
}

#[test]
fn static_members_come_first_by_their_instance_ids() {
    let members = [
        member("a", &["t"]),
        fixed("z", "1", &["t"]),
        fixed("y", "2", &["t"]),
    ];
    for assignor in Assignor::ALL {
        let shares = assignor.assign(&members, &counts(&[("t", 3)]));
        assert_eq!(told(&shares), "a: t-2 | y: t-1 | z: t-0", "{assignor}");
    }
}

/// U+1F600 is a surrogate pair from 0xD83D on in UTF-16, before U+E000; in UTF-8 it comes after.
#[test]
fn member_ids_are_compared_as_java_compares_strings() {
    let members = [member("\u{e000}", &["t"]), member("\u{1f600}", &["t"])];
    let shares = Assignor::Range.assign(&members, &counts(&[("t", 1)]));
    assert_eq!(shares["\u{1f600}"].len(), 1);
}

#[test]
fn topics_that_nobody_wants_or_that_do_not_exist_are_nobodys() {
    let members = [member("C0", &["t0", "gone"])];
    for assignor in Assignor::ALL {
        let shares = assignor.assign(&members, &counts(&[("t0", 1), ("other", 4), ("empty", -1)]));
        assert_eq!(told(&shares), "C0: t0-0", "{assignor}");
        assert!(assignor.assign(&[], &counts(&[("t0", 1)])).is_empty());
    }
}

#[test]
fn names_are_those_of_the_protocol() {
    assert_eq!(Assignor::from_name("range"), Some(Assignor::Range));
    assert_eq!(Assignor::from_name("roundrobin"), Some(Assignor::RoundRobin));
    assert_eq!(Assignor::from_name("cooperative-sticky"), None);
}

proptest! {
    #[test]
    fn each_partition_has_one_owner_who_wants_it(
        wishes in proptest::collection::vec(proptest::collection::btree_set(0..5_usize, 0..5), 0..7),
        sizes in proptest::collection::vec(0..9_i32, 5),
        range in any::<bool>(),
    ) {
        let names = ["t0", "t1", "t2", "t3", "t4"];
        let members: Vec<SubscribedMember> = wishes
            .iter()
            .enumerate()
            .map(|(index, wish)| {
                let topics: Vec<&str> = wish.iter().map(|topic| names[*topic]).collect();
                member(&format!("C{index}"), &topics)
            })
            .collect();
        let sizes: Vec<(&str, i32)> = names.into_iter().zip(sizes).collect();
        let assignor = if range { Assignor::Range } else { Assignor::RoundRobin };
        let shares = assignor.assign(&members, &counts(&sizes));

        prop_assert_eq!(shares.len(), members.len());
        let mut owned = BTreeSet::new();
        for member in &members {
            for tp in &shares[&member.member_id] {
                prop_assert!(member.topics.contains(&tp.topic));
                prop_assert!(owned.insert(tp.clone()), "{} twice", tp);
            }
        }
        for (topic, size) in sizes {
            let wanted = members.iter().any(|member| member.topics.contains(topic));
            let found = owned.iter().filter(|tp| &*tp.topic == topic).count();
            prop_assert_eq!(found, if wanted { usize::try_from(size).unwrap() } else { 0 });
        }
    }
}
