//! How soon to look at the source's metadata again while partitions have no leader.
//!
//! An election is over within moments, or it waits for a broker that may be away for hours: the looks become rarer the
//! longer nothing changes, down to the ordinary rhythm. Any change among the partitions that wait makes them frequent
//! again, so that one which is lost for good does not slow down the failover of others.

use std::collections::BTreeSet;
use std::time::Duration;

use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::ids::TopicPartition;

/// The partitions without a leader, as the last look showed them.
pub(super) struct Elections {
    leaderless: BTreeSet<TopicPartition>,
    pauses: Backoff,
}

// === impl Elections ===

impl Elections {
    /// `first` is the pause after a change; `longest` the time between two ordinary looks.
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        let config = BackoffConfig {
            initial: first,
            max: longest,
        };
        Self {
            leaderless: BTreeSet::new(),
            pauses: Backoff::new(config, 0),
        }
    }

    /// Takes in what a look showed. The pause before the next one; `None` while every partition has a leader.
    pub(super) fn next_look(&mut self, leaderless: BTreeSet<TopicPartition>) -> Option<Duration> {
        if leaderless != self.leaderless {
            self.pauses.reset();
            self.leaderless = leaderless;
        }
        (!self.leaderless.is_empty()).then(|| self.pauses.next_delay())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(3);

    fn partitions(numbers: &[i32]) -> BTreeSet<TopicPartition> {
        let numbers = numbers.iter();
        numbers
            .map(|number| TopicPartition::new("orders", *number))
            .collect()
    }

    #[test]
    fn looks_become_rarer_until_something_changes() {
        let mut elections = Elections::new(FIRST, LONGEST);
        assert_eq!(elections.next_look(partitions(&[])), None);
        let pauses: Vec<_> = (0..12)
            .filter_map(|_| elections.next_look(partitions(&[1])))
            .collect();
        assert!(pauses[0] <= FIRST * 6 / 5, "{pauses:?}");
        assert!(pauses[..5].is_sorted(), "{pauses:?}");
        assert!(
            pauses[11] >= LONGEST / 2 && pauses.iter().all(|pause| *pause <= LONGEST),
            "{pauses:?}"
        );
        // A second one fails over while the first stays lost.
        assert_eq!(elections.next_look(partitions(&[1, 2])), Some(pauses[0]));
        assert_eq!(elections.next_look(partitions(&[1])), Some(pauses[0]));
        assert_eq!(elections.next_look(partitions(&[1])), Some(pauses[1]));
        assert_eq!(elections.next_look(partitions(&[])), None);
        assert_eq!(elections.next_look(partitions(&[1])), Some(pauses[0]));
    }
}
