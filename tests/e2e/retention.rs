//! A target that would delete what the source keeps, or that cannot hold as many copies as are asked for: the topic is
//! refused by name, and the others of its flow go on.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use integration::admin::{Isolation, NewTopic, OffsetAt};
use integration::daemon::DaemonFile;
use integration::heliostat::Heliostat;
use integration::oracle::{self, Rule};
use integration::produce::{Load, Producer};
use integration::scenario::{Side, World, scenario};
use integration::scratch;

const LIMIT: Duration = Duration::from_mins(1);
const DAY_MS: i64 = 86_400_000;
const RECORDS: u64 = 1_000;

/// A topic on both sides: the source keeps all of it, the target a week. Its records are thirty days old.
fn create_old(world: &World) -> Result<String> {
    let topic = world.topic("old");
    let keeps =
        |retention_ms: i64| NewTopic::new(&topic, 2).config("retention.ms", &retention_ms.to_string());
    world.source.admin().create_topic(&keeps(-1))?;
    world.target.admin().create_topic(&keeps(7 * DAY_MS))?;
    produce_old(world, &topic)?;
    Ok(topic)
}

fn produce_old(world: &World, topic: &str) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let load = Load {
        first_timestamp: Some(i64::try_from(now.as_millis())? - 30 * DAY_MS),
        ..Load::new(topic, RECORDS)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

/// A topic that only the source has.
fn create_other(world: &World, name: &str) -> Result<String> {
    let topic = world.topic(name);
    world.source.admin().create_topic(&NewTopic::new(&topic, 2))?;
    produce(world, &topic, 0)?;
    Ok(topic)
}

fn produce(world: &World, topic: &str, first: u64) -> Result<()> {
    let load = Load {
        first,
        ..Load::new(topic, RECORDS)
    };
    Producer::open(&world.source.bootstrap, &[])?.generate(&load)
}

fn start(world: &World, line: &str) -> Result<Heliostat> {
    DaemonFile::new(world, &scratch::path("state")?)
        .flow_line(line)
        .start()
}

/// All of one topic's records are on the target.
fn check_mirrored(world: &World, topic: &str) -> Result<()> {
    let only = [topic.to_owned()];
    let read = |side: &Side| side.admin().dump(&only, Isolation::ReadUncommitted);
    let rule = Rule {
        scope: topic.to_owned(),
        ..Rule::preserve()
    };
    let agreement = oracle::compare(&read(&world.source)?, &read(&world.target)?, &rule)?;
    ensure!(agreement.records == RECORDS, "{agreement:?}");
    Ok(())
}

#[test]
fn a_target_that_keeps_less_is_refused_and_other_topics_go_on() {
    scenario("retention-refused", |world| {
        let (old, other) = (create_old(world)?, create_other(world, "other")?);
        let mut daemon = start(world, "refuse_short_retention = true")?;
        let told = ["NOT mirrored", &old, "604800000", "-1", "refuse_short_retention"];
        let line = daemon.wait_for_line(&told, LIMIT)?;
        ensure!(line.contains("ERROR") && line.contains(" ms old"), "{line}");
        let other = [other];
        daemon.wait_until_caught_up(&other, LIMIT)?;
        // A topic that is found later was looked for behind at least one more attempt with the refused one.
        let later = create_other(world, "a-later")?;
        daemon.wait_until_caught_up(std::slice::from_ref(&later), LIMIT)?;
        let again = create_other(world, "z-later")?;
        daemon.wait_until_caught_up(std::slice::from_ref(&again), LIMIT)?;
        let lines = daemon.lines_with(&["NOT mirrored", &old])?;
        ensure!(lines.len() == 1, "told more than once: {lines:?}");
        // Once the target keeps enough, the topic is mirrored without a restart.
        world.target.admin().delete_topic(&old)?;
        daemon.wait_until_caught_up(std::slice::from_ref(&old), LIMIT)?;
        daemon.stop()?;
        for topic in [&old, &other[0], &later, &again] {
            check_mirrored(world, topic).with_context(|| topic.clone())?;
        }
        Ok(())
    });
}

#[test]
fn a_target_that_keeps_less_is_mirrored_into_with_a_warning_where_that_is_wanted() {
    scenario("retention-warned", |world| {
        let old = create_old(world)?;
        let mut daemon = start(world, "refuse_short_retention = false")?;
        daemon.wait_until_caught_up(std::slice::from_ref(&old), LIMIT)?;
        for words in [
            ["WARN", &old, "retention.ms is 604800000 on the target, -1 keeps"],
            ["WARN", &old, "the target deletes after 604800000 ms"],
        ] {
            ensure!(
                daemon.lines_with(&words)?.len() == 1,
                "{words:?}\n{}",
                daemon.process.last_words()
            );
        }
        daemon.stop()?;
        // What is there by now is the target's affair; all of it has arrived.
        let ends = world.target.admin().offsets(&[old], OffsetAt::HighWatermark)?;
        ensure!(ends.values().sum::<i64>() == 1_000, "{ends:?}");
        Ok(())
    });
}

/// Brokers delete whole segments, by their newest record: the oldest records of most topics have outlived their
/// retention. The target has the same retention, so nothing is lost that the source would keep.
#[test]
fn records_that_have_outlived_an_equal_retention_refuse_nothing() {
    scenario("retention-equal", |world| {
        let topic = world.topic("t");
        // One segment for all: a broker begins a new one where timestamps are further apart than this.
        let segment_ms = (90 * DAY_MS).to_string();
        let keeps = |retention_ms: i64| {
            let topic = NewTopic::new(&topic, 1).config("segment.ms", &segment_ms);
            topic.config("retention.ms", &retention_ms.to_string())
        };
        world.source.admin().create_topic(&keeps(-1))?;
        world.target.admin().create_topic(&keeps(7 * DAY_MS))?;
        produce_old(world, &topic)?;
        produce(world, &topic, RECORDS)?;
        let week = (7 * DAY_MS).to_string();
        world
            .source
            .admin()
            .alter_topic_configs(&topic, &[("retention.ms", &week)])?;
        let topics = [topic];
        let starts = world.source.admin().offsets(&topics, OffsetAt::LogStart)?;
        ensure!(
            starts.values().all(|start| *start == 0),
            "the old ones are gone: {starts:?}"
        );
        let mut daemon = start(world, "refuse_short_retention = true")?;
        daemon.wait_until_caught_up(&topics, LIMIT)?;
        ensure!(daemon.lines_with(&["NOT mirrored"])?.is_empty());
        daemon.stop()?;
        let ends = world.target.admin().offsets(&topics, OffsetAt::HighWatermark)?;
        ensure!(ends.values().sum::<i64>() == 2_000, "{ends:?}");
        Ok(())
    });
}

#[test]
fn more_replicas_than_the_target_has_brokers_are_refused_by_name() {
    scenario("retention-replicas", |world| {
        let (topic, existing) = (create_other(world, "t")?, create_other(world, "existing")?);
        let admin = world.target.admin();
        admin.create_topic(&NewTopic::new(&existing, 2))?;
        let mut daemon = start(world, "replication_factor = 3")?;
        daemon.wait_for_line(
            &["NOT mirrored", &topic, "replication factor of 3", "1 brokers"],
            LIMIT,
        )?;
        // The factor is for topics that the flow makes.
        daemon.wait_until_caught_up(std::slice::from_ref(&existing), LIMIT)?;
        daemon.stop()?;
        ensure!(
            !admin.topics()?.contains(&topic),
            "made with fewer replicas than were asked for"
        );
        check_mirrored(world, &existing)
    });
}
