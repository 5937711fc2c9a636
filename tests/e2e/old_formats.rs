//! Message formats from before Kafka 0.11, on the brokers that wrote them: mirrored to today's format, and from it to a broker that takes
//! nothing newer.

use std::io::Write;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Isolation, NewTopic, OffsetAt};
use integration::cluster::ClusterOptions;
use integration::daemon::{self, DaemonFile};
use integration::heliostat::{self, Heliostat};
use integration::jars::{self, KafkaVersion};
use integration::mirroring::Mirroring;
use integration::oracle::{Rule, compare};
use integration::record_file::Record;
use integration::scenario::{World, lone_scenario, start_pair};
use integration::{dump::Dump, samples, scratch, wait};

const LIMIT: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 2;

/// A topic on the source, and the codec that its records are written with.
struct Kept {
    topic: String,
    format: u8,
    codec: &'static str,
}

/// One topic per old format and codec that the source's brokers know.
fn old_topics(world: &World) -> Result<Vec<Kept>> {
    let version = KafkaVersion::find(world.source.version)?;
    let mut topics = Vec::new();
    for (name, format) in version.formats().iter().filter(|(_, format)| *format < 2) {
        for codec in version.codecs(*format) {
            let topic = world.topic(&format!("v{format}-{codec}"));
            let new = NewTopic::new(&topic, PARTITIONS).config("message.format.version", name);
            world.source.admin().create_topic(&new)?;
            topics.push(Kept {
                topic,
                format: *format,
                codec,
            });
        }
    }
    Ok(topics)
}

/// What is written in round 0 or 1. By key, no two records of a topic are alike, whatever partition they are in: nothing else tells them
/// apart without a timestamp.
fn records(topic: &str, preserve: bool, round: usize) -> Vec<Record> {
    let records = if preserve {
        samples::odd_records(topic, PARTITIONS)
    } else {
        samples::keyed_records(topic, 400).split_off(200 * round)
    };
    samples::without_headers(records.into_iter().take(200).collect())
}

fn write(world: &World, kept: &Kept, records: &[Record]) -> Result<()> {
    let producer = world.source.producer(&[("compression.type", kept.codec)])?;
    producer.send(records)?;
    Ok(())
}

/// Every entry of the topics lies in the log in the format and codec that it should have.
fn ensure_stored(world: &World, topics: &[Kept]) -> Result<()> {
    for (Kept { topic, format, codec }, number) in topics.iter().zip([0, 1, 2, 3].into_iter().cycle()) {
        let stored = world.source.stored_entries(topic)?;
        let right = stored
            .iter()
            .all(|entry| (entry.format, entry.codec) == (*format, number));
        ensure!(right && !stored.is_empty(), "{topic}, {codec}: {stored:?}");
    }
    Ok(())
}

/// A mirror that says what it reads back of its last batches.
fn start(mirroring: &Mirroring) -> Result<Heliostat> {
    let mut command = heliostat::command()?;
    command.arg("mirror-maker").args(mirroring.command_line()?);
    command.env("RUST_LOG", "info,mirror_runtime::generation::anchors=debug");
    Heliostat::spawn(command, mirroring)
}

/// At a second start the last mirrored entry stood where it was left, on both sides, with the checksum that it had: brokers fill in
/// offsets and nothing else.
fn ensure_anchors_hold(mirror: &Heliostat) -> Result<()> {
    let told = mirror.lines_with(&["read back"])?;
    for side in ["side=source", "side=target"] {
        ensure!(told.iter().any(|line| line.contains(side)), "no {side}: {told:?}");
    }
    ensure!(told.iter().all(|line| line.contains("verdict=Holds")), "{told:?}");
    Ok(())
}

/// Written, mirrored, stopped; written, mirrored again: the last mirrored entry is found at the second start, and nothing is there twice.
fn mirrors_to_today(source: &str, preserve: bool) {
    let name = format!(
        "old-formats-{}-{}",
        source.replace('.', "-"),
        if preserve { "preserve" } else { "by-key" }
    );
    lone_scenario(&name, || {
        let (source, target) = start_pair(source, jars::V3_9_2, &ClusterOptions::default())?;
        let world = World::between(&name, &source, &target);
        let kept = old_topics(&world)?;
        let topics: Vec<_> = kept.iter().map(|kept| kept.topic.clone()).collect();
        let (mirroring, rule) = if preserve {
            (world.mirroring().preserve(), Rule::preserve())
        } else {
            (world.mirroring(), Rule::by_key(PARTITIONS))
        };
        let mut written = 0;
        for round in 0..2 {
            for kept in &kept {
                let records = records(&kept.topic, preserve, round);
                write(&world, kept, &records)?;
                written += records.len();
            }
            let mut mirror = start(&mirroring)?;
            mirror.wait_until_caught_up(&topics, LIMIT)?;
            let troubled = mirror.lines_with(&["halted"])?;
            ensure!(
                troubled.iter().all(|line| line.contains("halted_partitions=0")),
                "{troubled:?}"
            );
            if round > 0 {
                ensure_anchors_hold(&mirror)?;
            }
            mirror.stop()?;
        }
        ensure_stored(&world, &kept)?;
        let agreement = world.compare(&rule)?;
        ensure!(
            agreement.records == u64::try_from(written)?,
            "{agreement:?}, {written} written"
        );
        Ok(())
    });
}

