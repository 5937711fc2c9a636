//! Requests and answers of a session, by scenario and against a model of the broker's side.

use super::*;
use bytes::Bytes;
use kafka_wire::request::{Request, RequestBuffer};
use proptest::prelude::*;
use std::fmt::Write;

const ID: TopicId = TopicId([1; 16]);
const OTHER_ID: TopicId = TopicId([2; 16]);
const LIMITS: FetchLimits = FetchLimits {
    max_wait_ms: 500,
    min_bytes: 1,
    max_bytes: 1 << 20,
    isolation_level: 1,
};

fn tp(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn at(fetch_offset: i64) -> FetchTarget {
    FetchTarget {
        topic_id: ID,
        fetch_offset,
        current_leader_epoch: 3,
        last_fetched_epoch: 2,
        partition_max_bytes: 1000,
    }
}

/// "n/e: partition@offset ... - forgotten ..."; checks that the request can be written.
fn text(request: &FetchRequest, version: i16) -> String {
    request
        .encode(version, &mut RequestBuffer::new())
        .expect("a legal request");
    let mut text = format!("{}/{}:", request.session_id, request.session_epoch);
    for topic in &request.topics {
        for partition in &topic.partitions {
            write!(text, " {}@{}", partition.partition, partition.fetch_offset).unwrap();
        }
    }
    for topic in &request.forgotten {
        for partition in &topic.partitions {
            write!(text, " -{partition}").unwrap();
        }
    }
    text
}

fn fetched(partition_index: i32, records: &'static [u8]) -> FetchedPartition {
    FetchedPartition {
        partition_index,
        error_code: ErrorCode::NONE,
        high_watermark: 9,
        last_stable_offset: 9,
        log_start_offset: 0,
        diverging_epoch: None,
        current_leader: None,
        aborted_transactions: Vec::new(),
        preferred_read_replica: -1,
        records: Bytes::from_static(records),
    }
}

/// An answer by id (v13+), or by name below.
fn answer(version: i16, session_id: i32, partitions: Vec<FetchedPartition>) -> FetchResponse {
    let by_id = version >= TOPIC_IDS_FROM;
    let topic = FetchedTopic {
        topic: (!by_id).then(|| "t".into()),
        topic_id: if by_id { ID } else { TopicId::ZERO },
        partitions,
    };
    FetchResponse {
        throttle_time_ms: 0,
        error_code: ErrorCode::NONE,
        session_id,
        topics: vec![topic],
        node_endpoints: Vec::new(),
    }
}

fn failure(error_code: ErrorCode) -> FetchResponse {
    FetchResponse {
        error_code,
        ..answer(13, 0, Vec::new())
    }
}

/// A session with partitions 0 to 2 at offset 0, opened as number 77 by the first answer.
fn open(version: i16) -> FetchSession {
    let mut session = FetchSession::new();
    for partition in 0..3 {
        session.set(tp(partition), at(0));
    }
    assert_eq!(build(&mut session, version), "0/0: 0@0 1@0 2@0");
    let partitions = (0..3).map(|partition| fetched(partition, b"")).collect();
    assert_eq!(
        session
            .handle_response(version, &answer(version, 77, partitions))
            .unwrap()
            .len(),
        3
    );
    session
}

fn build(session: &mut FetchSession, version: i16) -> String {
    text(&session.build(version, &LIMITS), version)
}

/// The partitions of an answer that are passed on.
fn take(session: &mut FetchSession, version: i16, response: &FetchResponse) -> Vec<i32> {
    let fetched = session.handle_response(version, response).unwrap();
    fetched.iter().map(|(tp, _)| tp.partition).collect()
}

#[test]
fn the_first_request_is_full_and_then_only_changes_travel() {
    for version in [7, 12, 13, 17] {
        let mut session = open(version);
        assert_eq!(build(&mut session, version), "77/1:");
        assert_eq!(
            take(
                &mut session,
                version,
                &answer(version, 77, vec![fetched(1, b"r")])
            ),
            [1]
        );
        session.set(tp(1), at(5));
        session.set(tp(0), at(0));
        session.set(tp(3), at(8));
        session.remove(&tp(2));
        assert_eq!(build(&mut session, version), "77/2: 1@5 3@8 -2");
        assert_eq!(
            take(&mut session, version, &answer(version, 77, Vec::new())),
            [0; 0]
        );
        assert_eq!(build(&mut session, version), "77/3:");
    }
}

#[test]
fn a_request_carries_what_was_asked_for() {
    let mut session = FetchSession::new();
    session.set(tp(0), at(4));
    let request = session.build(17, &LIMITS);
    assert_eq!(
        (request.max_wait_ms, request.min_bytes, request.max_bytes),
        (500, 1, 1 << 20)
    );
    assert_eq!(request.isolation_level, 1);
    assert_eq!((&*request.topics[0].topic, request.topics[0].topic_id), ("t", ID));
    let partition = request.topics[0].partitions[0];
    assert_eq!(
        (partition.current_leader_epoch, partition.last_fetched_epoch),
        (3, 2)
    );
    assert_eq!(
        (partition.partition_max_bytes, partition.log_start_offset),
        (1000, -1)
    );
}

#[test]
fn before_sessions_every_request_is_full() {
    let mut session = FetchSession::new();
    session.set(tp(0), at(0));
    assert_eq!(build(&mut session, 4), "0/-1: 0@0");
    take(&mut session, 4, &answer(4, 0, vec![fetched(0, b"r")]));
    session.set(tp(0), at(5));
    session.remove(&tp(9));
    assert_eq!(build(&mut session, 4), "0/-1: 0@5");
}

#[test]
fn a_broker_without_a_place_for_us_is_asked_in_full() {
    let mut session = FetchSession::new();
    session.set(tp(0), at(0));
    for _ in 0..2 {
        assert_eq!(build(&mut session, 13), "0/0: 0@0");
        assert_eq!(take(&mut session, 13, &answer(13, 0, vec![fetched(0, b"")])), [0]);
    }
}

#[test]
fn a_lost_session_is_followed_by_a_full_request() {
    for (error, text) in [
        (ErrorCode::FETCH_SESSION_ID_NOT_FOUND, "0/0: 0@0 1@0 2@0"),
        (ErrorCode::INVALID_FETCH_SESSION_EPOCH, "77/0: 0@0 1@0 2@0"),
        (ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR, "77/0: 0@0 1@0 2@0"),
    ] {
        let mut session = open(13);
        build(&mut session, 13);
        let ended = session.handle_response(13, &failure(error));
        assert_eq!(ended, Err(SessionError::Ended(error)));
        assert_eq!(build(&mut session, 13), text);
    }
    let mut session = open(13);
    build(&mut session, 13);
    let refused = session.handle_response(13, &failure(ErrorCode::UNKNOWN_SERVER_ERROR));
    assert_eq!(
        refused,
        Err(SessionError::Refused(ErrorCode::UNKNOWN_SERVER_ERROR))
    );
}

#[test]
fn a_lost_connection_is_followed_by_a_full_request() {
    let mut session = open(13);
    build(&mut session, 13);
    session.remove(&tp(1));
    session.reset();
    assert_eq!(
        session.handle_response(13, &answer(13, 77, Vec::new())),
        Err(SessionError::NotAsked)
    );
    assert_eq!(build(&mut session, 13), "77/0: 0@0 2@0");
    take(
        &mut session,
        13,
        &answer(13, 78, vec![fetched(0, b""), fetched(2, b"")]),
    );
    assert_eq!(build(&mut session, 13), "78/1:");
    assert_eq!(
        build(&mut session, 13),
        "78/0: 0@0 2@0",
        "built twice: the first answer was given up"
    );
}

#[test]
fn an_answer_of_another_session_ends_this_one() {
    let mut session = open(13);
    build(&mut session, 13);
    let other = session.handle_response(13, &answer(13, 5, vec![fetched(0, b"r")]));
    assert_eq!(
        other,
        Err(SessionError::OtherSession {
            asked: 77,
            answered: 5
        })
    );
    assert_eq!(build(&mut session, 13), "77/0: 0@0 1@0 2@0");
}

#[test]
fn the_broker_may_close_a_session_with_a_good_answer() {
    let mut session = open(13);
    build(&mut session, 13);
    assert_eq!(
        take(&mut session, 13, &answer(13, 0, vec![fetched(1, b"r")])),
        [1]
    );
    assert_eq!(build(&mut session, 13), "0/0: 0@0 2@0 1@0");
}

#[test]
fn what_the_broker_did_not_take_up_is_added_again() {
    let mut session = FetchSession::new();
    session.set(tp(0), at(0));
    session.set(tp(1), at(0));
    build(&mut session, 13);
    take(&mut session, 13, &answer(13, 77, vec![fetched(0, b"")]));
    assert_eq!(build(&mut session, 13), "77/1: 1@0");
}

#[test]
fn a_paused_partition_is_forgotten_and_taken_up_again() {
    let mut session = open(13);
    build(&mut session, 13);
    session.pause(&tp(1));
    session.pause(&tp(9));
    assert_eq!(
        take(&mut session, 13, &answer(13, 77, vec![fetched(1, b"r")])),
        [1],
        "was on its way"
    );
    assert_eq!(build(&mut session, 13), "77/2: -1");
    assert_eq!(
        take(&mut session, 13, &answer(13, 77, vec![fetched(1, b"r")])),
        [0; 0]
    );
    session.set(tp(1), at(0));
    assert_eq!(build(&mut session, 13), "77/3: 1@0");
    assert!(!session.is_empty());
    (0..3).for_each(|partition| session.pause(&tp(partition)));
    assert!(session.is_empty());
}

#[test]
fn going_and_coming_back_between_two_requests_costs_nothing() {
    let mut session = open(13);
    session.pause(&tp(0));
    session.set(tp(0), at(0));
    session.remove(&tp(1));
    session.set(tp(1), at(0));
    session.remove(&tp(2));
    session.set(tp(2), at(4));
    assert_eq!(build(&mut session, 13), "77/1: 2@4");
}

#[test]
fn an_answer_to_an_old_question_is_not_passed_on() {
    let mut session = open(13);
    build(&mut session, 13);
    session.set(tp(0), at(100));
    session.remove(&tp(1));
    let partitions = (0..3).map(|partition| fetched(partition, b"r")).collect();
    assert_eq!(take(&mut session, 13, &answer(13, 77, partitions)), [2]);
    assert_eq!(build(&mut session, 13), "77/2: 0@100 -1");
}

#[test]
fn a_recreated_topic_is_another_one_by_id() {
    let mut session = open(13);
    build(&mut session, 13);
    session.set(
        tp(0),
        FetchTarget {
            topic_id: OTHER_ID,
            ..at(0)
        },
    );
    assert_eq!(
        take(&mut session, 13, &answer(13, 77, vec![fetched(0, b"r")])),
        [0; 0],
        "of the old one"
    );
    let request = session.build(13, &LIMITS);
    assert_eq!(text(&request, 13), "77/2: 0@0 -0");
    assert_eq!(request.topics[0].topic_id, OTHER_ID);
    assert_eq!(request.forgotten[0].topic_id, ID);
    let mut response = answer(13, 77, vec![fetched(0, b"r")]);
    assert_eq!(take(&mut session, 13, &response), [0; 0], "still of the old one");
    build(&mut session, 13);
    response.topics[0].topic_id = OTHER_ID;
    assert_eq!(take(&mut session, 13, &response), [0]);
}

/// The broker takes partitions over before it forgets: forgetting by name would drop what was just taken over.
#[test]
fn a_recreated_topic_is_the_same_one_by_name() {
    let mut session = open(12);
    session.set(
        tp(0),
        FetchTarget {
            topic_id: OTHER_ID,
            ..at(0)
        },
    );
    assert_eq!(build(&mut session, 12), "77/1: 0@0");
}

#[test]
fn a_partition_without_topic_id_waits_for_one() {
    let mut session = open(13);
    session.set(
        tp(5),
        FetchTarget {
            topic_id: TopicId::ZERO,
            ..at(0)
        },
    );
    assert!(session.lacks_topic_id(&tp(5)));
    assert_eq!(build(&mut session, 13), "77/1:");
    take(&mut session, 13, &answer(13, 77, Vec::new()));
    session.set(tp(5), at(0));
    assert!(!session.lacks_topic_id(&tp(5)));
    assert_eq!(build(&mut session, 13), "77/2: 5@0");
}

#[test]
fn names_and_ids_do_not_mix_in_a_session() {
    let mut session = open(13);
    assert_eq!(build(&mut session, 12), "77/0: 0@0 1@0 2@0");
    take(
        &mut session,
        12,
        &answer(12, 78, (0..3).map(|partition| fetched(partition, b"")).collect()),
    );
    assert_eq!(build(&mut session, 13), "78/0: 0@0 1@0 2@0");
}

#[test]
fn who_got_records_comes_last_in_the_next_full_request() {
    let mut session = FetchSession::new();
    for partition in 0..3 {
        session.set(tp(partition), at(0));
    }
    build(&mut session, 6);
    take(
        &mut session,
        6,
        &answer(6, 0, vec![fetched(0, b"r"), fetched(1, b"")]),
    );
    assert_eq!(build(&mut session, 6), "0/-1: 1@0 2@0 0@0");
    take(&mut session, 6, &answer(6, 0, vec![fetched(1, b"r")]));
    assert_eq!(build(&mut session, 6), "0/-1: 2@0 0@0 1@0");
}

/// A session with a busy broker of 1.1 to 2.8: each partition gets new records all the time, and whoever is in an answer goes to
/// the end of the broker's list. Returns how often each partition got records in `rounds` requests.
fn served_by_a_busy_broker(version: i16, partitions: i32, large: i32, rounds: usize) -> Vec<usize> {
    let mut session = FetchSession::new();
    let mut line: Vec<i32> = Vec::new();
    let mut served = vec![0; usize::try_from(partitions).unwrap()];
    for partition in 0..partitions {
        session.set(tp(partition), at(0));
    }
    for _ in 0..rounds {
        let request = session.build(version, &LIMITS);
        for asked in request.topics.iter().flat_map(|topic| &topic.partitions) {
            if !line.contains(&asked.partition) {
                line.push(asked.partition);
            }
        }
        for topic in &request.forgotten {
            line.retain(|partition| !topic.partitions.contains(partition));
        }
        let mut room = 2;
        let mut answers = Vec::new();
        for partition in &line {
            // One has a batch that fills more than an answer, and comes first or not at all.
            let needed = if *partition == large { 2 } else { 1 };
            let fits = needed <= room;
            room -= if fits { needed } else { 0 };
            answers.push(FetchedPartition {
                high_watermark: i64::MAX,
                last_stable_offset: i64::MAX,
                ..fetched(*partition, if fits { b"r" } else { b"" })
            });
        }
        let answer = answer(version, 77, answers);
        for (tp, fetched) in session.handle_response(version, &answer).unwrap() {
            if !fetched.records.is_empty() {
                let times = &mut served[usize::try_from(tp.partition).unwrap()];
                *times += 1;
                session.set(tp, at(i64::try_from(*times).unwrap()));
            }
        }
    }
    served
}

/// KAFKA-12330: the first two partitions filled each answer, and the others had nothing for as long as that lasted.
#[test]
fn nobody_starves_at_a_busy_broker_from_before_3_0() {
    for version in [7, 11, 12] {
        let served = served_by_a_busy_broker(version, 6, 4, 60);
        assert!(served.iter().all(|times| *times >= 8), "v{version}: {served:?}");
    }
}

#[test]
fn nobody_sits_out_where_nobody_was_passed_over() {
    let mut session = open(12);
    build(&mut session, 12);
    let idle = FetchedPartition {
        high_watermark: 0,
        last_stable_offset: 0,
        ..fetched(0, b"")
    };
    let in_transaction = FetchedPartition {
        last_stable_offset: 0,
        ..fetched(1, b"")
    };
    let all = vec![idle, in_transaction, fetched(2, b"r")];
    assert_eq!(take(&mut session, 12, &answer(12, 77, all)), [0, 1, 2]);
    session.set(tp(2), at(5));
    assert_eq!(build(&mut session, 12), "77/2: 2@5");
}

#[test]
fn who_got_records_sits_out_one_request_where_another_was_passed_over() {
    let mut session = open(12);
    build(&mut session, 12);
    let answered = vec![fetched(0, b"r"), fetched(1, b"")];
    assert_eq!(take(&mut session, 12, &answer(12, 77, answered)), [0, 1]);
    session.set(tp(0), at(5));
    let patient = FetchLimits {
        min_bytes: 1 << 20,
        ..LIMITS
    };
    let request = session.build(12, &patient);
    assert_eq!((text(&request, 12).as_str(), request.min_bytes), ("77/2: -0", 1));
    assert_eq!(
        take(&mut session, 12, &answer(12, 77, vec![fetched(1, b"r")])),
        [1]
    );
    session.set(tp(1), at(4));
    assert_eq!(build(&mut session, 12), "77/3: 0@5 1@4");
    // Who was passed over is not wanted any more.
    let answered = vec![fetched(0, b"r"), fetched(2, b"")];
    assert_eq!(take(&mut session, 12, &answer(12, 77, answered)), [0, 2]);
    session.set(tp(0), at(6));
    session.pause(&tp(2));
    assert_eq!(build(&mut session, 12), "77/4: 0@6 -2");
}

#[test]
fn the_order_is_kept_across_topics() {
    let mut session = FetchSession::new();
    for (topic, partition) in [("b", 0), ("a", 0), ("a", 1), ("b", 1)] {
        session.set(TopicPartition::new(topic, partition), at(0));
    }
    let request = session.build(6, &LIMITS);
    let topics: Vec<_> = request
        .topics
        .iter()
        .map(|topic| (&*topic.topic, topic.partitions.len()))
        .collect();
    assert_eq!(topics, [("b", 1), ("a", 2), ("b", 1)]);
}

#[test]
fn an_open_session_can_be_closed() {
    let mut session = FetchSession::new();
    assert!(session.build_close().is_none());
    let mut session = open(13);
    let request = session.build_close().unwrap();
    assert_eq!(text(&request, 13), "77/-1:");
    assert!(session.build_close().is_none());
    assert_eq!(build(&mut session, 13), "0/0: 0@0 1@0 2@0");
}

#[test]
fn epochs_wrap_to_one() {
    assert_eq!(next_epoch(0), 1);
    assert_eq!(next_epoch(i32::MAX), 1);
}

// === against a model of the broker ===

#[derive(Debug, Clone)]
enum Step {
    Set {
        partition: i32,
        offset: i64,
        other_id: bool,
    },
    Pause {
        partition: i32,
    },
    Remove {
        partition: i32,
    },
    /// Answered for these partitions.
    Fetch {
        answered: Vec<i32>,
    },
    /// The answer is lost on its way.
    FetchUnanswered,
    /// The broker forgets the session.
    Evict,
    /// The broker has no place for a session for the next full request.
    NoPlace,
}

fn step() -> impl Strategy<Value = Step> {
    let partition = 0..6_i32;
    prop_oneof![
        6 => (partition.clone(), 0..4_i64, prop::bool::weighted(0.2))
            .prop_map(|(partition, offset, other_id)| Step::Set { partition, offset, other_id }),
        2 => partition.clone().prop_map(|partition| Step::Pause { partition }),
        2 => partition.clone().prop_map(|partition| Step::Remove { partition }),
        6 => prop::collection::vec(partition, 0..4).prop_map(|answered| Step::Fetch { answered }),
        1 => Just(Step::FetchUnanswered),
        1 => Just(Step::Evict),
        1 => Just(Step::NoPlace),
    ]
}

type Held = BTreeMap<(TopicId, i32), i64>;

/// The broker's side as in `FetchSession.scala`; keys are topic id (zero by name) and partition.
#[derive(Default)]
struct Broker {
    /// Id, epoch expected next, offsets wanted.
    session: Option<(i32, i32, Held)>,
    sessions: i32,
    no_place: bool,
}

impl Broker {
    /// What the broker would fetch, or its session error; and the session id to answer with.
    fn fetch(
        &mut self,
        request: &FetchRequest,
        by_id: bool,
    ) -> Result<(i32, Vec<(TopicId, i32)>), ErrorCode> {
        let key = |id: TopicId, partition| (if by_id { id } else { TopicId::ZERO }, partition);
        let asked = request.topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .map(move |p| (key(topic.topic_id, p.partition), p.fetch_offset))
        });
        if request.session_epoch == INITIAL_EPOCH || request.session_epoch == FINAL_EPOCH {
            let partitions: BTreeMap<_, _> = asked.collect();
            let keys = partitions.keys().copied().collect();
            self.session = None;
            if request.session_epoch == FINAL_EPOCH || std::mem::take(&mut self.no_place) {
                return Ok((0, keys));
            }
            self.sessions += 1;
            self.session = Some((self.sessions, 1, partitions));
            return Ok((self.sessions, keys));
        }
        let Some((id, epoch, partitions)) = &mut self.session else {
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        };
        assert_eq!(*id, request.session_id);
        if *epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        partitions.extend(asked);
        for topic in &request.forgotten {
            for partition in &topic.partitions {
                partitions.remove(&key(topic.topic_id, *partition));
            }
        }
        *epoch += 1;
        let (id, keys) = (*id, partitions.keys().copied().collect::<Vec<_>>());
        if keys.is_empty() {
            self.session = None;
            return Ok((0, keys));
        }
        Ok((id, keys))
    }
}

