//! What happens in one simulation, drawn from its seed before anything runs: clusters, records, faults, and when.

mod draw;
mod faults;
mod load;

use std::fmt;
use std::time::Duration;

use kafka_fake::{Action, KafkaRelease};
use kafka_record::Codec;
use kafka_wire::{ApiKey, NodeId};
use mirror_oracle::Record;

use crate::dump::Isolation;

/// One simulation. The same seed is the same plan.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub shape: Shape,
    pub topics: Vec<TopicPlan>,
    /// Does each transaction commit (or abort)?
    pub transactions: Vec<bool>,
    /// In the order of their times.
    pub events: Vec<(Duration, Event)>,
    pub storms: Vec<Storm>,
    /// After this time everything is healed and nothing more is written.
    pub span: Duration,
}

/// What stays as it is during a simulation.
#[derive(Debug, Clone)]
pub struct Shape {
    pub source: ClusterShape,
    pub target: ClusterShape,
    pub partitioning: PartitioningPlan,
    pub isolation: Isolation,
    /// Codec of everything that is written; `None` keeps the source's.
    pub compression: Option<Codec>,
    pub positions: PositionsPlan,
    /// Mirror processes in one group.
    pub instances: usize,
    /// Members each of them stands for.
    pub streams: u32,
}

#[derive(Debug, Clone, Copy)]
pub struct ClusterShape {
    pub brokers: u16,
    pub release: KafkaRelease,
    /// Every request is delayed by up to this.
    pub latency_max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitioningPlan {
    Preserve,
    ByKey {
        /// Partitions of each target topic: those its source has at the beginning.
        target_partitions: i32,
    },
}

/// Where positions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PositionsPlan {
    /// In a topic on the target, as `heliostat run` does.
    TargetTopic,
    /// In the group on the source, as `heliostat mirror-maker` does.
    SourceGroup,
}

#[derive(Debug, Clone)]
pub struct TopicPlan {
    pub name: String,
    pub partitions: i32,
    pub log_append_time: bool,
}

/// Which of the two clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Source,
    Target,
}

/// Something that happens at one moment.
#[derive(Debug, Clone)]
pub enum Event {
    Append(Append),
    EndTransaction {
        transaction: usize,
    },
    Crash(Side, NodeId),
    Restart(Side, NodeId),
    Pause(Side, NodeId),
    Resume(Side, NodeId),
    MoveLeader {
        side: Side,
        topic: usize,
        partition: i32,
        broker: NodeId,
    },
    CloseFetchSessions(NodeId),
    HoldReplication {
        topic: usize,
        partition: i32,
        is_held: bool,
    },
    Grow {
        topic: usize,
        partitions: i32,
    },
    /// A mirror process, by its place among the instances.
    Start(usize),
    Stop(usize),
    Kill(usize),
    /// Its cable is pulled out, or put back in.
    Isolate(usize, bool),
}

/// One batch appended to the source.
#[derive(Clone)]
pub struct Append {
    pub topic: usize,
    pub partition: i32,
    pub codec: Codec,
    pub kind: BatchKind,
    /// Without topic, partition and time: those are known when it is appended.
    pub records: Vec<Record>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchKind {
    Plain,
    /// From an idempotent producer.
    Idempotent,
    /// Compaction removed records: before the first, between them and behind the last.
    Gaps,
    /// Compaction removed all of them.
    Emptied,
    /// Part of a transaction, by its number.
    Transactional(usize),
}

/// Requests of some APIs go wrong for a while.
#[derive(Debug, Clone)]
pub struct Storm {
    pub side: Side,
    pub from: Duration,
    pub until: Duration,
    pub api: ApiKey,
    /// How many of a hundred requests it hits.
    pub percent: u64,
    pub action: Action,
}

// === impl Plan ===

impl Plan {
    /// Draws a plan.
    pub fn of(seed: u64) -> Self {
        draw::plan(seed)
    }

    /// Is there any fault that keeps a mirror from its clusters for a while?
    pub fn has_outages(&self) -> bool {
        let is_outage = |event: &Event| match event {
            Event::Crash(..)
            | Event::Pause(..)
            | Event::MoveLeader { .. }
            | Event::HoldReplication { .. }
            | Event::Isolate(..) => true,
            Event::Append(_)
            | Event::EndTransaction { .. }
            | Event::Restart(..)
            | Event::Resume(..)
            | Event::CloseFetchSessions(_)
            | Event::Grow { .. }
            | Event::Start(_)
            | Event::Stop(_)
            | Event::Kill(_) => false,
        };
        !self.storms.is_empty() || self.events.iter().any(|(_, event)| is_outage(event))
    }
}

/// What the plan does to the mirror, in the order in which it happens; its records are not shown.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {} for {:?}: {:?}", self.seed, self.span, self.shape)?;
        for topic in &self.topics {
            writeln!(f, "  {topic:?}")?;
        }
        for storm in &self.storms {
            let Storm {
                side,
                from,
                until,
                api,
                percent,
                action,
            } = storm;
            writeln!(
                f,
                "  {from:?}..{until:?} {percent} % of {api} at the {side:?}: {action:?}"
            )?;
        }
        for (at, event) in &self.events {
            if !matches!(event, Event::Append(_)) {
                writeln!(f, "  {at:?} {event:?}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Append {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Append")
            .field("topic", &self.topic)
            .field("partition", &self.partition)
            .field("codec", &self.codec)
            .field("kind", &self.kind)
            .field("records", &self.records.len())
            .finish()
    }
}
