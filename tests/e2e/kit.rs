//! Proves the kit itself on real brokers: what it writes is what its readers read, and the oracle sees what was altered.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Committed, Isolation, NewTopic, OffsetAt};
use integration::cluster::{Cluster, ClusterOptions};
use integration::dump::Dump;
use integration::oracle::{Rule, compare};
use integration::process::Signal;
use integration::produce::{Load, Producer};
use integration::record_file::Record;
use integration::scenario::{Side, World, lone_scenario, scenario, start_pair};
use integration::{jars, librdkafka, mirror_maker, raw, samples, tool, wait};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// What was sent, as a dump: each record with its partition given.
fn sent(records: &[Record]) -> Result<Dump> {
    Ok(Dump::of(records)?)
}

fn dump(side: &Side, topic: &str) -> Result<Dump> {
    side.admin().dump(&[topic.to_owned()], Isolation::ReadUncommitted)
}

/// The rule for looking at one topic on a cluster that others use, too.
fn only(topic: &str) -> Rule {
    Rule {
        scope: topic.to_owned(),
        ..Rule::preserve()
    }
}

fn odd_records_come_back_from(side: &Side, topic: &str, codec: &str) -> Result<()> {
    side.admin().create_topic(&NewTopic::new(topic, 3))?;
    let records = samples::odd_records(topic, 3);
    Producer::open(&side.bootstrap, &[("compression.type", codec)])?.send(&records)?;
    let read = dump(side, topic)?;
    let agreement = compare(&sent(&records)?, &read, &only(topic))?;
    ensure!(
        agreement.records == u64::try_from(records.len())?,
        "{agreement:?}"
    );
    let stored = raw::heads(&raw::fetch(&side.bootstrap, topic, 0, 0, 1 << 20)?);
    let wanted = CODECS
        .iter()
        .position(|name| *name == codec)
        .and_then(|bits| i16::try_from(bits).ok());
    ensure!(
        stored
            .iter()
            .all(|head| Some(head.attributes & raw::COMPRESSION_MASK) == wanted),
        "{stored:?}"
    );
    Ok(())
}

#[test]
fn java_writes_and_reads_every_odd_record_in_every_codec_on_both_versions() {
    scenario("kit-odd", |world| {
        for codec in CODECS {
            odd_records_come_back_from(&world.source, &world.topic(codec), codec)?;
            odd_records_come_back_from(&world.target, &world.topic(codec), codec)?;
        }
        // The two clusters hold the same now: the whole way of a comparison, and it fails when one record more is there.
        let records = world.compare(&Rule::preserve())?.records;
        ensure!(records == 5 * 132, "{records} records");
        let extra = Record::new(&world.topic("none")).partition(1).value("extra");
        Producer::open(&world.target.bootstrap, &[])?.send(&[extra])?;
        let error = world
            .compare(&Rule::preserve())
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        ensure!(
            error.contains("1 extra") && error.contains("none-1 offset 44"),
            "{error}"
        );
        Ok(())
    });
}

#[test]
fn librdkafka_writes_what_java_reads_and_reads_what_java_reads() {
    scenario("kit-librdkafka", |world| {
        for codec in CODECS {
            let topic = world.topic(codec);
            world.source.admin().create_topic(&NewTopic::new(&topic, 8))?;
            let records = samples::keyed_records(&topic, 2000);
            librdkafka::produce(&world.source.bootstrap, &[("compression.codec", codec)], &records)?;
            let by_java = dump(&world.source, &topic)?;
            ensure!(by_java.record_count() == 2000);
            let by_librdkafka = librdkafka::dump(&world.source.bootstrap, std::slice::from_ref(&topic))?;
            compare(&by_java, &by_librdkafka, &only(&topic))?;
            // Its partitioner is not Java's: the keys are not where murmur2 puts them.
            ensure!(
                compare(
                    &by_java,
                    &by_java,
                    &Rule {
                        scope: topic.clone(),
                        ..Rule::by_key(8)
                    }
                )
                .is_err()
            );
        }
        Ok(())
    });
}

