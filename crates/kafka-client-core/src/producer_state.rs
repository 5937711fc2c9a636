//! The idempotent producer of one target cluster: which batch may go out when, and under which sequence numbers.
//!
//! One [`ProducerState`] serves all partitions of a target. It holds what was enqueued until the target's last
//! word on it, numbers batches (KIP-98), fills requests across partitions in turn, and decides after a failure what
//! is sent again. Each batch carries a token `T` of the caller's, which comes back exactly once: in
//! [`ProducerEvent::Acked`], in [`ProducerEvent::Refused`] or from [`ProducerState::withdraw`].
//!
//! # One partition
//!
//! ```text
//!           enqueue, poll_request, acks
//!                 +---------+                        caller: set_partition_identity
//!                 v         |                     +------------------------------------+
//!  (start) --> Open --------+                     v                                    |
//!                | first failure                (Open)                         AwaitingIdentity
//!                v                                                               ^     ^
//!            Settling   nothing new is sent; the rest in flight is awaited       |     |
//!                | nothing in flight: the FIRST unacked batch decides            |     |
//!                |                                                               |     |
//!                +-- passing or unknown --> Waiting --(backoff over,--> Open     |     |
//!                |                                     or new leader)            |     |
//!                +-- producer unknown [59] --------------------------------------+     |
//!                +-- refused; nothing behind it indefinite --> AwaitingResolution      |
//!                |                                               | resolve:            |
//!                |                                               +-- numbers free -> Open
//!                |                                               +-- numbers spoilt ---+
//!                +-- refused; some behind it indefinite --> Waiting --> Resolving
//!                |        (sends only those, identically; then back to Settling's decision)
//!                +-- gap [45], unfit, unauthorized, fatal --> Stopped  (also from anywhere: fenced, `stop`)
//! ```
//!
//! # Invariants
//!
//! - (A) Batches are numbered in the order in which they were enqueued, each once, and a batch that may have been
//!   appended is only ever sent again with identical bytes.
//! - (B) From the oldest unacked batch to the newest numbered one there are never more batches than the broker
//!   remembers ([`IN_FLIGHT_PER_PARTITION_MAX`]), so that a retry is always recognised.
//! - (C) After a failure or a change of the leader nothing is sent until nothing is in flight. Then all unacked
//!   batches go out again in order.
//! - (D) The first batch under an identity, after a failure, at a new leader or after a long pause goes alone. A broker
//!   that knows nothing of a producer accepts *any* sequence from it
//!   (`ProducerAppendInfo.checkSequence`, since 2.5): were five on their way and the first refused, the second
//!   would be appended before it.
//! - (E) Numbers are given out a second time (after a refusal) only if every attempt under them was answered, and the
//!   answer says that nothing was appended. Otherwise the partition gets an identity of its own: a late
//!   copy out of a dead connection's buffer could else pass for the batch that has its number now, which would then be
//!   taken for a duplicate and be lost.
//! - (F) Without idempotence, and of message sets, which have no place for a number, one batch per partition is in flight;
//!   after a lost answer it may be doubled, not reordered (but for late copies out of dead connections). The two kinds of one
//!   partition are never on their way together.
//! - (G) With idempotence a batch can be doubled in two cases only: its answer was lost and then the broker's memory of
//!   our identity, too (`UNKNOWN_PRODUCER_ID[59]`); or its answer was lost and then the target began to refuse it. Both are
//!   duplicates, never losses.
//!
//! # Call order
//!
//! Any method may be called at any time. After each call drain [`ProducerState::poll_event`], then
//! ask [`ProducerState::poll_request`] for each of [`ProducerState::nodes_with_work`] that has room in its pipeline, and
//! sleep until [`ProducerState::next_timeout`]. All requests to one broker have to go out in the order of their
//! `request_id` on one connection. Every request ends with [`ProducerState::handle_result`] for each of its partitions,
//! or with [`ProducerState::handle_disconnect`] for those that have none; calling that after an answer's last
//! result catches what the broker left out.

mod entry;
mod partition;
#[cfg(feature = "seeded-bugs")]
mod resplit;
mod schedule;
mod sequence;
mod types;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use types::{
    IN_FLIGHT_PER_PARTITION_MAX, Pending, ProduceBatchSet, ProducerConfig, ProducerEvent, ProducerStateError,
    Resolution, Sent, StopReason,
};

