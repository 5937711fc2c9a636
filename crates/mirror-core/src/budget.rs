//! The credit that bounds every byte in flight between the two clusters. Bookkeeping only: no waiting, no memory.
//!
//! ```text
//!   allowance(partition) ─► reserve / reserve_lane ─► fetch ─► commit_actual ─► … acks … ─► release
//! ```
//!
//! - A fetch **reserves** what it may return before it is sent; the answer then **commits** what really arrived, per
//!   partition; the bytes go back with **release** when the target has acknowledged them.
//! - A partition's **share** is the most it may hold, and never more than what is still free for everybody. So however
//!   many partitions are stuck, the others find room: n stuck ones stop at 1/(n+1) of the credit each.
//! - The **lane** is kept out of ordinary reservations. When the ordinary credit is spent, one fetch at a time may use
//!   it for partitions that hold nothing. It equals the largest batch a broker may return, because a broker returns
//!   the first batch of an answer whole, whatever the limits say; so a large batch always finds a way through.
//!
//! Invariants:
//! - (A) ordinary reservations together with what is held never exceed `total - lane` at the moment they are made;
//! - (B) what is held exceeds `total` by no more than one largest batch per fetch under way;
//! - (C) the lane is free again as soon as what is used falls back to `total - lane`.

use std::collections::BTreeMap;

/// The sizes of a budget, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetLimits {
    /// Everything in flight, the lane included.
    pub total: u64,
    /// The most that one partition may hold.
    pub share: u64,
    /// Kept for one largest batch; part of `total`.
    pub lane: u64,
}

/// Credit set aside for one fetch. It goes back by [`Budget::commit_actual`]; losing it loses the credit.
#[derive(Debug)]
#[must_use = "credit that is not committed is lost"]
pub struct Reservation {
    bytes: u64,
    is_lane: bool,
}

/// Who holds how much. `K` names a partition of a flow.
#[derive(Debug)]
pub struct Budget<K> {
    limits: BudgetLimits,
    held: BTreeMap<K, u64>,
    held_total: u64,
    reserved: u64,
    lane_reserved: bool,
}

// === impl Reservation ===

impl Reservation {
    /// The most that the fetch may ask for.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

// === impl Budget ===

impl<K: Ord> Budget<K> {
    /// An unused budget. A lane larger than the total is cut down to the total.
    pub fn new(limits: BudgetLimits) -> Self {
        let limits = BudgetLimits {
            lane: limits.lane.min(limits.total),
            ..limits
        };
        Self {
            limits,
            held: BTreeMap::new(),
            held_total: 0,
            reserved: 0,
            lane_reserved: false,
        }
    }

    /// How many bytes more this partition may hold; 0 leaves it out of the next ordinary fetch.
    pub fn allowance(&self, partition: &K) -> u64 {
        self.limits
            .share
            .min(self.ordinary_free())
            .saturating_sub(self.held_by(partition))
    }

    /// Sets up to `wanted` bytes aside for a fetch; `None` when fewer than `minimum` are free.
    pub fn reserve(&mut self, wanted: u64, minimum: u64) -> Option<Reservation> {
        let bytes = wanted.min(self.ordinary_free());
        if bytes == 0 || bytes < minimum {
            return None;
        }
        self.reserved += bytes;
        Some(Reservation {
            bytes,
            is_lane: false,
        })
    }

    /// Sets the lane aside for a fetch that asks only for partitions which hold nothing ([`Self::held_by`] = 0).
    /// `None` while the lane is in use.
    pub fn reserve_lane(&mut self) -> Option<Reservation> {
        let free = self.limits.total.saturating_sub(self.used());
        if self.lane_reserved || self.limits.lane == 0 || free < self.limits.lane {
            return None;
        }
        self.lane_reserved = true;
        self.reserved += self.limits.lane;
        Some(Reservation {
            bytes: self.limits.lane,
            is_lane: true,
        })
    }

    /// Sets more aside for a fetch that is yet to be sent, up to `bytes` in all, as far as ordinary credit goes.
    pub fn raise(&mut self, reservation: &mut Reservation, bytes: u64) {
        let more = bytes.saturating_sub(reservation.bytes).min(self.ordinary_free());
        reservation.bytes += more;
        self.reserved += more;
    }

    /// The fetch is over: what arrived is charged to its partitions, the rest of the reservation is free again. A fetch
    /// that failed commits an empty list. What arrived may exceed the reservation by one batch (invariant B).
    #[expect(clippy::needless_pass_by_value, reason = "a reservation is spent once")]
    pub fn commit_actual(&mut self, reservation: Reservation, arrived: impl IntoIterator<Item = (K, u64)>) {
        let Reservation {
            bytes: reserved,
            is_lane,
        } = reservation;
        self.reserved -= reserved;
        self.lane_reserved &= !is_lane;
        for (partition, bytes) in arrived {
            self.charge(partition, bytes);
        }
    }

    /// Charges bytes that came without a fetch (a batch that grew when it was rebuilt).
    pub fn charge(&mut self, partition: K, bytes: u64) {
        if bytes > 0 {
            *self.held.entry(partition).or_default() += bytes;
            self.held_total += bytes;
        }
    }

    /// `bytes` of this partition are on the target, or given up.
    ///
    /// # Panics
    /// When the partition does not hold that much: a bug of the caller.
    pub fn release(&mut self, partition: &K, bytes: u64) {
        if bytes == 0 {
            return;
        }
        let held = self
            .held
            .get_mut(partition)
            .expect("invariant: only held bytes are released");
        *held = held
            .checked_sub(bytes)
            .expect("invariant: no more is released than is held");
        if *held == 0 {
            self.held.remove(partition);
        }
        self.held_total -= bytes;
    }

