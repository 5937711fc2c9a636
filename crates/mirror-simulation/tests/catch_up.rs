//! Runs that end by themselves (`--until-caught-up`): what they wait for, what they do not wait for, and what they say.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use kafka_fake::TransactionMarker;
use kafka_record::Codec;
use mirror_core::catch_up::{CatchUpOutcome, CatchUpReport, MissingKind};
use mirror_oracle::{Record, Rule};
use mirror_runtime::Outcome;
use mirror_simulation::batch::BatchShape;
use mirror_simulation::{Isolation, World, WorldSettings};

const LIMIT: Duration = Duration::from_mins(2);
/// How long nothing may move before a run gives up, in these stories.
const WAIT: Duration = Duration::from_secs(20);

fn settings(goal: &str) -> WorldSettings {
    let sections = format!(
        "[life]\nuntil_caught_up = \"{goal}\"\nuntil_caught_up_wait = \"{}s\"\n",
        WAIT.as_secs()
    );
    WorldSettings {
        sections,
        ..WorldSettings::default()
    }
}

fn committed_only(goal: &str) -> WorldSettings {
    WorldSettings {
        flow: "isolation = \"read_committed\"".to_owned(),
        isolation: Isolation::ReadCommitted,
        ..settings(goal)
    }
}

/// One record in each of three partitions.
fn write(world: &World, text: &str) -> Result<()> {
    let record = |partition| {
        let record = Record::new("orders")
            .partition(partition)
            .timestamp(world.wall_clock_ms());
        record.value(format!("{text} in {partition}"))
    };
    world.write(&(0..3).map(record).collect::<Vec<_>>())
}

/// A world with the topic `orders` of three partitions, and so many records in each.
async fn world_of(settings: WorldSettings, records: u32) -> Result<World> {
    let world = World::start(settings).await?;
    world.source.create_topic("orders", 3, &[])?;
    for number in 0..records {
        write(&world, &format!("order {number}"))?;
    }
    Ok(world)
}

/// A run from its start to its end.
async fn run(world: &mut World) -> Result<CatchUpReport> {
    let mirror = world.start_mirror()?;
    end_of(world, mirror).await
}

async fn end_of(world: &mut World, mirror: u32) -> Result<CatchUpReport> {
    let deadline = world.elapsed() + LIMIT;
    while !world.has_ended(mirror) {
        ensure!(
            world.elapsed() < deadline,
            "it goes on: {}",
            world.describe_mirrors()
        );
        world.pass(Duration::from_millis(50)).await;
    }
    report(world.end_of_mirror(mirror).await?)
}

fn report(outcome: Outcome) -> Result<CatchUpReport> {
    match outcome {
        Outcome::CatchUp(report) => Ok(*report),
        other @ (Outcome::Drained | Outcome::AbortedOnSendFailure) => bail!("{other:?}"),
    }
}

fn kinds(report: &CatchUpReport) -> Vec<(i32, MissingKind)> {
    let missing = report.flows.iter().flat_map(|flow| &flow.missing);
    missing.map(|missing| (missing.partition, missing.kind)).collect()
}

#[test]
fn twice_in_a_row_mirrors_every_record_once() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(settings("start"), 50).await?;
        let first = run(&mut world).await?;
        ensure!(first.outcome == CatchUpOutcome::CaughtUp, "{first:?}");
        ensure!(
            (first.flows[0].caught_up, first.flows[0].records) == (3, 150),
            "{first:?}"
        );
        ensure!(world.compare(&Rule::preserve())?.records == 150);
        let second = run(&mut world).await?;
        ensure!(
            (second.outcome, second.flows[0].records) == (CatchUpOutcome::CaughtUp, 0),
            "{second:?}"
        );
        write(&world, "later")?;
        let third = run(&mut world).await?;
        ensure!(third.flows[0].records == 3, "goes on where it ended: {third:?}");
        ensure!(world.compare(&Rule::preserve())?.records == 153);
        Ok(())
    })
}

