//! The smallest legal Fetch request to one broker (KIP-227).
//!
//! A broker remembers what a reader wants in a *fetch session*: the first request names all partitions, the following
//! ones only what is new, changed or no longer wanted. With 10,000 partitions that is the difference between
//! 330 KB and a few bytes per request. [`FetchSession`] is told what is wanted and works out the difference.
//!
//! ```text
//!   Closed --build: full, id 0, epoch 0--> answer with id 0 (the broker's cache is full): Closed, full again next time
//!     ^                                    answer with id n: Open
//!     |
//!   Open(n, e) --build: changes, id n, epoch e--> answer: Open(n, e + 1); answer with id 0: Closed
//!     |
//!     +-- reset (lost connection), INVALID_FETCH_SESSION_EPOCH[71], FETCH_SESSION_TOPIC_ID_ERROR[106],
//!     |   another id, names instead of topic ids (v12 <-> v13) --> Lost(n)
//!     +-- FETCH_SESSION_ID_NOT_FOUND[70] --> Closed
//!   Lost(n) --build: full, id n (the broker closes it), epoch 0--> as Closed
//! ```
//!
//! Invariants:
//! - (A) For each partition `held` is what the broker goes by, after the requests built so far; a request carries each
//!   partition where that is not what is wanted, and the next one takes up who sat out.
//! - (B) An answer is passed on only if it was asked for at the offset that is still wanted.
//! - (C) No partition starves when the answer's size limit is small: who got records goes to the end of the line. In a
//!   session the broker does the same with its own list (`IncrementalFetchContext`); where one before 3.0 does not,
//!   those that got records sit out a request (`rest.rs`).
//!
//! A partition without credit is [paused](FetchSession::pause), that is, dropped from the broker's session: one that
//! stays in it would be answered with records. Taking it up again costs about 33 bytes.
//!
//! Call order: any number of [`FetchSession::set`], [`FetchSession::pause`], [`FetchSession::remove`] at any time;
//! [`FetchSession::build`], then [`FetchSession::handle_response`] or [`FetchSession::reset`], one request outstanding.
//! After an answer the caller has to `set` each partition it got records for to its next offset before it
//! builds the next request (or the same records come again), and to take away a partition with an error until the
//! error is dealt with (or the broker answers at once, for ever).

mod difference;
mod rest;

#[cfg(test)]
mod tests;

use difference::{FetchTopics, ForgottenTopics};
use kafka_wire::api::fetch::{FetchRequest, FetchResponse, FetchedPartition, FetchedTopic};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{TopicId, TopicPartition};
use rest::Rest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The first version with fetch sessions.
const SESSIONS_FROM: i16 = 7;
/// The first version that names topics by id (KIP-516).
const TOPIC_IDS_FROM: i16 = 13;
/// No session, or a new one.
const NO_SESSION: i32 = 0;
/// The epoch of a request that opens a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch of a request that wants no session, or closes one.
const FINAL_EPOCH: i32 = -1;

/// What is wanted of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchTarget {
    /// The topic's id; [`TopicId::ZERO`] will do below Fetch v13 only.
    pub topic_id: TopicId,
    /// The first offset wanted.
    pub fetch_offset: i64,
    /// The leader epoch known (v9+), or -1 to skip that check.
    pub current_leader_epoch: i32,
    /// The leader epoch of the last record fetched (v12+), or -1: lets the broker tell a divergence.
    pub last_fetched_epoch: i32,
    /// Bytes of this partition in one answer, at most (but for a first batch that is larger).
    pub partition_max_bytes: i32,
}

/// What holds for a request as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// How long the broker may wait for `min_bytes`, in milliseconds.
    pub max_wait_ms: i32,
    /// Bytes worth an early answer.
    pub min_bytes: i32,
    /// Bytes in one answer, at most (but for a first batch that is larger).
    pub max_bytes: i32,
    /// 0: all records; 1: below the last stable offset.
    pub isolation_level: i8,
}

/// An answer that ended the session. Nothing is lost: the next request is a full one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The broker has dropped the session or disagrees on its epoch.
    #[error("the broker ended the fetch session: {0}")]
    Ended(ErrorCode),
    /// The request as a whole failed for another reason.
    #[error("the broker refused the fetch: {0}")]
    Refused(ErrorCode),
    /// The answer names another session than the request did.
    #[error("the answer is for fetch session {answered}, the request was for {asked}")]
    OtherSession {
        /// The session of the request.
        asked: i32,
        /// The session of the answer.
        answered: i32,
    },
    /// No request is outstanding.
    #[error("a fetch answer without a request")]
    NotAsked,
}

