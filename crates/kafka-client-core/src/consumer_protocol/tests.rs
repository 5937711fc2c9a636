//! Bytes laid out by hand from the schemas, bytes of newer members, bytes that are none.

use super::*;
use proptest::prelude::*;

fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition {
        topic: Arc::from(topic),
        partition,
    }
}

/// Version 0, two topics `a` and `bc`, null user data: laid out by hand from the schema.
const SUBSCRIPTION_V0: &[u8] = &[
    0, 0, 0, 0, 0, 2, 0, 1, b'a', 0, 2, b'b', b'c', 0xff, 0xff, 0xff, 0xff,
];

#[test]
fn a_subscription_is_written_in_version_0() {
    let subscription = Subscription {
        topics: vec![Arc::from("a"), Arc::from("bc")],
        user_data: Bytes::new(),
    };
    assert_eq!(subscription.encode().unwrap(), SUBSCRIPTION_V0);
}

#[test]
fn an_assignment_is_written_in_version_0_with_one_entry_per_topic() {
    let assignment = Assignment {
        partitions: vec![tp("a", 0), tp("a", 3), tp("bc", 1)],
        user_data: Bytes::from_static(b"u"),
    };
    let expected = [
        0, 0, 0, 0, 0, 2, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 2, b'b', b'c', 0, 0, 0, 1, 0, 0,
        0, 1, 0, 0, 0, 1, b'u',
    ];
    assert_eq!(assignment.encode().unwrap(), &expected[..]);
    assert_eq!(
        Assignment::decode(Bytes::copy_from_slice(&expected)),
        Ok(assignment)
    );
}

#[test]
fn subscriptions_of_newer_members_are_read() {
    let expected = Subscription {
        topics: vec![Arc::from("a"), Arc::from("bc")],
        user_data: Bytes::new(),
    };
    let owned: &[u8] = &[0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, 7];
    let generation: &[u8] = &[0, 0, 0, 9];
    let rack: &[u8] = &[0, 1, b'r'];
    let unknown: &[u8] = &[1, 2, 3];
    let additions = [owned, generation, rack, unknown];
    for version in 0..=4_u8 {
        let mut bytes = SUBSCRIPTION_V0.to_vec();
        bytes[1] = version;
        for addition in &additions[..usize::from(version)] {
            bytes.extend_from_slice(addition);
        }
        assert_eq!(
            Subscription::decode(Bytes::from(bytes)),
            Ok(expected.clone()),
            "v{version}"
        );
    }
}

#[test]
fn bytes_that_are_no_subscription_are_refused() {
    assert!(Subscription::decode(Bytes::new()).is_err());
    for length in 0..SUBSCRIPTION_V0.len() {
        assert!(
            Subscription::decode(Bytes::copy_from_slice(&SUBSCRIPTION_V0[..length])).is_err(),
            "{length}"
        );
    }
    assert_eq!(
        Subscription::decode(Bytes::from_static(&[0xff, 0xff, 0, 0, 0, 0])),
        Err(ConsumerProtocolError::Version { version: -1 })
    );
    assert!(Subscription::decode(Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff])).is_err());
}

#[test]
fn a_member_that_was_left_out_has_no_partitions() {
    assert_eq!(Assignment::decode(Bytes::new()), Ok(Assignment::default()));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        topics in proptest::collection::vec("[a-z]{1,4}", 0..6),
        partitions in proptest::collection::vec(("[a-c]", 0..9_i32), 0..20),
        user_data in proptest::collection::vec(any::<u8>(), 0..6),
    ) {
        let user_data = Bytes::from(user_data);
        let subscription = Subscription {
            topics: topics.iter().map(|topic| Arc::from(topic.as_str())).collect(),
            user_data: user_data.clone(),
        };
        prop_assert_eq!(Subscription::decode(subscription.encode().unwrap()), Ok(subscription));
        let assignment = Assignment {
            partitions: partitions.iter().map(|(topic, partition)| tp(topic, *partition)).collect(),
            user_data,
        };
        prop_assert_eq!(Assignment::decode(assignment.encode().unwrap()), Ok(assignment));
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let bytes = Bytes::from(bytes);
        let _ = Subscription::decode(bytes.clone());
        let _ = Assignment::decode(bytes);
    }
}
