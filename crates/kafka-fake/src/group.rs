//! The group coordinator as a pure state machine: Kafka's classic group protocol, and the offsets that groups commit.
//!
//! The rules are those of `org.apache.kafka.coordinator.group` (`GroupMetadataManager`, `ClassicGroup`,
//! `OffsetMetadataManager`). No socket, no clock, no random number: whoever drives the machine says what time it is, and
//! the same calls give the same answers, member ids included.
//!
//! ```text
//!             a member joins                    all joined, or time is up
//!     Empty ────────────────▶ PreparingRebalance ─────────────────────▶ CompletingRebalance
//!       ▲                       │            ▲ ▲                           │          │
//!       └───── nobody left ─────┘            │ └─ joins, leaves, expires ──┘          │ the leader's
//!                                            │                                        ▼ assignment
//!                                            └───────── joins, leaves, expires ──── Stable
//! ```
//! Calls come in any order. After each of them [`Coordinator::take_answers`] has the answers to requests that waited, and
//! [`Coordinator::due`] is to be called when [`Coordinator::next_due`] has come, which may be at once. `now` never goes
//! back.
//!
//! Invariants:
//! - (A) a waiter is answered exactly once, in the end;
//! - (B) members wait for a join only in `PreparingRebalance`, and for a sync only in `CompletingRebalance`;
//! - (C) a generation has one leader, one protocol and one assignment per member; generation numbers only grow, but for a
//!   fail-over, which forgets a generation that never got its assignment;
//! - (D) an offset is visible to a fetch only when it was committed outside a transaction or its transaction committed.

mod answer;
mod classic_group;
mod fail_over;
mod heartbeat;
mod inspect;
mod join;
mod leave;
mod member;
mod member_id;
mod offsets;
#[cfg(test)]
mod random_walk;
mod rebalance;
mod settings;
mod subscription;
mod sync;
#[cfg(test)]
mod testing;
mod timer;
mod transactional_offsets;

use std::collections::BTreeMap;
use std::time::Instant;

use kafka_wire::ErrorCode;

pub use answer::{Answer, JoinAnswer, JoinedMember, SyncAnswer, WaiterId};
pub use heartbeat::HeartbeatRequest;
pub use inspect::{DescribedGroup, DescribedMember, ListedGroup};
pub use join::{GroupProtocol, JoinRequest};
pub use leave::{LeavingMember, LeftMember};
pub use offsets::{CommitRequest, CommittedOffset, FetchedOffset};
pub use settings::GroupSettings;
pub use sync::SyncRequest;
pub use transactional_offsets::TransactionalCommitRequest;

use answer::Turn;
use classic_group::ClassicGroup;
use member_id::MemberIds;

/// All groups of a cluster. A real cluster shares them out among its brokers; whoever drives this one decides which
/// broker may answer for which group, and calls [`Coordinator::fail_over`] when that changes.
#[derive(Debug)]
pub struct Coordinator {
    settings: GroupSettings,
    member_ids: MemberIds,
    groups: BTreeMap<String, ClassicGroup>,
    /// The newest epoch of each producer that committed offsets in a transaction.
    producer_epochs: BTreeMap<i64, i16>,
    /// Counts commits, as the offsets of `__consumer_offsets` do.
    commits: u64,
    answers: Vec<(WaiterId, Answer)>,
}

// === impl Coordinator ===

impl Coordinator {
    /// A coordinator without groups. `seed` decides the member ids.
    pub fn new(settings: GroupSettings, seed: u64) -> Self {
        Self {
            settings,
            member_ids: MemberIds::new(seed),
            groups: BTreeMap::new(),
            producer_epochs: BTreeMap::new(),
            commits: 0,
            answers: Vec::new(),
        }
    }

    /// What became ready since the last call, oldest first.
    pub fn take_answers(&mut self) -> Vec<(WaiterId, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// When [`due`](Self::due) has something to do next; `None` while no group has members.
    pub fn next_due(&self) -> Option<Instant> {
        self.groups.values().filter_map(ClassicGroup::next_due).min()
    }

    /// Does what time brings: sessions that ran out, rebalances that waited long enough.
    pub fn due(&mut self, now: Instant) {
        for group in self.groups.values_mut() {
            let turn = &mut Turn::new(now, &self.settings, &mut self.answers);
            group.due(turn);
        }
    }

    /// The group and the turn in which it acts; an error for a group that cannot exist or does not.
    fn turn(&mut self, now: Instant, group_id: &str) -> Result<(&mut ClassicGroup, Turn<'_>), MissingGroup> {
        if group_id.is_empty() {
            return Err(MissingGroup::InvalidId);
        }
        let group = self.groups.get_mut(group_id).ok_or(MissingGroup::Unknown)?;
        Ok((group, Turn::new(now, &self.settings, &mut self.answers)))
    }
}

/// Why there is no group to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MissingGroup {
    /// The empty text is no name for a group with members.
    InvalidId,
    Unknown,
}

// === impl MissingGroup ===

impl MissingGroup {
    /// The error code, `unknown` being what the API at hand says of a group that does not exist.
    fn code(self, unknown: ErrorCode) -> ErrorCode {
        match self {
            Self::InvalidId => ErrorCode::INVALID_GROUP_ID,
            Self::Unknown => unknown,
        }
    }
}
