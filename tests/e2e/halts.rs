//! What the mirror cannot go on with: it says so with the exact range and stops that partition, and the others go on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic, OffsetAt, PartitionKey};
use integration::heliostat::Heliostat;
use integration::oracle::{Rule, compare};
use integration::process::describe;
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::{samples, wait};

const LIMIT: Duration = Duration::from_mins(1);

/// A load that goes round three partitions, so that offsets are known: number / 3.
fn load(topic: &str, first: u64, records: u64) -> Load {
    Load {
        first,
        partitions: 3,
        ..Load::new(topic, records)
    }
}

fn ends(world: &World, topic: &str) -> Result<Vec<i64>> {
    let ends = world
        .target
        .admin()
        .offsets(&[topic.to_owned()], OffsetAt::HighWatermark)?;
    Ok(ends.into_values().collect())
}

/// The mirror is still at work: what is produced now in the other partitions arrives.
fn others_go_on(world: &World, mirror: &mut Heliostat, topic: &str, halted: i32) -> Result<()> {
    let records: Vec<Record> = (0..3)
        .filter(|partition| *partition != halted)
        .map(|partition| Record::new(topic).partition(partition).value("after the halt"))
        .collect();
    Producer::open(&world.source.bootstrap, &[])?.send(&records)?;
    let halted: Vec<PartitionKey> = vec![(topic.to_owned(), halted)];
    mirror.wait_until_caught_up_but(&[topic.to_owned()], &halted, LIMIT)
}

#[test]
fn an_offset_that_fell_out_of_retention() {
    scenario("halts-retention", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        let source = world.source.admin();
        source.create_topic(&NewTopic::new(&topic, 3))?;
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        producer.generate(&load(&topic, 0, 3000))?;
        let mirroring = world.mirroring().preserve();
        Heliostat::run_to_the_end(&mirroring, &topics, LIMIT)?;
        producer.generate(&load(&topic, 3000, 3000))?;
        let before = source.dump(&topics, Isolation::ReadUncommitted)?;
        source.delete_records(&topic, 1, 1500)?;

        let mut mirror = Heliostat::start(&mirroring)?;
        // The lost range: from our position to the log's start.
        mirror.wait_for_line(&[&format!("{topic}-1"), "1000", "1500"], LIMIT)?;
        mirror.wait_until_caught_up_but(&topics, &[(topic.clone(), 1)], LIMIT)?;
        let position = source.committed(&mirroring.group)?[&(topic.clone(), 1)].offset;
        ensure!(
            position == 1000,
            "the position of the halted partition moved to {position}"
        );
        let target = world.target.admin().dump(&topics, Isolation::ReadUncommitted)?;
        let rule = (1000..2000).fold(
            Rule {
                scope: topic.clone(),
                ..Rule::preserve()
            },
            |rule, offset| rule.without(&topic, 1, offset),
        );
        compare(&before, &target, &rule)?;
        others_go_on(world, &mut mirror, &topic, 1)?;
        mirror.stop().map(drop)
    });
}

/// The topic is deleted and made again with more records than were mirrored: nothing of its new life may be added to the old one's copy.
fn recreate(world: &World, topic: &str) -> Result<()> {
    world.source.admin().delete_topic(topic)?;
    world.source.admin().create_topic(&NewTopic::new(topic, 3))?;
    Producer::open(&world.source.bootstrap, &[])?.generate(&load(topic, 100_000, 9000))
}

fn fill_two_topics(world: &World) -> Result<(String, String)> {
    let (topic, other) = (world.topic("recreated"), world.topic("other"));
    let producer = Producer::open(&world.source.bootstrap, &[])?;
    for name in [&topic, &other] {
        world.source.admin().create_topic(&NewTopic::new(name, 3))?;
        producer.generate(&load(name, 0, 3000))?;
    }
    Ok((topic, other))
}

fn stays_halted(world: &World, mirror: &mut Heliostat, topic: &str, other: &str) -> Result<()> {
    mirror.wait_for_line(&[topic, "created"], LIMIT)?;
    Producer::open(&world.source.bootstrap, &[])?.generate(&load(other, 3000, 3000))?;
    mirror.wait_until_caught_up(&[other.to_owned()], LIMIT)?;
    ensure!(
        ends(world, other)? == [2000, 2000, 2000],
        "{:?}",
        ends(world, other)?
    );
    ensure!(
        ends(world, topic)? == [1000, 1000, 1000],
        "{:?}",
        ends(world, topic)?
    );
    Ok(())
}

#[test]
fn a_topic_created_anew_while_the_mirror_was_down() {
    scenario("halts-recreated-down", |world| {
        let (topic, other) = fill_two_topics(world)?;
        let mirroring = world.mirroring().preserve();
        Heliostat::run_to_the_end(&mirroring, &[topic.clone(), other.clone()], LIMIT)?;
        recreate(world, &topic)?;
        let mut mirror = Heliostat::start(&mirroring)?;
        stays_halted(world, &mut mirror, &topic, &other)?;
        mirror.stop().map(drop)
    });
}

