//! The plan as a whole: the clusters, the flow, and how long it lasts.

use std::time::Duration;

use kafka_fake::KafkaRelease;
use kafka_record::Codec;

use super::{ClusterShape, PartitioningPlan, Plan, PositionsPlan, Shape, TopicPlan, faults, load};
use crate::dump::Isolation;
use crate::random::Random;

pub(super) const ALL_CODECS: [Codec; 5] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd];
/// Brokers before 2.1 refuse zstd (KIP-110).
pub(super) const OLD_CODECS: [Codec; 4] = [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4];

pub(super) fn plan(seed: u64) -> Plan {
    let mut random = Random::stream(seed, "shape");
    let topics = topics(&mut random);
    let shape = shape(&mut random, &topics);
    let span = Duration::from_millis(random.within(3_000..20_000));
    let mut plan = Plan {
        seed,
        shape,
        topics,
        transactions: Vec::new(),
        events: Vec::new(),
        storms: Vec::new(),
        span,
    };
    load::draw(&mut plan, &mut Random::stream(seed, "load"));
    faults::draw(&mut plan, &mut Random::stream(seed, "faults"));
    // Events of one moment stay in the order in which they were drawn.
    plan.events.sort_by_key(|(at, _)| *at);
    plan
}

fn topics(random: &mut Random) -> Vec<TopicPlan> {
    let partitions = random.within(1..5);
    let topic = |number: u64, random: &mut Random| TopicPlan {
        name: format!("topic-{number}"),
        partitions: i32::try_from(partitions).unwrap_or(1),
        log_append_time: random.percent(15),
    };
    let count = random.within(1..4);
    (0..count).map(|number| topic(number, random)).collect()
}

fn shape(random: &mut Random, topics: &[TopicPlan]) -> Shape {
    let source = cluster(random);
    let target = cluster(random);
    let target_partitions = topics.first().map_or(1, |topic| topic.partitions);
    let compression = random.percent(25).then(|| random.one_of(codecs(target.release)));
    Shape {
        source,
        target,
        partitioning: if random.percent(35) {
            PartitioningPlan::ByKey { target_partitions }
        } else {
            PartitioningPlan::Preserve
        },
        isolation: if random.percent(40) {
            Isolation::ReadCommitted
        } else {
            Isolation::ReadUncommitted
        },
        compression,
        positions: if random.percent(35) {
            PositionsPlan::SourceGroup
        } else {
            PositionsPlan::TargetTopic
        },
        instances: if random.percent(35) { 2 } else { 1 },
        streams: if random.percent(20) { 2 } else { 1 },
    }
}

fn cluster(random: &mut Random) -> ClusterShape {
    use KafkaRelease::{V1_1, V2_4, V3_2, V3_9, V4_1};
    ClusterShape {
        brokers: random.one_of(&[1, 2, 3, 3]),
        release: random.one_of(&[V1_1, V2_4, V3_2, V3_9, V4_1, V4_1]),
        latency_max: Duration::from_millis(random.one_of(&[1, 5, 20, 80])),
    }
}

pub(super) fn codecs(release: KafkaRelease) -> &'static [Codec] {
    if release < KafkaRelease::V2_4 {
        &OLD_CODECS
    } else {
        &ALL_CODECS
    }
}
