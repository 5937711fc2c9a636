//! One scenario per rule of the producer. Their interplay is the model's (`model.rs`).

use super::*;
use crate::testing::{batch, message_set, start};
use kafka_record::BatchHeader;
use std::time::Duration;

const ONE: NodeId = NodeId(1);
const TWO: NodeId = NodeId(2);
const SHARED: ProducerIdentity = ProducerIdentity { id: 7, epoch: 0 };
const FRESH: ProducerIdentity = ProducerIdentity { id: 8, epoch: 0 };

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

/// A producer whose broker is the test itself. Tokens are the ids of the batches' first records.
struct Scenario {
    state: ProducerState<u32>,
    now: Instant,
    /// All headers sent, by partition and first record.
    sent: Vec<Sent>,
}

impl Scenario {
    /// With an identity, and broker 1 leading partitions 0 to 2.
    fn new() -> Self {
        let mut scenario = Self::with(ProducerConfig::default());
        scenario.state.set_identity(SHARED);
        scenario
    }

    /// As [`Self::new`], with brokers that also know how message sets are sent.
    fn of_old_brokers() -> Self {
        let mut scenario = Self::with(ProducerConfig {
            message_sets_are_taken: true,
            ..ProducerConfig::default()
        });
        scenario.state.set_identity(SHARED);
        scenario
    }

    fn with(config: ProducerConfig) -> Self {
        let mut state = ProducerState::new(config);
        for partition in 0..3 {
            state.set_leader(&tp(partition), Some(ONE));
        }
        Self {
            state,
            now: start(),
            sent: Vec::new(),
        }
    }

    /// Enqueues batches of `count` records each to partition 0; tokens 1, 2, ...
    fn enqueue(&mut self, tokens: impl IntoIterator<Item = u32>, count: u32) {
        for token in tokens {
            let ids: Vec<u32> = (0..count).map(|index| token * 100 + index).collect();
            self.state.enqueue(&tp(0), batch(&ids), token);
        }
    }

    /// The next request to `node`: its id and what is in it, "partition: producer id/base sequence+records".
    fn request(&mut self, node: NodeId) -> Option<(u64, String)> {
        let set = self.state.poll_request(node, self.now, 1 << 20)?;
        assert_eq!(set.node, node);
        let texts = set.batches.iter().map(|sent| {
            assert_eq!(sent.header.is_empty(), set.is_message_sets);
            if set.is_message_sets {
                return format!("{}: message set", sent.tp);
            }
            let header = BatchHeader::parse(&sent.header).unwrap();
            let (producer, sequence, count) = (header.producer_id, header.base_sequence, header.record_count);
            format!("{}: {producer}/{sequence}+{count}", sent.tp)
        });
        let text = texts.collect::<Vec<_>>().join(", ");
        self.sent.extend(set.batches);
        Some((set.request_id, text))
    }

    /// All requests to `node` that may go out now; returns their ids.
    fn send_all(&mut self, node: NodeId) -> Vec<u64> {
        std::iter::from_fn(|| self.request(node))
            .map(|(id, _)| id)
            .collect()
    }

    fn expect_request(&mut self, node: NodeId, text: &str) -> u64 {
        let (id, sent) = self.request(node).expect("something to send");
        assert_eq!(sent, text);
        id
    }

    fn answer(&mut self, request_id: u64, error: ErrorCode, base_offset: i64) {
        assert!(
            self.state
                .handle_result(request_id, &tp(0), error, base_offset, self.now)
        );
    }

    fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.state.poll_event())
            .map(|event| text(&event))
            .collect()
    }

    /// Lets the wait of a retry pass.
    fn wait(&mut self) {
        self.now = self.state.next_timeout().expect("a wait");
    }

    /// Acks the first batch, so that the window is open.
    fn warm_up(&mut self) {
        self.enqueue([0], 1);
        let id = self.expect_request(ONE, "t-0: 7/0+1");
        self.answer(id, ErrorCode::NONE, 0);
        assert_eq!(self.events(), ["acked t-0 #0 at 0"]);
    }
}

fn text(event: &ProducerEvent<u32>) -> String {
    match event {
        ProducerEvent::Acked {
            tp,
            token,
            base_offset: Some(offset),
            ..
        } => {
            format!("acked {tp} #{token} at {offset}")
        }
        ProducerEvent::Acked {
            tp,
            token,
            base_offset: None,
            ..
        } => format!("acked {tp} #{token} somewhere"),
        ProducerEvent::Refused { tp, token, error, .. } => format!("refused {tp} #{token} {error}"),
        ProducerEvent::LeaderStale { tp, error } => format!("stale {tp} {error}"),
        ProducerEvent::Retrying {
            tp,
            error,
            attempt,
            may_be_doubled,
        } => {
            let perhaps = if *may_be_doubled { ", perhaps twice" } else { "" };
            format!("retry {attempt} of {tp} {error}{perhaps}")
        }
        ProducerEvent::Stopped { tp, reason } => format!("stopped {tp} {reason:?}"),
        ProducerEvent::IdentityNeeded { tp: Some(tp) } => format!("identity for {tp}"),
        ProducerEvent::IdentityNeeded { tp: None } => "identity".to_owned(),
    }
}

