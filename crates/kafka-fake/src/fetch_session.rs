//! Fetch sessions (KIP-227): a client names only what changed, a broker answers only what has news.
//!
//! Rules of Kafka's `FetchSession.scala`:
//! (A) epoch 0 opens a session, -1 asks without one; both close the session they name;
//! (B) an unknown id is answered with 70, an epoch that is not the expected one with 71, names after ids or ids after
//!     names with 106; the partitions stay as they were;
//! (C) a session whose last partition was forgotten ends;
//! (D) partitions that gave records go to the end of the line, so that the byte limit starves none; before 3.0 all that are in
//!     the answer do, and some starve;
//! (E) when all slots are taken, one that was not used for two minutes gives way, else no session is opened.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use kafka_wire::{ErrorCode, TopicId};
use tokio::time::Instant;

use crate::random::Random;
use crate::release::KafkaRelease;

const EPOCH_INITIAL: i32 = 0;
const EPOCH_FINAL: i32 = -1;

/// `min.incremental.fetch.session.eviction.ms`.
const EVICTABLE_AFTER: Duration = Duration::from_mins(2);

/// A partition as the client names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Empty where the client named an id.
    pub(crate) topic: String,
    /// Zero where the client named the topic.
    pub(crate) topic_id: TopicId,
    pub(crate) partition: i32,
}

/// One partition a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WantedPartition {
    pub(crate) place: Place,
    pub(crate) current_leader_epoch: i32,
    pub(crate) fetch_offset: i64,
    pub(crate) last_fetched_epoch: i32,
    pub(crate) partition_bytes_max: i32,
}

/// The sessions of one broker.
#[derive(Debug, Default)]
pub(crate) struct FetchSessions {
    sessions: Vec<FetchSession>,
}

#[derive(Debug)]
struct FetchSession {
    id: i32,
    /// The epoch the next request must carry.
    epoch: i32,
    uses_topic_ids: bool,
    last_used: Instant,
    partitions: BTreeMap<Place, CachedPartition>,
    /// The turn of whoever comes to the end of the line next.
    next_turn: u64,
}

#[derive(Debug)]
struct CachedPartition {
    /// Where it stands in the line: lower turns are read first.
    turn: u64,
    wanted: WantedPartition,
    told: Option<Told>,
}

/// What the client was told last; an answer that says the same and brings no records is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
}

/// What a request says about sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionRequest {
    pub(crate) id: i32,
    pub(crate) epoch: i32,
    pub(crate) uses_topic_ids: bool,
    pub(crate) now: Instant,
    pub(crate) slots: usize,
}

/// The session a request is answered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// None: every partition is answered, with session id 0.
    Without,
    /// A new one: every partition is answered.
    New(i32),
    /// One that goes on: only news is answered.
    Incremental(i32),
}

// === impl Opened ===

impl Opened {
    pub(crate) fn id(self) -> i32 {
        match self {
            Self::Without => 0,
            Self::New(id) | Self::Incremental(id) => id,
        }
    }
}

// === impl FetchSessions ===

impl FetchSessions {
    /// Finds or makes the session of a request and answers with it and with all that is wanted now.
    ///
    /// # Errors
    /// (B)
    pub(crate) fn open(
        &mut self,
        request: SessionRequest,
        named: Vec<WantedPartition>,
        forgotten: &[Place],
        random: &mut Random,
    ) -> Result<(Opened, Vec<WantedPartition>), ErrorCode> {
        if matches!(request.epoch, EPOCH_INITIAL | EPOCH_FINAL) {
            self.sessions.retain(|session| session.id != request.id); // (A)
            let opened = if request.epoch == EPOCH_INITIAL && self.has_slot(request) {
                self.begin(request, &named, random)
            } else {
                Opened::Without
            };
            return Ok((opened, named));
        }
        let session = self
            .sessions
            .iter_mut()
            .find(|session| session.id == request.id)
            .ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        if session.epoch != request.epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.uses_topic_ids != request.uses_topic_ids {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        session.last_used = request.now;
        session.update(named, forgotten);
        if session.partitions.is_empty() {
            self.sessions.retain(|session| session.id != request.id); // (C)
            return Ok((Opened::Without, Vec::new()));
        }
        session.epoch = next_epoch(session.epoch);
        Ok((Opened::Incremental(request.id), session.in_line()))
    }

    /// Notes what an answer tells about a partition. Is it news, so that it must be in the answer?
    pub(crate) fn is_news(
        &mut self,
        opened: Opened,
        wanted: &WantedPartition,
        told: Option<Told>,
        has_records: bool,
        release: KafkaRelease,
    ) -> bool {
        let (Opened::New(id) | Opened::Incremental(id)) = opened else {
            return true;
        };
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else {
            return true; // closed while the request waited
        };
        let next_turn = session.next_turn;
        let Some(cached) = session.partitions.get_mut(&wanted.place) else {
            return true;
        };
        let is_news = has_records || told.is_none() || cached.told != told;
        cached.told = told;
        let moves =
            is_news && matches!(opened, Opened::Incremental(_)) && release.moves_whoever_is_answered();
        if has_records || moves {
            cached.turn = next_turn; // (D)
            session.next_turn += 1;
        }
        is_news || matches!(opened, Opened::New(_))
    }

    /// Closes every session, as a restart does.
    pub(crate) fn close_all(&mut self) {
        self.sessions.clear();
    }

    /// (E)
    fn has_slot(&mut self, request: SessionRequest) -> bool {
        if self.sessions.len() < request.slots {
            return true;
        }
        let oldest = self
            .sessions
            .iter()
            .filter(|session| request.now.duration_since(session.last_used) >= EVICTABLE_AFTER)
            .min_by_key(|session| session.last_used)
            .map(|session| session.id);
        self.sessions.retain(|session| Some(session.id) != oldest);
        oldest.is_some()
    }

    fn begin(&mut self, request: SessionRequest, named: &[WantedPartition], random: &mut Random) -> Opened {
        if named.is_empty() {
            return Opened::Without;
        }
        let mut id = random.positive_i32();
        while self.sessions.iter().any(|session| session.id == id) {
            id = random.positive_i32();
        }
        let mut session = FetchSession {
            id,
            epoch: next_epoch(EPOCH_INITIAL),
            uses_topic_ids: request.uses_topic_ids,
            last_used: request.now,
            partitions: BTreeMap::new(),
            next_turn: 0,
        };
        session.update(named.to_vec(), &[]);
        self.sessions.push(session);
        Opened::New(id)
    }
}

// === impl FetchSession ===

impl FetchSession {
    fn update(&mut self, named: Vec<WantedPartition>, forgotten: &[Place]) {
        for wanted in named {
            match self.partitions.entry(wanted.place.clone()) {
                Entry::Occupied(mut known) => known.get_mut().wanted = wanted,
                Entry::Vacant(new) => {
                    new.insert(CachedPartition {
                        turn: self.next_turn,
                        wanted,
                        told: None,
                    });
                    self.next_turn += 1;
                }
            }
        }
        for place in forgotten {
            self.partitions.remove(place);
        }
    }

    /// What is wanted, in the order in which it is read.
    fn in_line(&self) -> Vec<WantedPartition> {
        let mut line: Vec<&CachedPartition> = self.partitions.values().collect();
        line.sort_by_key(|cached| cached.turn);
        line.into_iter().map(|cached| cached.wanted.clone()).collect()
    }
}

fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}
