//! The coordinators of groups and transactions at work: who waits for them, their clock, and the markers they ask for.
//!
//! The rules are in [`crate::group`] and [`crate::transaction`], which know neither logs nor tasks. Here is what they lack.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_wire::{ErrorCode, NodeId};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep_until;

use crate::call::Call;
use crate::group::{self, Answer, GroupSettings, JoinRequest, SyncRequest, WaiterId};
use crate::log::TransactionMarker;
use crate::settings::ConfigMap;
use crate::shared::Shared;
use crate::state::State;
use crate::transaction::{self, Markers, TransactionResult, TransactionSettings};

/// The coordinators of a cluster, and the requests that wait for them.
#[derive(Debug)]
pub(crate) struct Coordinators {
    pub(crate) groups: group::Coordinator,
    pub(crate) transactions: transaction::Coordinator,
    waiters: BTreeMap<WaiterId, oneshot::Sender<Answer>>,
    waiters_seen: u64,
    next_due: watch::Sender<Option<Instant>>,
}

// === impl Coordinators ===

impl Coordinators {
    /// Coordinators with the brokers' settings, as far as `configs` has them.
    pub(crate) fn new(configs: &ConfigMap, transaction_version: i16, seed: u64) -> Self {
        Self {
            groups: group::Coordinator::new(group_settings(configs), seed),
            transactions: transaction::Coordinator::new(transaction_settings(configs, transaction_version)),
            waiters: BTreeMap::new(),
            waiters_seen: 0,
            next_due: watch::Sender::new(None),
        }
    }

    /// A join, and where its answer arrives. Dropping the receiver is a client that went away: the member stays.
    pub(crate) fn join(&mut self, now: Instant, request: JoinRequest) -> oneshot::Receiver<Answer> {
        let (waiter, answer) = self.waiter();
        self.groups.join(now, request, waiter);
        answer
    }

    /// A sync, and where its answer arrives.
    pub(crate) fn sync(&mut self, now: Instant, request: SyncRequest) -> oneshot::Receiver<Answer> {
        let (waiter, answer) = self.waiter();
        self.groups.sync(now, request, waiter);
        answer
    }

    fn waiter(&mut self) -> (WaiterId, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        self.waiters_seen += 1;
        let waiter = WaiterId(self.waiters_seen);
        self.waiters.insert(waiter, sender);
        (waiter, receiver)
    }

    fn due(&mut self, now: Instant) {
        self.groups.due(now);
        self.transactions.due(now);
    }

    /// Hands out answers, and tells the clock when it is needed next.
    fn deliver(&mut self) {
        for (waiter, answer) in self.groups.take_answers() {
            if let Some(sender) = self.waiters.remove(&waiter) {
                // A client that is gone needs no answer.
                let _ = sender.send(answer);
            }
        }
        let next_due = self
            .groups
            .next_due()
            .into_iter()
            .chain(self.transactions.next_due())
            .min();
        self.next_due
            .send_if_modified(|known| std::mem::replace(known, next_due) != next_due);
    }
}

// === impl Shared ===

impl Shared {
    /// Lets the coordinators act at this moment, after whatever was due before.
    pub(crate) fn coordinate<T>(&self, act: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = tokio::time::Instant::now().into_std();
        let mut state = self.state();
        state.coordinators.due(now);
        let outcome = act(&mut state, now);
        let markers = state.coordinators.transactions.take_markers();
        for markers in &markers {
            state.write_markers(markers, self.clock.wall_ms());
        }
        state.coordinators.deliver();
        drop(state);
        if !markers.is_empty() {
            self.change(|_| ()); // readers of committed records may have waited for a marker
        }
        outcome
    }

    /// Changes which brokers are up. Groups and transactional ids that get another coordinator fail over.
    pub(crate) fn change_brokers(&self, change: impl FnOnce(&mut State)) {
        self.coordinate(|state, now| state.move_coordinators(now, change));
        self.change(|_| ());
    }

