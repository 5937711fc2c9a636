//! Which partitioner the source's producers use, found from keys and the partitions they stand in.
//!
//! `by-key` places a record by Java's murmur2. Where the producers use another hash, keys change their partition on the
//! way, nearly every batch has to be taken apart, and the day producers move over to the target the same keys move
//! again (docs/traps.md). So it is worth a look before the first record is mirrored.
//!
//! | hash | who uses it by default |
//! |---|---|
//! | murmur2 | Java's clients, kafka-python, franz-go, `KafkaJS` |
//! | crc32 | librdkafka (`consistent_random`), so confluent's clients for Python, Go, .NET and others |
//! | fnv1a | Sarama, the hash balancer of kafka-go |
//!
//! A key agrees with a wrong hash by chance once in as many times as there are partitions. An answer is given only where
//! chance is below one in a thousand.

use std::collections::BTreeSet;

use mirror_router::{murmur2, partition_for_key};

/// A hash that a known partitioner uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHash {
    /// Java's default partitioner.
    Murmur2,
    /// librdkafka's default partitioner.
    Crc32,
    /// Sarama's default partitioner.
    Fnv1a,
}

/// What the keys of a sample tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partitioner {
    /// No record of the sample has a key.
    NoKeys,
    /// With one partition every partitioner gives the same.
    OnePartition,
    /// Too few different keys to tell a partitioner from chance.
    TooFewKeys,
    /// (Nearly) all keys stand where this hash puts them.
    Hash(KeyHash),
    /// Many keys stand where this hash puts them, others do not: several kinds of producers, or a topic that has grown.
    Mixed(KeyHash),
    /// No known hash explains where the keys stand.
    Unknown,
}

/// Collects keys. Its size is bounded by the number of records it is shown.
#[derive(Debug, Clone)]
pub struct KeySurvey {
    partitions: i32,
    /// Different pairs of key (by two of its hashes) and partition: a key that is written often counts once.
    seen: BTreeSet<(i32, u32, i32)>,
    agreeing: [usize; KeyHash::ALL.len()],
    null_keys: usize,
    empty_keys: usize,
}

/// Of a hundred different keys, how many must agree with a hash that is taken for the producers' own. Not all: a topic
/// that grew, or one record placed by hand, does not make another partitioner.
const AGREEING_PERCENT: usize = 95;

/// Chance below one in 2^10.
const EVIDENCE_BITS: usize = 10;

/// By how many of a hundred keys a hash must do better than chance to be named beside others.
const MIXED_PERCENT: usize = 20;

// === impl KeyHash ===

impl KeyHash {
    const ALL: [Self; 3] = [Self::Murmur2, Self::Crc32, Self::Fnv1a];

    /// The partition of `key` among `partitions`. A count below 1 counts as 1.
    fn partition(self, key: &[u8], partitions: i32) -> i32 {
        let count = partitions.max(1);
        match self {
            Self::Murmur2 => partition_for_key(key, count),
            // librdkafka's rd_kafka_msg_partitioner_consistent: unsigned.
            Self::Crc32 => {
                let remainder = i64::from(crc32(key)) % i64::from(count);
                i32::try_from(remainder).unwrap_or(0)
            }
            // Sarama's hashPartitioner: the remainder of the signed number, without its sign.
            Self::Fnv1a => fnv1a(key).cast_signed().wrapping_rem(count).wrapping_abs(),
        }
    }

    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Murmur2 => "murmur2",
            Self::Crc32 => "crc32",
            Self::Fnv1a => "fnv1a",
        }
    }

    /// Whose default it is.
    pub fn users(self) -> &'static str {
        match self {
            Self::Murmur2 => "Java's clients",
            Self::Crc32 => "librdkafka and the clients built on it",
            Self::Fnv1a => "Sarama",
        }
    }
}

// === impl Partitioner ===

impl Partitioner {
    /// As it stands in JSON and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoKeys => "no-keys",
            Self::OnePartition => "one-partition",
            Self::TooFewKeys => "too-few-keys",
            Self::Hash(hash) => hash.name(),
            Self::Mixed(_) => "mixed",
            Self::Unknown => "unknown",
        }
    }

    /// Does by-key move keys to partitions other than those their producers chose?
    pub fn is_not_javas(self) -> bool {
        match self {
            Self::Hash(hash) => hash != KeyHash::Murmur2,
            Self::Mixed(_) | Self::Unknown => true,
            Self::NoKeys | Self::OnePartition | Self::TooFewKeys => false,
        }
    }
}

// === impl KeySurvey ===

impl KeySurvey {
    /// A survey of a topic with so many partitions.
    pub fn new(partitions: i32) -> Self {
        Self {
            partitions: partitions.max(1),
            seen: BTreeSet::new(),
            agreeing: [0; KeyHash::ALL.len()],
            null_keys: 0,
            empty_keys: 0,
        }
    }

    /// Looks at one record's key and the partition it stands in.
    pub fn see(&mut self, partition: i32, key: Option<&[u8]>) {
        match key {
            None => self.null_keys += 1,
            // Java hashes an empty key, librdkafka places it at random: it tells nothing.
            Some([]) => self.empty_keys += 1,
            Some(key) => {
                if self.seen.insert((murmur2(key), crc32(key), partition)) {
                    for (hash, agreeing) in KeyHash::ALL.into_iter().zip(&mut self.agreeing) {
                        *agreeing += usize::from(hash.partition(key, self.partitions) == partition);
                    }
                }
            }
        }
    }

    /// Different keys seen, empty ones not counted.
    pub fn keys(&self) -> usize {
        self.seen.len()
    }