// === the ordinary way ===

#[test]
fn nothing_is_sent_before_there_is_an_identity() {
    let mut scenario = Scenario::with(ProducerConfig::default());
    scenario.enqueue([1, 2], 1);
    assert_eq!(scenario.events(), ["identity"]);
    assert_eq!(scenario.request(ONE), None);
    scenario.state.set_identity(SHARED);
    assert_eq!(scenario.state.nodes_with_work(scenario.now), [ONE]);
    scenario.expect_request(ONE, "t-0: 7/0+1");
}

#[test]
fn nothing_is_sent_without_a_leader() {
    let mut scenario = Scenario::new();
    scenario.state.set_leader(&tp(0), None);
    scenario.enqueue([1], 1);
    assert_eq!(scenario.state.nodes_with_work(scenario.now), []);
    assert_eq!(scenario.request(ONE), None);
    scenario.state.set_leader(&tp(0), Some(TWO));
    scenario.expect_request(TWO, "t-0: 7/0+1");
}

#[test]
fn sequences_count_records_and_five_batches_are_in_flight() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=7, 3);
    let ids = scenario.send_all(ONE);
    assert_eq!(ids.len(), 5);
    assert_eq!(scenario.state.pending(&tp(0)).in_flight, 5);
    scenario.answer(ids[0], ErrorCode::NONE, 1);
    scenario.expect_request(ONE, "t-0: 7/16+3");
    assert_eq!(scenario.request(ONE), None);
}

#[test]
fn the_first_batch_of_an_identity_goes_alone() {
    let mut scenario = Scenario::new();
    scenario.enqueue(1..=3, 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    assert_eq!(
        scenario.request(ONE),
        None,
        "a broker without state would take the second one first"
    );
    scenario.answer(id, ErrorCode::NONE, 0);
    assert_eq!(scenario.send_all(ONE).len(), 2);
}

#[test]
fn after_a_long_pause_the_first_batch_goes_alone() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.now += Duration::from_hours(25);
    scenario.enqueue(1..=3, 1);
    assert_eq!(scenario.send_all(ONE).len(), 1);
}

#[test]
fn requests_are_filled_across_partitions_in_turn() {
    let mut scenario = Scenario::new();
    for token in 0..9 {
        scenario
            .state
            .enqueue(&tp(i32::try_from(token % 3).unwrap()), batch(&[token]), token);
    }
    let set = scenario
        .state
        .poll_request(ONE, scenario.now, usize::MAX)
        .unwrap();
    for sent in &set.batches {
        scenario
            .state
            .handle_result(set.request_id, &sent.tp, ErrorCode::NONE, 0, scenario.now);
    }
    let size = batch(&[0]).size();
    let requests = std::iter::from_fn(|| scenario.state.poll_request(ONE, scenario.now, 2 * size));
    let turns: Vec<Vec<i32>> = requests
        .map(|set| {
            assert_eq!(set.bytes, 2 * size);
            set.batches.iter().map(|sent| sent.tp.partition).collect()
        })
        .collect();
    assert_eq!(turns, [[0, 1], [2, 0], [1, 2]]);
}

#[test]
fn a_batch_larger_than_the_limit_goes_alone_in_its_request() {
    let mut scenario = Scenario::new();
    scenario.state.enqueue(&tp(0), batch(&[1]), 1);
    scenario.state.enqueue(&tp(1), batch(&[2]), 2);
    let set = scenario.state.poll_request(ONE, scenario.now, 10).unwrap();
    assert_eq!(set.batches.len(), 1);
    let set = scenario.state.poll_request(ONE, scenario.now, 10).unwrap();
    assert_eq!(set.batches[0].tp, tp(1));
}

#[test]
fn counts_what_waits() {
    let mut scenario = Scenario::new();
    scenario.enqueue(1..=2, 1);
    let size = batch(&[1]).size();
    let waiting = Pending {
        batches: 2,
        bytes: 2 * size,
        in_flight: 0,
    };
    assert_eq!(scenario.state.pending(&tp(0)), waiting);
    assert_eq!(scenario.state.pending_total(), waiting);
    let id = scenario.send_all(ONE)[0];
    assert_eq!(scenario.state.pending_total().in_flight, 1);
    scenario.answer(id, ErrorCode::NONE, 0);
    assert!(!scenario.state.is_idle());
    let id = scenario.send_all(ONE)[0];
    scenario.answer(id, ErrorCode::NONE, 1);
    assert_eq!(scenario.state.pending_total(), Pending::default());
    assert!(!scenario.state.is_idle(), "events are unread");
    scenario.events();
    assert!(scenario.state.is_idle());
}

