//! Answers to requests that may have to wait, and the turn in which they are given.

use std::time::Instant;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::settings::GroupSettings;

/// A request that waits for its answer. The caller chooses the number, and never the same one twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaiterId(pub u64);

/// What a waiter gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Join(JoinAnswer),
    Sync(SyncAnswer),
}

/// The answer to a `JoinGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinAnswer {
    pub error: ErrorCode,
    /// -1 with an error.
    pub generation_id: i32,
    pub protocol_type: Option<String>,
    /// What the members agreed on.
    pub protocol_name: Option<String>,
    /// The leader's member id; empty with an error.
    pub leader: String,
    /// The leader shall not assign anew: it is a static member that came back (KIP-814, from version 9 on).
    pub skip_assignment: bool,
    /// The member's id, given by the coordinator if it had none; empty where it has to ask for a new one.
    pub member_id: String,
    /// Everybody, if this member leads; otherwise nobody. Ordered by member id.
    pub members: Vec<JoinedMember>,
}

/// What the leader learns of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// What the member sent for the chosen protocol.
    pub metadata: Bytes,
}

/// The answer to a `SyncGroup`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncAnswer {
    pub error: ErrorCode,
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    /// What the leader gave this member; empty with an error, and where the leader left it out.
    pub assignment: Bytes,
}

/// One event's view of what is around a group.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    pub(super) now: Instant,
    pub(super) settings: &'a GroupSettings,
    answers: &'a mut Vec<(WaiterId, Answer)>,
}

// === impl JoinAnswer ===

impl JoinAnswer {
    /// A refusal. `member_id` is what the member asked with, or empty where that id is void.
    pub(super) fn refused(error: ErrorCode, member_id: impl Into<String>) -> Self {
        Self {
            error,
            generation_id: -1,
            protocol_type: None,
            protocol_name: None,
            leader: String::new(),
            skip_assignment: false,
            member_id: member_id.into(),
            members: Vec::new(),
        }
    }
}

// === impl SyncAnswer ===

impl SyncAnswer {
    pub(super) fn refused(error: ErrorCode) -> Self {
        Self {
            error,
            protocol_type: None,
            protocol_name: None,
            assignment: Bytes::new(),
        }
    }
}

// === impl Turn ===

impl<'a> Turn<'a> {
    pub(super) fn new(
        now: Instant,
        settings: &'a GroupSettings,
        answers: &'a mut Vec<(WaiterId, Answer)>,
    ) -> Self {
        Self {
            now,
            settings,
            answers,
        }
    }

    pub(super) fn answer_join(&mut self, waiter: WaiterId, answer: JoinAnswer) {
        self.answers.push((waiter, Answer::Join(answer)));
    }

    pub(super) fn answer_sync(&mut self, waiter: WaiterId, answer: SyncAnswer) {
        self.answers.push((waiter, Answer::Sync(answer)));
    }
}
