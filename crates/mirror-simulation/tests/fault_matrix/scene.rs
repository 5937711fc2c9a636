//! What every row needs: a small world that mirrors already, numbered records, and the promises checked.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use kafka_wire::NodeId;
use mirror_core::status::{FlowTotals, HaltStatus, PartitionStatus, ProcessStatus};
use mirror_oracle::{Agreement, Record, Rule};
use mirror_simulation::{World, WorldSettings};

/// The topic of the records.
pub(crate) const TOPIC: &str = "orders";
/// Its partitions; record n is in partition n modulo this.
pub(crate) const PARTITIONS: i32 = 3;
/// Within this virtual time a mirror has to be caught up once a fault is over.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A world with [`TOPIC`] and one mirror that has begun.
pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) mirror: u32,
    written: u32,
}

// === impl Scene ===

impl Scene {
    pub(crate) async fn start() -> Result<Self> {
        Self::with(WorldSettings::default()).await
    }

    /// A scene that mirrors: some records have arrived, and their positions are stored.
    pub(crate) async fn with(settings: WorldSettings) -> Result<Self> {
        let mut world = World::start(settings).await?;
        world.source.create_topic(TOPIC, PARTITIONS, &[])?;
        let mirror = world.start_mirror()?;
        let mut scene = Self {
            world,
            mirror,
            written: 0,
        };
        scene.settle().await?;
        Ok(scene)
    }

    /// Writes records that differ in everything, in one batch for each partition.
    pub(crate) fn write(&mut self, count: u32) -> Result<()> {
        let records: Vec<_> = (0..count).map(|_| self.next_record()).collect();
        self.world.write(&records)
    }

    /// Writes one small batch at a time, with pauses.
    pub(crate) async fn write_slowly(&mut self, batches: u32, pause: Duration) -> Result<()> {
        for _ in 0..batches {
            self.write(3)?;
            self.world.pass(pause).await;
        }
        Ok(())
    }

    /// The record after the last one.
    pub(crate) fn next_record(&mut self) -> Record {
        let number = self.written;
        self.written += 1;
        record(&self.world, number)
    }

    pub(crate) async fn caught_up(&self) -> Result<()> {
        self.world.until_caught_up(LIMIT).await
    }

    /// All that was written is on the target, in order, once each; nothing stands still.
    pub(crate) async fn holds_exactly(&self) -> Result<Agreement> {
        self.holds(&Rule::preserve()).await
    }

    /// All that was written is on the target by this rule; nothing stands still, memory is within its bound.
    pub(crate) async fn holds(&self, rule: &Rule) -> Result<Agreement> {
        self.caught_up().await?;
        let memory = self.status().memory;
        ensure!(memory.in_flight_bytes <= memory.in_flight_bytes_max, "{memory:?}");
        let halted = self
            .partitions()
            .into_iter()
            .find(|partition| partition.halt.is_some());
        ensure!(halted.is_none(), "{halted:?}");
        self.world.compare(rule)
    }

    pub(crate) fn status(&self) -> ProcessStatus {
        self.world.status(self.mirror)
    }

    pub(crate) fn totals(&self) -> FlowTotals {
        self.status()
            .flows
            .first()
            .map(|flow| flow.totals)
            .unwrap_or_default()
    }

    pub(crate) fn partitions(&self) -> Vec<PartitionStatus> {
        partitions_of(&self.world, self.mirror)
    }

    /// Waits until a partition of [`TOPIC`] stands still, and says why.
    pub(crate) async fn until_halted(&self, partition: i32) -> Result<HaltStatus> {
        let halt = |world: &World| halt_of(world, self.mirror, TOPIC, partition);
        self.world
            .until("the partition is halted", LIMIT, |world| halt(world).is_some())
            .await?;
        halt(&self.world).context("no halt")
    }

    /// Writes on, and sees that every partition but `halted` of [`TOPIC`] is mirrored.
    pub(crate) async fn others_go_on(&mut self, halted: i32) -> Result<()> {
        self.write(30)?;
        let ends = ends(&self.world, TOPIC, halted)?;
        self.world
            .until("the other partitions go on", LIMIT, |world| {
                let acked = world.acked_offsets();
                ends.iter()
                    .all(|(partition, end)| acked.get(&(TOPIC.to_owned(), *partition)) >= Some(end))
            })
            .await
    }

    /// Who leads a partition of [`TOPIC`] on the source.
    pub(crate) fn source_leader(&self, partition: i32) -> Result<NodeId> {
        self.world
            .source
            .log(TOPIC, partition)?
            .leader
            .context("no leader")
    }

    /// Who leads a partition of [`TOPIC`] on the target.
    pub(crate) fn target_leader(&self, partition: i32) -> Result<NodeId> {
        self.world
            .target
            .log(TOPIC, partition)?
            .leader
            .context("no leader")
    }

    /// Time since a moment of the world.
    pub(crate) fn since(&self, moment: Duration) -> Duration {
        self.world.elapsed().saturating_sub(moment)
    }

    /// Writes and catches up, so that every connection is in use and the partition's state is settled.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        self.write(30)?;
        self.caught_up().await?;
        // Positions are stored half a second behind the acknowledgement at the latest.
        self.world.pass(Duration::from_secs(1)).await;
        Ok(())
    }
}

/// Record `number` of [`TOPIC`].
pub(crate) fn record(world: &World, number: u32) -> Record {
    let partition = i32::try_from(number).map_or(0, |number| number % PARTITIONS);
    Record::new(TOPIC)
        .partition(partition)
        .timestamp(world.wall_clock_ms())
        .key(format!("key-{}", number % 7))
        .value(format!("order {number}"))
        .header("number", Some(&number.to_be_bytes()))
}

/// Why a partition stands still; `None` if it does not.
pub(crate) fn halt_of(world: &World, mirror: u32, topic: &str, partition: i32) -> Option<HaltStatus> {
    partitions_of(world, mirror)
        .into_iter()
        .find(|status| status.topic == topic && status.partition == partition)?
        .halt
}

fn partitions_of(world: &World, mirror: u32) -> Vec<PartitionStatus> {
    let flows = world.status(mirror).flows.into_iter();
    flows.flat_map(|flow| flow.partitions).collect()
}

/// The ends of a topic's partitions on the source, without one.
fn ends(world: &World, topic: &str, without: i32) -> Result<Vec<(i32, i64)>> {
    let partitions = (0..PARTITIONS).filter(|partition| *partition != without);
    partitions
        .map(|partition| Ok((partition, world.source.log(topic, partition)?.high_watermark)))
        .collect()
}
