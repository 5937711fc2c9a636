//! A partition has halted, and an operator lets it go on: `halts`, `resume`, `skip`, and what each of them costs.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::daemon::{self, DaemonFile};
use integration::dump::Dump;
use integration::oracle::Rule;
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{World, scenario};
use integration::{scratch, wait};

const LIMIT: Duration = Duration::from_mins(1);

fn send(world: &World, topic: &str, records: impl Iterator<Item = (u32, usize)>) -> Result<()> {
    let records: Vec<Record> = records
        .map(|(number, bytes)| {
            Record::new(topic)
                .partition(0)
                .key(format!("key-{number}"))
                .value(vec![b'x'; bytes])
        })
        .collect();
    Producer::open(&world.source.bootstrap, &[])?.send(&records)
}

/// Until `heliostat halts` names the partition.
fn wait_for_halt(state: &str, topic: &str) -> Result<String> {
    wait::wait_for("a halt is listed", LIMIT, || {
        let output = daemon::command(&["halts", "--state-dir", state])?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(printed.contains(topic).then_some(printed))
    })
}

/// A record that the target's topic is too small for stands between two that it takes.
fn one_record_too_large(world: &World, topic: &str) -> Result<()> {
    let small = NewTopic::new(topic, 1).config("max.message.bytes", "2000");
    world.target.admin().create_topic(&small)?;
    world.source.admin().create_topic(&NewTopic::new(topic, 1))?;
    send(world, topic, (0..10).map(|number| (number, 100)))?;
    send(world, topic, std::iter::once((10, 5_000)))?;
    send(world, topic, (11..20).map(|number| (number, 100)))
}

fn without_the_large_one(topic: &str) -> Rule {
    let mut rule = Rule::preserve().at_least_once(None);
    rule.left_out.insert((topic.to_owned(), 0, 10));
    rule
}

#[test]
fn one_record_is_skipped_by_name() {
    scenario("way-out-skip", |world| {
        let topic = world.topic("t");
        one_record_too_large(world, &topic)?;
        let file = DaemonFile::new(world, &scratch::path("state")?);
        let state = file.state_dir().display().to_string();
        let mut mirror = file.start()?;
        let listed = wait_for_halt(&state, &topic)?;
        ensure!(listed.contains("skip"), "the way out is not shown:\n{listed}");
        let wrong = daemon::command(&["skip", &format!("{topic}:0@11"), "--state-dir", &state])?;
        ensure!(!wrong.status.success(), "another record was skipped");
        daemon::succeed(&["skip", &format!("{topic}:0@10"), "--state-dir", &state])?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        let audit = mirror.lines_with(&["audit", "skipped the record at offset 10"])?;
        ensure!(audit.len() == 1, "{audit:?}");
        let none = daemon::succeed(&["halts", "--state-dir", &state])?;
        ensure!(!none.contains(&topic), "still halted:\n{none}");
        mirror.stop()?;
        ensure!(world.compare(&without_the_large_one(&topic))?.records == 19);
        Ok(())
    });
}

#[test]
fn a_skipped_record_goes_to_the_dead_letter_topic() {
    scenario("way-out-dead-letter", |world| {
        let topic = world.topic("t");
        let letters = format!("it-letters-of-{}", world.group());
        one_record_too_large(world, &topic)?;
        let file = DaemonFile::new(world, &scratch::path("state")?);
        let state = file.state_dir().display().to_string();
        let mut mirror = file.start()?;
        wait_for_halt(&state, &topic)?;
        daemon::succeed(&[
            "skip",
            &format!("{topic}:0@10"),
            "--dead-letter",
            &letters,
            "--state-dir",
            &state,
        ])?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        ensure!(world.compare(&without_the_large_one(&topic))?.records == 19);
        let kept = world
            .target
            .admin()
            .dump(std::slice::from_ref(&letters), Isolation::ReadUncommitted)?;
        ensure!(kept.record_count() == 1, "{} dead letters", kept.record_count());
        let record = kept.record(&letters, 0, 0);
        ensure!(record.key == Some(b"key-10".as_slice()), "{:?}", record.key);
        ensure!(record.value.map(<[u8]>::len) == Some(5_000));
        Ok(())
    });
}

