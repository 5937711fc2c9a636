//! Byte limits of partitions where the broker keeps no limit for the whole answer: before Fetch v3 (Kafka 0.10.0).
//!
//! Such a broker gives every partition up to its own limit, and cuts a first batch that is larger. So the credit of the
//! answer is shared out among the partitions asked for, and a partition whose batch was cut is asked for alone, with all
//! of the credit. Rounds of one partition and rounds of many take turns, so that nobody waits for long.

/// A share below this would have most batches cut, in bytes.
const SHARE_MIN: i32 = 64 * 1024;

/// What is known of a partition that may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Want {
    /// The limit that it has by itself, in bytes; larger than ordinary after a cut.
    pub(crate) bytes_max: i32,
    /// Its last answer held part of a batch only.
    pub(crate) was_cut: bool,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    /// Where the next round of many begins.
    next: usize,
    last_was_alone: bool,
}

// === impl Shares ===

impl Shares {
    /// Who is asked for (by index), and with which limits, in bytes. The limits add up to `bytes` at most, unless a single
    /// batch needs more, or `bytes` is less than the smallest share.
    pub(crate) fn share_out(&mut self, wants: &[Want], bytes: i32) -> Vec<(usize, i32)> {
        let cut = wants.iter().position(|want| want.was_cut);
        if let (Some(index), false) = (cut, self.last_was_alone) {
            self.last_was_alone = true;
            let own = wants.get(index).map_or(0, |want| want.bytes_max);
            return vec![(index, own.max(bytes))];
        }
        self.last_was_alone = false;
        let fitting = usize::try_from(bytes / SHARE_MIN).unwrap_or(0).max(1);
        let asked = wants.len().min(fitting);
        let share = bytes / i32::try_from(asked.max(1)).unwrap_or(i32::MAX);
        let first = self.next;
        self.next = self.next.wrapping_add(asked);
        (0..asked)
            .filter_map(|place| {
                let index = first.wrapping_add(place).checked_rem(wants.len())?;
                Some((index, wants.get(index)?.bytes_max.min(share.max(1))))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDINARY: Want = Want {
        bytes_max: 1 << 20,
        was_cut: false,
    };

    #[test]
    fn the_limits_of_all_add_up_to_the_credit() {
        let mut shares = Shares::default();
        let asked = shares.share_out(&[ORDINARY; 40], 10 << 20);
        assert_eq!(asked.len(), 40);
        assert!(asked.iter().map(|(_, limit)| limit).sum::<i32>() <= 10 << 20);
        assert_eq!(
            shares.share_out(&[ORDINARY; 2], 10 << 20),
            [(0, 1 << 20), (1, 1 << 20)],
            "no more than their own"
        );
    }

    #[test]
    fn where_shares_would_be_tiny_partitions_take_turns() {
        let mut shares = Shares::default();
        let wants = [ORDINARY; 100];
        let mut seen = vec![0; wants.len()];
        for _ in 0..10 {
            let asked = shares.share_out(&wants, 20 * SHARE_MIN);
            assert_eq!(asked.len(), 20);
            for (index, limit) in asked {
                assert_eq!(limit, SHARE_MIN);
                seen[index] += 1;
            }
        }
        assert!(seen.iter().all(|times| *times == 2), "{seen:?}");
    }

    #[test]
    fn a_cut_batch_gets_all_the_credit_every_other_round() {
        let mut shares = Shares::default();
        let cut = Want {
            bytes_max: 64 << 20,
            was_cut: true,
        };
        let wants = [ORDINARY, cut, ORDINARY];
        assert_eq!(shares.share_out(&wants, 10 << 20), [(1, 64 << 20)], "even more");
        assert_eq!(shares.share_out(&wants, 10 << 20).len(), 3, "the others' turn");
        assert_eq!(shares.share_out(&wants, 10 << 20).len(), 1);
        assert_eq!(shares.share_out(&[ORDINARY], 10 << 20), [(0, 1 << 20)]);
    }

    #[test]
    fn nobody_or_hardly_any_credit_is_no_mishap() {
        let mut shares = Shares::default();
        assert_eq!(shares.share_out(&[], 10 << 20), []);
        assert_eq!(shares.share_out(&[ORDINARY; 3], 5).len(), 1);
    }
}