#[test]
fn raw_batches_arrive_as_written_and_header_names_stay_bytes() {
    scenario("kit-raw", |world| {
        let topic = world.topic("raw");
        world.source.admin().create_topic(&NewTopic::new(&topic, 1))?;
        let record = |number: i64| {
            Record::new(&topic)
                .partition(0)
                .timestamp(samples::SOME_TIME + number)
        };
        let records = [
            record(0)
                .key("k")
                .header(vec![0xff, 0x00, 0xc3], Some(b"1"))
                .header(vec![0xff, 0x00, 0xc3], None),
            record(1).value(samples::noise(900_000, 1)),
        ];
        for record in &records {
            let batch = raw::Batch::of(std::slice::from_ref(record))?.bytes()?;
            raw::produce(&world.source.bootstrap, &topic, 0, &batch)?;
        }
        compare(&sent(&records)?, &dump(&world.source, &topic)?, &only(&topic))?;
        let heads = raw::heads(&raw::fetch(&world.source.bootstrap, &topic, 0, 0, 2 << 20)?);
        ensure!(
            heads.len() == 2 && heads.iter().all(|head| head.record_count == 1),
            "{heads:?}"
        );
        Ok(())
    });
}

#[test]
fn transactions_can_be_committed_aborted_interleaved_and_left_open() {
    scenario("kit-transactions", |world| {
        let topic = world.topic("t");
        let admin = world.source.admin();
        admin.create_topic(&NewTopic::new(&topic, 1))?;
        let record = |value: &str| Record::new(&topic).partition(0).value(value);
        let one = Producer::open(&world.source.bootstrap, &[("transactional.id", "kit-one")])?;
        let two = Producer::open(&world.source.bootstrap, &[("transactional.id", "kit-two")])?;
        one.begin()?;
        two.begin()?;
        one.send(&[record("committed")])?;
        two.send(&[record("aborted")])?;
        one.send(&[record("committed too")])?;
        two.abort()?;
        one.commit()?;
        two.begin()?;
        two.send(&[record("open")])?;
        let values = |isolation| -> Result<Vec<String>> {
            let dump = admin.dump(std::slice::from_ref(&topic), isolation)?;
            let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
            Ok(dump.records(&topic, 0).map(|record| text(record.value)).collect())
        };
        ensure!(values(Isolation::ReadCommitted)? == ["committed", "committed too"]);
        ensure!(values(Isolation::ReadUncommitted)? == ["committed", "aborted", "committed too", "open"]);
        // A producer that is dropped leaves its transaction open: the last stable offset stays before it.
        drop(two);
        let topics = [topic.clone()];
        let stable = admin.offsets(&topics, OffsetAt::LastStable)?;
        let end = admin.offsets(&topics, OffsetAt::HighWatermark)?;
        let place = (topic.clone(), 0);
        ensure!((stable[&place], end[&place]) == (5, 6), "{stable:?} {end:?}");
        one.close()
    });
}

