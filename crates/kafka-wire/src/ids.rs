//! The identities that every floor speaks of: topic-partitions, topic ids, nodes, producers.
//!
//! Offsets are plain `i64` and leader epochs plain `i32` as in Kafka; -1 means unknown there.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// One partition of one topic. Ordered by topic, then by partition number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// Name of the topic.
    pub topic: Arc<str>,
    /// Number of the partition, from 0.
    pub partition: i32,
}

/// The id a broker gives a topic when it creates it (KIP-516, Kafka 2.8): a topic that was deleted and created
/// again keeps its name, but not its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TopicId(pub [u8; 16]);

/// The id of a broker within its cluster. -1 where Kafka means "none".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub i32);

/// Who writes: the producer id and epoch that a broker handed out (KIP-98).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProducerIdentity {
    /// The producer id; -1 for a producer without idempotence.
    pub id: i64,
    /// The producer epoch; -1 for a producer without idempotence.
    pub epoch: i16,
}

/// A text that is no topic id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no topic id: 22 characters of URL-safe base64 are expected")]
pub struct InvalidTopicId {
    /// The text as it was given.
    pub text: String,
}

/// Base64 with the URL-safe alphabet of RFC 4648, section 5.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Characters of 16 bytes in base64 without padding.
const TOPIC_ID_TEXT_LEN: usize = 22;

// === impl TopicPartition ===

impl TopicPartition {
    /// The partition `partition` of `topic`.
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

// === impl TopicId ===

impl TopicId {
    /// "No topic id": what brokers and clients send where they do not know one.
    pub const ZERO: Self = Self([0; 16]);

    /// Is this [`TopicId::ZERO`]?
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }
}

impl fmt::Display for TopicId {
    /// The text of Kafka's `Uuid.toString`: URL-safe base64 without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;

        let mut bits = u128::from_be_bytes(self.0);
        // 21 characters carry 6 bits each, the last one the remaining 2 bits.
        for _ in 1..TOPIC_ID_TEXT_LEN {
            f.write_char(sextet_to_char((bits >> 122) as u8))?;
            bits <<= 6;
        }
        f.write_char(sextet_to_char((bits >> 122) as u8))
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TopicId({self})")
    }
}

impl FromStr for TopicId {
    type Err = InvalidTopicId;

    /// Reads what [`Display`](fmt::Display) writes; also with base64 padding, as Kafka does.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidTopicId {
            text: text.to_owned(),
        };
        let trimmed = text.strip_suffix("==").unwrap_or(text);
        if trimmed.len() != TOPIC_ID_TEXT_LEN {
            return Err(invalid());
        }
        let mut bits = 0_u128;
        for (index, character) in trimmed.bytes().enumerate() {
            let sextet = char_to_sextet(character).ok_or_else(invalid)?;
            if index + 1 < TOPIC_ID_TEXT_LEN {
                bits = (bits << 6) | u128::from(sextet);
            } else {
                // Two bits are left for the last character; its other four are no part of the id.
                if sextet & 0x0f != 0 {
                    return Err(invalid());
                }
                bits = (bits << 2) | u128::from(sextet >> 4);
            }
        }
        Ok(Self(bits.to_be_bytes()))
    }
}

fn sextet_to_char(sextet: u8) -> char {
    char::from(ALPHABET[usize::from(sextet & 0x3f)])
}

fn char_to_sextet(character: u8) -> Option<u8> {
    match character {
        b'A'..=b'Z' => Some(character - b'A'),
        b'a'..=b'z' => Some(character - b'a' + 26),
        b'0'..=b'9' => Some(character - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

// === impl NodeId ===

impl NodeId {
    /// "No node", as in a partition without a leader.
    pub const NONE: Self = Self(-1);
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

// === impl ProducerIdentity ===

impl ProducerIdentity {
    /// A producer without idempotence.
    pub const NONE: Self = Self { id: -1, epoch: -1 };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn topic_partitions_print_as_kafka_does_and_sort_by_topic_first() {
        assert_eq!(TopicPartition::new("orders", 3).to_string(), "orders-3");
        assert!(TopicPartition::new("a", 9) < TopicPartition::new("b", 0));
        assert!(TopicPartition::new("a", 2) < TopicPartition::new("a", 10));
    }

    /// Texts as `kafka-topics.sh` and Kafka's own `UuidTest` show them.
    #[test]
    fn topic_ids_have_the_text_of_kafkas_uuid() {
        assert_eq!(TopicId::ZERO.to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
        let mut one = [0; 16];
        one[15] = 1;
        assert_eq!(TopicId(one).to_string(), "AAAAAAAAAAAAAAAAAAAAAQ");
        assert_eq!(TopicId([0xff; 16]).to_string(), "_____________________w");
        let counting: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
        assert_eq!(TopicId(counting).to_string(), "AAECAwQFBgcICQoLDA0ODw");
    }

    #[test]
    fn texts_that_are_no_topic_id_are_refused() {
        for text in [
            "",
            "A",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAA+A",
        ] {
            assert!(text.parse::<TopicId>().is_err(), "{text:?}");
        }
        assert!(
            "AAAAAAAAAAAAAAAAAAAAAB".parse::<TopicId>().is_err(),
            "bits beyond the 128th"
        );
        assert!("ÄÄÄÄÄÄÄÄÄÄÄ".parse::<TopicId>().is_err(), "22 bytes, not base64");
        assert_eq!("AAAAAAAAAAAAAAAAAAAAAA==".parse(), Ok(TopicId::ZERO));
    }

    proptest! {
        #[test]
        fn topic_ids_survive_their_text(bytes: [u8; 16]) {
            let id = TopicId(bytes);
            let text = id.to_string();
            prop_assert_eq!(text.len(), TOPIC_ID_TEXT_LEN);
            prop_assert_eq!(text.parse(), Ok(id));
        }
    }
}
