//! One partition of the producer: its queue, its numbering and what became of the last attempts.
//!
//! The machine and its invariants are drawn in [`super`]. Everything here is per partition; what several
//! partitions share (requests, turns, timers, events) is the parent's.

use super::entry::{Entry, Hole, Number, Outcome};
use super::sequence::{self, NO_SEQUENCE};
use super::types::{Pending, ProducerConfig, Sent, StopReason};
use crate::retry::produce_certainly_not_appended;
use kafka_record::OutgoingBatch;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, ProducerIdentity, TopicPartition};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// After so long without an ack of a numbered batch the next batch goes alone, in case the broker has forgotten our producer id
/// (`producer.id.expiration.ms`, one day by default). Costs one round trip per pause.
const IDLE_BEFORE_PROBE: Duration = Duration::from_mins(10);

/// Producer identities that a partition may use up without a single ack in between.
const IDENTITY_CHANGES_MAX: u32 = 3;

/// One partition. See the diagram in [`super`].
#[derive(Debug)]
pub(super) struct Partition<T> {
    pub(super) tp: TopicPartition,
    leader: Option<NodeId>,
    /// Where the batches in flight are, or, with none in flight, where the last one went.
    sent_to: Option<NodeId>,
    identity: Option<ProducerIdentity>,
    /// The base sequence of the next batch that gets a number.
    next_sequence: i32,
    next_ordinal: u64,
    /// Numbered batches first, in the order of their sequences, then those that have none yet.
    batches: VecDeque<Entry<T>>,
    in_flight: usize,
    bytes: usize,
    phase: Phase,
    /// The next batch goes alone, and only its ack opens the window again.
    probing: bool,
    failures: u32,
    identity_changes: u32,
    /// When a batch with a number was.
    last_acked: Option<Instant>,
    hole: Option<Hole<T>>,
    leader_stale_told: bool,
    stop_told: bool,
}

/// Where the partition stands; drawn in [`super`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Resolving,
    Settling,
    Waiting(Instant),
    AwaitingResolution,
    AwaitingIdentity,
    Stopped(StopReason),
}

/// What all outcomes of a round of attempts add up to.
#[derive(Debug)]
pub(super) enum Verdict<T> {
    Continue,
    Retry {
        error: ErrorCode,
        attempt: u32,
        may_be_doubled: bool,
    },
    Refused {
        entry: Entry<T>,
        error: ErrorCode,
    },
    IdentityNeeded,
    Stopped(StopReason),
}

// === impl Partition ===

impl<T> Partition<T> {
    pub(super) fn new(tp: TopicPartition) -> Self {
        Self {
            tp,
            leader: None,
            sent_to: None,
            identity: None,
            next_sequence: 0,
            next_ordinal: 0,
            batches: VecDeque::new(),
            in_flight: 0,
            bytes: 0,
            phase: Phase::Open,
            probing: true,
            failures: 0,
            identity_changes: 0,
            last_acked: None,
            hole: None,
            leader_stale_told: false,
            stop_told: false,
        }
    }

    pub(super) fn enqueue(&mut self, batch: OutgoingBatch, token: T) {
        self.bytes += batch.size();
        self.batches.push_back(Entry::new(batch, token));
    }

    // --- sending ---

    /// The broker that could be sent something, as far as can be told without a clock.
    pub(super) fn ready_for(
        &self,
        config: &ProducerConfig,
        shared: Option<ProducerIdentity>,
    ) -> Option<NodeId> {
        self.next_index(config, shared, config.window()).and(self.leader)
    }

    /// The position of the batch that `node` may be sent now.
    pub(super) fn next_for(
        &self,
        node: NodeId,
        config: &ProducerConfig,
        shared: Option<ProducerIdentity>,
        now: Instant,
    ) -> Option<usize> {
        let rested = self
            .last_acked
            .is_none_or(|at| now.saturating_duration_since(at) >= IDLE_BEFORE_PROBE);
        let window = if rested { 1 } else { config.window() };
        self.next_index(config, shared, window)
            .filter(|_| self.leader == Some(node))
    }

    fn next_index(
        &self,
        config: &ProducerConfig,
        shared: Option<ProducerIdentity>,
        window: usize,
    ) -> Option<usize> {
        let message_sets = self.batches.front()?.batch.is_message_set();
        // Invariant C, too: while probing nothing goes to a new leader before the old one's batches have their outcome.
        let window = if self.probing || message_sets { 1 } else { window };
        let nameless = config.idempotent && !message_sets && self.identity.or(shared).is_none();
        if self.leader.is_none() || nameless || self.in_flight >= window {
            return None;
        }
        match self.phase {
            Phase::Open => {
                let index = self.batches.iter().position(|entry| entry.in_flight.is_none())?;
                let entry = &self.batches[index];
                // Of another kind than the first: it waits, or its order would depend on the answers of those before.
                let waits = entry.batch.is_message_set() != message_sets;
                let numbered = entry.number.is_some();
                (!waits && (numbered || self.within_brokers_memory(config))).then_some(index)
            }
            Phase::Resolving => self
                .batches
                .iter()
                .position(|entry| entry.in_flight.is_none() && entry.indefinite().is_some()),
            Phase::Settling
            | Phase::Waiting(_)
            | Phase::AwaitingResolution
            | Phase::AwaitingIdentity
            | Phase::Stopped(_) => None,
        }
    }

