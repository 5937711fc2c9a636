//! Member ids as Kafka makes them: client id or instance id, a dash, and a UUID; here from a seed.

use crate::random::Random;

/// A source of member ids.
#[derive(Debug)]
pub(super) struct MemberIds {
    random: Random,
}

// === impl MemberIds ===

impl MemberIds {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
        }
    }

    /// The next id, beginning with `prefix`.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        let digits = format!("{:032x}", u128::from_be_bytes(self.random.uuid()));
        format!(
            "{prefix}-{}-{}-{}-{}-{}",
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..]
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_shape_of_a_random_uuid_behind_the_client_id() {
        let mut ids = MemberIds::new(7);
        for _ in 0..100 {
            let id = ids.next("mirror-0");
            let uuid = id.strip_prefix("mirror-0-").expect("begins with the client id");
            let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert!(uuid.chars().all(|c| c == '-' || c.is_ascii_hexdigit()), "{uuid}");
            assert_eq!(&uuid[14..15], "4", "version: {uuid}");
            assert!("89ab".contains(&uuid[19..20]), "variant: {uuid}");
        }
    }

    #[test]
    fn one_seed_gives_the_same_ids_again_and_no_id_twice() {
        let ids = |seed| {
            let mut ids = MemberIds::new(seed);
            (0..1000).map(|_| ids.next("c")).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let mut sorted = ids(3);
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 1000);
    }
}