#[test]
fn the_admin_side_says_and_does_what_tests_need() {
    scenario("kit-admin", |world| {
        let topic = world.topic("t");
        let admin = world.source.admin();
        admin.create_topic(&NewTopic::new(&topic, 2).config("cleanup.policy", "compact"))?;
        ensure!(admin.topic_configs(&topic)?["cleanup.policy"].as_deref() == Some("compact"));
        admin.alter_topic_configs(
            &topic,
            &[("cleanup.policy", "delete"), ("max.message.bytes", "2000")],
        )?;
        wait::wait_until("the change is seen", Duration::from_secs(10), || {
            Ok(admin.topic_configs(&topic)?["max.message.bytes"].as_deref() == Some("2000"))
        })?;
        let producer = Producer::open(&world.source.bootstrap, &[])?;
        let refused = producer.send(&[Record::new(&topic).partition(0).value(samples::noise(5000, 1))]);
        let refused = refused.err().map(|error| error.to_string()).unwrap_or_default();
        ensure!(refused.contains("RecordTooLarge"), "{refused}");
        admin.alter_topic_configs(&topic, &[("max.message.bytes", "1048588")])?;
        producer.generate(&Load {
            partitions: 2,
            ..Load::new(&topic, 100)
        })?;
        admin.delete_records(&topic, 1, 20)?;
        let starts = admin.offsets(std::slice::from_ref(&topic), OffsetAt::LogStart)?;
        ensure!(
            (starts[&(topic.clone(), 0)], starts[&(topic.clone(), 1)]) == (0, 20),
            "{starts:?}"
        );
        let position = Committed {
            offset: 30,
            metadata: "some text".to_owned(),
        };
        admin.commit("kit-group", &topic, 1, &position)?;
        ensure!(admin.committed("kit-group")?[&(topic.clone(), 1)] == position);
        ensure!(admin.group_members("kit-group")? == 0);
        let id = admin.describe_topic(&topic)?.id;
        admin.create_partitions(&topic, 5)?;
        admin.delete_topic(&topic)?;
        admin.create_topic(&NewTopic::new(&topic, 1))?;
        ensure!(admin.describe_topic(&topic)?.id != id);
        let exists = admin.create_topic(&NewTopic::new(&topic, 1)).unwrap_err();
        ensure!(
            tool::is_kafka_error(&exists, "TopicExistsException"),
            "{exists:?}"
        );
        Ok(())
    });
}

#[test]
fn three_brokers_survive_a_kill_and_leaders_move() {
    lone_scenario("kit-three", || {
        let mut cluster = Cluster::start(
            jars::V3_9_2,
            &ClusterOptions {
                brokers: 3,
                ..Default::default()
            },
        )?;
        let admin = cluster.admin();
        let topic = "three".to_owned();
        admin.create_topic(
            &NewTopic::new(&topic, 3)
                .replication(3)
                .config("min.insync.replicas", "2"),
        )?;
        let producer = Producer::open(&cluster.bootstrap(), &[("acks", "all")])?;
        producer.generate(&Load::new(&topic, 5000))?;
        let leader = admin.describe_topic(&topic)?.partitions[0].leader;
        cluster.broker(usize::try_from(leader)?).kill()?;
        wait::wait_until("another leader", Duration::from_mins(1), || {
            Ok(![leader, -1].contains(&admin.describe_topic(&topic)?.partitions[0].leader))
        })?;
        producer.generate(&Load::new(&topic, 5000))?;
        cluster.broker(usize::try_from(leader)?).restart()?;
        cluster.wait_in_sync(&topic)?;
        admin.move_leader(&topic, 0, leader)?;
        cluster.broker(2).pause()?;
        cluster.broker(2).resume()?;
        cluster.broker(2).stop()?;
        cluster.broker(2).restart()?;
        cluster.wait_in_sync(&topic)?;
        admin.elect_preferred_leaders()?;
        let read = admin.dump(&[topic], Isolation::ReadUncommitted)?;
        ensure!(read.record_count() == 10_000, "{} records", read.record_count());
        Ok(())
    });
}

#[test]
fn mirror_maker_1_mirrors_and_the_oracle_agrees() {
    scenario("kit-mm1", |world| {
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 4))?;
        world.target.admin().create_topic(&NewTopic::new(&topic, 4))?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load {
            headers: true,
            ..Load::new(&topic, 20_000)
        })?;
        let mirroring = world
            .mirroring()
            .argument("--offset.commit.interval.ms")
            .argument("200");
        let mut mirror = mirror_maker::start_one(&mirroring)?;
        wait_for_records(world, &topic, 20_000, || mirror.check_running())?;
        mirror.signal(Signal::Term)?;
        mirror.wait(Duration::from_secs(30))?;
        world.compare(&Rule::by_key(4)).map(drop)
    });
}