    /// Would the broker still remember the oldest unacked batch after one more?
    fn within_brokers_memory(&self, config: &ProducerConfig) -> bool {
        let oldest = self.batches.front().and_then(|entry| entry.number.as_ref());
        oldest.is_none_or(|number| self.next_ordinal - number.ordinal < config.window() as u64)
    }

    pub(super) fn is_message_set_at(&self, index: usize) -> bool {
        self.batches[index].batch.is_message_set()
    }

    pub(super) fn size_at(&self, index: usize) -> usize {
        self.batches[index].batch.size()
    }

    /// Sends the batch at `index` (from [`Partition::next_for`]), numbering it if it has no number yet.
    pub(super) fn send(
        &mut self,
        index: usize,
        node: NodeId,
        request_id: u64,
        config: &ProducerConfig,
        shared: Option<ProducerIdentity>,
    ) -> Sent {
        let entry = &mut self.batches[index];
        let header = if let Some(number) = &entry.number {
            number.header.clone()
        } else {
            let base_sequence = self.next_sequence;
            let header = if config.idempotent && !entry.batch.is_message_set() {
                let identity = self
                    .identity
                    .or(shared)
                    .expect("invariant: next_index checked it");
                self.identity = Some(identity);
                self.next_sequence = sequence::advance(base_sequence, entry.batch.record_count());
                entry.batch.stamp(identity.id, identity.epoch, base_sequence)
            } else {
                let ProducerIdentity { id, epoch } = ProducerIdentity::NONE;
                entry.batch.stamp(id, epoch, NO_SEQUENCE)
            };
            entry.number = Some(Number {
                header: header.clone(),
                base_sequence,
                ordinal: self.next_ordinal,
            });
            self.next_ordinal += 1;
            header
        };
        entry.in_flight = Some(request_id);
        entry.outcome = None;
        self.in_flight += 1;
        self.sent_to = Some(node);
        Sent {
            tp: self.tp.clone(),
            header,
            payload: entry.batch.payload().clone(),
        }
    }

    #[cfg(test)]
    pub(super) fn set_next_sequence(&mut self, sequence: i32) {
        self.next_sequence = sequence;
    }

    // --- outcomes ---

    /// The batch that went out with `request_id` and has no outcome yet.
    pub(super) fn index_in_flight(&self, request_id: u64) -> Option<usize> {
        self.batches
            .iter()
            .position(|entry| entry.in_flight == Some(request_id))
    }

    pub(super) fn acked(&mut self, index: usize, now: Instant) -> Entry<T> {
        let entry = self
            .batches
            .remove(index)
            .expect("invariant: index_in_flight found it");
        self.in_flight -= 1;
        self.bytes -= entry.batch.size();
        self.failures = 0;
        self.identity_changes = 0;
        // A message set tells the broker nothing of our identity: it is as unknown there as before; see invariant D.
        if !entry.batch.is_message_set() {
            self.last_acked = Some(now);
            if self.sent_to == self.leader && self.phase == Phase::Open {
                self.probing = false;
            }
        }
        if let Some(hole) = &mut self.hole {
            // The broker has taken a number behind the hole: the numbers in between are used up for it.
            hole.spoilt = true;
        }
        entry
    }

    pub(super) fn failed(&mut self, index: usize, outcome: Outcome) {
        let entry = &mut self.batches[index];
        entry.in_flight = None;
        self.in_flight -= 1;
        entry.uncertain |= matches!(outcome, Outcome::Indefinite(_));
        entry.outcome = Some(outcome);
        if matches!(self.phase, Phase::Open | Phase::Resolving) {
            self.phase = Phase::Settling;
        }
    }

    /// What one more answer means that may be passing or a verdict. `not_appended`: the attempt certainly appended nothing.
    pub(super) fn weigh_doubt(
        &mut self,
        index: usize,
        error: ErrorCode,
        not_appended: bool,
        config: &ProducerConfig,
    ) -> Outcome {
        let entry = &mut self.batches[index];
        entry.doubtful_attempts += 1;
        entry.uncertain |= !not_appended;
        if entry.doubtful_attempts >= config.doubtful_attempts_max {
            Outcome::Refused(error)
        } else if not_appended {
            Outcome::NotAppended(error)
        } else {
            Outcome::Indefinite(error)
        }
    }