#[test]
fn under_a_load_that_goes_on_it_ends_with_what_was_there() -> Result<()> {
    for goal in ["start", "lag"] {
        mirror_simulation::run(async {
            let mut world = world_of(settings(goal), 50).await?;
            let mirror = world.start_mirror()?;
            let mut written = 50;
            while !world.has_ended(mirror) {
                ensure!(world.elapsed() < LIMIT, "{goal}: {}", world.describe_mirrors());
                write(&world, &format!("order {written}"))?;
                written += 1;
                // A topic that appears later is none of the goal.
                if written == 60 {
                    world.source.create_topic("later", 3, &[])?;
                }
                world.pass(Duration::from_millis(20)).await;
            }
            let report = report(world.end_of_mirror(mirror).await?)?;
            ensure!(report.outcome == CatchUpOutcome::CaughtUp, "{goal}: {report:?}");
            ensure!(report.flows[0].records >= 150, "{goal}: {report:?}");
            ensure!(report.flows[0].caught_up == 3, "{goal}: {report:?}");
            run(&mut world).await?;
            ensure!(world.compare(&Rule::preserve())?.records == 3 * written, "{goal}");
            anyhow::Ok(())
        })?;
    }
    Ok(())
}

fn open_transaction(world: &World) -> Result<()> {
    let record = Record::new("orders")
        .partition(1)
        .timestamp(world.wall_clock_ms())
        .value("open");
    let shape = BatchShape {
        producer: Some((7, 0, 0)),
        is_transactional: true,
        ..BatchShape::of(Codec::None)
    };
    world.append_shaped("orders", 1, &[record], &shape)?;
    Ok(())
}

fn commit_transaction(world: &World) -> Result<()> {
    let marker = TransactionMarker {
        producer_id: 7,
        producer_epoch: 0,
        is_commit: true,
        coordinator_epoch: 0,
    };
    world.source.append_marker("orders", 1, marker)?;
    Ok(())
}

/// docs/traps.md: the end is defined, also under a transaction that hangs.
#[test]
fn an_open_transaction_is_left_out_of_the_start_and_told() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(committed_only("start"), 5).await?;
        open_transaction(&world)?;
        write(&world, "behind it")?;
        let first = run(&mut world).await?;
        ensure!(first.outcome == CatchUpOutcome::CaughtUp, "{first:?}");
        let [open] = &first.flows[0].open_transactions[..] else {
            bail!("{first:?}");
        };
        ensure!(
            (open.partition, open.last_stable_offset, open.high_watermark) == (1, 5, 7),
            "{open:?}"
        );
        ensure!(open.open_since_ms.is_some(), "its age: {open:?}");
        commit_transaction(&world)?;
        let second = run(&mut world).await?;
        ensure!(second.flows[0].open_transactions.is_empty(), "{second:?}");
        ensure!(world.compare(&Rule::preserve())?.records == 19);
        Ok(())
    })
}

#[test]
fn no_lag_waits_for_an_open_transaction_and_not_for_ever() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(committed_only("lag"), 5).await?;
        open_transaction(&world)?;
        let began = world.elapsed();
        let stuck = run(&mut world).await?;
        ensure!(stuck.outcome == CatchUpOutcome::OpenTransactions, "{stuck:?}");
        ensure!(stuck.outcome.exit_code() == 4);
        let took = world.elapsed().saturating_sub(began);
        ensure!(took >= WAIT && took < WAIT * 2, "{took:?}");
        ensure!(kinds(&stuck) == [(1, MissingKind::OpenTransaction)], "{stuck:?}");
        let words = &stuck.flows[0].missing[0].words;
        ensure!(
            words.contains("offset 5 (last stable offset)") && words.contains("6 (high watermark)"),
            "{words}"
        );

        let mirror = world.start_mirror()?;
        world.pass(WAIT / 2).await;
        ensure!(!world.has_ended(mirror));
        commit_transaction(&world)?;
        let waited = end_of(&mut world, mirror).await?;
        ensure!(waited.outcome == CatchUpOutcome::CaughtUp, "{waited:?}");
        ensure!(world.compare(&Rule::preserve())?.records == 16);
        Ok(())
    })
}

