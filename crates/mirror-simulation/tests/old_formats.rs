//! A log that began before Kafka 0.11, through the whole mirror: processes that are killed in the middle of it and go on from their
//! positions, and a log start that lies inside a wrapper.

use std::time::Duration;

use anyhow::{Result, ensure};
use kafka_record::Codec;
use mirror_oracle::{Dump, Record, Rule, compare};
use mirror_runtime::Outcome;
use mirror_simulation::old_log::{OldLayout, encode};
use mirror_simulation::{Isolation, World, WorldSettings};

const LIMIT: Duration = Duration::from_mins(1);
const TOPIC: &str = "orders";
const PARTITIONS: i32 = 2;

/// Every layout of the old formats.
fn layouts() -> Vec<OldLayout> {
    let mut layouts = Vec::new();
    for magic in [0, 1] {
        for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4] {
            layouts.push(OldLayout {
                magic,
                codec,
                append_time: None,
            });
        }
    }
    layouts.push(OldLayout {
        magic: 1,
        codec: Codec::Gzip,
        append_time: Some(777),
    });
    layouts
}

/// Writes an old log, and what readers see of it.
#[derive(Default)]
struct OldLog {
    expected: Vec<(i64, Record)>,
    written: u32,
}

// === impl OldLog ===

impl OldLog {
    /// `count` records in one piece; `removed` offsets are missing before every other one, as compaction leaves them.
    fn write(
        &mut self,
        world: &World,
        partition: i32,
        layout: &OldLayout,
        count: u32,
        removed: i64,
    ) -> Result<()> {
        let mut offset = world.source.log(TOPIC, partition)?.end;
        let mut placed = Vec::new();
        for number in 0..count {
            offset += if number % 2 == 1 { removed } else { 0 };
            let record = Record::new(TOPIC)
                .partition(partition)
                .timestamp(1_500_000_000_000 + i64::from(self.written))
                .key(format!("key-{}", self.written % 7))
                .value(format!("order {}", self.written));
            let seen = match (layout.magic, layout.append_time) {
                (0, _) => record.clone().timestamp(-1),
                (_, Some(append_time)) => record.clone().timestamp(append_time),
                (_, None) => record.clone(),
            };
            self.expected.push((offset, seen));
            placed.push((offset, record));
            self.written += 1;
            offset += 1;
        }
        let placed: Vec<_> = placed.iter().map(|(offset, record)| (*offset, record)).collect();
        world
            .source
            .append_as_is(TOPIC, partition, &encode(&placed, layout))?;
        Ok(())
    }

    /// Records of today's format, behind the old ones.
    fn write_today(&mut self, world: &World, partition: i32, count: u32) -> Result<()> {
        let records: Vec<_> = (0..count)
            .map(|_| {
                self.written += 1;
                Record::new(TOPIC)
                    .partition(partition)
                    .timestamp(world.wall_clock_ms())
                    .value(format!("order {}", self.written))
            })
            .collect();
        let first = world.append(TOPIC, partition, &records, Codec::Lz4)?;
        self.expected.extend((first..).zip(records));
        Ok(())
    }

    fn compare(&self, world: &World, rule: &Rule) -> Result<()> {
        let mut expected: Vec<_> = self.expected.iter().collect();
        expected.sort_by_key(|(offset, record)| (record.partition, *offset));
        let expected = Dump::with_offsets(expected.into_iter().map(|(offset, record)| (*offset, record)))?;
        let (_, target) = world.dumps()?;
        let agreement = compare(&expected, &target, rule);
        agreement
            .map(drop)
            .map_err(|mismatch| anyhow::anyhow!("{mismatch}"))
    }
}

async fn world(flow: &str) -> Result<World> {
    let world = World::start(WorldSettings {
        flow: flow.to_owned(),
        isolation: Isolation::ReadUncommitted,
        ..WorldSettings::default()
    })
    .await?;
    world.source.create_topic(TOPIC, PARTITIONS, &[])?;
    Ok(world)
}

