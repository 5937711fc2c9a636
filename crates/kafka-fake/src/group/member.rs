//! A member of a group.

use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::answer::{JoinAnswer, SyncAnswer, Turn, WaiterId};
use super::join::{GroupProtocol, JoinRequest};

/// A member that has its id and has joined at least once.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) group_instance_id: Option<String>,
    pub(super) client_id: String,
    pub(super) client_host: String,
    pub(super) rebalance_timeout: Duration,
    pub(super) session_timeout: Duration,
    /// In the order of the member's preference.
    pub(super) protocols: Vec<GroupProtocol>,
    pub(super) assignment: Bytes,
    /// Its first join is not answered yet, so it cannot send heartbeats.
    pub(super) is_new: bool,
    pub(super) awaiting_join: Option<WaiterId>,
    pub(super) awaiting_sync: Option<WaiterId>,
    /// When the member is looked at for want of a heartbeat; `None` after such a look found it waiting for an answer.
    pub(super) session_due: Option<Instant>,
}

// === impl Member ===

impl Member {
    pub(super) fn new(request: JoinRequest, waiter: WaiterId) -> Self {
        Self {
            session_timeout: request.session_timeout(),
            rebalance_timeout: request.rebalance_timeout(),
            group_instance_id: request.group_instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            protocols: request.protocols,
            assignment: Bytes::new(),
            is_new: true,
            awaiting_join: Some(waiter),
            awaiting_sync: None,
            session_due: None,
        }
    }

    /// Takes what a new join says. What waited for an answer before is told to come again: its connection is gone, since
    /// a client sends nothing behind a join that waits.
    pub(super) fn rejoin(
        &mut self,
        turn: &mut Turn<'_>,
        member_id: &str,
        request: JoinRequest,
        waiter: WaiterId,
    ) {
        self.session_timeout = request.session_timeout();
        self.rebalance_timeout = request.rebalance_timeout();
        self.protocols = request.protocols;
        let superseded = JoinAnswer::refused(ErrorCode::REBALANCE_IN_PROGRESS, member_id);
        self.answer_join(turn, superseded);
        self.awaiting_join = Some(waiter);
    }

    pub(super) fn is_static(&self) -> bool {
        self.group_instance_id.is_some()
    }

    pub(super) fn supports(&self, protocol: &str) -> bool {
        self.protocols.iter().any(|supported| supported.name == protocol)
    }

    /// What the member sent for `protocol`; empty if it did not name it.
    pub(super) fn metadata(&self, protocol: Option<&str>) -> Bytes {
        self.protocols
            .iter()
            .find(|supported| Some(supported.name.as_str()) == protocol)
            .map(|supported| supported.metadata.clone())
            .unwrap_or_default()
    }

    /// A member that waits for us cannot send heartbeats and is taken for alive; a new one is not, because its client
    /// may be gone without having learned its id.
    pub(super) fn is_alive_without_heartbeat(&self) -> bool {
        !self.is_new && (self.awaiting_join.is_some() || self.awaiting_sync.is_some())
    }

    /// The session begins anew.
    pub(super) fn heard(&mut self, now: Instant) {
        self.session_due = Some(now + self.session_timeout);
    }

    pub(super) fn answer_join(&mut self, turn: &mut Turn<'_>, answer: JoinAnswer) {
        if let Some(waiter) = self.awaiting_join.take() {
            turn.answer_join(waiter, answer);
        }
    }

    /// Did somebody wait?
    pub(super) fn answer_sync(&mut self, turn: &mut Turn<'_>, answer: SyncAnswer) -> bool {
        let waiter = self.awaiting_sync.take();
        if let Some(waiter) = waiter {
            turn.answer_sync(waiter, answer);
        }
        waiter.is_some()
    }
}