/// Runs the steps; after each request the broker has to go by exactly what is wanted.
fn run(version: i16, steps: Vec<Step>) {
    let by_id = version >= TOPIC_IDS_FROM;
    let mut session = FetchSession::new();
    let mut broker = Broker::default();
    let mut wanted: BTreeMap<i32, (TopicId, i64)> = BTreeMap::new();
    for step in steps {
        let mut answers = None;
        match step {
            Step::Set {
                partition,
                offset,
                other_id,
            } => {
                let topic_id = if other_id { OTHER_ID } else { ID };
                session.set(
                    tp(partition),
                    FetchTarget {
                        topic_id,
                        ..at(offset)
                    },
                );
                wanted.insert(partition, (topic_id, offset));
            }
            Step::Pause { partition } => {
                session.pause(&tp(partition));
                wanted.remove(&partition);
            }
            Step::Remove { partition } => {
                session.remove(&tp(partition));
                wanted.remove(&partition);
            }
            Step::Fetch { answered } => answers = Some(answered),
            Step::FetchUnanswered => {
                let _ = broker.fetch(&session.build(version, &LIMITS), by_id);
                session.reset();
            }
            Step::Evict => broker.session = None,
            Step::NoPlace => broker.no_place = true,
        }
        let Some(answered) = answers else { continue };
        let request = session.build(version, &LIMITS);
        text(&request, version);
        let (id, keys) = match broker.fetch(&request, by_id) {
            Ok(fetched) => fetched,
            Err(error) => {
                let ended = session.handle_response(version, &failure(error));
                assert_eq!(ended, Err(SessionError::Ended(error)));
                continue;
            }
        };
        let expected: Vec<_> = wanted
            .iter()
            .map(|(partition, (topic_id, _))| (if by_id { *topic_id } else { TopicId::ZERO }, *partition))
            .collect();
        let mut keys = keys;
        keys.sort_unstable_by_key(|(topic_id, partition)| (*partition, *topic_id));
        assert_eq!(keys, expected, "what the broker goes by");
        if let Some((_, _, partitions)) = &broker.session {
            for (partition, (topic_id, offset)) in &wanted {
                let key = (if by_id { *topic_id } else { TopicId::ZERO }, *partition);
                assert_eq!(partitions.get(&key), Some(offset));
            }
        }
        answer_with(&mut session, version, &request, id, &keys, &answered);
    }
}

