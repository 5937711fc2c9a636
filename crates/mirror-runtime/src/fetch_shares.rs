//! Byte limits of partitions where the broker keeps no limit for the whole answer: before Fetch v3 (Kafka 0.10.0).
//!
//! Such a broker gives every partition up to its own limit, and cuts a first batch that is larger. So the credit of the
//! answer is shared out among the partitions asked for. A batch that came cut has told its size: from then on its
//! partition is asked for in rounds of its own, with room for exactly that batch. These rounds and those of all others take
//! turns, and within both kinds each partition has its turn, so that nobody waits for long:
//!
//! - (A) of k partitions with a cut batch each has its batch within 2k rounds, whatever the others do;
//! - (B) the others have every other round;
//! - (C) the limits of a round add up to its credit at most, but for one batch that is larger than all of it.

use std::cmp::Ordering;
use std::time::Duration;

/// A share below this would have most batches cut, in bytes.
pub(crate) const SHARE_MIN: i32 = 64 * 1024;

/// What is known of a partition that may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Want<K> {
    /// Which partition. Turns are taken in this order, whoever comes and goes in between.
    pub(crate) key: K,
    /// The limit that it has by itself, in bytes.
    pub(crate) bytes_max: i32,
    /// The size of the batch that its last answer held a part of, in bytes.
    pub(crate) cut: Option<i32>,
}

/// Whose turn it is.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    /// Who had the last turn among those with a cut batch.
    cut: Option<K>,
    /// And among the others.
    uncut: Option<K>,
    last_was_for_cut: bool,
}

/// What one request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Round {
    /// The sum of its limits.
    pub(crate) bytes: i32,
    /// In how many such rounds everybody has had a turn.
    rounds: u32,
    /// A batch is known to lie ready, for this round or another one.
    is_urgent: bool,
}

// === impl Shares ===

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self {
            cut: None,
            uncut: None,
            last_was_for_cut: false,
        }
    }
}

impl<K: Ord + Clone> Shares<K> {
    /// Who is asked for (by index), and with which limits, in bytes. Empty only if nobody wants anything.
    pub(crate) fn share_out(&mut self, wants: &[Want<K>], bytes: i32) -> Vec<(usize, i32)> {
        let (cut, uncut): (Vec<_>, Vec<_>) =
            wants.iter().enumerate().partition(|(_, want)| want.cut.is_some());
        let is_for_cut = uncut.is_empty() || (!cut.is_empty() && !self.last_was_for_cut);
        self.last_was_for_cut = is_for_cut;
        let (wants, last) = if is_for_cut {
            (cut, &mut self.cut)
        } else {
            (uncut, &mut self.uncut)
        };
        let wants = in_turn(wants, last.as_ref());
        let limits = if is_for_cut {
            whole_batches(&wants, bytes)
        } else {
            even_shares(&wants, bytes)
        };
        let asked = limits.len();
        if let Some((_, want)) = wants.get(asked.wrapping_sub(1)) {
            *last = Some(want.key.clone());
        }
        wants.iter().map(|(index, _)| *index).zip(limits).collect()
    }
}

// === impl Round ===

impl Round {
    /// The round that asks those who want something with these limits.
    pub(crate) fn new<K>(wants: &[Want<K>], limits: &[(usize, i32)]) -> Self {
        Self {
            bytes: limits
                .iter()
                .fold(0, |sum: i32, (_, limit)| sum.saturating_add(*limit)),
            rounds: u32::try_from(wants.len().div_ceil(limits.len().max(1))).unwrap_or(u32::MAX),
            is_urgent: wants.iter().any(|want| want.cut.is_some()),
        }
    }

    /// How long the broker may wait for records where `wait_max` is what it may if it is asked for everything: whom this
    /// round leaves out must not wait for longer than that. No less than `least`, so that an idle source is not asked in a
    /// tight loop.
    pub(crate) fn wait(&self, wait_max: Duration, least: Duration) -> Duration {
        let wait = if self.is_urgent {
            Duration::ZERO
        } else {
            wait_max / self.rounds.max(1)
        };
        wait.max(least).min(wait_max)
    }
}