#[test]
fn what_was_never_sent_or_surely_not_appended_is_settled() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=8, 1);
    assert_eq!(scenario.state.unsettled_batches(), 0, "all are still here");
    let ids = scenario.send_all(ONE);
    assert_eq!((ids.len(), scenario.state.unsettled_batches()), (5, 5));
    scenario.answer(ids[0], ErrorCode::NONE, 1);
    assert_eq!(scenario.state.unsettled_batches(), 4);
    // Appended nothing, for sure.
    scenario.answer(ids[1], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(scenario.state.unsettled_batches(), 3);
    // The connection is gone and with it the answers: these may be in the log.
    for id in &ids[2..] {
        scenario.state.handle_disconnect(*id, scenario.now);
    }
    assert_eq!(scenario.state.unsettled_batches(), 3);
}

#[test]
fn an_answer_counts_once() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    scenario.answer(id, ErrorCode::NONE, 0);
    assert!(
        !scenario
            .state
            .handle_result(id, &tp(0), ErrorCode::NONE, 0, scenario.now)
    );
    assert!(
        !scenario
            .state
            .handle_result(id, &tp(9), ErrorCode::NONE, 0, scenario.now)
    );
    scenario.state.handle_disconnect(id, scenario.now);
    assert_eq!(scenario.events(), ["acked t-0 #1 at 0"]);
}

/// The broker remembers five batches: were the first of six asked for again, it would be taken for a gap.
#[test]
fn no_batch_goes_out_that_would_make_the_broker_forget_the_oldest_unacked_one() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=9, 1);
    let ids = scenario.send_all(ONE);
    for (id, offset) in ids[1..].iter().zip(2..) {
        scenario.answer(*id, ErrorCode::NONE, offset);
    }
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(ids[0], ErrorCode::NONE, 1);
    assert_eq!(scenario.send_all(ONE).len(), 4);
}

#[test]
fn sequences_wrap_to_zero() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.state.partitions[0].set_next_sequence(i32::MAX - 1);
    scenario.enqueue(1..=3, 3);
    scenario.expect_request(ONE, "t-0: 7/2147483646+3");
    scenario.expect_request(ONE, "t-0: 7/1+3");
    scenario.expect_request(ONE, "t-0: 7/4+3");
}

// === failures that pass ===

#[test]
fn a_lost_answer_is_asked_for_again_with_identical_bytes() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 2);
    for id in scenario.send_all(ONE) {
        scenario.state.handle_disconnect(id, scenario.now);
    }
    assert_eq!(scenario.events(), ["retry 1 of t-0 NETWORK_EXCEPTION[13]"]);
    assert_eq!(scenario.request(ONE), None, "waits first");
    scenario.wait();
    let first = scenario.expect_request(ONE, "t-0: 7/1+2");
    scenario.answer(first, ErrorCode::NONE, 1);
    scenario.expect_request(ONE, "t-0: 7/3+2");
    let headers: Vec<_> = scenario.sent.iter().map(|sent| sent.header.clone()).collect();
    assert_eq!(headers[1], headers[3]);
    assert_eq!(headers[2], headers[4]);
}

#[test]
fn duplicate_means_acked_at_an_unknown_offset() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    scenario.answer(id, ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.events(), ["acked t-0 #1 somewhere"]);
}

#[test]
fn what_fails_behind_a_failure_is_expected() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=4, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    scenario.enqueue([5], 1);
    assert_eq!(
        scenario.request(ONE),
        None,
        "nothing new while the rest is in flight"
    );
    for id in &ids[1..] {
        scenario.answer(*id, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    }
    assert_eq!(scenario.events(), ["retry 1 of t-0 NOT_ENOUGH_REPLICAS[19]"]);
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: 7/1+1");
    assert_eq!(scenario.request(ONE), None, "alone at first");
    scenario.answer(id, ErrorCode::NONE, 1);
    scenario.expect_request(ONE, "t-0: 7/2+1");
    scenario.expect_request(ONE, "t-0: 7/3+1");
}

#[test]
fn attempts_count_until_the_next_ack() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue([1], 1);
    for attempt in 1..=3 {
        let id = scenario.send_all(ONE)[0];
        scenario.answer(id, ErrorCode::REQUEST_TIMED_OUT, -1);
        assert_eq!(
            scenario.events(),
            [format!("retry {attempt} of t-0 REQUEST_TIMED_OUT[7]")]
        );
        scenario.wait();
    }
    let id = scenario.send_all(ONE)[0];
    scenario.answer(id, ErrorCode::NONE, 1);
    scenario.enqueue([2], 1);
    let id = scenario.send_all(ONE)[0];
    scenario.answer(id, ErrorCode::REQUEST_TIMED_OUT, -1);
    assert_eq!(
        scenario.events().last().unwrap(),
        "retry 1 of t-0 REQUEST_TIMED_OUT[7]"
    );
}