fn no_halt(world: &World, mirror: u32) -> Result<()> {
    for flow in world.status(mirror).flows {
        let halted = flow
            .partitions
            .into_iter()
            .find(|partition| partition.halt.is_some());
        ensure!(halted.is_none(), "{halted:?}");
    }
    Ok(())
}

/// Killed after old entries of every layout: its positions lie behind them, their anchors hold, and what is repeated is what was not stored.
#[test]
fn an_old_log_is_mirrored_by_processes_that_are_killed() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world("").await?;
        let mut log = OldLog::default();
        let mut mirror = world.start_mirror()?;
        for (number, layout) in (0..).zip(layouts()) {
            for partition in 0..PARTITIONS {
                log.write(&world, partition, &layout, 20, i64::from(partition))?;
            }
            world.until_caught_up(LIMIT).await?;
            no_halt(&world, mirror)?;
            if number % 2 == 0 {
                world.pass(Duration::from_secs(1)).await; // its position is stored by now
                world.kill_mirror(mirror).await;
            } else {
                ensure!(world.stop_mirror(mirror).await? == Outcome::Drained);
            }
            mirror = world.start_mirror()?;
        }
        log.write_today(&world, 0, 30)?;
        world.until_caught_up(LIMIT).await?;
        no_halt(&world, mirror)?;
        // Every kill came after the position was stored: nothing is repeated.
        log.compare(&world, &Rule::preserve())
    })
}

#[test]
fn an_old_log_goes_by_key_into_another_number_of_partitions() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world("partitioning = \"by-key\"").await?;
        world.target.create_topic(TOPIC, 3, &[])?;
        let mut log = OldLog::default();
        for layout in layouts() {
            for partition in 0..PARTITIONS {
                log.write(&world, partition, &layout, 50, 0)?;
            }
        }
        world.start_mirror()?;
        world.until_caught_up(LIMIT).await?;
        log.compare(&world, &Rule::by_key(3))
    })
}

/// The broker hands out the whole wrapper that holds the offset; what lies before it is not there for any reader.
#[test]
fn a_log_that_starts_inside_a_wrapper_is_mirrored_from_there() -> Result<()> {
    mirror_simulation::run(async {
        for layout in layouts() {
            let mut world = world("").await?;
            let mut log = OldLog::default();
            log.write(&world, 0, &layout, 20, 0)?;
            log.write(&world, 0, &layout, 20, 0)?;
            world.source.delete_records(TOPIC, 0, 13)?;
            log.expected.retain(|(offset, _)| *offset >= 13);
            let mirror = world.start_mirror()?;
            world.until_caught_up(LIMIT).await?;
            no_halt(&world, mirror)?;
            log.compare(&world, &Rule::preserve())?;
        }
        Ok(())
    })
}

/// Another entry where the last mirrored one stood: another log.
#[test]
fn an_old_log_that_was_replaced_is_noticed_at_the_next_start() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world("").await?;
        let mut log = OldLog::default();
        let layout = OldLayout {
            magic: 1,
            codec: Codec::Snappy,
            append_time: None,
        };
        log.write(&world, 0, &layout, 20, 0)?;
        let mirror = world.start_mirror()?;
        world.until_caught_up(LIMIT).await?;
        world.stop_mirror(mirror).await?;
        // As brokers from before topic ids would show it: the same name, as long a log, other records.
        world.source.unclean_election(TOPIC, 0, 0)?;
        log.write(&world, 0, &layout, 30, 0)?;
        let mirror = world.start_mirror()?;
        let halt = |world: &World| {
            let flows = world.status(mirror).flows;
            let mut partitions = flows.into_iter().flat_map(|flow| flow.partitions);
            partitions.find_map(|partition| partition.halt)
        };
        world
            .until("the partition is halted", LIMIT, |world| halt(world).is_some())
            .await?;
        let halt = halt(&world);
        ensure!(
            halt.as_ref().is_some_and(|halt| halt.reason == "anchor_mismatch"),
            "{halt:?}"
        );
        Ok(())
    })
}