/// The partitions behind the one that had the last turn come first.
fn in_turn<'a, K: Ord>(mut wants: Vec<(usize, &'a Want<K>)>, last: Option<&K>) -> Vec<(usize, &'a Want<K>)> {
    wants.sort_by(|(_, one), (_, other)| one.key.cmp(&other.key));
    if let Some(last) = last {
        let first = wants.partition_point(|(_, want)| want.key.cmp(last) != Ordering::Greater);
        wants.rotate_left(first);
    }
    wants
}

/// As many cut batches as there is room for, and at least one. What is left over is for what lies behind them.
fn whole_batches<K>(wants: &[(usize, &Want<K>)], bytes: i32) -> Vec<i32> {
    let mut left = bytes;
    let mut sizes = Vec::new();
    for (_, want) in wants {
        let size = want.cut.unwrap_or(SHARE_MIN);
        if !sizes.is_empty() && size > left {
            break;
        }
        left = left.saturating_sub(size).max(0);
        sizes.push(size);
    }
    let more = left / count(sizes.len());
    wants
        .iter()
        .zip(sizes)
        .map(|((_, want), size)| size.max(want.bytes_max.min(size.saturating_add(more))))
        .collect()
}

/// The same for all, as long as that is enough for a batch of ordinary size.
fn even_shares<K>(wants: &[(usize, &Want<K>)], bytes: i32) -> Vec<i32> {
    let fitting = usize::try_from(bytes / SHARE_MIN).unwrap_or(0).max(1);
    let asked = wants.len().min(fitting);
    let share = (bytes / count(asked)).max(1);
    let asked = wants.iter().take(asked);
    asked.map(|(_, want)| want.bytes_max.min(share)).collect()
}