#[test]
fn one_partitions_failure_does_not_hold_up_another() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    scenario.state.enqueue(&tp(1), batch(&[2]), 2);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1, t-1: 7/0+1");
    scenario.answer(id, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert!(
        scenario
            .state
            .handle_result(id, &tp(1), ErrorCode::NONE, 0, scenario.now)
    );
    scenario.enqueue([3], 1);
    scenario.state.enqueue(&tp(1), batch(&[4]), 4);
    scenario.expect_request(ONE, "t-1: 7/1+1");
}

#[test]
fn partitions_that_an_answer_leaves_out_are_asked_again() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    scenario.state.enqueue(&tp(1), batch(&[2]), 2);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1, t-1: 7/0+1");
    scenario.answer(id, ErrorCode::NONE, 0);
    scenario.state.handle_disconnect(id, scenario.now);
    assert_eq!(
        scenario.events(),
        ["acked t-0 #1 at 0", "retry 1 of t-1 NETWORK_EXCEPTION[13]"]
    );
}

// === leaders ===

#[test]
fn a_stale_leader_is_told_once_per_round() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=3, 1);
    for id in scenario.send_all(ONE) {
        scenario.answer(id, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    }
    assert_eq!(
        scenario.events(),
        [
            "stale t-0 NOT_LEADER_OR_FOLLOWER[6]",
            "retry 1 of t-0 NOT_LEADER_OR_FOLLOWER[6]"
        ]
    );
    scenario.state.set_leader(&tp(0), Some(TWO));
    scenario.expect_request(TWO, "t-0: 7/1+1");
}

#[test]
fn a_new_leader_ends_only_the_first_wait() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    let mut node = ONE;
    for round in 0..3 {
        let id = scenario.expect_request(node, "t-0: 7/0+1");
        scenario.answer(id, ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
        node = if node == ONE { TWO } else { ONE };
        scenario.state.set_leader(&tp(0), Some(node));
        if round > 0 {
            assert_eq!(
                scenario.request(node),
                None,
                "two brokers that send us to and fro"
            );
            scenario.wait();
        }
    }
}

#[test]
fn what_is_in_flight_at_the_old_leader_is_awaited() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=4, 1);
    let ids = scenario.send_all(ONE);
    scenario.state.set_leader(&tp(0), Some(TWO));
    scenario.enqueue([5], 1);
    scenario.answer(ids[0], ErrorCode::NONE, 1);
    assert_eq!(scenario.request(TWO), None);
    for id in &ids[1..] {
        scenario.state.handle_disconnect(*id, scenario.now);
    }
    scenario.wait();
    assert_eq!(scenario.request(ONE), None);
    let id = scenario.expect_request(TWO, "t-0: 7/2+1");
    assert_eq!(
        scenario.request(TWO),
        None,
        "the new leader may not know us: one at first"
    );
    scenario.answer(id, ErrorCode::NONE, 2);
    assert_eq!(scenario.send_all(TWO).len(), 3);
}

#[test]
fn a_planned_move_without_failures_goes_on_in_order() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue([1], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/1+1");
    scenario.state.set_leader(&tp(0), Some(TWO));
    scenario.enqueue([2, 3], 1);
    scenario.answer(id, ErrorCode::NONE, 1);
    scenario.expect_request(TWO, "t-0: 7/2+1");
    assert_eq!(scenario.request(TWO), None);
}

// === refusals ===