/// Answers for some (or, for a full request, for all) partitions; all of them have to be passed on.
fn answer_with(
    session: &mut FetchSession,
    version: i16,
    request: &FetchRequest,
    id: i32,
    keys: &[(TopicId, i32)],
    answered: &[i32],
) {
    let by_id = version >= TOPIC_IDS_FROM;
    let full = request.session_epoch <= INITIAL_EPOCH;
    let chosen = keys
        .iter()
        .filter(|(_, partition)| full || answered.contains(partition));
    let topics: Vec<_> = chosen
        .map(|(topic_id, partition)| FetchedTopic {
            topic: (!by_id).then(|| "t".into()),
            topic_id: *topic_id,
            partitions: vec![fetched(
                *partition,
                if answered.contains(partition) { b"r" } else { b"" },
            )],
        })
        .collect();
    let count = topics.len();
    let response = FetchResponse {
        topics,
        ..answer(version, id, Vec::new())
    };
    assert_eq!(session.handle_response(version, &response).unwrap().len(), count);
}

proptest! {
    #[test]
    fn the_broker_goes_by_what_is_wanted(
        version in prop_oneof![Just(6_i16), Just(12), Just(13)],
        steps in prop::collection::vec(step(), 1..60),
    ) {
        run(version, steps);
    }
}
