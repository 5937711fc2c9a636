//! What the tests of groups share: a coordinator, a clock that the test moves, and a book of who was answered what.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_wire::{ErrorCode, TopicPartition};

use super::{
    Answer, CommitRequest, CommittedOffset, Coordinator, GroupProtocol, GroupSettings, HeartbeatRequest,
    JoinAnswer, JoinRequest, LeavingMember, SyncAnswer, SyncRequest, WaiterId,
};

/// The group that every request names.
pub(super) const GROUP: &str = "g";

/// The session time-out of every request.
pub(super) const SESSION: Duration = Duration::from_secs(10);

/// The rebalance time-out of every request.
pub(super) const REBALANCE: Duration = Duration::from_mins(1);

/// How long an empty group of a stock broker waits for more members.
pub(super) const INITIAL_DELAY: Duration = Duration::from_secs(3);

/// A coordinator with its clock.
pub(super) struct Bench {
    pub(super) coordinator: Coordinator,
    pub(super) now: Instant,
    waiters: u64,
    answers: BTreeMap<WaiterId, Answer>,
}

// === impl Bench ===

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(GroupSettings::default())
    }

    pub(super) fn with(settings: GroupSettings) -> Self {
        Self {
            coordinator: Coordinator::new(settings, 1),
            now: Instant::now(),
            waiters: 0,
            answers: BTreeMap::new(),
        }
    }

    pub(super) fn join(&mut self, request: JoinRequest) -> WaiterId {
        let waiter = self.waiter();
        self.coordinator.join(self.now, request, waiter);
        waiter
    }

    pub(super) fn sync(&mut self, request: SyncRequest) -> WaiterId {
        let waiter = self.waiter();
        self.coordinator.sync(self.now, request, waiter);
        waiter
    }

    pub(super) fn heartbeat(&mut self, member_id: &str, generation_id: i32) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id,
            member_id: member_id.to_owned(),
            group_instance_id: None,
        };
        code(self.coordinator.heartbeat(self.now, &request))
    }

    pub(super) fn leave(&mut self, member_id: &str) -> ErrorCode {
        let member = LeavingMember {
            member_id: member_id.to_owned(),
            group_instance_id: None,
        };
        let left = self.coordinator.leave(self.now, GROUP, vec![member]);
        left.expect("the group has a name")[0].error
    }

    /// Time passes, and what becomes due happens on time.
    pub(super) fn pass(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(due) = self.coordinator.next_due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.coordinator.due(self.now);
        }
        self.now = until;
    }

    /// The answer to a join, which must be there.
    pub(super) fn joined(&mut self, waiter: WaiterId) -> JoinAnswer {
        match self.answer(waiter) {
            Some(Answer::Join(answer)) => answer,
            other => panic!("no answer to a join: {other:?}"),
        }
    }

    /// The answer to a sync, which must be there.
    pub(super) fn synced(&mut self, waiter: WaiterId) -> SyncAnswer {
        match self.answer(waiter) {
            Some(Answer::Sync(answer)) => answer,
            other => panic!("no answer to a sync: {other:?}"),
        }
    }

    pub(super) fn is_waiting(&mut self, waiter: WaiterId) -> bool {
        self.collect();
        !self.answers.contains_key(&waiter)
    }

    pub(super) fn state(&self) -> &'static str {
        self.coordinator
            .describe(GROUP)
            .map_or("Dead", |group| group.state)
    }

    pub(super) fn members(&self) -> Vec<String> {
        let group = self.coordinator.describe(GROUP);
        group
            .map(|group| group.members.into_iter().map(|member| member.member_id).collect())
            .unwrap_or_default()
    }

    /// So many new members in a stable group of generation 1, each assigned its own id; the leader comes first.
    pub(super) fn stable_group(&mut self, count: usize) -> Vec<String> {
        let waiters: Vec<WaiterId> = (0..count).map(|_| self.join(join_request(""))).collect();
        self.pass(INITIAL_DELAY * 2);
        let joined: Vec<JoinAnswer> = waiters.into_iter().map(|waiter| self.joined(waiter)).collect();
        self.assign(&joined)
    }

    /// Every one of these syncs; the leader gives each its own id.
    pub(super) fn assign(&mut self, joined: &[JoinAnswer]) -> Vec<String> {
        let generation_id = joined[0].generation_id;
        let leader = joined[0].leader.clone();
        let mut member_ids = vec![leader.clone()];
        for answer in joined {
            assert_eq!(answer.error, ErrorCode::NONE);
            assert_eq!(
                (answer.generation_id, &answer.leader),
                (generation_id, &leader),
                "one generation"
            );
            if answer.member_id != leader {
                member_ids.push(answer.member_id.clone());
            }
        }
        let assignments = member_ids
            .iter()
            .map(|id| (id.clone(), Bytes::from(id.clone())))
            .collect();
        let mut waiters = vec![self.sync(SyncRequest {
            assignments,
            ..sync_request(&leader, generation_id)
        })];
        waiters.extend(
            member_ids[1..]
                .iter()
                .map(|id| self.sync(sync_request(id, generation_id)))
                .collect::<Vec<_>>(),
        );
        for (waiter, member_id) in waiters.into_iter().zip(&member_ids) {
            assert_eq!(self.synced(waiter).assignment, member_id.as_bytes());
        }
        member_ids
    }

    fn answer(&mut self, waiter: WaiterId) -> Option<Answer> {
        self.collect();
        self.answers.get(&waiter).cloned()
    }

    fn collect(&mut self) {
        for (waiter, answer) in self.coordinator.take_answers() {
            let earlier = self.answers.insert(waiter, answer);
            assert_eq!(earlier, None, "(A) {waiter:?} is answered once");
        }
    }

    fn waiter(&mut self) -> WaiterId {
        self.waiters += 1;
        WaiterId(self.waiters)
    }
}