#[test]
fn a_refused_batch_is_replaced_and_the_rest_numbered_anew() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=3, 4);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    assert_eq!(scenario.events(), [""; 0], "not before the rest has an outcome");
    scenario.answer(ids[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    scenario.answer(ids[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.events(), ["refused t-0 #1 MESSAGE_TOO_LARGE[10]"]);
    scenario.enqueue([4], 4);
    assert_eq!(scenario.request(ONE), None, "everything behind waits");
    let halves = vec![(batch(&[100, 101]), 11), (batch(&[102, 103, 999]), 12)];
    scenario
        .state
        .resolve(&tp(0), Resolution::Replace(halves))
        .unwrap();
    for (text, offset) in [("t-0: 7/1+2", 1), ("t-0: 7/3+3", 3)] {
        let id = scenario.expect_request(ONE, text);
        scenario.answer(id, ErrorCode::NONE, offset);
    }
    assert_eq!(scenario.events(), ["acked t-0 #11 at 1", "acked t-0 #12 at 3"]);
    scenario.expect_request(ONE, "t-0: 7/6+4");
    scenario.expect_request(ONE, "t-0: 7/10+4");
    scenario.expect_request(ONE, "t-0: 7/14+4");
}

#[test]
fn a_refused_batch_can_be_dropped() {
    let mut scenario = Scenario::new();
    scenario.enqueue(1..=2, 3);
    let id = scenario.expect_request(ONE, "t-0: 7/0+3");
    scenario.answer(id, ErrorCode::INVALID_RECORD, -1);
    assert_eq!(scenario.events(), ["refused t-0 #1 INVALID_RECORD[87]"]);
    assert!(!scenario.state.is_idle());
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    scenario.expect_request(ONE, "t-0: 7/0+3");
    let again = scenario.state.resolve(&tp(0), Resolution::Drop);
    assert_eq!(again, Err(ProducerStateError::NotRefused(tp(0))));
}

#[test]
fn a_refusal_behind_a_passing_failure_waits_its_turn() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    scenario.answer(ids[1], ErrorCode::MESSAGE_TOO_LARGE, -1);
    assert_eq!(scenario.events(), ["retry 1 of t-0 NOT_ENOUGH_REPLICAS[19]"]);
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: 7/1+1");
    scenario.answer(id, ErrorCode::NONE, 1);
    let id = scenario.expect_request(ONE, "t-0: 7/2+1");
    scenario.answer(id, ErrorCode::MESSAGE_TOO_LARGE, -1);
    assert_eq!(
        scenario.events(),
        ["acked t-0 #1 at 1", "refused t-0 #2 MESSAGE_TOO_LARGE[10]"]
    );
}

/// A late copy of the batch with sequence 2 out of the dead connection would be appended as soon as something new has
/// filled sequence 1, and the batch that has number 2 by then would be taken for its duplicate and lost.
#[test]
fn numbers_of_a_batch_that_may_still_arrive_are_not_given_out_again() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.state.handle_disconnect(ids[1], scenario.now);
    assert_eq!(scenario.events(), ["retry 1 of t-0 NETWORK_EXCEPTION[13]"]);
    scenario.wait();
    // Only what may have been appended is asked for; the refused one is not sent again.
    let id = scenario.expect_request(ONE, "t-0: 7/2+1");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.events(), ["refused t-0 #1 MESSAGE_TOO_LARGE[10]"]);
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    assert_eq!(scenario.events(), ["identity for t-0"]);
    assert_eq!(scenario.request(ONE), None);
    scenario.state.set_partition_identity(&tp(0), FRESH).unwrap();
    scenario.expect_request(ONE, "t-0: 8/0+1");
    assert_eq!(scenario.state.partition_identity(&tp(0)), Some(FRESH));
}

#[test]
fn behind_a_refusal_an_identical_retry_may_still_be_acked() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.answer(ids[1], ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: 7/2+1");
    scenario.answer(id, ErrorCode::NONE, 1);
    assert_eq!(
        scenario.events()[2..],
        ["acked t-0 #2 at 1", "refused t-0 #1 MESSAGE_TOO_LARGE[10]"]
    );
    // The broker's next number is 3 now: 1 would be a gap.
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    assert_eq!(scenario.events(), ["identity for t-0"]);
}

#[test]
fn doubtful_errors_are_refusals_after_some_attempts() {
    for (error, then) in [
        (ErrorCode::CORRUPT_MESSAGE, None),
        (ErrorCode::UNKNOWN_SERVER_ERROR, Some("identity for t-0")),
    ] {
        let mut scenario = Scenario::new();
        scenario.enqueue([1], 1);
        for _ in 1..3 {
            let id = scenario.expect_request(ONE, "t-0: 7/0+1");
            scenario.answer(id, error, -1);
            scenario.wait();
        }
        let id = scenario.expect_request(ONE, "t-0: 7/0+1");
        scenario.answer(id, error, -1);
        assert_eq!(
            scenario.events().last().unwrap(),
            &format!("refused t-0 #1 {error}")
        );
        scenario
            .state
            .resolve(&tp(0), Resolution::Replace(vec![(batch(&[1]), 2)]))
            .unwrap();
        assert_eq!(scenario.events().first().map(String::as_str), then);
    }
}

// === lost state, fences, stops ===

#[test]
fn an_unexplained_gap_stops_the_partition() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=3, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::NONE, 1);
    scenario.answer(ids[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.events(), ["acked t-0 #1 at 1"]);
    scenario.answer(ids[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.events(), ["stopped t-0 SequenceGap"]);
    assert_eq!(scenario.state.stop_reason(&tp(0)), Some(StopReason::SequenceGap));
    assert_eq!(scenario.request(ONE), None);
    scenario.enqueue([4], 1);
    assert_eq!(scenario.request(ONE), None);
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [2, 3, 4]);
    assert!(scenario.state.is_idle());
}

