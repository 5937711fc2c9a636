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
        mirror.wait_for_line(&[&topic, "partition=1", "halted", "1000", "1499"], LIMIT)?;
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
    let (topic, other) = (world.topic("phoenix"), world.topic("other"));
    let producer = Producer::open(&world.source.bootstrap, &[])?;
    for name in [&topic, &other] {
        world.source.admin().create_topic(&NewTopic::new(name, 3))?;
        producer.generate(&load(name, 0, 3000))?;
    }
    Ok((topic, other))
}

fn stays_halted(world: &World, mirror: &mut Heliostat, topic: &str, other: &str) -> Result<()> {
    mirror.wait_for_line(&[topic, "halted", "created"], LIMIT)?;
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

/// A broker forgets a group's positions in a topic that is deleted (seen on 3.9.2), so this one is put back as it was: with the topic id of
/// the old life in its metadata, as it stands where the deletion has not reached the group yet.
#[test]
fn a_topic_created_anew_while_the_mirror_was_down() {
    scenario("halts-down", |world| {
        let (topic, other) = fill_two_topics(world)?;
        let mirroring = world.mirroring().preserve();
        Heliostat::run_to_the_end(&mirroring, &[topic.clone(), other.clone()], LIMIT)?;
        let admin = world.source.admin();
        let positions = admin.committed(&mirroring.group)?;
        recreate(world, &topic)?;
        for partition in 0..3 {
            let position = positions
                .get(&(topic.clone(), partition))
                .context("no position")?;
            admin.commit(&mirroring.group, &topic, partition, position)?;
        }
        let mut mirror = Heliostat::start(&mirroring)?;
        stays_halted(world, &mut mirror, &topic, &other)?;
        mirror.stop().map(drop)
    });
}

#[test]
fn a_topic_created_anew_under_the_running_mirror() {
    scenario("halts-running", |world| {
        let (topic, other) = fill_two_topics(world)?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(&[topic.clone(), other.clone()], LIMIT)?;
        recreate(world, &topic)?;
        stays_halted(world, &mut mirror, &topic, &other)?;
        mirror.stop().map(drop)
    });
}

/// The mirror sees the source without the topic, shares out what is left, and sees it come back: its positions went with it.
#[test]
fn a_topic_that_was_gone_for_a_while_and_came_back_as_another() {
    scenario("halts-gone", |world| {
        let (topic, other) = fill_two_topics(world)?;
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_until_caught_up(&[topic.clone(), other.clone()], LIMIT)?;
        world.source.admin().delete_topic(&topic)?;
        mirror.wait_for_line(&["the group assigned partitions", "partitions=3"], LIMIT)?;
        world.source.admin().create_topic(&NewTopic::new(&topic, 3))?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&load(&topic, 100_000, 9000))?;
        stays_halted(world, &mut mirror, &topic, &other)?;
        mirror.stop()?;
        // The next start knows as well.
        let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
        mirror.wait_for_line(&[&topic, "halted", "created"], LIMIT)?;
        mirror.stop().map(drop)
    });
}

/// What the target refuses, at offset 100 of partition 0.
#[derive(Clone, Copy)]
enum Refused {
    /// 50 KB, where 20 KB are taken.
    TooLarge,
    /// A day ahead, where an hour is taken (the default since 4.0).
    FromTomorrow,
}

// === impl Refused ===