#[test]
fn from_0_10_0_in_every_format_and_codec() {
    mirrors_to_today(jars::V0_10_0_1, true);
}

#[test]
fn from_0_10_2_in_every_format_and_codec() {
    mirrors_to_today(jars::V0_10_2_2, true);
}

#[test]
fn from_0_10_2_by_key() {
    mirrors_to_today(jars::V0_10_2_2, false);
}

#[test]
fn from_1_1_which_keeps_old_formats_for_old_topics() {
    mirrors_to_today(jars::V1_1_1, true);
}

#[test]
fn from_2_4_which_keeps_old_formats_for_old_topics() {
    mirrors_to_today(jars::V2_4_1, false);
}

/// Records of format 0 have no time, and the target does not take that for 1969: it deletes what is really old, and keeps these.
#[test]
fn records_without_a_timestamp_outlive_the_targets_retention() {
    lone_scenario("old-formats-retention", || {
        let (source, target) = start_pair(jars::V0_10_2_2, jars::V3_9_2, &ClusterOptions::default())?;
        let world = World::between("old-formats-retention", &source, &target);
        let (without, aged) = (world.topic("without"), world.topic("aged"));
        for (topic, format) in [(&without, "0.9.0"), (&aged, "0.10.0")] {
            let new = NewTopic::new(topic, 1).config("message.format.version", format);
            world.source.admin().create_topic(&new)?;
            let new = NewTopic::new(topic, 1).config("retention.ms", "3600000");
            world.target.admin().create_topic(&new)?;
            let records: Vec<_> = (0..100)
                .map(|number| {
                    Record::new(topic)
                        .value(number.to_string())
                        .timestamp(samples::SOME_TIME)
                })
                .collect();
            world
                .source
                .producer(&[("compression.type", "gzip")])?
                .send(&records)?;
        }
        let topics = [without.clone(), aged.clone()];
        Heliostat::run_to_the_end(&world.mirroring().preserve(), &topics, LIMIT)?;
        wait::wait_until("what has an old timestamp is deleted", LIMIT, || {
            let starts = world
                .target
                .admin()
                .offsets(std::slice::from_ref(&aged), OffsetAt::LogStart)?;
            Ok(starts.values().sum::<i64>() == 100)
        })?;
        let starts = world
            .target
            .admin()
            .offsets(std::slice::from_ref(&without), OffsetAt::LogStart)?;
        ensure!(starts.values().sum::<i64>() == 0, "{starts:?}");
        let kept = world
            .target
            .admin()
            .dump(&[without], Isolation::ReadUncommitted)?;
        ensure!(kept.record_count() == 100, "{} records", kept.record_count());
        Ok(())
    });
}

/// Topics of today's format in every codec, to a target of 0.10.
fn fill_today(world: &World, with_headers: bool) -> Result<Vec<String>> {
    let mut topics = Vec::new();
    for codec in ["none", "gzip", "snappy", "lz4"] {
        let topic = world.topic(codec);
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&topic, PARTITIONS))?;
        let mut records = samples::odd_records(&topic, PARTITIONS);
        if !with_headers {
            records = samples::without_headers(records);
        }
        world
            .source
            .producer(&[("compression.type", codec)])?
            .send(&records)?;
        topics.push(topic);
    }
    Ok(topics)
}

fn to_old(name: &str, target: &str, run: impl FnOnce(&World) -> Result<()>) {
    lone_scenario(name, || {
        let (source, target) = start_pair(jars::V3_9_2, target, &ClusterOptions::default())?;
        run(&World::between(name, &source, &target))
    });
}