#[test]
fn an_unknown_producer_gets_an_identity_for_that_partition() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 5);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    scenario.answer(ids[1], ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    assert_eq!(scenario.events(), ["identity for t-0"]);
    scenario.state.set_partition_identity(&tp(0), FRESH).unwrap();
    let id = scenario.expect_request(ONE, "t-0: 8/0+5");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::NONE, 1);
    scenario.expect_request(ONE, "t-0: 8/5+5");
    scenario.state.enqueue(&tp(1), batch(&[9]), 9);
    scenario.expect_request(ONE, "t-1: 7/0+1");
}

#[test]
fn a_broker_that_never_knows_us_stops_the_partition() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    for _ in 0..3 {
        let id = scenario.send_all(ONE)[0];
        scenario.answer(id, ErrorCode::UNKNOWN_PRODUCER_ID, -1);
        assert_eq!(scenario.events(), ["identity for t-0"]);
        scenario.state.set_partition_identity(&tp(0), FRESH).unwrap();
    }
    let id = scenario.send_all(ONE)[0];
    scenario.answer(id, ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    assert_eq!(scenario.events(), ["stopped t-0 Fatal(UNKNOWN_PRODUCER_ID[59])"]);
}

#[test]
fn an_identity_in_use_cannot_be_changed() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    let refused = scenario.state.set_partition_identity(&tp(0), FRESH);
    assert_eq!(refused, Err(ProducerStateError::IdentityInUse(tp(0))));
    scenario.answer(id, ErrorCode::NONE, 0);
    scenario.state.set_partition_identity(&tp(0), FRESH).unwrap();
    scenario.enqueue([2], 1);
    scenario.expect_request(ONE, "t-0: 8/0+1");
}

#[test]
fn a_fence_stops_every_partition_of_the_identity() {
    let mut scenario = Scenario::new();
    scenario.state.set_partition_identity(&tp(2), FRESH).unwrap();
    scenario.enqueue([1], 1);
    scenario.state.enqueue(&tp(1), batch(&[2]), 2);
    scenario.state.enqueue(&tp(2), batch(&[3]), 3);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1, t-1: 7/0+1, t-2: 8/0+1");
    scenario.answer(id, ErrorCode::INVALID_PRODUCER_EPOCH, -1);
    assert_eq!(
        scenario.events(),
        ["stopped t-0 Fenced(INVALID_PRODUCER_EPOCH[47])"]
    );
    assert!(scenario.state.stop_reason(&tp(1)).is_some());
    // What is in flight still gets its last word, before the partition is told of as stopped.
    assert!(
        scenario
            .state
            .handle_result(id, &tp(1), ErrorCode::NONE, 4, scenario.now)
    );
    assert_eq!(
        scenario.events(),
        [
            "acked t-1 #2 at 4",
            "stopped t-1 Fenced(INVALID_PRODUCER_EPOCH[47])"
        ]
    );
    assert_eq!(scenario.state.stop_reason(&tp(2)), None);
    // Nor does a partition start that has written nothing yet.
    scenario.state.set_leader(&tp(5), Some(ONE));
    assert_eq!(
        scenario.events(),
        ["stopped t-5 Fenced(INVALID_PRODUCER_EPOCH[47])"]
    );
}

#[test]
fn a_target_that_does_not_let_us_write_stops_that_partition() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1, 2], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    scenario.answer(id, ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1);
    assert_eq!(
        scenario.events(),
        ["stopped t-0 Unauthorized(TOPIC_AUTHORIZATION_FAILED[29])"]
    );
    assert_eq!(scenario.state.withdraw(&tp(0), |token| *token == 1), [1]);
    assert_eq!(scenario.state.pending(&tp(0)).batches, 1);
}

#[test]
fn a_stop_on_request_leaves_what_is_in_flight_its_outcome() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1, 2], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    scenario.state.stop(&tp(0));
    scenario.state.stop(&tp(0));
    assert_eq!(
        scenario.events(),
        [""; 0],
        "not before everything can be withdrawn"
    );
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [2]);
    scenario.state.handle_disconnect(id, scenario.now);
    assert_eq!(scenario.events(), ["stopped t-0 Requested"]);
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [1]);
    assert!(scenario.state.is_idle());
}

#[test]
fn a_stop_does_not_swallow_a_refusal_that_was_not_told_yet() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=2, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.state.handle_disconnect(ids[1], scenario.now);
    scenario.state.stop(&tp(0));
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [1, 2]);
    scenario.events();
    assert!(scenario.state.is_idle());
}