use crate::backoff;
use crate::retry::{
    ProduceDisposition, asks_for_message_sets, classify_produce, produce_certainly_not_appended,
};
use entry::Outcome;
use kafka_record::OutgoingBatch;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, ProducerIdentity, TopicPartition};
use partition::{Partition, Verdict};
use schedule::{Schedule, Slot};
use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

/// The producer of one target cluster. Diagram, invariants and call order: [module documentation](self).
#[derive(Debug)]
pub struct ProducerState<T> {
    config: ProducerConfig,
    /// The identity of every partition that has none of its own.
    identity: Option<ProducerIdentity>,
    identity_asked: bool,
    fenced: Option<StopReason>,
    slots: BTreeMap<TopicPartition, Slot>,
    /// Indexed by [`Slot`]; partitions are never removed, their numbering has to be remembered.
    partitions: Vec<Partition<T>>,
    schedule: Schedule,
    requests: BTreeMap<u64, Request>,
    next_request_id: u64,
    /// Drained by the caller after each call; a call adds at most a few per partition it touches.
    events: VecDeque<ProducerEvent<T>>,
    total: Pending,
    unresolved: usize,
}

/// A request without an answer yet.
#[derive(Debug)]
struct Request {
    slots: Vec<Slot>,
    open: usize,
}

// === impl ProducerState ===

impl<T> ProducerState<T> {
    /// A producer that knows no partition yet.
    #[must_use]
    pub fn new(config: ProducerConfig) -> Self {
        Self {
            config,
            identity: None,
            identity_asked: false,
            fenced: None,
            slots: BTreeMap::new(),
            partitions: Vec::new(),
            schedule: Schedule::default(),
            requests: BTreeMap::new(),
            next_request_id: 0,
            events: VecDeque::new(),
            total: Pending::default(),
            unresolved: 0,
        }
    }

    // --- instructions ---

    /// Puts `batch` at the end of the partition's queue. Bounded by the caller's byte budget.
    ///
    /// A batch for a stopped partition stays queued until [`ProducerState::withdraw`].
    pub fn enqueue(&mut self, tp: &TopicPartition, batch: OutgoingBatch, token: T) {
        let slot = self.slot_or_new(tp);
        self.total.batches += 1;
        self.total.bytes += batch.size();
        self.partitions[slot.0].enqueue(batch, token);
        if self.config.idempotent && self.identity.is_none() && !self.identity_asked {
            self.identity_asked = true;
            self.events.push_back(ProducerEvent::IdentityNeeded { tp: None });
        }
        self.reschedule(slot);
    }

    /// The answer of `InitProducerId`: serves every partition that has numbered nothing yet. Nothing is sent before.
    ///
    /// A later call leaves partitions with an identity as they are.
    pub fn set_identity(&mut self, identity: ProducerIdentity) {
        self.identity = Some(identity);
        self.fenced = None;
        for index in 0..self.partitions.len() {
            self.reschedule(Slot(index));
        }
    }

    /// The answer to [`ProducerEvent::IdentityNeeded`] for one partition: its sequences start at 0 under `identity`,
    /// which must not have been used before.
    ///
    /// # Errors
    /// Without being asked for, only while nothing unacked is numbered.
    pub fn set_partition_identity(
        &mut self,
        tp: &TopicPartition,
        identity: ProducerIdentity,
    ) -> Result<(), ProducerStateError> {
        if !self.config.idempotent {
            return Err(ProducerStateError::NotIdempotent);
        }
        let slot = self.slot_or_new(tp);
        if !self.partitions[slot.0].set_identity(identity) {
            return Err(ProducerStateError::IdentityInUse(tp.clone()));
        }
        self.reschedule(slot);
        Ok(())
    }

    /// Who leads the partition now; `None`: nobody that we know of. What is in flight at the old leader is awaited
    /// ([`ProducerState::handle_disconnect`] if that broker is gone), then everything unacked goes to the new one.
    pub fn set_leader(&mut self, tp: &TopicPartition, leader: Option<NodeId>) {
        let slot = self.slot_or_new(tp);
        self.partitions[slot.0].set_leader(leader);
        self.reschedule(slot);
    }