/// What one broker is asked for. Diagram, invariants and call order: [module documentation](self).
#[derive(Debug, Default)]
pub struct FetchSession {
    state: State,
    outstanding: Option<Outstanding>,
    /// Are topics named by id in the present session?
    by_id: bool,
    partitions: BTreeMap<TopicPartition, Wanted>,
    /// The order of a full request: who got records last comes last.
    turns: BTreeMap<u64, TopicPartition>,
    next_turn: u64,
    /// Partitions to compare with what the broker holds.
    changed: BTreeSet<TopicPartition>,
    /// What the broker holds though it is wanted no more.
    left_over: BTreeMap<(TopicPartition, TopicId), FetchTarget>,
    /// Whether somebody sits the next request out.
    rest: Rest,
    /// Grows with the topics ever set; swept with each full request.
    names: BTreeMap<TopicId, Arc<str>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Closed,
    Open {
        id: i32,
        epoch: i32,
    },
    Lost {
        id: i32,
    },
}

#[derive(Debug, Clone, Copy)]
struct Outstanding {
    full: bool,
    by_id: bool,
    sessions: bool,
    isolation_level: i8,
}

#[derive(Debug)]
struct Wanted {
    target: FetchTarget,
    paused: bool,
    turn: u64,
    /// What the broker goes by; `None` if it does not know the partition.
    held: Option<FetchTarget>,
}

// === impl FetchSession ===

impl FetchSession {
    /// A session that wants nothing and is not open.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Wants `tp` as `target` says, paused or not before.
    pub fn set(&mut self, tp: TopicPartition, target: FetchTarget) {
        if let Some(wanted) = self.partitions.get_mut(&tp) {
            if wanted.target == target && !wanted.paused && wanted.held == Some(target) {
                return;
            }
            if wanted.target.topic_id != target.topic_id {
                if let Some(held) = wanted.held.take() {
                    self.left_over.insert((tp.clone(), held.topic_id), held);
                }
                wanted.held = self.left_over.remove(&(tp.clone(), target.topic_id));
            }
            wanted.target = target;
            wanted.paused = false;
        } else {
            let held = self.left_over.remove(&(tp.clone(), target.topic_id));
            let turn = self.take_turn(&tp);
            self.partitions.insert(
                tp.clone(),
                Wanted {
                    target,
                    paused: false,
                    turn,
                    held,
                },
            );
        }
        if !target.topic_id.is_zero() {
            self.names
                .entry(target.topic_id)
                .or_insert_with(|| Arc::clone(&tp.topic));
        }
        self.changed.insert(tp);
    }

    /// Wants no more of `tp` for now. An answer that is on its way is still passed on. [`FetchSession::set`] takes it up
    /// again.
    pub fn pause(&mut self, tp: &TopicPartition) {
        if let Some(wanted) = self.partitions.get_mut(tp) {
            wanted.paused = true;
            self.changed.insert(tp.clone());
        }
    }

    /// Wants no more of `tp`, nor an answer that is on its way.
    pub fn remove(&mut self, tp: &TopicPartition) {
        if let Some(wanted) = self.partitions.remove(tp) {
            self.turns.remove(&wanted.turn);
            self.changed.remove(tp);
            if let Some(held) = wanted.held {
                self.left_over.insert((tp.clone(), held.topic_id), held);
            }
        }
    }

    /// The connection was lost, or the answer will never come: the next request is a full one.
    pub fn reset(&mut self) {
        self.outstanding = None;
        self.close(match self.state {
            State::Open { id, .. } | State::Lost { id } => State::Lost { id },
            State::Closed => State::Closed,
        });
    }

    /// The next request, to be sent with exactly `version`. If one is outstanding, its answer is given up
    /// ([`FetchSession::reset`]).
    ///
    /// From v13 on a partition whose topic id is zero cannot be asked for and is left out: see
    /// [`FetchSession::lacks_topic_id`]. With nothing wanted ([`FetchSession::is_empty`]) the request is legal, but
    /// pointless.
    pub fn build(&mut self, version: i16, limits: &FetchLimits) -> FetchRequest {
        if self.outstanding.is_some() {
            self.reset();
        }
        let sessions = version >= SESSIONS_FROM;
        let by_id = version >= TOPIC_IDS_FROM;
        if !sessions || self.by_id != by_id {
            self.reset();
        }
        self.by_id = by_id;
        let (session_id, session_epoch) = match self.state {
            _ if !sessions => (NO_SESSION, FINAL_EPOCH),
            State::Closed => (NO_SESSION, INITIAL_EPOCH),
            State::Lost { id } => (id, INITIAL_EPOCH),
            State::Open { id, epoch } => (id, epoch),
        };
        let full = !matches!(self.state, State::Open { .. });
        let mut topics = FetchTopics::default();
        let mut forgotten = ForgottenTopics::default();
        let rest = std::mem::take(&mut self.rest);
        let mut min_bytes = limits.min_bytes;
        if full {
            self.build_full(&mut topics);
        } else {
            let resting = rest.resting(|tp| {
                let wanted = self.partitions.get(tp);
                wanted.is_some_and(|wanted| wanted.can_be_asked(by_id))
            });
            if !resting.is_empty() {
                // Whoever sits out must not wait until the others have that much.
                min_bytes = min_bytes.min(1);
            }
            self.build_changes(&mut topics, &mut forgotten, &resting);
        }
        self.outstanding = Some(Outstanding {
            full,
            by_id,
            sessions,
            isolation_level: limits.isolation_level,
        });
        FetchRequest {
            max_wait_ms: limits.max_wait_ms,
            min_bytes,
            max_bytes: limits.max_bytes,
            isolation_level: limits.isolation_level,
            session_id,
            session_epoch,
            topics: topics.into_topics(),
            forgotten: forgotten.into_topics(),
            rack_id: String::new(),
        }
    }