#[test]
fn a_resolution_after_a_stop_is_only_queued() {
    let mut scenario = Scenario::new();
    scenario.enqueue([1, 2], 1);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    scenario.answer(id, ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.state.stop(&tp(0));
    scenario
        .state
        .resolve(&tp(0), Resolution::Replace(vec![(batch(&[1]), 11)]))
        .unwrap();
    assert_eq!(scenario.request(ONE), None);
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [11, 2]);
    scenario.events();
    assert!(scenario.state.is_idle());
}

// === withdrawing ===

#[test]
fn only_what_was_never_sent_can_be_withdrawn_while_open() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=7, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(scenario.state.withdraw(&tp(0), |token| token % 2 == 1), [7]);
    assert_eq!(scenario.state.withdraw(&tp(1), |_| true), [0; 0]);
}

#[test]
fn behind_a_refusal_all_that_has_ended_can_be_withdrawn() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=4, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::INVALID_TIMESTAMP, -1);
    for id in &ids[1..] {
        scenario.answer(*id, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    }
    scenario.enqueue([5], 1);
    assert_eq!(
        scenario.state.withdraw(&tp(0), |token| [2, 3, 5].contains(token)),
        [2, 3, 5]
    );
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    scenario.expect_request(ONE, "t-0: 7/1+1");
    assert_eq!(scenario.state.pending(&tp(0)).batches, 1);
}

/// As in `numbers_of_a_batch_that_may_still_arrive_are_not_given_out_again`, with that batch taken back.
#[test]
fn a_withdrawn_batch_that_may_still_arrive_spoils_its_numbers() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue(1..=3, 1);
    let ids = scenario.send_all(ONE);
    scenario.answer(ids[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.state.handle_disconnect(ids[1], scenario.now);
    scenario.answer(ids[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: 7/2+1");
    scenario.answer(id, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    assert_eq!(scenario.state.withdraw(&tp(0), |token| *token == 2), [2]);
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    assert_eq!(scenario.events().last().unwrap(), "identity for t-0");
}

// === without idempotence ===

#[test]
fn without_idempotence_one_unnumbered_batch_at_a_time() {
    let mut scenario = Scenario::with(ProducerConfig {
        idempotent: false,
        ..ProducerConfig::default()
    });
    scenario.enqueue(1..=3, 1);
    assert_eq!(scenario.events(), [""; 0], "no identity is asked for");
    let id = scenario.expect_request(ONE, "t-0: -1/-1+1");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::NONE, 0);
    let id = scenario.expect_request(ONE, "t-0: -1/-1+1");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::MESSAGE_TOO_LARGE, -1);
    scenario.state.resolve(&tp(0), Resolution::Drop).unwrap();
    scenario.expect_request(ONE, "t-0: -1/-1+1");
    let refused = scenario.state.set_partition_identity(&tp(0), FRESH);
    assert_eq!(refused, Err(ProducerStateError::NotIdempotent));
}

// === topics in an old message format ===

impl Scenario {
    /// Enqueues message sets of one record each to partition 0.
    fn enqueue_message_sets(&mut self, tokens: impl IntoIterator<Item = u32>) {
        for token in tokens {
            self.state.enqueue(&tp(0), message_set(&[token]), token);
        }
    }
}

#[test]
fn message_sets_go_without_an_identity_and_one_at_a_time() {
    let mut scenario = Scenario::with(ProducerConfig::default());
    scenario.enqueue_message_sets([1, 2, 3]);
    let id = scenario.expect_request(ONE, "t-0: message set");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::NONE, 0);
    assert_eq!(scenario.events(), ["identity", "acked t-0 #1 at 0"]);
    let id = scenario.expect_request(ONE, "t-0: message set");
    assert_eq!(scenario.request(ONE), None, "also behind an ack");
    scenario.answer(id, ErrorCode::REQUEST_TIMED_OUT, -1);
    assert_eq!(
        scenario.events(),
        ["retry 1 of t-0 REQUEST_TIMED_OUT[7], perhaps twice"]
    );
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: message set");
    scenario.answer(id, ErrorCode::NOT_ENOUGH_REPLICAS, -1);
    assert_eq!(scenario.events(), ["retry 2 of t-0 NOT_ENOUGH_REPLICAS[19]"]);
}

#[test]
fn message_sets_and_record_batches_go_in_requests_of_their_own_and_neither_waits_for_the_other() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.state.enqueue(&tp(1), message_set(&[10]), 10);
    scenario.enqueue([1, 2], 1);
    scenario.state.enqueue(&tp(2), message_set(&[20]), 20);
    scenario.expect_request(ONE, "t-1: message set, t-2: message set");
    scenario.expect_request(ONE, "t-0: 7/1+1");
    scenario.expect_request(ONE, "t-0: 7/2+1");
    assert_eq!(scenario.request(ONE), None);
}

