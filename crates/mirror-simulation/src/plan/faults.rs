//! The faults of a plan. Each ends by itself or at the end of the plan's span, when everything is healed.

use std::time::Duration;

use kafka_fake::Action;
use kafka_wire::{ApiKey, ErrorCode, NodeId};

use super::load::moment;
use super::{Event, Plan, Side, Storm};
use crate::random::Random;

/// What brokers may answer instead of carrying out, where a client has to try again.
const PASSING_ERRORS: &[(ApiKey, &[ErrorCode])] = &[
    (
        ApiKey::Produce,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::LEADER_NOT_AVAILABLE,
        ],
    ),
    (
        ApiKey::Fetch,
        &[
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::KAFKA_STORAGE_ERROR,
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
            ErrorCode::REPLICA_NOT_AVAILABLE,
        ],
    ),
    (ApiKey::ListOffsets, &[ErrorCode::NOT_LEADER_OR_FOLLOWER]),
    (ApiKey::JoinGroup, COORDINATION),
    (ApiKey::SyncGroup, COORDINATION),
    (ApiKey::Heartbeat, COORDINATION),
    (ApiKey::OffsetCommit, COORDINATION),
    (ApiKey::OffsetFetch, COORDINATION),
    (ApiKey::FindCoordinator, &[ErrorCode::COORDINATOR_NOT_AVAILABLE]),
    (ApiKey::InitProducerId, &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS]),
    (
        ApiKey::CreateTopics,
        &[ErrorCode::NOT_CONTROLLER, ErrorCode::REQUEST_TIMED_OUT],
    ),
];

const COORDINATION: &[ErrorCode] = &[
    ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
    ErrorCode::NOT_COORDINATOR,
    ErrorCode::COORDINATOR_NOT_AVAILABLE,
];

/// APIs that may be hit by faults of the network.
const STORMED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::Fetch,
    ApiKey::Metadata,
    ApiKey::ListOffsets,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::ApiVersions,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::InitProducerId,
    ApiKey::CreateTopics,
    ApiKey::DescribeConfigs,
];

pub(super) fn draw(plan: &mut Plan, random: &mut Random) {
    start_mirrors(plan, random);
    for _ in 0..random.within(0..13) {
        let at = moment(random, plan.span);
        let until = at + moment(random, plan.span.saturating_sub(at).min(Duration::from_secs(8)));
        match random.within(0..100) {
            0..8 => broker(
                plan,
                random,
                Side::Source,
                (at, until),
                Event::Crash,
                Event::Restart,
            ),
            8..18 => broker(
                plan,
                random,
                Side::Target,
                (at, until),
                Event::Crash,
                Event::Restart,
            ),
            18..22 => broker(
                plan,
                random,
                Side::Source,
                (at, until),
                Event::Pause,
                Event::Resume,
            ),
            22..28 => broker(
                plan,
                random,
                Side::Target,
                (at, until),
                Event::Pause,
                Event::Resume,
            ),
            28..38 => move_leader(plan, random, at),
            38..42 => {
                let broker = any_broker(plan, random, Side::Source);
                plan.events.push((at, Event::CloseFetchSessions(broker)));
            }
            42..46 => hold_replication(plan, random, (at, until)),
            46..52 => grow(plan, random, at),
            52..60 => end_mirror(plan, random, (at, until), Event::Stop),
            60..70 => end_mirror(plan, random, (at, until), Event::Kill),
            70..76 => isolate(plan, random, at),
            76..86 => refusals(plan, random, (at, until)),
            _ => network(plan, random, (at, until)),
        }
    }
}

fn start_mirrors(plan: &mut Plan, random: &mut Random) {
    for instance in 0..plan.shape.instances {
        let at = if instance == 0 {
            Duration::ZERO
        } else {
            moment(random, plan.span / 2)
        };
        plan.events.push((at, Event::Start(instance)));
    }
}

type Window = (Duration, Duration);