/// Down, in the codecs they had, and as we wrote them: a broker that had to write a wrapper anew would have given it another size.
fn mirrors_down(world: &World, topics: &[String], mirroring: &Mirroring, rule: &Rule) -> Result<()> {
    for _ in 0..2 {
        Heliostat::run_to_the_end(mirroring, topics, LIMIT)?;
        for topic in topics {
            let records = samples::without_headers(samples::odd_records(topic, PARTITIONS));
            world
                .source
                .producer(&[("compression.type", "lz4")])?
                .send(&records)?;
        }
    }
    let mut mirror = start(mirroring)?;
    mirror.wait_until_caught_up(topics, LIMIT)?;
    ensure_anchors_hold(&mirror)?;
    mirror.stop()?;
    world.compare(rule)?;
    let stored = world.target.stored_entries(topics.first().context("a topic")?)?;
    ensure!(stored.iter().all(|entry| entry.format == 1), "{stored:?}");
    Ok(())
}

/// On the target, with this setting if any.
fn create_on_target(world: &World, topics: &[String], config: Option<(&str, &str)>) -> Result<()> {
    for topic in topics {
        let new = NewTopic::new(topic, PARTITIONS);
        let new = match config {
            Some((name, value)) => new.config(name, value),
            None => new,
        };
        world.target.admin().create_topic(&new)?;
    }
    Ok(())
}

#[test]
fn to_0_10_2() {
    to_old("old-formats-down", jars::V0_10_2_2, |world| {
        let topics = fill_today(world, false)?;
        mirrors_down(world, &topics, &world.mirroring().preserve(), &Rule::preserve())
    });
}

#[test]
fn to_0_10_0_by_key() {
    to_old("old-formats-down-0-10-0", jars::V0_10_0_1, |world| {
        let topics = fill_today(world, false)?;
        create_on_target(world, &topics, None)?; // these brokers cannot be told to
        mirrors_down(world, &topics, &world.mirroring(), &Rule::by_key(PARTITIONS))
    });
}

/// What brokers of 0.11 to 2.8 do with a topic whose `message.format.version` is older: no batch of an idempotent producer is taken
/// (43), and one header fails the whole batch (-1). None of that may count as a refused record under a setting that drops those.
#[test]
fn to_topics_of_1_1_that_keep_the_format_of_0_10() {
    to_old("old-formats-topics", jars::V1_1_1, |world| {
        let old = Some(("message.format.version", "0.10.2"));
        let mut topics = fill_today(world, false)?;
        create_on_target(world, &topics, old)?;
        // Beside them a topic that is written as always: with its headers.
        let today = world.topic("today");
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&today, PARTITIONS))?;
        let with_headers = samples::odd_records(&today, PARTITIONS);
        world.source.producer(&[])?.send(&with_headers)?;
        topics.push(today.clone());
        let dropping = world
            .mirroring()
            .preserve()
            .argument("--abort.on.send.failure")
            .argument("false");
        mirrors_down(world, &topics, &dropping, &Rule::preserve())?;
        let stored = world.target.stored_entries(&today)?;
        ensure!(stored.iter().all(|entry| entry.format == 2), "{stored:?}");

        let headers = world.topic("headers");
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&headers, PARTITIONS))?;
        create_on_target(world, std::slice::from_ref(&headers), old)?;
        let records = samples::odd_records(&headers, PARTITIONS);
        world.source.producer(&[])?.send(&records)?;
        let mut mirror = Heliostat::start(&dropping)?;
        mirror.wait_for_line(&["halted", "has headers", "--unsupported.headers strip"], LIMIT)?;
        let lost = mirror.lines_with(&["record LOST"])?;
        ensure!(lost.is_empty(), "{lost:?}");
        mirror.stop()?;
        let strips = dropping.argument("--unsupported.headers").argument("strip");
        Heliostat::run_to_the_end(&strips, std::slice::from_ref(&headers), LIMIT)?;
        let kept = world
            .target
            .admin()
            .dump(std::slice::from_ref(&headers), Isolation::ReadUncommitted)?;
        let rule = Rule {
            scope: headers.clone(),
            ..Rule::preserve()
        };
        compare(&Dump::of(&samples::without_headers(records))?, &kept, &rule)?;
        letters_arrive(world, old)?;
        console_writes(world, old)
    });
}