#[test]
fn refused_records_go_to_the_dead_letter_topic_by_setting() {
    scenario("way-out-letters", |world| {
        let topic = world.topic("t");
        let letters = format!("it-letters-of-{}", world.group());
        one_record_too_large(world, &topic)?;
        let mut mirror = DaemonFile::new(world, &scratch::path("state")?)
            .flow_line("on_refused_record = \"dead-letter\"")
            .flow_line(&format!("dead_letter_topic = \"{letters}\""))
            .start()?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        ensure!(world.compare(&without_the_large_one(&topic))?.records == 19);
        let kept = world
            .target
            .admin()
            .dump(std::slice::from_ref(&letters), Isolation::ReadUncommitted)?;
        ensure!(kept.record_count() == 1, "{} dead letters", kept.record_count());
        Ok(())
    });
}

/// The source offset at which a key stands in a partition.
fn offset_of(dump: &Dump, topic: &str, key: &[u8]) -> Result<i64> {
    let mut offsets = dump
        .records(topic, 0)
        .filter(|record| record.key == Some(key))
        .map(|record| record.offset);
    offsets.next().context("the source does not hold the key")
}

/// Batches of five records with a transaction's marker behind each: the markers take offsets that hold no record. The
/// records in `ahead` are of tomorrow.
fn send_among_gaps(world: &World, topic: &str, records: usize, ahead: &[usize]) -> Result<()> {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?;
    let day = 24 * 60 * 60 * 1000;
    let records: Vec<Record> = (0..records)
        .map(|number| {
            let ahead = if ahead.contains(&number) { day } else { 0 };
            Record::new(topic)
                .partition(0)
                .key(format!("key-{number}"))
                .value(format!("value-{number}"))
                .timestamp(now + ahead)
        })
        .collect();
    let transactional_id = world.group();
    let producer = Producer::open(
        &world.source.bootstrap,
        &[("transactional.id", transactional_id.as_str())],
    )?;
    for some in records.chunks(5) {
        producer.begin()?;
        producer.send(some)?;
        producer.commit()?;
    }
    Ok(())
}

fn keys_and_values(dump: &Dump, topic: &str) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut texts = Vec::new();
    for record in dump.records(topic, 0) {
        let (key, value) = (record.key.context("no key")?, record.value.context("no value")?);
        texts.push((key.to_vec(), value.to_vec()));
    }
    texts.sort();
    Ok(texts)
}

/// By key, onto more partitions, from a log with gaps: a batch of the target then stands for a wide range of offsets. Two
/// records of it have timestamps that the target refuses; each is named exactly, left out and kept elsewhere.
#[test]
fn a_refused_record_among_gaps_is_named_exactly() {
    scenario("way-out-gaps", |world| {
        let topic = world.topic("t");
        let letters = format!("it-letters-of-{}", world.group());
        // Since Kafka 4.0 a topic refuses by default what is more than an hour ahead.
        world.target.admin().create_topic(&NewTopic::new(&topic, 3))?;
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let refused = [40, 75];
        send_among_gaps(world, &topic, 100, &refused)?;
        let source = world
            .source
            .admin()
            .dump(std::slice::from_ref(&topic), Isolation::ReadUncommitted)?;
        let file = DaemonFile::new(world, &scratch::path("state")?).flow_line("partitioning = \"by-key\"");
        let state = file.state_dir().display().to_string();
        let mut mirror = file.start()?;
        let mut rule = Rule::by_key(3).at_least_once(None);
        let mut left: BTreeSet<i64> = refused
            .iter()
            .map(|number| offset_of(&source, &topic, format!("key-{number}").as_bytes()))
            .collect::<Result<_>>()?;
        while !left.is_empty() {
            let listed = wait::wait_for("a halt names a record", LIMIT, || {
                let output = daemon::command(&["halts", "--state-dir", &state])?;
                let printed = String::from_utf8_lossy(&output.stdout).into_owned();
                Ok(printed.contains("heliostat skip").then_some(printed))
            })?;
            let named = left
                .iter()
                .copied()
                .find(|offset| listed.contains(&format!("skip --state-dir {state} {topic}:0@{offset}")));
            let offset = named.with_context(|| format!("none of {left:?} is named:\n{listed}"))?;
            left.remove(&offset);
            rule.left_out.insert((topic.clone(), 0, offset));
            let record = format!("{topic}:0@{offset}");
            daemon::succeed(&["skip", &record, "--dead-letter", &letters, "--state-dir", &state])?;
        }
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        ensure!(world.compare(&rule)?.records == 98);
        let kept = world
            .target
            .admin()
            .dump(std::slice::from_ref(&letters), Isolation::ReadUncommitted)?;
        let expected = refused.map(|number| {
            (
                format!("key-{number}").into_bytes(),
                format!("value-{number}").into_bytes(),
            )
        });
        let texts = keys_and_values(&kept, &letters)?;
        ensure!(texts == expected, "{texts:?}");
        Ok(())
    });
}