    /// Records without a key.
    pub fn null_keys(&self) -> usize {
        self.null_keys
    }

    /// What the keys tell.
    pub fn partitioner(&self) -> Partitioner {
        let keys = self.keys();
        if keys == 0 {
            return if self.empty_keys > 0 {
                Partitioner::TooFewKeys
            } else {
                Partitioner::NoKeys
            };
        }
        if self.partitions == 1 {
            return Partitioner::OnePartition;
        }
        let bits_per_key = usize::try_from(self.partitions.ilog2()).unwrap_or(1);
        if keys.saturating_mul(bits_per_key) < EVIDENCE_BITS {
            return Partitioner::TooFewKeys;
        }
        let best = KeyHash::ALL.into_iter().zip(self.agreeing);
        let Some((hash, agreeing)) = best.max_by_key(|(_, agreeing)| *agreeing) else {
            return Partitioner::Unknown;
        };
        let partitions = usize::try_from(self.partitions).unwrap_or(1);
        if agreeing.saturating_mul(100) >= keys.saturating_mul(AGREEING_PERCENT) {
            Partitioner::Hash(hash)
        } else if agreeing.saturating_mul(100 * partitions)
            >= keys.saturating_mul(100 + MIXED_PERCENT * partitions)
        {
            Partitioner::Mixed(hash)
        } else {
            Partitioner::Unknown
        }
    }
}

/// The CRC-32 of zlib and librdkafka (`rd_crc32`), bit by bit: a few thousand keys are no load.
fn crc32(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0xedb8_8320;
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            crc = (crc >> 1) ^ carry;
        }
    }
    !crc
}

/// FNV-1a of 32 bits.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` keys, each placed by `place`.
    fn survey(partitions: i32, count: usize, place: impl Fn(&[u8]) -> i32) -> KeySurvey {
        let mut survey = KeySurvey::new(partitions);
        for number in 0..count {
            let key = format!("customer-{number}");
            survey.see(place(key.as_bytes()), Some(key.as_bytes()));
        }
        survey
    }

    /// Check values of the two algorithms' own descriptions.
    #[test]
    fn hashes_equal_those_of_the_clients() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
        assert_eq!(fnv1a(b""), 0x811c_9dc5);
        assert_eq!(fnv1a(b"foobar"), 0xbf9c_f968);
        // Negative as a signed number: its remainder loses its sign.
        let expected = (0xbf9c_f968_u32.cast_signed() % 7).abs();
        assert_eq!(KeyHash::Fnv1a.partition(b"foobar", 7), expected);
        assert_eq!(KeyHash::Crc32.partition(b"123456789", 7), 5, "3421780262 mod 7");
    }

    #[test]
    fn each_partitioner_is_found_among_few_and_many_partitions() {
        for partitions in [2, 3, 8, 100] {
            for hash in KeyHash::ALL {
                let survey = survey(partitions, 200, |key| hash.partition(key, partitions));
                assert_eq!(survey.partitioner(), Partitioner::Hash(hash), "{partitions}");
                assert_eq!(survey.keys(), 200);
            }
        }
    }

    #[test]
    fn a_partitioner_nobody_knows_is_not_named() {
        let by_length = survey(8, 500, |key| i32::from(key.last().copied().unwrap_or(0)) % 8);
        assert_eq!(by_length.partitioner(), Partitioner::Unknown);
        assert!(by_length.partitioner().is_not_javas());
    }

    #[test]
    fn two_kinds_of_producers_are_mixed() {
        let mixed = survey(8, 500, |key| {
            let hash = if key.len() % 2 == 0 {
                KeyHash::Murmur2
            } else {
                KeyHash::Crc32
            };
            hash.partition(key, 8)
        });
        assert!(matches!(mixed.partitioner(), Partitioner::Mixed(_)), "{mixed:?}");
    }

    #[test]
    fn a_few_strays_change_nothing() {
        let strays = survey(8, 500, |key| {
            let right = KeyHash::Murmur2.partition(key, 8);
            if key.ends_with(b"99") {
                (right + 1) % 8
            } else {
                right
            }
        });
        assert_eq!(strays.partitioner(), Partitioner::Hash(KeyHash::Murmur2));
    }

    #[test]
    fn what_cannot_be_told_is_not_guessed() {
        assert_eq!(KeySurvey::new(8).partitioner(), Partitioner::NoKeys);
        let place = |key: &[u8]| KeyHash::Murmur2.partition(key, 8);
        assert_eq!(survey(8, 3, place).partitioner(), Partitioner::TooFewKeys);
        assert_eq!(
            survey(8, 4, place).partitioner(),
            Partitioner::Hash(KeyHash::Murmur2)
        );
        assert_eq!(survey(1, 100, |_| 0).partitioner(), Partitioner::OnePartition);
    }

    /// Java puts the empty key by its hash, librdkafka at random, and one key written often is still one.
    #[test]
    fn empty_null_and_repeated_keys_are_no_evidence() {
        let mut survey = KeySurvey::new(8);
        for partition in 0..8 {
            survey.see(partition, Some(b""));
            survey.see(partition, None);
        }
        assert_eq!(survey.partitioner(), Partitioner::TooFewKeys);
        assert_eq!(survey.null_keys(), 8);
        for _ in 0..100 {
            survey.see(KeyHash::Murmur2.partition(b"hot", 8), Some(b"hot"));
        }
        assert_eq!(
            (survey.keys(), survey.partitioner()),
            (1, Partitioner::TooFewKeys)
        );
    }
}