/// A number of partitions to divide by.
fn count(partitions: usize) -> i32 {
    i32::try_from(partitions.max(1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: i32 = 1 << 20;

    /// Partitions 0, 1, .. with the sizes of their cut batches, 0 for none.
    fn wants(cut: &[i32]) -> Vec<Want<usize>> {
        cut.iter()
            .enumerate()
            .map(|(key, size)| Want {
                key,
                bytes_max: MIB,
                cut: (*size > 0).then_some(*size),
            })
            .collect()
    }

    #[test]
    fn the_limits_of_all_add_up_to_the_credit() {
        let mut shares = Shares::default();
        let asked = shares.share_out(&wants(&[0; 40]), 10 * MIB);
        assert_eq!(asked.len(), 40);
        assert!(asked.iter().map(|(_, limit)| limit).sum::<i32>() <= 10 * MIB);
        let mut shares = Shares::default();
        assert_eq!(
            shares.share_out(&wants(&[0; 2]), 10 * MIB),
            [(0, MIB), (1, MIB)],
            "no more than their own"
        );
    }

    #[test]
    fn where_shares_would_be_tiny_partitions_take_turns() {
        let mut shares = Shares::default();
        let wants = wants(&[0; 100]);
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

    /// Found by reading: the partition with the lowest number had each turn that was for one alone, and all others with a
    /// cut batch waited until it had nothing more.
    #[test]
    fn each_partition_with_a_cut_batch_has_its_turn() {
        let mut shares = Shares::default();
        let wants = wants(&[0, 64 * MIB, 0, 32 * MIB]);
        let many = [(0, MIB), (2, MIB)];
        assert_eq!(
            shares.share_out(&wants, 10 * MIB),
            [(1, 64 * MIB)],
            "more than the credit"
        );
        assert_eq!(shares.share_out(&wants, 10 * MIB), many, "the others' turn");
        assert_eq!(shares.share_out(&wants, 10 * MIB), [(3, 32 * MIB)]);
        assert_eq!(shares.share_out(&wants, 10 * MIB).len(), many.len());
        assert_eq!(shares.share_out(&wants, 10 * MIB), [(1, 64 * MIB)]);
    }

    /// Asked for again and again with its small share, a batch that came cut only costs its bytes on the way.
    #[test]
    fn cut_batches_that_fit_together_are_asked_for_together_and_never_with_less_than_they_need() {
        let mut shares = Shares::default();
        let half = MIB / 2;
        let asked = shares.share_out(&wants(&[900_000, 0, half, half, 900_000]), 2 * MIB);
        let indices: Vec<_> = asked.iter().map(|(index, _)| *index).collect();
        assert_eq!(indices, [0, 2, 3]);
        assert!(
            asked.iter().map(|(_, limit)| limit).sum::<i32>() <= 2 * MIB,
            "{asked:?}"
        );
        let sizes = [900_000, half, half];
        assert!(
            asked.iter().zip(sizes).all(|((_, limit), size)| *limit >= size),
            "{asked:?}"
        );
    }

    #[test]
    fn nobody_or_hardly_any_credit_is_no_mishap() {
        let mut shares = Shares::default();
        assert_eq!(shares.share_out(&[], 10 * MIB), []);
        assert_eq!(shares.share_out(&wants(&[0; 3]), 5).len(), 1);
        assert_eq!(shares.share_out(&wants(&[7]), 5), [(0, 7)]);
        assert_eq!(shares.share_out(&wants(&[i32::MAX]), i32::MAX), [(0, i32::MAX)]);
    }

    /// Found by reading: while some partitions had a long poll for themselves, what had arrived for the others waited for it.
    #[test]
    fn whoever_is_left_out_does_not_wait_for_an_idle_round() {
        let (wait_max, least) = (Duration::from_millis(500), Duration::from_millis(20));
        let wait = |wants: &[Want<usize>], bytes| {
            let limits = Shares::default().share_out(wants, bytes);
            Round::new(wants, &limits).wait(wait_max, least)
        };
        assert_eq!(wait(&wants(&[0; 20]), 20 * SHARE_MIN), wait_max, "all are in it");
        assert_eq!(wait(&wants(&[0; 100]), 20 * SHARE_MIN), wait_max / 5);
        assert_eq!(wait(&wants(&[0; 4000]), 20 * SHARE_MIN), least);
        assert_eq!(wait(&wants(&[0, 900_000]), 2 * MIB), least, "a batch lies ready");
        let impatient = Duration::from_millis(10);
        let round = Round::new(&wants(&[7]), &[(0, 7)]);
        assert_eq!((round.bytes, round.wait(impatient, least)), (7, impatient));
    }

    /// Invariants (A), (B) and (C), with partitions whose batches are of any size and that hold things up for a while.
    #[test]
    fn nobody_starves_whatever_the_batches_are() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        for _ in 0..300 {
            let partitions = 1 + random.below(40);
            let credit = SHARE_MIN * (1 + i32::try_from(random.below(40)).unwrap());
            let cut: Vec<_> = (0..partitions)
                .map(|_| match random.below(3) {
                    0 => SHARE_MIN + i32::try_from(random.below(1 << 26)).unwrap(),
                    _ => 0,
                })
                .collect();
            let wants = wants(&cut);
            let cut_count = cut.iter().filter(|size| **size > 0).count();
            let uncut_count = wants.len() - cut_count;
            let mut shares = Shares::default();
            for _ in 0..random.below(5) {
                // Others were held up meanwhile: any part of them.
                let some: Vec<_> = wants.iter().filter(|_| random.below(2) == 0).cloned().collect();
                shares.share_out(&some, credit);
            }
            let mut served = vec![0; wants.len()];
            let mut rounds_for_uncut = 0;
            let rounds = 2 * cut_count.max(1);
            for _ in 0..rounds {
                let asked = shares.share_out(&wants, credit);
                let total: i64 = asked.iter().map(|(_, limit)| i64::from(*limit)).sum();
                assert!(
                    total <= i64::from(credit) || asked.len() == 1,
                    "(C) {asked:?} of {credit}"
                );
                let for_uncut = asked.iter().all(|(index, _)| cut[*index] == 0);
                rounds_for_uncut += usize::from(for_uncut);
                for (index, limit) in asked {
                    assert!(limit >= cut[index], "room for the batch");
                    served[index] += 1;
                }
            }
            let starved = (0..wants.len()).find(|index| cut[*index] > 0 && served[*index] == 0);
            assert_eq!(starved, None, "(A) {cut:?} {served:?}");
            assert!(uncut_count == 0 || rounds_for_uncut >= rounds / 2, "(B) {cut:?}");
        }
    }

    /// Numbers that are the same at each run (`xorshift64`).
    struct Random(u64);

    // === impl Random ===

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }
}