/// A join of a dynamic member in version 3, which offers `range`.
pub(super) fn join_request(member_id: &str) -> JoinRequest {
    JoinRequest {
        group_id: GROUP.to_owned(),
        member_id: member_id.to_owned(),
        group_instance_id: None,
        client_id: "c".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: "consumer".to_owned(),
        protocols: protocols(&["range"]),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        requires_known_member_id: false,
        supports_skipping_assignment: false,
    }
}

/// A join of a static member in version 9.
pub(super) fn static_join(member_id: &str, instance_id: &str) -> JoinRequest {
    JoinRequest {
        group_instance_id: Some(instance_id.to_owned()),
        requires_known_member_id: true,
        supports_skipping_assignment: true,
        ..join_request(member_id)
    }
}

/// Protocols of these names; the metadata of each is its name.
pub(super) fn protocols(names: &[&str]) -> Vec<GroupProtocol> {
    names
        .iter()
        .map(|name| GroupProtocol {
            name: (*name).to_owned(),
            metadata: Bytes::copy_from_slice(name.as_bytes()),
        })
        .collect()
}

/// A follower's sync.
pub(super) fn sync_request(member_id: &str, generation_id: i32) -> SyncRequest {
    SyncRequest {
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

/// A commit of `offset` for the partition `t-0`.
pub(super) fn commit_request(member_id: &str, generation_id: i32, offset: i64) -> CommitRequest {
    CommitRequest {
        group_id: GROUP.to_owned(),
        generation_id,
        member_id: member_id.to_owned(),
        group_instance_id: None,
        offsets: vec![(partition(), committed(offset))],
    }
}

pub(super) fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

pub(super) fn committed(offset: i64) -> CommittedOffset {
    CommittedOffset {
        offset,
        leader_epoch: 3,
        metadata: "text".to_owned(),
    }
}

pub(super) fn code<T>(result: Result<T, ErrorCode>) -> ErrorCode {
    result.err().unwrap_or(ErrorCode::NONE)
}