#[test]
fn a_halted_partition_ends_the_run_at_once_and_is_named() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(settings("start"), 5).await?;
        run(&mut world).await?;
        for number in 0..10 {
            write(&world, &format!("later {number}"))?;
        }
        world.source.delete_records("orders", 2, 12)?;
        let began = world.elapsed();
        let halted = run(&mut world).await?;
        ensure!(halted.outcome == CatchUpOutcome::Incomplete, "{halted:?}");
        ensure!(halted.outcome.exit_code() == 3);
        ensure!(kinds(&halted) == [(2, MissingKind::Halted)], "{halted:?}");
        ensure!(
            halted.flows[0].caught_up == 2,
            "the others are through: {halted:?}"
        );
        ensure!(
            world.elapsed().saturating_sub(began) < WAIT,
            "an operator is not waited for"
        );
        Ok(())
    })
}

/// The position lies behind the new log's end: every partition had halted, and the run said that all was on the target.
#[test]
fn a_topic_made_anew_with_fewer_records_is_not_caught_up() -> Result<()> {
    mirror_simulation::run(async {
        for goal in ["start", "lag"] {
            let mut world = world_of(settings(goal), 10).await?;
            run(&mut world).await?;
            world.source.delete_topic("orders")?;
            world.source.create_topic("orders", 3, &[])?;
            for number in 0..4 {
                write(&world, &format!("new {number}"))?;
            }
            let report = run(&mut world).await?;
            ensure!(report.outcome == CatchUpOutcome::Incomplete, "{report:?}");
            let expected = [0, 1, 2].map(|partition| (partition, MissingKind::Halted));
            ensure!(kinds(&report) == expected, "{report:?}");
        }
        Ok(())
    })
}

/// A setting left a record out, and the run said that what the source held is on the target.
#[test]
fn a_run_that_left_a_record_out_says_so_and_is_no_success() -> Result<()> {
    mirror_simulation::run(async {
        let lenient = WorldSettings {
            flow: "on_refused_record = \"skip\"".to_owned(),
            ..settings("start")
        };
        let mut world = world_of(lenient, 5).await?;
        run(&mut world).await?;
        world
            .target
            .set_topic_configs("orders", &[("max.message.bytes", "1000")])?;
        let large = Record::new("orders")
            .partition(1)
            .timestamp(world.wall_clock_ms());
        world.write(&[large.value("x".repeat(2_000))])?;
        write(&world, "behind it")?;
        let report = run(&mut world).await?;
        ensure!(report.outcome == CatchUpOutcome::Lost, "{report:?}");
        ensure!(report.outcome.exit_code() == 3);
        let flow = &report.flows[0];
        ensure!(
            (flow.records, flow.dropped_records, flow.caught_up) == (3, 1, 3),
            "{report:?}"
        );
        ensure!(kinds(&report).is_empty(), "{report:?}");
        Ok(())
    })
}

#[test]
fn a_refused_target_topic_ends_the_run_and_is_named() -> Result<()> {
    mirror_simulation::run(async {
        let refused = WorldSettings {
            flow: "replication_factor = 5".to_owned(),
            ..settings("start")
        };
        let mut world = world_of(refused, 5).await?;
        let report = run(&mut world).await?;
        ensure!(report.outcome == CatchUpOutcome::Incomplete, "{report:?}");
        let expected = [0, 1, 2].map(|partition| (partition, MissingKind::Halted));
        ensure!(kinds(&report) == expected, "{report:?}");
        ensure!(report.flows[0].missing[0].goal == Some(5), "{report:?}");
        Ok(())
    })
}