    /// Once nothing is in flight any more: what the outcomes add up to. Call after each outcome.
    pub(super) fn conclude(&mut self, config: &ProducerConfig, seed: u64, now: Instant) -> Verdict<T> {
        let over = match self.phase {
            Phase::Settling => true,
            Phase::Resolving => self.batches.iter().all(|entry| entry.indefinite().is_none()),
            Phase::Open | Phase::Waiting(_) | Phase::AwaitingResolution | Phase::AwaitingIdentity => false,
            Phase::Stopped(reason) => return self.tell_stop(reason),
        };
        if !over || self.in_flight > 0 {
            return Verdict::Continue;
        }
        self.leader_stale_told = false;
        if self.hole.is_none() {
            match self.batches.front().and_then(|entry| entry.outcome) {
                None => {
                    self.phase = Phase::Open;
                    return Verdict::Continue;
                }
                Some(Outcome::Indefinite(error) | Outcome::NotAppended(error)) => {
                    return self.retry(error, config, seed, now);
                }
                Some(Outcome::Refused(error)) => self.open_hole(error),
                Some(Outcome::SequenceGap) => return self.stop(StopReason::SequenceGap),
                Some(Outcome::UnknownProducer) => return self.lose_identity(),
                Some(Outcome::Stop(reason)) => return self.stop(reason),
            }
        }
        self.conclude_hole(config, seed, now)
    }

    /// Everything unacked is sent again after a wait; behind a hole, only what may have been appended.
    fn retry(&mut self, error: ErrorCode, config: &ProducerConfig, seed: u64, now: Instant) -> Verdict<T> {
        if self.hole.is_none() {
            for entry in &mut self.batches {
                entry.outcome = None;
            }
        }
        #[cfg(feature = "seeded-bugs")]
        if crate::seeded_bugs::resplits_on_retry() {
            super::resplit::move_boundary(&mut self.batches);
            self.bytes = self.batches.iter().map(|entry| entry.batch.size()).sum();
        }
        self.failures = self.failures.saturating_add(1);
        self.probing = true;
        let until = now + config.retry_backoff.delay(self.failures, seed);
        self.phase = Phase::Waiting(until);
        let first = self.batches.front();
        let is_numbered = config.idempotent && first.is_none_or(|first| !first.batch.is_message_set());
        Verdict::Retry {
            error,
            attempt: self.failures,
            may_be_doubled: !is_numbered && !produce_certainly_not_appended(error),
        }
    }

    fn open_hole(&mut self, error: ErrorCode) {
        let entry = self
            .batches
            .pop_front()
            .expect("invariant: the refused batch is the first");
        let base_sequence = entry
            .number
            .as_ref()
            .map_or(self.next_sequence, |number| number.base_sequence);
        self.hole = Some(Hole {
            base_sequence,
            spoilt: entry.spoils_numbers(),
            refused: Some((entry, error)),
        });
    }

    fn conclude_hole(&mut self, config: &ProducerConfig, seed: u64, now: Instant) -> Verdict<T> {
        if let Some(error) = self.batches.iter().find_map(Entry::indefinite) {
            return self.retry(error, config, seed, now);
        }
        self.phase = Phase::AwaitingResolution;
        let refused = self.hole.as_mut().and_then(|hole| hole.refused.take());
        let (entry, error) = refused.expect("invariant: a hole is told of once, here");
        self.bytes -= entry.batch.size();
        Verdict::Refused { entry, error }
    }

    fn lose_identity(&mut self) -> Verdict<T> {
        if self.identity_changes >= IDENTITY_CHANGES_MAX {
            return self.stop(StopReason::Fatal(ErrorCode::UNKNOWN_PRODUCER_ID));
        }
        self.identity_changes += 1;
        self.phase = Phase::AwaitingIdentity;
        Verdict::IdentityNeeded
    }

    /// Nothing is sent any more; everything not in flight may be withdrawn.
    pub(super) fn stop(&mut self, reason: StopReason) -> Verdict<T> {
        if let Phase::Stopped(_) = self.phase {
            return Verdict::Continue;
        }
        // A refusal that the caller was not told of becomes part of the stop.
        if let Some((entry, _)) = self.hole.as_mut().and_then(|hole| hole.refused.take()) {
            self.batches.push_front(entry);
            self.hole = None;
        }
        self.phase = Phase::Stopped(reason);
        self.tell_stop(reason)
    }

    /// Told once, and not before everything can be withdrawn.
    fn tell_stop(&mut self, reason: StopReason) -> Verdict<T> {
        if self.in_flight > 0 || std::mem::replace(&mut self.stop_told, true) {
            return Verdict::Continue;
        }
        Verdict::Stopped(reason)
    }

    // --- instructions ---