    /// The request that closes an open session, so that its place in the broker's cache (1,000 by default) is free. To
    /// be sent with the version of the last request; its answer tells nothing. `None` if no session is open.
    pub fn build_close(&mut self) -> Option<FetchRequest> {
        let State::Open { id, .. } = self.state else {
            return None;
        };
        self.outstanding = None;
        self.close(State::Closed);
        Some(FetchRequest {
            max_wait_ms: 0,
            min_bytes: 0,
            max_bytes: 0,
            isolation_level: 0,
            session_id: id,
            session_epoch: FINAL_EPOCH,
            topics: Vec::new(),
            forgotten: Vec::new(),
            rack_id: String::new(),
        })
    }

    /// What the answer to the outstanding request holds, in the broker's order, topic ids turned into names.
    ///
    /// Left out: what is not wanted any more, or not at the offset that was asked for.
    ///
    /// # Errors
    /// Each of them means: build again, it will be a full request. [`SessionError::Refused`] may be permanent.
    pub fn handle_response(
        &mut self,
        version: i16,
        response: &FetchResponse,
    ) -> Result<Vec<(TopicPartition, FetchedPartition)>, SessionError> {
        let outstanding = self.outstanding.take().ok_or(SessionError::NotAsked)?;
        debug_assert_eq!(
            outstanding.by_id,
            version >= TOPIC_IDS_FROM,
            "the version it was built for"
        );
        self.check_response(outstanding, response)?;
        let mut fetched = Vec::new();
        let mut answered = BTreeSet::new();
        self.rest = Rest::default();
        for topic in &response.topics {
            let Some(name) = self.name_of(topic) else {
                continue;
            };
            for partition in &topic.partitions {
                let tp = TopicPartition::new(Arc::clone(&name), partition.partition_index);
                if self.is_wanted(&tp, topic, outstanding) {
                    if !partition.records.is_empty() {
                        self.move_to_end(&tp);
                    }
                    if !outstanding.full && !outstanding.by_id {
                        let asked = self.partitions.get(&tp).map(|wanted| wanted.target.fetch_offset);
                        self.rest.note(&tp, partition, asked, outstanding.isolation_level);
                    }
                    fetched.push((tp.clone(), partition.clone()));
                }
                answered.insert(tp);
            }
        }
        if outstanding.full {
            self.keep_only(&answered);
        }
        Ok(fetched)
    }