    /// What becomes of the batch of the last [`ProducerEvent::Refused`] of this partition. After a refusal that may
    /// have spoilt sequence numbers an [`ProducerEvent::IdentityNeeded`] for the partition follows.
    ///
    /// On a stopped partition a replacement is only queued, for [`ProducerState::withdraw`].
    ///
    /// # Errors
    /// If no refusal of this partition is unresolved.
    pub fn resolve(
        &mut self,
        tp: &TopicPartition,
        resolution: Resolution<T>,
    ) -> Result<(), ProducerStateError> {
        let instead = match resolution {
            Resolution::Replace(batches) => batches,
            Resolution::Drop => Vec::new(),
        };
        let batches = instead.len();
        let bytes = instead.iter().map(|(batch, _)| batch.size()).sum::<usize>();
        let not_refused = || ProducerStateError::NotRefused(tp.clone());
        let slot = *self.slots.get(tp).ok_or_else(not_refused)?;
        let verdict = self.partitions[slot.0]
            .resolve(instead, &self.config)
            .ok_or_else(not_refused)?;
        self.unresolved -= 1;
        self.total.batches += batches;
        self.total.bytes += bytes;
        self.carry_out(slot, verdict);
        Ok(())
    }

    /// Takes back, in order, the batches whose token `wanted` names and that are surely not on their way: those never
    /// sent, and behind a refusal, a lost identity or a stop also those whose attempts have all ended.
    ///
    /// Batches that are in flight or await an identical retry stay; their tokens come back by an event.
    pub fn withdraw(&mut self, tp: &TopicPartition, wanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let Some(&slot) = self.slots.get(tp) else {
            return Vec::new();
        };
        let withdrawn = self.partitions[slot.0].withdraw(wanted);
        self.total.batches -= withdrawn.len();
        self.total.bytes -= withdrawn.iter().map(|entry| entry.batch.size()).sum::<usize>();
        self.reschedule(slot);
        withdrawn.into_iter().map(|entry| entry.token).collect()
    }

    /// Gives the partition up: nothing more is sent, what is in flight is awaited; then [`ProducerEvent::Stopped`] follows
    /// and what is left can be withdrawn.
    pub fn stop(&mut self, tp: &TopicPartition) {
        let slot = self.slot_or_new(tp);
        let verdict = self.partitions[slot.0].stop(StopReason::Requested);
        self.carry_out(slot, verdict);
    }

    // --- requests and answers ---

    /// The next request for `node`, or `None` if nothing may be sent there now.
    ///
    /// Takes at most one batch per partition, in turn, up to `bytes_max` (batch sizes summed); the first
    /// batch is taken whatever its size. Message sets and record batches go in requests of their own.
    pub fn poll_request(&mut self, node: NodeId, now: Instant, bytes_max: usize) -> Option<ProduceBatchSet> {
        self.wake(now);
        let request_id = self.next_request_id;
        let mut set = ProduceBatchSet {
            request_id,
            node,
            batches: Vec::new(),
            is_message_sets: false,
            bytes: 0,
        };
        let mut slots = Vec::new();
        // Ready, but with a batch of the other kind: first in line for the next request.
        let mut set_aside = Vec::new();
        while let Some(slot) = self.schedule.pop(node) {
            let partition = &mut self.partitions[slot.0];
            let Some(index) = partition.next_for(node, &self.config, self.identity, now) else {
                continue;
            };
            let is_message_set = partition.is_message_set_at(index);
            if !slots.is_empty() && is_message_set != set.is_message_sets {
                set_aside.push(slot);
                continue;
            }
            set.is_message_sets = is_message_set;
            let size = partition.size_at(index);
            if !slots.is_empty() && set.bytes.saturating_add(size) > bytes_max {
                self.schedule.push_front(node, slot);
                break;
            }
            set.bytes += size;
            set.batches
                .push(partition.send(index, node, request_id, &self.config, self.identity));
            slots.push(slot);
        }
        for slot in set_aside.into_iter().rev() {
            self.schedule.push_front(node, slot);
        }
        if slots.is_empty() {
            return None;
        }
        self.next_request_id += 1;
        self.total.in_flight += slots.len();
        for &slot in &slots {
            self.reschedule(slot);
        }
        self.requests.insert(
            request_id,
            Request {
                open: slots.len(),
                slots,
            },
        );
        Some(set)
    }

    /// The answer for one partition of a request. `base_offset` is -1 where the broker gave none.
    ///
    /// False if nothing of this partition was in flight with this request: answered before, or disconnected.
    pub fn handle_result(
        &mut self,
        request_id: u64,
        tp: &TopicPartition,
        error: ErrorCode,
        base_offset: i64,
        now: Instant,
    ) -> bool {
        let Some(&slot) = self.slots.get(tp) else {
            return false;
        };
        let Some(index) = self.partitions[slot.0].index_in_flight(request_id) else {
            return false;
        };
        self.close(request_id);
        match self.outcome_of(slot, index, error) {
            None => {
                let known_offset = (error.is_ok() && base_offset >= 0).then_some(base_offset);
                self.acked(slot, index, known_offset, now);
            }
            Some(outcome) => {
                self.partitions[slot.0].failed(index, outcome);
                if let Outcome::Stop(reason @ StopReason::Fenced(_)) = outcome {
                    self.fence(slot, reason);
                }
            }
        }
        self.conclude(slot, now);
        true
    }

