//! Runs that end by themselves, on real brokers: with a load that goes on, an open transaction, a halted partition, and twice in
//! a row.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::heliostat::Heliostat;
use integration::mirroring::Mirroring;
use integration::oracle::{Rule, compare};
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::steady_load::SteadyLoad;
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);

/// How long an open transaction is waited for, in milliseconds.
const WAIT_MS: &str = "5000";

/// Mirrors until it ends by itself; gives the exit code and what it printed.
fn run(mirroring: &Mirroring, goal: &str) -> Result<(i32, Value)> {
    let mirroring = mirroring
        .clone()
        .argument(goal)
        .argument("--until.caught.up.wait.ms")
        .argument(WAIT_MS)
        .argument("--log.format")
        .argument("json");
    let mut mirror = Heliostat::start(&mirroring)?;
    let status = mirror.wait(LIMIT)?;
    let code = status.code().context("it was killed")?;
    let printed = mirror.process.stdout_text()?;
    let report = serde_json::from_str(&printed)
        .with_context(|| format!("{printed}\n{}", mirror.process.last_words()))?;
    Ok((code, report))
}

fn preserve(world: &World, topic: &str) -> Result<u64> {
    let topics = [topic.to_owned()];
    let source = world.source.admin().dump(&topics, Isolation::ReadCommitted)?;
    let mut target = world.target.admin().dump(&topics, Isolation::ReadUncommitted)?;
    target.cluster_topics = None;
    Ok(compare(&source, &target, &Rule::preserve())?.records)
}

#[test]
fn twice_in_a_row_and_under_a_load_that_goes_on() {
    scenario("until-load", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 4))?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load::new(&topic, 20_000))?;
        let mirroring = world.mirroring().preserve();
        for expected in [20_000, 0] {
            let (code, report) = run(&mirroring, "--until-caught-up")?;
            ensure!(code == 0 && report["outcome"] == "caught_up", "{report}");
            ensure!(report["flows"][0]["records"] == expected, "{report}");
            ensure!(report["flows"][0]["caught_up"] == 4, "{report}");
            ensure!(preserve(world, &topic)? == 20_000);
        }
        for goal in ["--until-caught-up", "--until-caught-up=lag"] {
            let load = Load {
                first: 20_000,
                per_second: 1_000,
                ..Load::new(&topic, 1)
            };
            let load = SteadyLoad::start(&world.source.bootstrap, &load)?;
            let (code, report) = run(&mirroring, goal)?;
            load.stop()?;
            ensure!(code == 0, "{goal}: {report}");
        }
        let (code, report) = run(&mirroring, "--until-caught-up")?;
        ensure!(code == 0, "{report}");
        preserve(world, &topic).map(drop)
    });
}

#[test]
fn an_open_transaction_has_a_defined_end() {
    scenario("until-transaction", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let record = |text: &str| Record::new(&topic).partition(0).value(text);
        let plain = Producer::open(&world.source.bootstrap, &[])?;
        plain.send(&[record("one"), record("two")])?;
        let producer = Producer::open(&world.source.bootstrap, &[("transactional.id", topic.as_str())])?;
        producer.begin()?;
        producer.send(&[record("in the transaction")])?;
        plain.send(&[record("behind it")])?;

        let mirroring = world.mirroring().preserve().isolation(Isolation::ReadCommitted);
        let (code, report) = run(&mirroring, "--until-caught-up")?;
        ensure!(code == 0, "what was committed at the start is there: {report}");
        let open = &report["flows"][0]["open_transactions"][0];
        ensure!(
            open["last_stable_offset"] == 2 && open["high_watermark"] == 4,
            "{report}"
        );
        ensure!(open["open_since_ms"].is_number(), "its age: {report}");
        ensure!(preserve(world, &topic)? == 2);

        let (code, report) = run(&mirroring, "--until-caught-up=lag")?;
        ensure!(code == 4 && report["outcome"] == "open_transactions", "{report}");
        let missing = &report["flows"][0]["missing"][0];
        ensure!(
            missing["kind"] == "open_transaction" && missing["position"] == 2,
            "{report}"
        );

        producer.commit()?;
        let (code, report) = run(&mirroring, "--until-caught-up=lag")?;
        ensure!(code == 0, "{report}");
        ensure!(preserve(world, &topic)? == 4);
        Ok(())
    });
}

#[test]
fn a_halted_partition_is_named_and_the_others_are_through() {
    scenario("until-halted", |world| {
        let topic = world.topic("t");
        let source = world.source.admin();
        source.create_topic(&NewTopic::new(&topic, 3))?;
        let load = |first, records| Load {
            first,
            partitions: 3,
            ..Load::new(&topic, records)
        };
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        producer.generate(&load(0, 3000))?;
        let mirroring = world.mirroring().preserve();
        let (code, report) = run(&mirroring, "--until-caught-up")?;
        ensure!(code == 0, "{report}");
        producer.generate(&load(3000, 3000))?;
        source.delete_records(&topic, 1, 1500)?;
        let (code, report) = run(&mirroring, "--until-caught-up")?;
        ensure!(code == 3 && report["outcome"] == "incomplete", "{report}");
        let flow = &report["flows"][0];
        ensure!(flow["caught_up"] == 2 && flow["records"] == 2000, "{report}");
        let missing = &flow["missing"][0];
        ensure!(
            missing["partition"] == 1 && missing["kind"] == "halted" && missing["position"] == 1000,
            "{report}"
        );
        ensure!(missing["goal"] == 2000, "{report}");
        Ok(())
    });
}