    /// Is nothing wanted, or everything paused?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.partitions.values().all(|wanted| wanted.paused)
    }

    /// Is `tp` wanted under no topic id, so that it cannot be asked for from v13 on? Metadata has to be asked first.
    #[must_use]
    pub fn lacks_topic_id(&self, tp: &TopicPartition) -> bool {
        self.partitions
            .get(tp)
            .is_some_and(|wanted| wanted.target.topic_id.is_zero())
    }

    fn build_full(&mut self, topics: &mut FetchTopics) {
        self.changed.clear();
        self.left_over.clear();
        let mut names = BTreeMap::new();
        for tp in self.turns.values() {
            let wanted = self
                .partitions
                .get_mut(tp)
                .expect("invariant: who has a turn is wanted");
            wanted.held = None;
            if !wanted.target.topic_id.is_zero() {
                names
                    .entry(wanted.target.topic_id)
                    .or_insert_with(|| Arc::clone(&tp.topic));
            }
            if wanted.can_be_asked(self.by_id) {
                wanted.held = Some(wanted.target);
                topics.push(tp, &wanted.target);
            }
        }
        self.names = names;
    }

    fn build_changes(
        &mut self,
        topics: &mut FetchTopics,
        forgotten: &mut ForgottenTopics,
        resting: &BTreeSet<TopicPartition>,
    ) {
        self.changed.extend(resting.iter().cloned());
        for tp in std::mem::take(&mut self.changed) {
            let Some(wanted) = self.partitions.get_mut(&tp) else {
                continue;
            };
            if resting.contains(&tp) {
                self.changed.insert(tp.clone());
            }
            if wanted.can_be_asked(self.by_id) && !resting.contains(&tp) {
                if wanted.held != Some(wanted.target) {
                    wanted.held = Some(wanted.target);
                    topics.push(&tp, &wanted.target);
                }
            } else if let Some(held) = wanted.held.take() {
                forgotten.push(&tp, held.topic_id);
            }
        }
        for (tp, topic_id) in std::mem::take(&mut self.left_over).into_keys() {
            // By name the broker knows one partition only, and drops it after it took it over: it has to stay.
            let stays = !self.by_id
                && self
                    .partitions
                    .get(&tp)
                    .is_some_and(|wanted| wanted.held.is_some());
            if !stays {
                forgotten.push(&tp, topic_id);
            }
        }
    }

    /// Is the answer one to our request? Moves the session on.
    fn check_response(
        &mut self,
        outstanding: Outstanding,
        response: &FetchResponse,
    ) -> Result<(), SessionError> {
        match response.error_code {
            ErrorCode::NONE => {}
            error @ ErrorCode::FETCH_SESSION_ID_NOT_FOUND => {
                self.close(State::Closed);
                return Err(SessionError::Ended(error));
            }
            error @ (ErrorCode::INVALID_FETCH_SESSION_EPOCH | ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR) => {
                self.reset();
                return Err(SessionError::Ended(error));
            }
            error => {
                self.reset();
                return Err(SessionError::Refused(error));
            }
        }
        let answered = response.session_id;
        match self.state {
            // `held` stays: it is needed to judge this answer, and the next request, a full one, sets it anew.
            _ if !outstanding.sessions || answered == NO_SESSION => self.state = State::Closed,
            State::Closed | State::Lost { .. } => {
                self.state = State::Open {
                    id: answered,
                    epoch: next_epoch(INITIAL_EPOCH),
                };
            }
            State::Open { id, .. } if id != answered => {
                self.reset();
                return Err(SessionError::OtherSession { asked: id, answered });
            }
            State::Open { id, epoch } => {
                self.state = State::Open {
                    id,
                    epoch: next_epoch(epoch),
                }
            }
        }
        Ok(())
    }

    /// The name of an answered topic; `None` for an id that is not wanted any more.
    fn name_of(&self, topic: &FetchedTopic) -> Option<Arc<str>> {
        match &topic.topic {
            Some(name) => Some(Arc::clone(name)),
            None => self.names.get(&topic.topic_id).cloned(),
        }
    }

    fn is_wanted(&self, tp: &TopicPartition, topic: &FetchedTopic, outstanding: Outstanding) -> bool {
        let Some(wanted) = self.partitions.get(tp) else {
            return false;
        };
        wanted.held.is_some_and(|held| {
            held.fetch_offset == wanted.target.fetch_offset
                && held.topic_id == wanted.target.topic_id
                && (!outstanding.by_id || held.topic_id == topic.topic_id)
        })
    }

    fn move_to_end(&mut self, tp: &TopicPartition) {
        let turn = self.take_turn(tp);
        if let Some(wanted) = self.partitions.get_mut(tp) {
            self.turns.remove(&std::mem::replace(&mut wanted.turn, turn));
        }
    }

    fn take_turn(&mut self, tp: &TopicPartition) -> u64 {
        let turn = self.next_turn;
        self.next_turn += 1;
        self.turns.insert(turn, tp.clone());
        turn
    }

    /// The broker holds what it answered to a full request, and nothing else (`FullFetchContext`).
    fn keep_only(&mut self, answered: &BTreeSet<TopicPartition>) {
        for (tp, wanted) in &mut self.partitions {
            if wanted.held.is_some() && !answered.contains(tp) {
                wanted.held = None;
                self.changed.insert(tp.clone());
            }
        }
    }

    /// The broker holds nothing.
    fn close(&mut self, state: State) {
        self.state = state;
        self.left_over.clear();
        for wanted in self.partitions.values_mut() {
            wanted.held = None;
        }
    }
}

// === impl Wanted ===

impl Wanted {
    fn can_be_asked(&self, by_id: bool) -> bool {
        let nameless = by_id && self.target.topic_id.is_zero();
        !self.paused && !nameless
    }
}

/// The epoch after `epoch`: 0 opens a session, so it wraps to 1 (`FetchMetadata.nextEpoch`).
fn next_epoch(epoch: i32) -> i32 {
    if epoch == i32::MAX { 1 } else { epoch + 1 }
}