    /// The outcome of every partition of this request that was not answered is unknown: the connection was lost, the
    /// request timed out (close the connection then), or the answer left partitions out. Harmless if nothing is open.
    pub fn handle_disconnect(&mut self, request_id: u64, now: Instant) {
        let Some(request) = self.requests.remove(&request_id) else {
            return;
        };
        for slot in request.slots {
            if let Some(index) = self.partitions[slot.0].index_in_flight(request_id) {
                self.total.in_flight -= 1;
                let outcome = Outcome::Indefinite(ErrorCode::NETWORK_EXCEPTION);
                self.partitions[slot.0].failed(index, outcome);
                self.conclude(slot, now);
            }
        }
    }

    /// What the caller has to know, oldest first.
    pub fn poll_event(&mut self) -> Option<ProducerEvent<T>> {
        self.events.pop_front()
    }

    // --- questions ---

    /// The brokers for which [`ProducerState::poll_request`] probably has something, in ascending order.
    pub fn nodes_with_work(&mut self, now: Instant) -> Vec<NodeId> {
        self.wake(now);
        self.schedule.nodes()
    }

    /// When to ask again though nothing happened: the end of the first wait, which may lie in the past.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.schedule.next_timeout()
    }

    /// What waits for this partition.
    #[must_use]
    pub fn pending(&self, tp: &TopicPartition) -> Pending {
        self.slots
            .get(tp)
            .map_or_else(Pending::default, |slot| self.partitions[slot.0].pending())
    }

    /// What waits in total.
    #[must_use]
    pub fn pending_total(&self) -> Pending {
        self.total
    }

    /// Batches without a last word that may be in the target's log: on their way, or sent before without a definite
    /// answer. Looks at every batch.
    #[must_use]
    pub fn unsettled_batches(&self) -> usize {
        self.partitions.iter().map(Partition::unsettled).sum()
    }

    /// Why the partition is stopped, if it is.
    #[must_use]
    pub fn stop_reason(&self, tp: &TopicPartition) -> Option<StopReason> {
        self.slots
            .get(tp)
            .and_then(|slot| self.partitions[slot.0].stop_reason())
    }

    /// The identity that the partition's present numbers belong to.
    #[must_use]
    pub fn partition_identity(&self, tp: &TopicPartition) -> Option<ProducerIdentity> {
        self.slots
            .get(tp)
            .and_then(|slot| self.partitions[slot.0].identity())
    }

    /// Nothing enqueued is without its last word, no refusal is unresolved, no event is unread.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.total.batches == 0 && self.unresolved == 0 && self.events.is_empty()
    }

    // --- private parts ---

    fn slot_or_new(&mut self, tp: &TopicPartition) -> Slot {
        if let Some(&slot) = self.slots.get(tp) {
            return slot;
        }
        let slot = Slot(self.partitions.len());
        self.slots.insert(tp.clone(), slot);
        self.partitions.push(Partition::new(tp.clone()));
        if let Some(reason) = self.fenced {
            let verdict = self.partitions[slot.0].stop(reason);
            self.carry_out(slot, verdict);
        }
        slot
    }

    fn wake(&mut self, now: Instant) {
        while let Some(slot) = self.schedule.pop_due(now) {
            self.partitions[slot.0].wake();
            self.reschedule(slot);
        }
    }

    /// Puts the partition into line and the wait into the clock, as it is now. Call after each change of it.
    fn reschedule(&mut self, slot: Slot) {
        let partition = &self.partitions[slot.0];
        self.schedule.set_wait(slot, partition.waits_until());
        match partition.ready_for(&self.config, self.identity) {
            Some(node) => self.schedule.push(node, slot),
            None => self.schedule.remove(slot),
        }
    }

    fn close(&mut self, request_id: u64) {
        self.total.in_flight -= 1;
        if let Some(request) = self.requests.get_mut(&request_id) {
            request.open -= 1;
            if request.open == 0 {
                self.requests.remove(&request_id);
            }
        }
    }

    /// What the answer to one batch comes to; `None` for "stored".
    fn outcome_of(&mut self, slot: Slot, index: usize, error: ErrorCode) -> Option<Outcome> {
        let not_appended = produce_certainly_not_appended(error);
        let partition = &mut self.partitions[slot.0];
        Some(match classify_produce(error) {
            ProduceDisposition::Acked | ProduceDisposition::Duplicate => return None,
            ProduceDisposition::RetrySame if not_appended => Outcome::NotAppended(error),
            ProduceDisposition::RetrySame => Outcome::Indefinite(error),
            ProduceDisposition::RetryBounded => {
                partition.weigh_doubt(index, error, not_appended, &self.config)
            }
            ProduceDisposition::RefreshMetadata => {
                if partition.tell_leader_stale() {
                    let tp = partition.tp.clone();
                    self.events.push_back(ProducerEvent::LeaderStale { tp, error });
                }
                Outcome::Indefinite(error)
            }
            ProduceDisposition::Refused => Outcome::Refused(error),
            // The caller has something else to send in its place.
            ProduceDisposition::Unfit
                if self.config.message_sets_are_taken
                    && asks_for_message_sets(error)
                    && !partition.is_message_set_at(index) =>
            {
                Outcome::Refused(error)
            }
            ProduceDisposition::Unfit => Outcome::Stop(StopReason::Unfit(error)),
            ProduceDisposition::SequenceGap if self.config.idempotent => Outcome::SequenceGap,
            ProduceDisposition::UnknownProducer if self.config.idempotent => Outcome::UnknownProducer,
            ProduceDisposition::Fenced => Outcome::Stop(StopReason::Fenced(error)),
            ProduceDisposition::Unauthorized => Outcome::Stop(StopReason::Unauthorized(error)),
            // A broker that checks the sequences of a producer that sends none is beyond us.
            ProduceDisposition::SequenceGap
            | ProduceDisposition::UnknownProducer
            | ProduceDisposition::Fatal => Outcome::Stop(StopReason::Fatal(error)),
        })
    }

    fn acked(&mut self, slot: Slot, index: usize, base_offset: Option<i64>, now: Instant) {
        let partition = &mut self.partitions[slot.0];
        let entry = partition.acked(index, now);
        let (bytes, crc) = (entry.batch.size(), entry.crc());
        self.total.batches -= 1;
        self.total.bytes -= bytes;
        self.events.push_back(ProducerEvent::Acked {
            tp: partition.tp.clone(),
            token: entry.token,
            base_offset,
            record_count: entry.batch.record_count(),
            crc,
            is_message_set: entry.batch.is_message_set(),
            bytes,
        });
    }

    fn conclude(&mut self, slot: Slot, now: Instant) {
        let seed = backoff::mix(self.config.seed ^ slot.0 as u64);
        let verdict = self.partitions[slot.0].conclude(&self.config, seed, now);
        self.carry_out(slot, verdict);
    }

    fn carry_out(&mut self, slot: Slot, verdict: Verdict<T>) {
        let tp = self.partitions[slot.0].tp.clone();
        match verdict {
            Verdict::Continue => {}
            Verdict::Retry {
                error,
                attempt,
                may_be_doubled,
            } => self.events.push_back(ProducerEvent::Retrying {
                tp,
                error,
                attempt,
                may_be_doubled,
            }),
            Verdict::Refused { entry, error } => {
                self.unresolved += 1;
                self.total.batches -= 1;
                self.total.bytes -= entry.batch.size();
                let (batch, token, may_be_stored) = (entry.batch, entry.token, entry.uncertain);
                self.events.push_back(ProducerEvent::Refused {
                    tp,
                    batch,
                    token,
                    error,
                    may_be_stored,
                });
            }
            Verdict::IdentityNeeded => {
                self.events
                    .push_back(ProducerEvent::IdentityNeeded { tp: Some(tp) });
            }
            Verdict::Stopped(reason) => self.events.push_back(ProducerEvent::Stopped { tp, reason }),
        }
        self.reschedule(slot);
    }

    /// Stops every partition that writes under the identity of `fenced_slot`.
    fn fence(&mut self, fenced_slot: Slot, reason: StopReason) {
        let identity = self.partitions[fenced_slot.0].identity();
        let shared = identity.is_some() && identity == self.identity;
        if shared {
            self.fenced = Some(reason);
        }
        for index in 0..self.partitions.len() {
            let partition = &mut self.partitions[index];
            let same = partition.identity() == identity || (shared && partition.identity().is_none());
            if same {
                let verdict = partition.stop(reason);
                self.carry_out(Slot(index), verdict);
            }
        }
    }
}