#[test]
fn of_one_partition_the_two_kinds_are_never_on_their_way_together() {
    let mut scenario = Scenario::new();
    scenario.warm_up();
    scenario.enqueue([1], 1);
    scenario.enqueue_message_sets([2]);
    scenario.enqueue([3], 1);
    for (text, offset) in [("t-0: 7/1+1", 1), ("t-0: message set", 2), ("t-0: 7/2+1", 3)] {
        let id = scenario.expect_request(ONE, text);
        assert_eq!(scenario.request(ONE), None, "behind {text}");
        scenario.answer(id, ErrorCode::NONE, offset);
    }
    assert_eq!(scenario.events().len(), 3);
}

/// Its halves have no numbers, either, that would have to be fresh ones.
#[test]
fn a_refused_message_set_spoils_no_number() {
    let mut scenario = Scenario::new();
    scenario.enqueue_message_sets([1]);
    let id = scenario.expect_request(ONE, "t-0: message set");
    scenario.answer(id, ErrorCode::REQUEST_TIMED_OUT, -1);
    scenario.wait();
    let id = scenario.expect_request(ONE, "t-0: message set");
    scenario.answer(id, ErrorCode::INVALID_TIMESTAMP, -1);
    assert_eq!(
        scenario.events().last().map(String::as_str),
        Some("refused t-0 #1 INVALID_TIMESTAMP[32]")
    );
    let halves = Resolution::Replace(vec![(message_set(&[1]), 2)]);
    scenario.state.resolve(&tp(0), halves).unwrap();
    assert_eq!(scenario.events(), [""; 0]);
    scenario.expect_request(ONE, "t-0: message set");
}

/// The first batches under an identity went together behind an acked message set, though the broker had never seen it: were the
/// first refused, the second would be appended before it.
#[test]
fn an_acked_message_set_opens_no_window_for_numbered_batches() {
    let mut scenario = Scenario::new();
    scenario.enqueue_message_sets([1]);
    scenario.enqueue([2, 3], 1);
    let id = scenario.expect_request(ONE, "t-0: message set");
    scenario.answer(id, ErrorCode::NONE, 0);
    let id = scenario.expect_request(ONE, "t-0: 7/0+1");
    assert_eq!(scenario.request(ONE), None, "nobody has seen the identity yet");
    scenario.enqueue([4], 1);
    scenario.answer(id, ErrorCode::NONE, 1);
    scenario.expect_request(ONE, "t-0: 7/1+1");
    scenario.expect_request(ONE, "t-0: 7/2+1");
}

/// In the middle of a rolling restart that raises the format, brokers differ in what they take; it halted until an operator came.
#[test]
fn a_topic_that_takes_no_numbered_batches_is_given_message_sets_in_their_order() {
    let mut scenario = Scenario::of_old_brokers();
    scenario.warm_up();
    scenario.enqueue([1, 2], 3);
    let first = scenario.expect_request(ONE, "t-0: 7/1+3");
    let second = scenario.expect_request(ONE, "t-0: 7/4+3");
    scenario.answer(first, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, -1);
    scenario.answer(second, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, -1);
    assert_eq!(
        scenario.events(),
        ["refused t-0 #1 UNSUPPORTED_FOR_MESSAGE_FORMAT[43]"]
    );
    let instead = Resolution::Replace(vec![(message_set(&[1]), 1)]);
    scenario.state.resolve(&tp(0), instead).unwrap();
    let id = scenario.expect_request(ONE, "t-0: message set");
    assert_eq!(scenario.request(ONE), None);
    scenario.answer(id, ErrorCode::NONE, 1);
    // The next one, too, was made for what the topic does not take; another leader may.
    scenario.expect_request(ONE, "t-0: 7/1+3");
    assert_eq!(scenario.events(), ["acked t-0 #1 at 1"]);
}

/// It halts; dropped as a refused record, it would only be the first of all.
#[test]
fn a_topic_that_takes_neither_batches_nor_message_sets_stops_with_all_of_them() {
    let stopped = "stopped t-0 Unfit(UNSUPPORTED_FOR_MESSAGE_FORMAT[43])";
    let mut scenario = Scenario::of_old_brokers();
    scenario.enqueue_message_sets([1, 2]);
    let id = scenario.expect_request(ONE, "t-0: message set");
    scenario.answer(id, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, -1);
    assert_eq!(scenario.events(), [stopped]);
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [1, 2]);

    let mut scenario = Scenario::new();
    scenario.enqueue([1, 2], 3);
    let id = scenario.expect_request(ONE, "t-0: 7/0+3");
    scenario.answer(id, ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, -1);
    assert_eq!(scenario.events(), [stopped]);
    assert_eq!(scenario.state.withdraw(&tp(0), |_| true), [1, 2]);
}