fn broker(
    plan: &mut Plan,
    random: &mut Random,
    side: Side,
    (at, until): Window,
    begin: fn(Side, NodeId) -> Event,
    end: fn(Side, NodeId) -> Event,
) {
    let broker = any_broker(plan, random, side);
    plan.events.push((at, begin(side, broker)));
    plan.events.push((until, end(side, broker)));
}

fn any_broker(plan: &Plan, random: &mut Random, side: Side) -> NodeId {
    let brokers = match side {
        Side::Source => plan.shape.source.brokers,
        Side::Target => plan.shape.target.brokers,
    };
    NodeId(i32::try_from(random.within(0..u64::from(brokers))).unwrap_or(0) + 1)
}

fn any_partition(plan: &Plan, random: &mut Random) -> (usize, i32) {
    let topic = random.index(plan.topics.len());
    let partitions = u64::from(plan.topics[topic].partitions.unsigned_abs());
    (topic, i32::try_from(random.within(0..partitions)).unwrap_or(0))
}

fn move_leader(plan: &mut Plan, random: &mut Random, at: Duration) {
    let side = random.one_of(&[Side::Source, Side::Target]);
    let (topic, partition) = any_partition(plan, random);
    let broker = any_broker(plan, random, side);
    plan.events.push((
        at,
        Event::MoveLeader {
            side,
            topic,
            partition,
            broker,
        },
    ));
}

fn hold_replication(plan: &mut Plan, random: &mut Random, (at, until): Window) {
    let (topic, partition) = any_partition(plan, random);
    let event = |is_held| Event::HoldReplication {
        topic,
        partition,
        is_held,
    };
    plan.events.push((at, event(true)));
    plan.events.push((until, event(false)));
}

/// A topic grows once: which of two growths would come first is decided by no plan.
fn grow(plan: &mut Plan, random: &mut Random, at: Duration) {
    let topic = random.index(plan.topics.len());
    let has_grown =
        |(_, event): &(Duration, Event)| matches!(event, Event::Grow { topic: other, .. } if *other == topic);
    if plan.events.iter().any(has_grown) {
        return;
    }
    let more = i32::try_from(random.within(1..3)).unwrap_or(1);
    let partitions = plan.topics[topic].partitions + more;
    plan.events.push((at, Event::Grow { topic, partitions }));
}

fn end_mirror(plan: &mut Plan, random: &mut Random, (at, until): Window, end: fn(usize) -> Event) {
    let instance = random.index(plan.shape.instances);
    plan.events.push((at, end(instance)));
    plan.events.push((until, Event::Start(instance)));
}

/// Often for longer than a session lasts, so that others take over what the process still believes to own.
fn isolate(plan: &mut Plan, random: &mut Random, at: Duration) {
    let instance = random.index(plan.shape.instances);
    let until = at + moment(random, Duration::from_secs(30));
    plan.events.push((at, Event::Isolate(instance, true)));
    if until < plan.span {
        plan.events.push((until, Event::Isolate(instance, false)));
    }
}

fn refusals(plan: &mut Plan, random: &mut Random, (from, until): Window) {
    let (api, codes) = random.one_of(PASSING_ERRORS);
    plan.storms.push(Storm {
        side: random.one_of(&[Side::Source, Side::Target]),
        from,
        until,
        api,
        percent: random.one_of(&[10, 30, 60, 100]),
        action: Action::Fail(random.one_of(codes)),
    });
}

fn network(plan: &mut Plan, random: &mut Random, (from, until): Window) {
    let short = Duration::from_millis(random.within(1..3_000));
    // Longer than any request is waited for.
    let long = Duration::from_secs(random.within(31..50));
    let action = match random.within(0..7) {
        0 => Action::Delay(short),
        1 => Action::DelayAnswer(short),
        2 => Action::DelayAnswer(long),
        3 => Action::Cut,
        4 => Action::CutAnswer,
        5 => Action::Swallow,
        _ => Action::Throttle(short),
    };
    plan.storms.push(Storm {
        side: random.one_of(&[Side::Source, Side::Target]),
        from,
        until,
        api: random.one_of(STORMED),
        percent: random.one_of(&[5, 20, 50, 100]),
        action,
    });
}
