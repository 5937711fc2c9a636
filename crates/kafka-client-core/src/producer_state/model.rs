//! The producer against a model of the target, under every mix of lost answers, retriable errors, refusals, leader
//! moves, late copies out of dead connections and forgotten producer ids.
//!
//! Properties, checked in the end and with each ack:
//! - the target's log holds what was enqueued, in that order, each record once (refused records that were dropped and
//!   withdrawn batches are not there);
//! - each token comes back exactly once, and the offset of an ack is where the records are;
//! - when the faults end, everything is acked (liveness).

mod cluster;

use super::*;
use crate::testing::{batch, start};
use cluster::{Cluster, Fault};
use kafka_record::BatchHeader;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const NODES: [NodeId; 2] = [NodeId(1), NodeId(2)];
const PARTITIONS: usize = 2;
const BATCH_RECORDS_MAX: u32 = 3;

#[derive(Debug, Clone)]
enum Step {
    Enqueue {
        partition: usize,
        records: u32,
    },
    /// The client sends one request.
    Send {
        node: usize,
        batches: usize,
    },
    /// The broker processes one request; one fault per batch.
    Process {
        node: usize,
        faults: Vec<Fault>,
    },
    /// The client reads one answer.
    Answer {
        node: usize,
    },
    /// The connection ends; what the broker has not processed yet may still be processed later.
    Disconnect {
        node: usize,
    },
    /// The broker comes upon a request of a dead connection.
    Late {
        node: usize,
    },
    MoveLeader {
        partition: usize,
        node: usize,
    },
    /// The client learns who leads, or that nobody does.
    Learn {
        partition: usize,
        nobody: bool,
    },
    /// An answer of `InitProducerId` arrives.
    Identify,
    /// The caller decides on a refusal.
    Resolve,
    Withdraw {
        partition: usize,
        every: u32,
    },
    Wait {
        millis: u64,
    },
    /// A day passes without a batch for this partition, and the broker forgets its producers.
    Forget {
        partition: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let node = 0..NODES.len();
    let partition = 0..PARTITIONS;
    prop_oneof![
        8 => (partition.clone(), 1..=BATCH_RECORDS_MAX).prop_map(|(partition, records)| Step::Enqueue { partition, records }),
        8 => (node.clone(), 1..4_usize).prop_map(|(node, batches)| Step::Send { node, batches }),
        8 => (node.clone(), prop::collection::vec(fault(), PARTITIONS))
            .prop_map(|(node, faults)| Step::Process { node, faults }),
        8 => node.clone().prop_map(|node| Step::Answer { node }),
        1 => node.clone().prop_map(|node| Step::Disconnect { node }),
        1 => node.clone().prop_map(|node| Step::Late { node }),
        1 => (partition.clone(), node).prop_map(|(partition, node)| Step::MoveLeader { partition, node }),
        2 => (partition.clone(), prop::bool::weighted(0.2))
            .prop_map(|(partition, nobody)| Step::Learn { partition, nobody }),
        2 => Just(Step::Identify),
        2 => Just(Step::Resolve),
        1 => (partition.clone(), 1..4_u32).prop_map(|(partition, every)| Step::Withdraw { partition, every }),
        3 => (0..400_u64).prop_map(|millis| Step::Wait { millis }),
        1 => partition.prop_map(|partition| Step::Forget { partition }),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    let before = [
        ErrorCode::NOT_ENOUGH_REPLICAS,
        ErrorCode::KAFKA_STORAGE_ERROR,
        ErrorCode::CORRUPT_MESSAGE,
        ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
    ];
    let after = [
        ErrorCode::REQUEST_TIMED_OUT,
        ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
    ];
    prop_oneof![
        8 => Just(Fault::None),
        1 => prop::sample::select(before.to_vec()).prop_map(Fault::BeforeAppend),
        1 => prop::sample::select(after.to_vec()).prop_map(Fault::AfterAppend),
    ]
}

/// What is expected in one partition of the target.
#[derive(Debug)]
struct Item {
    token: u32,
    ids: Vec<u32>,
    acked: bool,
}

#[derive(Debug)]
struct Answer {
    request_id: u64,
    results: Vec<(TopicPartition, ErrorCode, i64)>,
}

/// The wires to one broker.
#[derive(Debug, Default)]
struct Wire {
    requests: VecDeque<ProduceBatchSet>,
    answers: VecDeque<Answer>,
    /// Requests of connections that ended before the broker came to process them.
    late: VecDeque<ProduceBatchSet>,
}

struct World {
    idempotent: bool,
    state: ProducerState<u32>,
    cluster: Cluster,
    wires: Vec<Wire>,
    now: Instant,
    items: Vec<Vec<Item>>,
    next_token: u32,
    next_record: u32,
    next_producer: i64,
    identities_due: VecDeque<Option<TopicPartition>>,
    refusals_due: VecDeque<(TopicPartition, u32)>,
    /// Batches that were said to be there twice perhaps, by partition.
    may_be_doubled: [usize; PARTITIONS],
}

fn tp(partition: usize) -> TopicPartition {
    TopicPartition::new("t", i32::try_from(partition).unwrap())
}

fn index(tp: &TopicPartition) -> usize {
    usize::try_from(tp.partition).unwrap()
}

/// The records of a batch.
fn ids_of(header: &BatchHeader, payload: &[u8]) -> Vec<u32> {
    let id =
        |record: kafka_record::RecordView<'_>| u32::from_be_bytes(record.value.unwrap().try_into().unwrap());
    kafka_record::Records::new(payload, header.record_count)
        .map(|record| id(record.unwrap()))
        .collect()
}

/// Will the target take a batch of these records? Some only alone, some never.
fn refusal(ids: &[u32]) -> Option<ErrorCode> {
    if ids.iter().any(|id| id % 16 == 15) {
        return Some(ErrorCode::INVALID_RECORD);
    }
    (ids.len() > 1 && ids.iter().any(|id| id % 8 == 3)).then_some(ErrorCode::MESSAGE_TOO_LARGE)
}

impl World {
    fn new(idempotent: bool, forgetful_rules: bool) -> Self {
        let config = ProducerConfig {
            idempotent,
            doubtful_attempts_max: 1000,
            ..ProducerConfig::default()
        };
        let mut state = ProducerState::new(config);
        for partition in 0..PARTITIONS {
            state.set_leader(&tp(partition), Some(NODES[0]));
        }
        Self {
            idempotent,
            state,
            cluster: Cluster::new(PARTITIONS, NODES[0], forgetful_rules),
            wires: (0..NODES.len()).map(|_| Wire::default()).collect(),
            now: start(),
            items: (0..PARTITIONS).map(|_| Vec::new()).collect(),
            next_token: 0,
            next_record: 0,
            next_producer: 0,
            identities_due: VecDeque::new(),
            refusals_due: VecDeque::new(),
            may_be_doubled: [0; PARTITIONS],
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Enqueue { partition, records } => self.enqueue(partition, records),
            Step::Send { node, batches } => {
                self.send(node, batches * batch(&[0]).size());
            }
            Step::Process { node, faults } => {
                self.process(node, &faults);
            }
            Step::Answer { node } => {
                self.answer(node);
            }
            Step::Disconnect { node } => self.disconnect(node),
            Step::Late { node } => self.late(node),
            Step::MoveLeader { partition, node } => self.cluster.set_leader(partition, NODES[node]),
            Step::Learn { partition, nobody } => {
                let leader = (!nobody).then(|| self.cluster.leader(partition));
                self.state.set_leader(&tp(partition), leader);
            }
            Step::Identify => {
                self.identify();
            }
            Step::Resolve => {
                self.resolve();
            }
            Step::Withdraw { partition, every } => self.withdraw(partition, every),
            Step::Wait { millis } => self.now += Duration::from_millis(millis),
            Step::Forget { partition } => self.forget(partition),
        }
        self.drain_events();
    }

    fn enqueue(&mut self, partition: usize, records: u32) {
        let ids: Vec<u32> = (self.next_record..self.next_record + records).collect();
        self.next_record += records;
        let token = self.new_token();
        self.state.enqueue(&tp(partition), batch(&ids), token);
        self.items[partition].push(Item {
            token,
            ids,
            acked: false,
        });
    }

    fn new_token(&mut self) -> u32 {
        self.next_token += 1;
        self.next_token
    }

    fn send(&mut self, node: usize, bytes_max: usize) -> bool {
        let Some(set) = self.state.poll_request(NODES[node], self.now, bytes_max) else {
            return false;
        };
        let mut partitions: Vec<_> = set.batches.iter().map(|sent| index(&sent.tp)).collect();
        partitions.sort_unstable();
        partitions.dedup();
        assert_eq!(
            partitions.len(),
            set.batches.len(),
            "one batch per partition and request"
        );
        for partition in partitions {
            let window = if self.idempotent {
                IN_FLIGHT_PER_PARTITION_MAX
            } else {
                1
            };
            assert!(self.state.pending(&tp(partition)).in_flight <= window);
        }
        self.wires[node].requests.push_back(set);
        true
    }

    /// The broker's answers to the batches of a request.
    fn append(&mut self, node: usize, set: &ProduceBatchSet, faults: &[Fault]) -> Answer {
        let mut results = Vec::new();
        for (sent, fault) in set.batches.iter().zip(faults) {
            let header = BatchHeader::parse(&sent.header).unwrap();
            let ids = ids_of(&header, &sent.payload);
            let refusal = refusal(&ids);
            let (error, offset) =
                self.cluster
                    .append(NODES[node], index(&sent.tp), &header, &ids, (*fault, refusal));
            results.push((sent.tp.clone(), error, offset));
        }
        Answer {
            request_id: set.request_id,
            results,
        }
    }

    fn process(&mut self, node: usize, faults: &[Fault]) -> bool {
        let Some(set) = self.wires[node].requests.pop_front() else {
            return false;
        };
        let answer = self.append(node, &set, faults);
        self.wires[node].answers.push_back(answer);
        true
    }

    fn answer(&mut self, node: usize) -> bool {
        let Some(answer) = self.wires[node].answers.pop_front() else {
            return false;
        };
        for (tp, error, offset) in answer.results {
            assert!(
                self.state
                    .handle_result(answer.request_id, &tp, error, offset, self.now)
            );
        }
        true
    }

    fn disconnect(&mut self, node: usize) {
        let wire = &mut self.wires[node];
        let answered = std::mem::take(&mut wire.answers)
            .into_iter()
            .map(|answer| answer.request_id);
        let unprocessed = std::mem::take(&mut wire.requests);
        let unanswered = answered
            .chain(unprocessed.iter().map(|set| set.request_id))
            .collect::<Vec<_>>();
        if self.idempotent {
            wire.late.extend(unprocessed);
        }
        for request_id in unanswered {
            self.state.handle_disconnect(request_id, self.now);
        }
    }

    fn late(&mut self, node: usize) {
        if let Some(set) = self.wires[node].late.pop_front() {
            self.append(node, &set, &[Fault::None; PARTITIONS]);
        }
    }

    fn identify(&mut self) -> bool {
        let Some(due) = self.identities_due.pop_front() else {
            return false;
        };
        self.next_producer += 1;
        let identity = ProducerIdentity {
            id: self.next_producer,
            epoch: 0,
        };
        match due {
            None => self.state.set_identity(identity),
            Some(tp) => self.state.set_partition_identity(&tp, identity).unwrap(),
        }
        true
    }

    /// Splits what was refused, or drops a single record.
    fn resolve(&mut self) -> bool {
        let Some((tp, token)) = self.refusals_due.pop_front() else {
            return false;
        };
        let place = self.items[index(&tp)]
            .iter()
            .position(|item| item.token == token)
            .unwrap();
        let item = self.items[index(&tp)].remove(place);
        if item.ids.len() == 1 {
            self.state.resolve(&tp, Resolution::Drop).unwrap();
            return true;
        }
        let (left, right) = item.ids.split_at(item.ids.len() / 2);
        let mut instead = Vec::new();
        for (offset, ids) in [left.to_vec(), right.to_vec()].into_iter().enumerate() {
            let token = self.new_token();
            instead.push((batch(&ids), token));
            self.items[index(&tp)].insert(
                place + offset,
                Item {
                    token,
                    ids,
                    acked: false,
                },
            );
        }
        self.state.resolve(&tp, Resolution::Replace(instead)).unwrap();
        true
    }

    fn withdraw(&mut self, partition: usize, every: u32) {
        for token in self.state.withdraw(&tp(partition), |token| token % every == 0) {
            let place = self.items[partition]
                .iter()
                .position(|item| item.token == token)
                .unwrap();
            let item = self.items[partition].remove(place);
            assert!(!item.acked);
        }
    }

    fn forget(&mut self, partition: usize) {
        self.heal();
        for node in 0..NODES.len() {
            while !self.wires[node].late.is_empty() {
                self.late(node);
            }
        }
        self.now += Duration::from_hours(24);
        self.cluster.forget_producers(partition);
    }

    fn drain_events(&mut self) {
        while let Some(event) = self.state.poll_event() {
            match event {
                ProducerEvent::Acked {
                    tp,
                    token,
                    base_offset,
                    record_count,
                    crc,
                    ..
                } => {
                    self.check_ack(&tp, token, base_offset, record_count);
                    if let Some(offset) = base_offset {
                        let kept = self.cluster.checksum(index(&tp), offset);
                        assert_eq!(crc, kept, "not the checksum in the log of {token}");
                    }
                }
                ProducerEvent::Refused { tp, token, error, .. } => {
                    let item = self.items[index(&tp)]
                        .iter()
                        .find(|item| item.token == token)
                        .unwrap();
                    assert_eq!(refusal(&item.ids), Some(error));
                    assert!(!item.acked);
                    self.refusals_due.push_back((tp, token));
                }
                ProducerEvent::IdentityNeeded { tp } => self.identities_due.push_back(tp),
                ProducerEvent::Retrying {
                    tp, may_be_doubled, ..
                } => {
                    assert!(
                        !(self.idempotent && may_be_doubled),
                        "numbered batches are recognised"
                    );
                    self.may_be_doubled[index(&tp)] += usize::from(may_be_doubled);
                }
                ProducerEvent::LeaderStale { .. } => {}
                ProducerEvent::Stopped { tp, reason } => panic!("{tp} stopped: {reason}"),
            }
        }
    }

    fn check_ack(&mut self, tp: &TopicPartition, token: u32, base_offset: Option<i64>, record_count: i32) {
        let item = self.items[index(tp)]
            .iter_mut()
            .find(|item| item.token == token)
            .unwrap();
        assert!(!std::mem::replace(&mut item.acked, true), "acked twice: {token}");
        assert_eq!(item.ids.len(), usize::try_from(record_count).unwrap());
        if let Some(offset) = base_offset {
            let offset = usize::try_from(offset).unwrap();
            let log = self.cluster.log(index(tp));
            assert_eq!(
                log[offset..offset + item.ids.len()],
                item.ids,
                "acked at another offset"
            );
        }
    }

    /// No more faults: everything has to be acked.
    fn heal(&mut self) {
        for round in 0.. {
            assert!(round < 2000, "no progress: {:?}", self.state);
            let mut progress = self.identify();
            progress |= self.resolve();
            for partition in 0..PARTITIONS {
                self.state
                    .set_leader(&tp(partition), Some(self.cluster.leader(partition)));
            }
            for node in 0..NODES.len() {
                progress |= self.send(node, usize::MAX);
                progress |= self.process(node, &[Fault::None; PARTITIONS]);
                progress |= self.answer(node);
            }
            self.drain_events();
            if self.state.is_idle() {
                break;
            }
            if !progress {
                self.now = self.state.next_timeout().expect("something to wait for");
            }
        }
        assert_eq!(self.state.pending_total(), Pending::default());
        assert_eq!(self.state.next_timeout(), None);
    }

    fn check(&self) {
        for (partition, items) in self.items.iter().enumerate() {
            assert!(items.iter().all(|item| item.acked));
            let expected: Vec<u32> = items.iter().flat_map(|item| item.ids.iter().copied()).collect();
            let mut log = self.cluster.log(partition).to_vec();
            if !self.idempotent {
                let mut seen = BTreeSet::new();
                let written = log.len();
                log.retain(|id| seen.insert(*id));
                let doubled = written - log.len();
                let told = self.may_be_doubled[partition] * usize::try_from(BATCH_RECORDS_MAX).unwrap();
                assert!(
                    doubled <= told,
                    "partition {partition}: {doubled} more than once, {told} told"
                );
            }
            assert_eq!(log, expected, "partition {partition}");
        }
    }
}

fn run(idempotent: bool, forgetful_rules: bool, steps: Vec<Step>) {
    let mut world = World::new(idempotent, forgetful_rules);
    for step in steps {
        world.take(step);
    }
    world.heal();
    world.check();
    // Whatever still lies in dead connections must not be appended any more.
    for node in 0..NODES.len() {
        while !world.wires[node].late.is_empty() {
            world.late(node);
        }
    }
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_log_is_what_was_enqueued(
        forgetful_rules: bool,
        steps in prop::collection::vec(step(), 1..200),
    ) {
        run(true, forgetful_rules, steps);
    }

    #[test]
    fn without_idempotence_nothing_is_lost_or_reordered_and_no_more_doubled_than_told(steps in prop::collection::vec(step(), 1..200)) {
        run(false, false, steps);
    }
}