/// Dead letters for a topic in the old format, though their own topic never had headers: as a record batch they would fail there (-1).
fn letters_arrive(world: &World, old: Option<(&str, &str)>) -> Result<()> {
    let (topic, letters) = (world.topic("large"), format!("letters-of-{}", world.group()));
    create_on_target(world, std::slice::from_ref(&letters), old)?;
    let small = NewTopic::new(&topic, 1).config("max.message.bytes", "2000");
    world.target.admin().create_topic(&small)?;
    world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
    let large = Record::new(&topic)
        .partition(0)
        .value(samples::noise(5_000, 1))
        .timestamp(samples::SOME_TIME)
        .header("h", Some(b"1"));
    world.source.producer(&[])?.send(&[large])?;
    let mut mirror = DaemonFile::new(world, &scratch::path("state")?)
        .flow_line("on_refused_record = \"dead-letter\"")
        .flow_line(&format!("dead_letter_topic = \"{letters}\""))
        .flow_line("unsupported_headers = \"strip\"")
        .start()?;
    mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
    mirror.stop()?;
    let kept = world
        .target
        .admin()
        .dump(std::slice::from_ref(&letters), Isolation::ReadUncommitted)?;
    ensure!(kept.record_count() == 1, "{} dead letters", kept.record_count());
    let letter = kept.record(&letters, 0, 0);
    ensure!(
        letter.value.map(<[u8]>::len) == Some(5_000) && letter.timestamp == samples::SOME_TIME,
        "{letter:?}"
    );
    Ok(())
}

/// `heliostat produce` writes such a topic, too, and refuses a header rather than lose it.
fn console_writes(world: &World, old: Option<(&str, &str)>) -> Result<()> {
    let topic = world.topic("console");
    create_on_target(world, std::slice::from_ref(&topic), old)?;
    let lines = "a line\n".repeat(300);
    let place = ["--bootstrap-server", &world.target.bootstrap, "--topic", &topic];
    let produce = |flags: &[&str], lines: &str| -> Result<Output> {
        let mut command = heliostat::command()?;
        command.arg("produce").args(place).args(flags);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start the tool")?;
        let mut standard_input = child.stdin.take().context("no standard input")?;
        standard_input.write_all(lines.as_bytes())?;
        drop(standard_input);
        Ok(child.wait_with_output()?)
    };
    let written = produce(&["--compression-codec", "gzip"], &lines)?;
    ensure!(written.status.success(), "{written:?}");
    let refused = produce(&["--property", "parse.headers=true"], "h:1\twith a header\n")?;
    let said = String::from_utf8_lossy(&refused.stderr);
    ensure!(
        !refused.status.success() && said.contains("message.format.version"),
        "{said}"
    );
    let kept = world.target.admin().dump(&[topic], Isolation::ReadUncommitted)?;
    ensure!(kept.record_count() == 300, "{} records", kept.record_count());
    Ok(())
}

/// Records of one topic, each another one, written as the test goes.
struct Stream<'a> {
    world: &'a World,
    topic: String,
    written: usize,
}

impl Stream<'_> {
    /// One more record in each partition, mirrored.
    fn write(&mut self, mirror: &mut Heliostat) -> Result<()> {
        let records: Vec<_> = (0..PARTITIONS)
            .map(|partition| {
                Record::new(&self.topic)
                    .partition(partition)
                    .value(format!("{} of {partition}", self.written))
                    .timestamp(samples::SOME_TIME)
            })
            .collect();
        self.world.source.producer(&[])?.send(&records)?;
        self.written += records.len();
        mirror.wait_until_caught_up(std::slice::from_ref(&self.topic), LIMIT)
    }

    fn set_format(&self, version: &str) -> Result<()> {
        let config = ("message.format.version", version);
        self.world
            .target
            .admin()
            .alter_topic_configs(&self.topic, &[config])
    }
}

/// The broker of a partition may keep another format than the settings told when the flow began: batches that it refuses (43) go on as
/// message sets, where they halted until an operator came. Raised again, it makes batches of what is sent as sets: the last of them was
/// taken for a loss at the next start.
#[test]
fn a_message_format_that_is_lowered_and_raised_under_the_mirror_halts_nothing() {
    lone_scenario("old-formats-raised", || {
        let (source, target) = start_pair(jars::V3_9_2, jars::V2_4_1, &ClusterOptions::default())?;
        let world = World::between("old-formats-raised", &source, &target);
        let mut stream = Stream {
            world: &world,
            topic: world.topic("raised"),
            written: 0,
        };
        world
            .source
            .admin()
            .create_topic(&NewTopic::new(&stream.topic, PARTITIONS))?;
        create_on_target(&world, std::slice::from_ref(&stream.topic), None)?;
        let mirroring = world.mirroring().preserve();
        let mut mirror = start(&mirroring)?;
        stream.write(&mut mirror)?;
        stream.set_format("0.10.2")?;
        wait::wait_until("the leader refuses record batches", LIMIT, || {
            stream.write(&mut mirror)?;
            Ok(!mirror
                .lines_with(&["written as message sets from here on"])?
                .is_empty())
        })?;
        stream.set_format("2.4")?;
        wait::wait_until("the last message sets are stored as batches", LIMIT, || {
            stream.write(&mut mirror)?;
            let stored = world.target.stored_entries(&stream.topic)?;
            Ok(stored.last().is_some_and(|entry| entry.format == 2)
                && stored.iter().any(|entry| entry.format == 1))
        })?;
        stream.write(&mut mirror)?;
        mirror.stop()?;
        let mut mirror = start(&mirroring)?;
        stream.write(&mut mirror)?;
        let told = mirror.lines_with(&["read back", "side=target"])?;
        let compared = told
            .iter()
            .filter(|line| line.contains("NotComparable(OldFormat)"))
            .count();
        ensure!(compared == told.len() && compared > 0, "{told:?}");
        let halted = mirror.lines_with(&["halted"])?;
        ensure!(
            halted.iter().all(|line| line.contains("halted_partitions=0")),
            "{halted:?}"
        );
        mirror.stop()?;
        let agreement = world.compare(&Rule::preserve())?;
        ensure!(
            agreement.records == u64::try_from(stream.written)?,
            "{agreement:?}, {} written",
            stream.written
        );
        Ok(())
    });
}