impl Refused {
    /// A word of the line that says so.
    fn word(self) -> &'static str {
        match self {
            Self::TooLarge => "20000",
            Self::FromTomorrow => "timestamp",
        }
    }

    fn record(self, topic: &str) -> Result<Record> {
        let record = Record::new(topic).partition(0).key("refused");
        match self {
            Self::TooLarge => Ok(record.value(samples::noise(50_000, 1))),
            Self::FromTomorrow => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .context("a clock before 1970")?;
                Ok(record
                    .timestamp(i64::try_from(now.as_millis())? + 86_400_000)
                    .value("v"))
            }
        }
    }

    /// The refused record between 300 good ones before and behind, in three partitions.
    fn fill(self, world: &World) -> Result<String> {
        let topic = world.topic("t");
        let new_topic = NewTopic::new(&topic, 3);
        world.source.admin().create_topic(&new_topic)?;
        let target = match self {
            Self::TooLarge => new_topic.config("max.message.bytes", "20000"),
            Self::FromTomorrow => new_topic,
        };
        world.target.admin().create_topic(&target)?;
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        producer.generate(&load(&topic, 0, 300))?;
        producer.send(&[self.record(&topic)?])?;
        producer.generate(&load(&topic, 300, 300))?;
        Ok(topic)
    }
}

/// `MirrorMaker`'s default: the process ends with 255 and the record is not passed over.
fn ends_the_process(name: &str, refused: Refused, flag: Option<&str>) {
    scenario(name, |world| {
        let topic = refused.fill(world)?;
        let mirroring = world.mirroring().preserve();
        let mirroring = match flag {
            Some(flag) => mirroring.argument("--abort.on.send.failure").argument(flag),
            None => mirroring,
        };
        let mut mirror = Heliostat::start(&mirroring)?;
        let status = mirror.wait(LIMIT)?;
        let words = mirror.process.last_words();
        ensure!(status.code() == Some(255), "{}\n{words}", describe(status));
        let said = mirror.lines_with(&[&topic, "partition=0", "100", refused.word()])?;
        ensure!(!said.is_empty(), "no line names the record\n{words}");
        // No process is left that could take a command.
        ensure!(
            said.iter().all(|line| !line.contains("heliostat skip"))
                && said.iter().any(|line| line.contains("start again")),
            "what is recommended cannot work\n{words}"
        );
        // It must come again at the next start.
        let committed = world.source.admin().committed(&mirroring.group)?;
        let position = committed
            .get(&(topic.clone(), 0))
            .map_or(0, |committed| committed.offset);
        ensure!(
            position <= 100,
            "the position moved past the refused record: {position}"
        );
        Ok(())
    });
}

/// `--abort.on.send.failure false`: the record is counted as lost, aloud, and everything else arrives.
fn is_left_out(name: &str, refused: Refused, preserve: bool) {
    scenario(name, |world| {
        let topic = refused.fill(world)?;
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
        // By key, a refused batch of one record may be named by the range of source offsets that its batch came from.
        let offset = if preserve { "100" } else { "lost" };
        mirror.wait_for_line(&[&topic, "partition=0", offset, refused.word()], LIMIT)?;
        // Once is enough: no loop over the same record.
        let before = mirror.process.cpu_time()?;
        wait::hold(Duration::from_secs(2));
        let spent = mirror.process.cpu_time()?.saturating_sub(before);
        ensure!(
            spent < Duration::from_secs(1),
            "{spent:?} of CPU time in two idle seconds"
        );
        mirror.stop()?;
        world.compare(&rule.without(&topic, 0, 100)).map(drop)
    });
}

#[test]
fn a_record_over_the_targets_limit_ends_the_process_as_mirror_maker_does() {
    ends_the_process("halts-large-default", Refused::TooLarge, None);
    ends_the_process("halts-large-true", Refused::TooLarge, Some("true"));
}

#[test]
fn a_record_over_the_targets_limit_is_left_out_where_the_flag_says_so() {
    is_left_out("halts-large-preserve", Refused::TooLarge, true);
    is_left_out("halts-large-by-key", Refused::TooLarge, false);
}

#[test]
fn a_timestamp_that_the_target_refuses_ends_the_process() {
    ends_the_process("halts-time-default", Refused::FromTomorrow, None);
}

#[test]
fn a_timestamp_that_the_target_refuses_is_left_out_where_the_flag_says_so() {
    is_left_out("halts-time-preserve", Refused::FromTomorrow, true);
    is_left_out("halts-time-by-key", Refused::FromTomorrow, false);
}