#[test]
fn a_partition_without_a_leader_is_waited_for_and_then_named() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = World::start(settings("start")).await?;
        world.source.create_replicated_topic("orders", 3, 1, &[])?;
        write(&world, "order")?;
        let broker = world.source.brokers()[1];
        world.source.crash_broker(broker).await?;
        let report = run(&mut world).await?;
        ensure!(report.outcome == CatchUpOutcome::Incomplete, "{report:?}");
        let missing = &report.flows[0].missing;
        ensure!(
            missing.len() == 1 && missing[0].kind == MissingKind::NotStarted,
            "{report:?}"
        );
        ensure!(report.flows[0].caught_up == 2, "{report:?}");
        ensure!(Duration::from_millis(report.took_ms) >= WAIT, "{report:?}");
        Ok(())
    })
}

#[test]
fn partitions_of_another_member_are_not_waited_for() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(settings("lag"), 20).await?;
        let mirrors = [world.start_mirror()?, world.start_mirror()?];
        let mut reports = Vec::new();
        for mirror in mirrors {
            reports.push(end_of(&mut world, mirror).await?);
        }
        for report in &reports {
            ensure!(report.outcome == CatchUpOutcome::CaughtUp, "{reports:?}");
            ensure!(
                report.flows[0].caught_up + report.flows[0].elsewhere == 3,
                "{reports:?}"
            );
        }
        ensure!(world.compare(&Rule::preserve())?.records == 60, "{reports:?}");
        Ok(())
    })
}

#[test]
fn a_list_that_matches_nothing_ended_as_caught_up() -> Result<()> {
    mirror_simulation::run(async {
        for goal in ["start", "lag"] {
            let mut world = World::start(settings(goal)).await?;
            let report = run(&mut world).await?;
            ensure!(report.outcome == CatchUpOutcome::NoTopics, "{goal}: {report:?}");
            ensure!(report.outcome.exit_code() == 3);
            let problem = report.flows[0].problem.as_deref().unwrap_or_default();
            ensure!(problem.contains("no topic of the source matches"), "{report:?}");
        }
        Ok(())
    })
}

#[test]
fn a_source_that_was_never_reached_is_named_with_the_reason() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = World::start(settings("start")).await?;
        for broker in world.source.brokers() {
            world.source.crash_broker(broker).await?;
        }
        let report = run(&mut world).await?;
        ensure!(report.outcome == CatchUpOutcome::Incomplete, "{report:?}");
        let flow = &report.flows[0];
        let problem = flow.problem.as_deref().unwrap_or_default();
        ensure!(
            !flow.begun && problem.contains("cluster source was never reached: cannot connect to"),
            "{report:?}"
        );
        Ok(())
    })
}

#[test]
fn a_partition_that_did_not_start_says_why() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = World::start(settings("start")).await?;
        world.source.create_replicated_topic("orders", 3, 1, &[])?;
        write(&world, "order")?;
        let broker = world.source.brokers()[1];
        world.source.crash_broker(broker).await?;
        let report = run(&mut world).await?;
        let words = &report.flows[0].missing[0].words;
        ensure!(words.contains("no leader"), "{report:?}");
        Ok(())
    })
}

#[test]
fn a_signal_before_the_end_is_no_success() -> Result<()> {
    mirror_simulation::run(async {
        let mut world = world_of(committed_only("lag"), 5).await?;
        open_transaction(&world)?;
        let mirror = world.start_mirror()?;
        world.pass(Duration::from_secs(5)).await;
        let report = report(world.stop_mirror(mirror).await?)?;
        ensure!(
            report.outcome == CatchUpOutcome::Interrupted && report.outcome.exit_code() == 3,
            "{report:?}"
        );
        ensure!(
            kinds(&report) == [(1, MissingKind::OpenTransaction)],
            "{report:?}"
        );
        Ok(())
    })
}