#[test]
fn headers_stop_the_way_to_0_10_unless_they_may_be_stripped() {
    to_old("old-formats-headers", jars::V0_10_2_2, |world| {
        let topics = fill_today(world, true)?;
        let mirroring = world.mirroring().preserve();
        let mut mirror = Heliostat::start(&mirroring)?;
        let line = mirror.wait_for_line(&["has headers", "--unsupported.headers strip"], LIMIT)?;
        ensure!(
            line.contains("offset") && !line.contains("heliostat skip"),
            "{line}"
        );
        let status = mirror.wait(LIMIT)?;
        ensure!(
            status.code() == Some(255),
            "as when Java's producer throws at MirrorMaker: {status}"
        );

        no_letter_without_headers(&mirroring, &world.topic("letters"))?;

        let strips = mirroring.argument("--unsupported.headers").argument("strip");
        let mut mirror = Heliostat::start(&strips)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        let told = mirror.lines_with(&["mirrored without them"])?;
        ensure!(told.len() == topics.len(), "once for each topic: {told:?}");
        mirror.stop()?;
        let mut expected = Vec::new();
        for topic in &topics {
            expected.extend(samples::without_headers(samples::odd_records(topic, PARTITIONS)));
        }
        let target = world.target.admin().dump(&topics, Isolation::ReadUncommitted)?;
        let rule = Rule {
            scope: world.topic(""),
            ..Rule::preserve()
        };
        compare(&Dump::of(&expected)?, &target, &rule)?;
        Ok(())
    });
}

/// Dead letters on such a target have no headers, either: the copy is refused by name, and the record is not skipped.
fn no_letter_without_headers(mirroring: &Mirroring, letters: &str) -> Result<()> {
    let state = scratch::path("state")?;
    let halting = mirroring
        .clone()
        .argument("--abort.on.send.failure")
        .argument("false")
        .state_folder(&state);
    let mut mirror = Heliostat::start(&halting)?;
    let line = mirror.wait_for_line(&["halted", "has headers", "heliostat skip"], LIMIT)?;
    let state = state.display().to_string();
    let command = format!("heliostat skip --state-dir {state} ");
    let (_, advice) = line
        .split_once(&command)
        .context("no advice that names the state folder")?;
    let record = advice.split([' ', '\\', '"']).next().context("no record")?;
    let answer = daemon::command(&["skip", record, "--dead-letter", letters, "--state-dir", &state])?;
    let said = String::from_utf8_lossy(&answer.stderr);
    ensure!(
        !answer.status.success() && said.contains("has headers") && said.contains("not skipped"),
        "{record}: {said}"
    );
    daemon::succeed(&["skip", record, "--state-dir", &state])?;
    mirror.stop()?;
    Ok(())
}

#[test]
fn zstd_to_0_10_needs_another_codec() {
    to_old("old-formats-zstd", jars::V0_10_2_2, |world| {
        let topic = world.topic("zstd");
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let records = samples::without_headers(samples::odd_records(&topic, 1));
        world
            .source
            .producer(&[("compression.type", "zstd")])?
            .send(&records)?;
        let mirroring = world.mirroring().preserve();
        let mut mirror = Heliostat::start(&mirroring)?;
        let line = mirror.wait_for_line(&["zstd", "compression.type"], LIMIT)?;
        ensure!(line.contains("offset 0"), "{line}");
        mirror.stop()?;
        let named = mirroring.producer_line("compression.type", "lz4");
        Heliostat::run_to_the_end(&named, &[topic], LIMIT)?;
        world.compare(&Rule::preserve()).map(drop)
    });
}
