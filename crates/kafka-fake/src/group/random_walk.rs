//! Members that do anything at any time, by seed: whatever they do, the invariants of the coordinator hold.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kafka_wire::ErrorCode;

use super::testing::{Bench, GROUP, REBALANCE, join_request, protocols, static_join, sync_request};
use super::{JoinAnswer, JoinRequest, SyncRequest, WaiterId};
use crate::random::Random;

/// Enough for every pair of events in every state, several times over.
const SEEDS: u64 = 200;
const STEPS: usize = 300;
const CLIENTS: usize = 4;

/// A client, as much as it knows of itself. It may be wrong about it.
#[derive(Debug, Clone, Default)]
struct Client {
    member_id: String,
    generation_id: i32,
    /// The members, if this client leads.
    leads: Vec<String>,
}

struct Walk {
    bench: Bench,
    random: Random,
    clients: Vec<Client>,
    /// Joins without an answer, with the client's number.
    joins: BTreeMap<WaiterId, usize>,
    syncs: BTreeMap<WaiterId, (String, i32)>,
    /// What was answered, by generation: all must agree. Fail-overs begin a new life, because they forget generations.
    agreed: BTreeMap<(u32, i32), (String, Option<String>)>,
    life: u32,
}

// === impl Walk ===

impl Walk {
    fn new(seed: u64) -> Self {
        Self {
            bench: Bench::new(),
            random: Random::new(seed),
            clients: vec![Client::default(); CLIENTS],
            joins: BTreeMap::new(),
            syncs: BTreeMap::new(),
            agreed: BTreeMap::new(),
            life: 0,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.next_u64() % bound
    }

    fn step(&mut self) {
        let number = usize::try_from(self.below(4)).unwrap();
        let client = self.clients[number].clone();
        match self.below(20) {
            0..6 => self.join(number, &client),
            6..11 => self.sync(&client),
            11..14 => drop(self.bench.heartbeat(&client.member_id, client.generation_id)),
            14 => drop(self.bench.leave(&client.member_id)),
            15 => self.clients[number] = Client::default(), // a restart
            16 if self.below(5) == 0 => {
                self.bench.coordinator.fail_over(self.bench.now, GROUP);
                self.life += 1;
            }
            _ => {
                let pause = Duration::from_millis(self.below(8_000));
                self.bench.pass(pause);
            }
        }
        self.read_answers();
    }

    fn join(&mut self, number: usize, client: &Client) {
        let names: &[&str] = [&["range"][..], &["sticky", "range"], &["range", "sticky"]]
            [usize::try_from(self.below(3)).unwrap()];
        let request = match number {
            0 => static_join(&client.member_id, "i-0"),
            _ => join_request(&client.member_id),
        };
        let waiter = self.bench.join(JoinRequest {
            protocols: protocols(names),
            requires_known_member_id: number > 1,
            ..request
        });
        self.joins.insert(waiter, number);
    }

    /// The leader gives each member its own id and the generation.
    fn sync(&mut self, client: &Client) {
        let share = |id: &String| (id.clone(), Bytes::from(format!("{id} {}", client.generation_id)));
        let waiter = self.bench.sync(SyncRequest {
            assignments: client.leads.iter().map(share).collect(),
            ..sync_request(&client.member_id, client.generation_id)
        });
        self.syncs
            .insert(waiter, (client.member_id.clone(), client.generation_id));
    }

    fn read_answers(&mut self) {
        let joins: Vec<(WaiterId, usize)> = self
            .joins
            .iter()
            .map(|(waiter, number)| (*waiter, *number))
            .collect();
        for (waiter, number) in joins {
            if !self.bench.is_waiting(waiter) {
                self.joins.remove(&waiter);
                let answer = self.bench.joined(waiter);
                self.joined(number, answer);
            }
        }
        let syncs: Vec<WaiterId> = self.syncs.keys().copied().collect();
        for waiter in syncs {
            if !self.bench.is_waiting(waiter)
                && let Some((member_id, generation_id)) = self.syncs.remove(&waiter)
            {
                let answer = self.bench.synced(waiter);
                if answer.error.is_ok() && !answer.assignment.is_empty() {
                    let own = format!("{member_id} {generation_id}");
                    assert_eq!(
                        answer.assignment,
                        own.as_bytes(),
                        "(C) nobody gets another's share"
                    );
                }
            }
        }
    }

    fn joined(&mut self, number: usize, answer: JoinAnswer) {
        match answer.error {
            ErrorCode::NONE if answer.skip_assignment || number == 0 => {
                // A static member takes over the share that was given to its former id.
                self.clients[number] = Client::default();
            }
            ErrorCode::NONE => {
                let agreed = (answer.leader.clone(), answer.protocol_name.clone());
                let known = self
                    .agreed
                    .entry((self.life, answer.generation_id))
                    .or_insert(agreed.clone());
                assert_eq!(known.1, agreed.1, "(C) one protocol");
                let is_leader = answer.leader == answer.member_id;
                assert_eq!(
                    is_leader,
                    !answer.members.is_empty(),
                    "only the leader learns of the members"
                );
                let leads = answer
                    .members
                    .into_iter()
                    .map(|member| member.member_id)
                    .collect();
                self.clients[number] = Client {
                    member_id: answer.member_id,
                    generation_id: answer.generation_id,
                    leads,
                };
            }
            ErrorCode::MEMBER_ID_REQUIRED => self.clients[number].member_id = answer.member_id,
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID => {
                self.clients[number] = Client::default();
            }
            ErrorCode::REBALANCE_IN_PROGRESS
            | ErrorCode::INCONSISTENT_GROUP_PROTOCOL
            | ErrorCode::UNKNOWN_SERVER_ERROR
            | ErrorCode::NOT_COORDINATOR => {}
            other => panic!("a join is not answered with {other}"),
        }
    }
}

#[test]
fn every_request_is_answered_once_and_a_generation_is_one_for_all() {
    let (mut joined, mut rebalanced) = (0, 0);
    for seed in 0..SEEDS {
        let mut walk = Walk::new(seed);
        for _ in 0..STEPS {
            walk.step();
        }
        walk.bench.pass(REBALANCE * 20);
        walk.read_answers();
        assert_eq!(
            (walk.joins.len(), walk.syncs.len()),
            (0, 0),
            "(A) seed {seed}: everybody is answered"
        );
        assert_eq!(walk.bench.members(), [""; 0], "seed {seed}: all sessions end");
        assert_eq!(walk.bench.coordinator.next_due(), None, "seed {seed}");
        joined += usize::from(!walk.agreed.is_empty());
        rebalanced += walk.agreed.len();
    }
    assert!(
        joined > 190 && rebalanced > 1000,
        "the walks reach something: {joined} {rebalanced}"
    );
}