    /// The coordinators' clock: ends sessions, rebalances and transactions on time. Runs until it is dropped.
    pub(crate) async fn run_coordinators(self: Arc<Self>) {
        let mut next_due = self.state().coordinators.next_due.subscribe();
        loop {
            let due = *next_due.borrow_and_update();
            let time_comes = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                biased;
                () = time_comes => self.coordinate(|_, _| ()),
                changed = next_due.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }
}

// === impl State ===

impl State {
    /// Ends a transaction in every partition and group that it touched.
    fn write_markers(&mut self, markers: &Markers, now_ms: i64) {
        for tp in &markers.partitions {
            let marker = TransactionMarker {
                producer_id: markers.producer.id,
                producer_epoch: markers.producer.epoch,
                coordinator_epoch: markers.coordinator_epoch,
                is_commit: markers.result == TransactionResult::Commit,
            };
            // A partition that was deleted has nothing to end, and a log that has seen a newer epoch has ended it already.
            if let Ok(partition) = self.partition_mut(&tp.topic, tp.partition) {
                let _ = partition
                    .log
                    .append_marker(marker, partition.leader_epoch, now_ms);
            }
        }
        for group_id in &markers.groups {
            let groups = &mut self.coordinators.groups;
            // A group that has seen a newer epoch has dropped what this transaction held.
            let _ = groups.end_transaction(group_id, markers.producer, markers.result);
        }
        self.coordinators.transactions.markers_written(markers);
    }

    /// Does `broker` coordinate this group or transactional id?
    ///
    /// # Errors
    /// `NOT_COORDINATOR`.
    pub(crate) fn check_coordinator(&self, broker: NodeId, key: &str) -> Result<(), ErrorCode> {
        if self.coordinator_of(key) == Some(broker) {
            Ok(())
        } else {
            Err(ErrorCode::NOT_COORDINATOR)
        }
    }

    fn move_coordinators(&mut self, now: Instant, change: impl FnOnce(&mut Self)) {
        let groups = self
            .coordinators
            .groups
            .list()
            .into_iter()
            .map(|group| group.group_id);
        let groups: Vec<(String, Option<NodeId>)> =
            groups.map(|id| (id.clone(), self.coordinator_of(&id))).collect();
        let ids = self
            .coordinators
            .transactions
            .list()
            .into_iter()
            .map(|listed| listed.transactional_id);
        let ids: Vec<(String, Option<NodeId>)> =
            ids.map(|id| (id.clone(), self.coordinator_of(&id))).collect();
        change(self);
        for (group_id, before) in groups {
            if self.coordinator_of(&group_id) != before {
                self.coordinators.groups.fail_over(now, &group_id);
            }
        }
        for (transactional_id, before) in ids {
            if self.coordinator_of(&transactional_id) != before {
                self.coordinators.transactions.fail_over(&transactional_id);
            }
        }
    }
}

// === impl Call ===

impl Call {
    /// What a fenced producer is told: `PRODUCER_FENCED` came with version `since` of the API (KIP-588).
    pub(crate) fn fenced(&self, error: ErrorCode, since: i16) -> ErrorCode {
        if error == ErrorCode::PRODUCER_FENCED && self.version < since {
            ErrorCode::INVALID_PRODUCER_EPOCH
        } else {
            error
        }
    }
}

fn group_settings(configs: &ConfigMap) -> GroupSettings {
    let stock = GroupSettings::default();
    let duration = |name: &str, stock: Duration| number(configs, name).map_or(stock, Duration::from_millis);
    let count = |name: &str, stock: usize| {
        number(configs, name).map_or(stock, |count| usize::try_from(count).unwrap_or(usize::MAX))
    };
    GroupSettings {
        initial_rebalance_delay: duration("group.initial.rebalance.delay.ms", stock.initial_rebalance_delay),
        min_session_timeout: duration("group.min.session.timeout.ms", stock.min_session_timeout),
        max_session_timeout: duration("group.max.session.timeout.ms", stock.max_session_timeout),
        max_size: count("group.max.size", stock.max_size),
        offset_metadata_max: count("offset.metadata.max.bytes", stock.offset_metadata_max),
        ..stock
    }
}

fn transaction_settings(configs: &ConfigMap, transaction_version: i16) -> TransactionSettings {
    let stock = TransactionSettings::default();
    TransactionSettings {
        max_timeout: number(configs, "transaction.max.timeout.ms")
            .map_or(stock.max_timeout, Duration::from_millis),
        transaction_version,
        ..stock
    }
}

fn number(configs: &ConfigMap, name: &str) -> Option<u64> {
    configs.get(name)?.parse().ok()
}