/// The commonest reason of a refusal is a limit of timestamps that holds for all topics of the brokers: the topic of dead
/// letters has none.
#[test]
fn a_dead_letter_is_not_refused_for_the_same_reason_again() {
    scenario("way-out-future", |world| {
        let topic = world.topic("t");
        let letters = format!("it-letters-of-{}", world.group());
        world.target.admin().create_topic(&NewTopic::new(&topic, 1))?;
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let ahead = i64::try_from(now)? + 24 * 60 * 60 * 1000;
        let records = [
            Record::new(&topic).partition(0).key("now").value("a"),
            Record::new(&topic)
                .partition(0)
                .key("tomorrow")
                .value("b")
                .timestamp(ahead),
            Record::new(&topic).partition(0).key("again now").value("c"),
        ];
        Producer::open(&world.source.bootstrap, &[])?.send(&records)?;
        let mut mirror = DaemonFile::new(world, &scratch::path("state")?)
            .flow_line("on_refused_record = \"dead-letter\"")
            .flow_line(&format!("dead_letter_topic = \"{letters}\""))
            .start()?;
        mirror.wait_until_caught_up(std::slice::from_ref(&topic), LIMIT)?;
        mirror.stop()?;
        let mut rule = Rule::preserve().at_least_once(None);
        rule.left_out.insert((topic.clone(), 0, 1));
        ensure!(world.compare(&rule)?.records == 2);
        let kept = world
            .target
            .admin()
            .dump(std::slice::from_ref(&letters), Isolation::ReadUncommitted)?;
        ensure!(kept.record_count() == 1, "{} dead letters", kept.record_count());
        let record = kept.record(&letters, 0, 0);
        ensure!(record.key == Some(b"tomorrow".as_slice()), "{:?}", record.key);
        ensure!(record.timestamp == ahead, "{}", record.timestamp);
        Ok(())
    });
}

/// Retention took records before they were mirrored: the partition halts with the range, and goes on only when exactly that
/// range is given up.
#[test]
fn a_loss_is_accepted_by_its_exact_range() {
    scenario("way-out-loss", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let load = |first, records| Load {
            first,
            ..Load::new(&topic, records)
        };
        let produce =
            |first, records| Producer::open(&world.source.bootstrap, &[])?.generate(&load(first, records));
        produce(0, 100)?;
        let file = DaemonFile::new(world, &scratch::path("state")?);
        let state = file.state_dir().display().to_string();
        let mut mirror = file.start()?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        produce(100, 100)?;
        world.source.admin().delete_records(&topic, 0, 150)?;
        let mut mirror = file.start()?;
        let listed = wait_for_halt(&state, &topic)?;
        ensure!(listed.contains("100") && listed.contains("150"), "{listed}");
        let partition = format!("{topic}:0");
        let unnamed = daemon::command(&["resume", &partition, "--from", "earliest", "--state-dir", &state])?;
        let words = String::from_utf8_lossy(&unnamed.stderr).into_owned();
        ensure!(
            !unnamed.status.success() && words.contains("--accept-loss 100..150"),
            "{words}"
        );
        daemon::succeed(&[
            "resume",
            &partition,
            "--from",
            "earliest",
            "--accept-loss",
            "100..150",
            "--state-dir",
            &state,
        ])?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        let target = world.target.admin().dump(&topics, Isolation::ReadUncommitted)?;
        ensure!(
            target.len(&topic, 0) == 150,
            "{} records on the target",
            target.len(&topic, 0)
        );
        Ok(())
    });
}

/// The operator said beforehand that a loss is to be counted and gone over.
#[test]
fn a_loss_is_accepted_by_setting() {
    scenario("way-out-loss-setting", |world| {
        let topic = world.topic("t");
        let topics = [topic.clone()];
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let load = |first, records| Load {
            first,
            ..Load::new(&topic, records)
        };
        let produce =
            |first, records| Producer::open(&world.source.bootstrap, &[])?.generate(&load(first, records));
        produce(0, 100)?;
        let file = DaemonFile::new(world, &scratch::path("state")?).flow_line("on_loss = \"accept\"");
        let mut mirror = file.start()?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        produce(100, 100)?;
        world.source.admin().delete_records(&topic, 0, 150)?;
        let mut mirror = file.start()?;
        mirror.wait_for_line(&["lost", "100..150"], LIMIT)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        let target = world.target.admin().dump(&topics, Isolation::ReadUncommitted)?;
        ensure!(
            target.len(&topic, 0) == 150,
            "{} records on the target",
            target.len(&topic, 0)
        );
        Ok(())
    });
}
