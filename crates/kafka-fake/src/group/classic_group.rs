//! A group of the classic protocol: its members, what they agree on, and who leads (`ClassicGroup` in Kafka).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kafka_wire::ErrorCode;

use super::answer::{JoinAnswer, JoinedMember, Turn};
use super::fail_over::StoredGroup;
use super::join::{GroupProtocol, JoinRequest};
use super::member::Member;
use super::offsets::GroupOffsets;

/// One group.
#[derive(Debug, Default)]
pub(super) struct ClassicGroup {
    pub(super) state: GroupState,
    /// Counts completed rebalances.
    pub(super) generation_id: i32,
    /// `None` for a group that never had members, only offsets.
    pub(super) protocol_type: Option<String>,
    pub(super) protocol_name: Option<String>,
    /// A key of `members`, exactly while there are some.
    pub(super) leader: Option<String>,
    pub(super) members: BTreeMap<String, Member>,
    /// Member ids by instance id; each is a key of `members`.
    pub(super) static_members: BTreeMap<String, String>,
    /// Ids that were given out by `MEMBER_ID_REQUIRED` and did not come back yet, with the end of their session.
    pub(super) pending_joins: BTreeMap<String, Instant>,
    /// Members of this generation that have not asked for their assignment.
    pub(super) pending_syncs: BTreeSet<String>,
    /// When those in `pending_syncs` are removed.
    pub(super) sync_due: Option<Instant>,
    pub(super) offsets: GroupOffsets,
    /// What a broker would find in `__consumer_offsets`.
    pub(super) stored: StoredGroup,
}

/// Where a group stands. Kafka's fifth state, `Dead`, is a group that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum GroupState {
    /// No members; maybe offsets.
    #[default]
    Empty,
    /// Members are to join (again).
    PreparingRebalance(Gathering),
    /// All have joined; the leader is to assign.
    CompletingRebalance,
    /// Everybody has an assignment.
    Stable,
}

/// How long a rebalance waits for members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gathering {
    /// The group was empty: wait whoever has come, so that members that start together share one generation.
    Initial {
        due: Instant,
        /// How long this wait is, and how much more there may be.
        delay: Duration,
        remaining: Duration,
        /// Somebody came since the wait began.
        new_member_added: bool,
    },
    /// Wait until all are back, or until `due`.
    Rejoin { due: Instant },
}

// === impl GroupState ===

impl GroupState {
    /// The name that `DescribeGroups` and `ListGroups` show.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance(_) => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

// === impl ClassicGroup ===

impl ClassicGroup {
    pub(super) fn is_leader(&self, member_id: &str) -> bool {
        self.leader.as_deref() == Some(member_id)
    }

    pub(super) fn has_all_members_joined(&self) -> bool {
        self.pending_joins.is_empty() && self.members.values().all(|member| member.awaiting_join.is_some())
    }

    /// The longest of the members' rebalance time-outs.
    pub(super) fn rebalance_timeout(&self) -> Duration {
        self.members
            .values()
            .map(|member| member.rebalance_timeout)
            .max()
            .unwrap_or_default()
    }

    /// Adds a member that waits for its join.
    pub(super) fn add(&mut self, member_id: String, protocol_type: String, member: Member) {
        if self.members.is_empty() {
            self.protocol_type = Some(protocol_type);
        }
        if let Some(instance_id) = &member.group_instance_id {
            self.static_members.insert(instance_id.clone(), member_id.clone());
        }
        self.leader.get_or_insert_with(|| member_id.clone());
        self.pending_joins.remove(&member_id);
        self.members.insert(member_id, member);
    }

    /// Removes a member or an id that was given out. Whoever waits for the member is answered that it is unknown, so that
    /// a client that is still there joins anew.
    pub(super) fn remove(&mut self, turn: &mut Turn<'_>, member_id: &str) {
        if let Some(mut member) = self.members.remove(member_id) {
            member.answer_join(turn, JoinAnswer::refused(ErrorCode::UNKNOWN_MEMBER_ID, ""));
            member.answer_sync(turn, super::SyncAnswer::refused(ErrorCode::UNKNOWN_MEMBER_ID));
            if let Some(instance_id) = &member.group_instance_id {
                self.static_members.remove(instance_id);
            }
        }
        if self.is_leader(member_id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_joins.remove(member_id);
        self.pending_syncs.remove(member_id);
    }

    /// Is this member in the group, and still the one of its instance id? (KIP-345)
    pub(super) fn validate_member(
        &self,
        member_id: &str,
        group_instance_id: Option<&str>,
    ) -> Result<(), ErrorCode> {
        if let Some(instance_id) = group_instance_id {
            match self.static_members.get(instance_id) {
                None => return Err(ErrorCode::UNKNOWN_MEMBER_ID),
                Some(current) if current != member_id => return Err(ErrorCode::FENCED_INSTANCE_ID),
                Some(_) => {}
            }
        }
        if self.members.contains_key(member_id) {
            Ok(())
        } else {
            Err(ErrorCode::UNKNOWN_MEMBER_ID)
        }
    }

    /// Could all members, these included, agree on one of the protocols?
    pub(super) fn supports(&self, request: &JoinRequest) -> bool {
        if self.state == GroupState::Empty {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        self.protocol_type.as_deref() == Some(&request.protocol_type)
            && request
                .protocols
                .iter()
                .any(|protocol| self.all_support(protocol))
    }

    fn all_support(&self, protocol: &GroupProtocol) -> bool {
        self.members
            .values()
            .all(|member| member.supports(&protocol.name))
    }

    /// The protocol with the most votes among those that all support. Each member votes for the first such protocol of
    /// its list; the alphabet decides between equals (Kafka leaves that to a hash map).
    pub(super) fn select_protocol(&self) -> Option<String> {
        let mut votes = BTreeMap::<&str, usize>::new();
        for member in self.members.values() {
            if let Some(choice) = member
                .protocols
                .iter()
                .find(|protocol| self.all_support(protocol))
            {
                *votes.entry(&choice.name).or_default() += 1;
            }
        }
        let most = votes.values().max().copied()?;
        votes
            .into_iter()
            .find(|(_, count)| *count == most)
            .map(|(name, _)| name.to_owned())
    }

    /// If the leader did not come back in time, the first member that did takes over. Is there a leader that waits?
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let has_joined = |id: &String| {
            self.members
                .get(id)
                .is_some_and(|member| member.awaiting_join.is_some())
        };
        if self.leader.as_ref().is_some_and(has_joined) {
            return true;
        }
        let joined = self.members.keys().find(|id| has_joined(id)).cloned();
        let elected = joined.is_some();
        if elected {
            self.leader = joined;
        }
        elected
    }

    /// The answer to a join of `member_id` in the present generation; the leader learns of everybody.
    pub(super) fn joined(&self, member_id: &str) -> JoinAnswer {
        let members = if self.is_leader(member_id) {
            self.joined_members()
        } else {
            Vec::new()
        };
        JoinAnswer {
            error: ErrorCode::NONE,
            generation_id: self.generation_id,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members,
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        self.members
            .iter()
            .map(|(member_id, member)| JoinedMember {
                member_id: member_id.clone(),
                group_instance_id: member.group_instance_id.clone(),
                metadata: member.metadata(self.protocol_name.as_deref()),
            })
            .collect()
    }
}
