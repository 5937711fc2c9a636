//! Where records without a key go: all to one partition until its batch is sealed, then to another (KIP-480, KIP-794).
//!
//! So that few lines make few batches. Which partition comes next is spread, not promised.

/// The partition of the open batch without keys.
#[derive(Debug)]
pub(super) struct StickyPartition {
    current: Option<i32>,
    last: Option<i32>,
    random: u32,
}

// === impl StickyPartition ===

impl StickyPartition {
    /// `seed` tells processes apart.
    pub(super) fn new(seed: u32) -> Self {
        Self {
            current: None,
            last: None,
            random: seed,
        }
    }

    /// The partition to use now, chosen among `available` if a new one is due. Another one than the last if there is another.
    pub(super) fn current(&mut self, available: impl FnOnce() -> Vec<i32>) -> i32 {
        if let Some(current) = self.current {
            return current;
        }
        let mut choice = available();
        if choice.len() > 1 {
            choice.retain(|partition| Some(*partition) != self.last);
        }
        let count = u32::try_from(choice.len()).unwrap_or(u32::MAX).max(1);
        let index = usize::try_from(self.next_random() % count).unwrap_or(0);
        let chosen = choice.get(index).copied().unwrap_or(0);
        self.current = Some(chosen);
        chosen
    }

    /// The batch of `partition` was sealed.
    pub(super) fn sealed(&mut self, partition: i32) {
        if self.current == Some(partition) {
            self.last = self.current.take();
        }
    }

    /// Numerical Recipes' generator, of which the high bits are good enough to spread partitions.
    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.random >> 16
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::StickyPartition;

    #[test]
    fn it_stays_until_its_batch_is_sealed_and_then_moves() {
        let mut sticky = StickyPartition::new(7);
        let all = || (0..8).collect::<Vec<_>>();
        let mut seen = BTreeSet::new();
        for _ in 0..100 {
            let first = sticky.current(all);
            assert_eq!(sticky.current(all), first);
            sticky.sealed(first + 1);
            assert_eq!(
                sticky.current(all),
                first,
                "another partition's batch does not matter"
            );
            sticky.sealed(first);
            assert_ne!(sticky.current(all), first);
            seen.insert(first);
        }
        assert_eq!(seen, (0..8).collect());
    }

    #[test]
    fn one_partition_is_used_again() {
        let mut sticky = StickyPartition::new(7);
        assert_eq!(sticky.current(|| vec![3]), 3);
        sticky.sealed(3);
        assert_eq!(sticky.current(|| vec![3]), 3);
        sticky.sealed(3);
        assert_eq!(sticky.current(Vec::new), 0);
    }
}