#[test]
fn a_topic_created_anew_under_the_running_mirror() {
    scenario("halts-recreated-running", |world| {
        let (topic, other) = fill_two_topics(world)?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(&[topic.clone(), other.clone()], LIMIT)?;
        recreate(world, &topic)?;
        stays_halted(world, &mut mirror, &topic, &other)?;
        mirror.stop().map(drop)
    });
}

#[test]
fn a_timestamp_that_the_target_refuses() {
    scenario("halts-timestamp", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
        // 4.0 and newer take no more than an hour ahead.
        world.target.admin().create_topic(&NewTopic::new(&topic, 3))?;
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        producer.generate(&load(&topic, 0, 300))?;
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .context("a clock before 1970")?;
        let tomorrow = i64::try_from(now.as_millis())? + 86_400_000;
        producer.send(&[Record::new(&topic)
            .partition(0)
            .timestamp(tomorrow)
            .value("from tomorrow")])?;
        producer.generate(&load(&topic, 300, 300))?;

        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_for_line(&[&format!("{topic}-0"), "timestamp"], LIMIT)?;
        let status = mirror.process.exit_status()?;
        if let Some(status) = status {
            // MirrorMaker's own answer to a failed send is as clear.
            ensure!(status.code() == Some(255), "{}", describe(status));
            return Ok(());
        }
        mirror.wait_until_caught_up_but(std::slice::from_ref(&topic), &[(topic.clone(), 0)], LIMIT)?;
        others_go_on(world, &mut mirror, &topic, 0)?;
        // A halt, not a loop: it says so once or twice, and does not send the record again and again.
        let lines = mirror.lines_with(&[&format!("{topic}-0"), "timestamp"])?;
        ensure!(lines.len() <= 5, "{} lines like {:?}", lines.len(), lines.first());
        let before = mirror.process.cpu_time()?;
        wait::hold(Duration::from_secs(2));
        let spent = mirror.process.cpu_time()?.saturating_sub(before);
        ensure!(
            spent < Duration::from_secs(1),
            "{spent:?} of CPU time in two idle seconds"
        );
        mirror.stop().map(drop)
    });
}

/// One record of 50 KB in partition 0 (at offset 100) for a target that takes 20 KB.
fn fill_with_one_too_large(world: &World) -> Result<String> {
    let topic = world.topic("t");
    world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
    world
        .target
        .admin()
        .create_topic(&NewTopic::new(&topic, 3).config("max.message.bytes", "20000"))?;
    let producer = Producer::open(&world.source.bootstrap, &[])?;
    producer.generate(&load(&topic, 0, 300))?;
    producer.send(&[Record::new(&topic)
        .partition(0)
        .key("large")
        .value(samples::noise(50_000, 1))])?;
    producer.generate(&load(&topic, 300, 300))?;
    Ok(topic)
}

#[test]
fn a_record_over_the_targets_limit_ends_the_process_as_mirror_maker_does() {
    for (name, flag) in [("halts-abort-default", None), ("halts-abort-true", Some("true"))] {
        scenario(name, |world| {
            let topic = fill_with_one_too_large(world)?;
            let mirroring = world.mirroring().preserve();
            let mirroring = match flag {
                Some(flag) => mirroring.argument("--abort.on.send.failure").argument(flag),
                None => mirroring,
            };
            let mut mirror = Heliostat::start(&mirroring)?;
            let status = mirror.wait(LIMIT)?;
            ensure!(
                status.code() == Some(255),
                "{}\n{}",
                describe(status),
                mirror.process.last_words()
            );
            let said = mirror.lines_with(&[&format!("{topic}-0"), "20000"])?;
            ensure!(
                !said.is_empty(),
                "no line names the record\n{}",
                mirror.process.last_words()
            );
            // It must come again at the next start.
            let committed = world.source.admin().committed(&mirroring.group)?;
            let position = committed
                .get(&(topic.clone(), 0))
                .map_or(0, |committed| committed.offset);
            ensure!(
                position <= 100,
                "the position moved past the lost record: {position}"
            );
            Ok(())
        });
    }
}

#[test]
fn a_record_over_the_targets_limit_is_counted_and_left_out_where_the_flag_says_so() {
    for (name, preserve) in [("halts-go-on-preserve", true), ("halts-go-on-by-key", false)] {
        scenario(name, |world| {
            let topic = fill_with_one_too_large(world)?;
            let mirroring = world
                .mirroring()
                .argument("--abort.on.send.failure")
                .argument("false");
            let (mirroring, rule) = if preserve {
                (mirroring.preserve(), Rule::preserve())
            } else {
                (mirroring, Rule::by_key(3))
            };
            let mut mirror = Heliostat::start(&mirroring)?;
            mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
            mirror.wait_for_line(&[&format!("{topic}-0"), "100"], LIMIT)?;
            mirror.stop()?;
            world.compare(&rule.without(&topic, 0, 100)).map(drop)
        });
    }
}
