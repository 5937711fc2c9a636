//! The memory budget, shared by all tasks: who waits for credit, and credit that comes back by itself.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mirror_core::budget::{Budget, BudgetLimits, Reservation};
use tokio::sync::Notify;

use crate::partition::PartitionKey;

/// The budget of one process. Taken once per batch or fetch, never per record.
#[derive(Debug)]
pub(crate) struct Memory {
    budget: Mutex<Budget<PartitionKey>>,
    returned: Notify,
}

/// Credit set aside for one fetch. Dropping it, also with the task that waits for the answer, gives all of it back.
#[derive(Debug)]
pub(crate) struct FetchCredit {
    memory: Arc<Memory>,
    reservation: Option<Reservation>,
}

/// Bytes of one partition that are in memory; given back when dropped.
#[derive(Debug)]
pub(crate) struct Credit {
    memory: Arc<Memory>,
    partition: PartitionKey,
    bytes: u64,
}

// === impl Memory ===

impl Memory {
    pub(crate) fn new(limits: BudgetLimits) -> Arc<Self> {
        Arc::new(Self {
            budget: Mutex::new(Budget::new(limits)),
            returned: Notify::new(),
        })
    }

    /// How many more bytes this partition may hold.
    pub(crate) fn allowance(&self, partition: PartitionKey) -> u64 {
        self.lock().allowance(&partition)
    }

    /// The bytes this partition holds.
    pub(crate) fn held_by(&self, partition: PartitionKey) -> u64 {
        self.lock().held_by(&partition)
    }

    /// All the credit there is.
    pub(crate) fn total(&self) -> u64 {
        self.lock().limits().total
    }

    /// The most one partition may hold.
    pub(crate) fn share(&self) -> u64 {
        self.lock().limits().share
    }

    pub(crate) fn reserve(self: &Arc<Self>, wanted: u64, minimum: u64) -> Option<FetchCredit> {
        let reservation = self.lock().reserve(wanted, minimum);
        reservation.map(|reservation| FetchCredit::new(self, reservation))
    }

    pub(crate) fn reserve_lane(self: &Arc<Self>) -> Option<FetchCredit> {
        let reservation = self.lock().reserve_lane();
        reservation.map(|reservation| FetchCredit::new(self, reservation))
    }

    /// Could a fetch use the lane now?
    pub(crate) fn lane_is_free(&self) -> bool {
        let mut budget = self.lock();
        let reservation = budget.reserve_lane();
        let free = reservation.is_some();
        if let Some(reservation) = reservation {
            budget.commit_actual(reservation, []);
        }
        free
    }

    /// Charges bytes that were made here: a batch on its way to the target.
    pub(crate) fn charge(self: &Arc<Self>, partition: PartitionKey, bytes: u64) -> Credit {
        self.lock().charge(partition, bytes);
        Credit {
            memory: Arc::clone(self),
            partition,
            bytes,
        }
    }

    /// Waits until `ready` holds, looking again whenever credit came back.
    pub(crate) async fn wait_until(&self, ready: impl Fn(&Self) -> bool) {
        loop {
            let returned = self.returned.notified();
            tokio::pin!(returned);
            // Registered before looking, so that credit that comes back in between is not missed.
            returned.as_mut().enable();
            if ready(self) {
                return;
            }
            returned.await;
        }
    }

    /// All bytes in flight or reserved.
    pub(crate) fn used(&self) -> u64 {
        self.lock().used()
    }

    fn lock(&self) -> MutexGuard<'_, Budget<PartitionKey>> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl FetchCredit ===

impl FetchCredit {
    fn new(memory: &Arc<Memory>, reservation: Reservation) -> Self {
        Self {
            memory: Arc::clone(memory),
            reservation: Some(reservation),
        }
    }

    /// The most that the fetch may ask for.
    pub(crate) fn bytes(&self) -> u64 {
        self.reservation.as_ref().map_or(0, Reservation::bytes)
    }

    /// Sets more aside, up to `bytes` in all, as far as ordinary credit goes. What is asked for beyond it has to be one batch.
    pub(crate) fn raise_to(&mut self, bytes: u64) {
        if let Some(reservation) = &mut self.reservation {
            self.memory.lock().raise(reservation, bytes);
        }
    }

    /// The fetch is over: the reservation becomes one credit per partition that got bytes, in the same order.
    pub(crate) fn commit_actual(mut self, arrived: &[(PartitionKey, u64)]) -> Vec<Credit> {
        self.settle(arrived);
        arrived
            .iter()
            .map(|&(partition, bytes)| Credit {
                memory: Arc::clone(&self.memory),
                partition,
                bytes,
            })
            .collect()
    }

    fn settle(&mut self, arrived: &[(PartitionKey, u64)]) {
        if let Some(reservation) = self.reservation.take() {
            self.memory
                .lock()
                .commit_actual(reservation, arrived.iter().copied());
            self.memory.returned.notify_waiters();
        }
    }
}

impl Drop for FetchCredit {
    fn drop(&mut self) {
        self.settle(&[]);
    }
}

// === impl Credit ===

impl Credit {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.memory.lock().release(&self.partition, self.bytes);
        self.memory.returned.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Arc<Memory> {
        Memory::new(BudgetLimits {
            total: 1000,
            share: 500,
            lane: 100,
        })
    }

    #[test]
    fn credit_comes_back_when_it_is_dropped() {
        let memory = memory();
        let reservation = memory.reserve(400, 1).unwrap();
        let credits = reservation.commit_actual(&[(1, 100), (2, 50)]);
        assert_eq!(
            (memory.used(), memory.held_by(1), memory.held_by(2)),
            (150, 100, 50)
        );
        drop(credits);
        assert_eq!(memory.used(), 0);
    }

    #[tokio::test]
    async fn whoever_waits_for_credit_wakes_when_it_comes_back() {
        let memory = memory();
        let held = memory.charge(7, 900);
        let waiting = memory.wait_until(|memory| memory.allowance(8) > 0);
        tokio::pin!(waiting);
        let early = tokio::time::timeout(std::time::Duration::from_millis(5), &mut waiting).await;
        assert!(early.is_err(), "nothing is free yet");
        drop(held);
        waiting.await;
    }

    #[test]
    fn asking_about_the_lane_leaves_it_free() {
        let memory = memory();
        assert!(memory.lane_is_free() && memory.lane_is_free());
        let lane = memory.reserve_lane().unwrap();
        assert!(!memory.lane_is_free());
        drop(lane);
        assert!(memory.lane_is_free());
    }

    /// Found by reading: each rebalance ended the fetchers with a long poll under way, and what they had set aside was
    /// gone for the whole process, until nobody fetched any more.
    #[tokio::test]
    async fn a_fetch_that_is_given_up_gives_its_credit_back() {
        let memory = memory();
        let (credit, lane) = (memory.reserve(400, 1).unwrap(), memory.reserve_lane().unwrap());
        let waiting = async move {
            let _held = (credit, lane);
            std::future::pending::<()>().await;
        };
        let mut waiting = Box::pin(waiting);
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(1), &mut waiting)
                .await
                .is_err()
        );
        assert_eq!(memory.used(), 500);
        drop(waiting);
        assert_eq!(memory.used(), 0);
        assert!(memory.lane_is_free());
    }
}