#[test]
fn mirror_maker_2_mirrors_and_the_oracle_agrees() {
    // Its internal topics would be strangers to the other scenarios: clusters of its own.
    lone_scenario("kit-mm2", || {
        let (source, target) = start_pair(jars::V3_9_2, jars::V4_3_0, &ClusterOptions::default())?;
        let world = &World::between("kit-mm2", &source, &target);
        let topic = world.topic("t");
        world.source.admin().create_topic(&NewTopic::new(&topic, 4))?;
        Producer::open(&world.source.bootstrap, &[])?.generate(&Load {
            headers: true,
            ..Load::new(&topic, 20_000)
        })?;
        let lines = [
            ("clusters", "a,b"),
            ("a.bootstrap.servers", world.source.bootstrap.as_str()),
            ("b.bootstrap.servers", world.target.bootstrap.as_str()),
            ("a->b.enabled", "true"),
            ("b->a.enabled", "false"),
            ("a->b.topics", topic.as_str()),
            (
                "replication.policy.class",
                "org.apache.kafka.connect.mirror.IdentityReplicationPolicy",
            ),
            ("replication.factor", "1"),
            ("offset-syncs.topic.replication.factor", "1"),
            ("checkpoints.topic.replication.factor", "1"),
            ("heartbeats.topic.replication.factor", "1"),
            ("config.storage.replication.factor", "1"),
            ("offset.storage.replication.factor", "1"),
            ("status.storage.replication.factor", "1"),
            ("emit.heartbeats.enabled", "false"),
        ];
        let mut mirror = mirror_maker::start_two(jars::V3_9_2, &lines)?;
        wait_for_records(world, &topic, 20_000, || mirror.check_running())?;
        let source = dump(&world.source, &topic)?;
        let target = dump(&world.target, &topic)?;
        compare(&source, &target, &only(&topic))
            .map(drop)
            .map_err(Into::into)
    });
}

fn wait_for_records(
    world: &World,
    topic: &str,
    count: i64,
    mut check: impl FnMut() -> Result<()>,
) -> Result<()> {
    wait::wait_until("the target holds all records", Duration::from_mins(2), || {
        check()?;
        let ends = world
            .target
            .admin()
            .offsets(&[topic.to_owned()], OffsetAt::HighWatermark)?;
        Ok(ends.values().sum::<i64>() >= count)
    })
}

/// The ids of processes whose command line names `folder`.
fn processes_of(folder: &Path) -> Result<Vec<String>> {
    let folder = folder.display().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        // A process may end while we look.
        let command_line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&command_line).contains(&folder) {
            found.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    Ok(found)
}

#[test]
fn a_kit_that_is_killed_leaves_no_process_and_no_folder() {
    lone_scenario("kit-killed", || {
        let temporary = tempfile::tempdir()?;
        let mut up = Command::new(env!("CARGO_BIN_EXE_kafka_up"))
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(fs::File::create(temporary.path().join("said"))?)
            .spawn()?;
        wait::wait_until("both clusters are up", Duration::from_mins(3), || {
            ensure!(up.try_wait()?.is_none(), "kafka_up ended");
            Ok(fs::read_to_string(temporary.path().join("said"))?.contains("Ctrl-C stops both"))
        })?;
        let folder = fs::read_dir(temporary.path())?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.is_dir())
            .context("no scratch folder")?;
        let running = processes_of(&folder)?;
        // Two brokers, the tool and the guard; and a broker that is frozen must go, too.
        ensure!(running.len() >= 4, "{running:?}");
        for process in &running {
            let line = fs::read(format!("/proc/{process}/cmdline"))?;
            if String::from_utf8_lossy(&line).contains("kafka.Kafka") {
                let frozen = Command::new("/bin/sh")
                    .args(["-c", &format!("kill -STOP {process}")])
                    .status()?;
                ensure!(frozen.success(), "cannot freeze {process}");
                break;
            }
        }
        up.kill()?;
        up.wait()?;
        wait::wait_until("all of it is gone", Duration::from_secs(20), || {
            Ok(processes_of(&folder)?.is_empty() && !folder.exists())
        })
    });
}