    /// Gives back all that this partition holds (it halted or was handed over); returns the bytes.
    pub fn release_all(&mut self, partition: &K) -> u64 {
        let bytes = self.held.remove(partition).unwrap_or(0);
        self.held_total -= bytes;
        bytes
    }

    /// The bytes this partition holds.
    pub fn held_by(&self, partition: &K) -> u64 {
        self.held.get(partition).copied().unwrap_or(0)
    }

    /// The bytes held by all partitions and reserved by fetches under way.
    pub fn used(&self) -> u64 {
        self.held_total + self.reserved
    }

    /// The limits this budget was made with.
    pub fn limits(&self) -> BudgetLimits {
        self.limits
    }

    fn ordinary_free(&self) -> u64 {
        (self.limits.total - self.limits.lane).saturating_sub(self.used())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget() -> Budget<u32> {
        Budget::new(BudgetLimits {
            total: 1000,
            share: 600,
            lane: 100,
        })
    }

    fn fetch(budget: &mut Budget<u32>, partition: u32, bytes: u64) {
        let reservation = budget.reserve(bytes, 1).unwrap();
        assert_eq!(reservation.bytes(), bytes);
        budget.commit_actual(reservation, [(partition, bytes)]);
    }

    #[test]
    fn a_fetch_that_returns_less_gives_the_rest_back() {
        let mut budget = budget();
        let reservation = budget.reserve(500, 1).unwrap();
        assert_eq!(budget.used(), 500);
        budget.commit_actual(reservation, [(1, 30), (2, 20)]);
        assert_eq!(
            (budget.used(), budget.held_by(&1), budget.held_by(&2)),
            (50, 30, 20)
        );
        budget.release(&1, 30);
        assert_eq!(budget.release_all(&2), 20);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_fetch_for_one_large_batch_sets_aside_what_there_is() {
        let mut budget = budget();
        let mut reservation = budget.reserve(200, 1).unwrap();
        budget.raise(&mut reservation, 150);
        assert_eq!((reservation.bytes(), budget.used()), (200, 200), "never less");
        budget.raise(&mut reservation, 500);
        assert_eq!((reservation.bytes(), budget.used()), (500, 500));
        budget.raise(&mut reservation, 5000);
        assert_eq!(
            (reservation.bytes(), budget.used()),
            (900, 900),
            "without the lane"
        );
        let mut lane = budget.reserve_lane().unwrap();
        budget.raise(&mut lane, 5000);
        assert_eq!((lane.bytes(), budget.used()), (100, 1000));
        budget.commit_actual(reservation, [(1, 5000)]);
        budget.commit_actual(lane, []);
        assert_eq!(budget.used(), 5000);
        assert_eq!(budget.release_all(&1), 5000);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn ordinary_fetches_never_touch_the_lane() {
        let mut budget = budget();
        let all = budget.reserve(5000, 1).unwrap();
        assert_eq!(all.bytes(), 900);
        assert!(budget.reserve(1, 1).is_none());
        let lane = budget.reserve_lane().unwrap();
        assert_eq!(lane.bytes(), 100);
        assert!(budget.reserve_lane().is_none(), "one fetch at a time");
        budget.commit_actual(lane, [(9, 100)]);
        assert!(
            budget.reserve_lane().is_none(),
            "the lane's bytes are still in flight"
        );
        budget.release(&9, 100);
        assert!(budget.reserve_lane().is_some());
        budget.commit_actual(all, []);
    }

    #[test]
    fn the_lane_refills_from_whatever_comes_back_first() {
        let mut budget = budget();
        fetch(&mut budget, 1, 900);
        let lane = budget.reserve_lane().unwrap();
        budget.commit_actual(lane, [(2, 100)]);
        budget.release(&1, 100);
        assert_eq!(budget.allowance(&3), 0, "the lane comes first");
        assert!(budget.reserve_lane().is_some());
    }

    /// docs/traps.md: one stuck target partition eats the global budget and every flow stops.
    #[test]
    fn stuck_partitions_leave_room_for_the_others() {
        let mut budget = budget();
        for round in 0..100 {
            for stuck in 0..4 {
                let bytes = budget.allowance(&stuck).min(10);
                if bytes > 0 {
                    fetch(&mut budget, stuck, bytes);
                }
            }
            assert!(budget.allowance(&99) > 0, "round {round}");
        }
        assert!(budget.allowance(&99) >= 900 / 5 - 10);
        assert_eq!(budget.allowance(&0), 0);
    }

    #[test]
    fn a_share_caps_a_single_partition() {
        let mut budget = Budget::new(BudgetLimits {
            total: 10_000,
            share: 600,
            lane: 100,
        });
        assert_eq!(budget.allowance(&1), 600);
        fetch(&mut budget, 1, 600);
        assert_eq!(budget.allowance(&1), 0);
        assert_eq!(budget.allowance(&2), 600);
    }

    #[test]
    fn too_little_credit_is_no_credit() {
        let mut budget = budget();
        fetch(&mut budget, 1, 850);
        assert!(budget.reserve(500, 51).is_none());
        assert_eq!(budget.reserve(500, 50).unwrap().bytes(), 50);
    }

    #[test]
    #[should_panic(expected = "no more is released than is held")]
    fn releasing_more_than_held_is_a_bug() {
        let mut budget = budget();
        fetch(&mut budget, 1, 10);
        budget.release(&1, 11);
    }
}