    pub(super) fn set_leader(&mut self, leader: Option<NodeId>) {
        if leader == self.leader {
            return;
        }
        self.leader = leader;
        if leader.is_some() && leader != self.sent_to {
            // The new leader may not know our producer id (an unclean election); see invariant D.
            self.probing = true;
        }
        if self.failures <= 1 {
            // The first answer of a leader that moved names no reason to wait once the new one is known.
            self.wake();
        }
    }

    /// The wait is over, if there is one.
    pub(super) fn wake(&mut self) {
        if let Phase::Waiting(_) = self.phase {
            self.phase = if self.hole.is_some() {
                Phase::Resolving
            } else {
                Phase::Open
            };
        }
    }

    /// Takes `identity` if nothing unacked is numbered under the present one, or if it was asked for.
    pub(super) fn set_identity(&mut self, identity: ProducerIdentity) -> bool {
        let asked_for = self.phase == Phase::AwaitingIdentity;
        let unused = self.hole.is_none() && self.batches.iter().all(|entry| entry.number.is_none());
        if !asked_for && !unused {
            return false;
        }
        self.identity = Some(identity);
        self.renumber_from(0);
        if asked_for {
            self.phase = Phase::Open;
        }
        true
    }

    fn renumber_from(&mut self, base_sequence: i32) {
        self.batches.iter_mut().for_each(Entry::forget_number);
        self.next_sequence = base_sequence;
        self.probing = true;
    }

    /// Closes the hole. `None` if there is none; else whether the partition needs another identity first.
    pub(super) fn resolve(
        &mut self,
        instead: Vec<(OutgoingBatch, T)>,
        config: &ProducerConfig,
    ) -> Option<Verdict<T>> {
        if self.hole.as_ref().is_none_or(|hole| hole.refused.is_some()) {
            return None;
        }
        let hole = self.hole.take()?;
        let spoilt = hole.spoilt || self.batches.iter().any(Entry::spoils_numbers);
        for (batch, token) in instead.into_iter().rev() {
            self.bytes += batch.size();
            self.batches.push_front(Entry::new(batch, token));
        }
        if self.phase != Phase::AwaitingResolution {
            return Some(Verdict::Continue);
        }
        if config.idempotent && spoilt {
            self.phase = Phase::AwaitingIdentity;
            return Some(Verdict::IdentityNeeded);
        }
        self.renumber_from(hole.base_sequence);
        self.phase = Phase::Open;
        Some(Verdict::Continue)
    }

    /// Takes out what `wanted` names and can be taken out without leaving a gap in the numbering.
    pub(super) fn withdraw(&mut self, mut wanted: impl FnMut(&T) -> bool) -> Vec<Entry<T>> {
        let numbering_is_over = matches!(
            self.phase,
            Phase::AwaitingResolution | Phase::AwaitingIdentity | Phase::Stopped(_)
        );
        let mut withdrawn = Vec::new();
        for entry in std::mem::take(&mut self.batches) {
            let free = entry.in_flight.is_none() && (entry.number.is_none() || numbering_is_over);
            if free && wanted(&entry.token) {
                self.bytes -= entry.batch.size();
                if let Some(hole) = &mut self.hole {
                    hole.spoilt |= entry.spoils_numbers();
                }
                withdrawn.push(entry);
            } else {
                self.batches.push_back(entry);
            }
        }
        withdrawn
    }

    // --- questions ---

    pub(super) fn pending(&self) -> Pending {
        let held = self.hole.as_ref().is_some_and(|hole| hole.refused.is_some());
        Pending {
            batches: self.batches.len() + usize::from(held),
            bytes: self.bytes,
            in_flight: self.in_flight,
        }
    }

    /// Batches that may be in the log though nobody knows.
    pub(super) fn unsettled(&self) -> usize {
        let unsettled = |entry: &&Entry<T>| entry.in_flight.is_some() || entry.uncertain;
        self.batches.iter().filter(unsettled).count()
    }

    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    pub(super) fn waits_until(&self) -> Option<Instant> {
        match self.phase {
            Phase::Waiting(until) => Some(until),
            Phase::Open
            | Phase::Resolving
            | Phase::Settling
            | Phase::AwaitingResolution
            | Phase::AwaitingIdentity
            | Phase::Stopped(_) => None,
        }
    }

    pub(super) fn stop_reason(&self) -> Option<StopReason> {
        match self.phase {
            Phase::Stopped(reason) => Some(reason),
            Phase::Open
            | Phase::Resolving
            | Phase::Settling
            | Phase::Waiting(_)
            | Phase::AwaitingResolution
            | Phase::AwaitingIdentity => None,
        }
    }

    /// True once per round of attempts: the caller is told of a stale leader once, not five times.
    pub(super) fn tell_leader_stale(&mut self) -> bool {
        !std::mem::replace(&mut self.leader_stale_told, true)
    }
}
