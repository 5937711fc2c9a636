//! Proves the kit on the brokers that need ZooKeeper, from 0.10.0 to 3.2: each starts, keeps what it is given in every format and codec of
//! its time, and comes back after a stop and a kill. And ZooKeeper itself, and the `MirrorMaker` of 2017.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Committed, Isolation, NewTopic, OffsetAt};
use integration::cluster::{Cluster, ClusterOptions};
use integration::jars::{self, KafkaVersion};
use integration::mirror_maker;
use integration::mirroring::Mirroring;
use integration::oracle::{Rule, compare};
use integration::process::Signal;
use integration::produce::Load;
use integration::scenario::{Side, World, lone_scenario};
use integration::zookeeper::ZooKeeper;
use integration::{dump::Dump, samples, tool, wait};

const LIMIT: Duration = Duration::from_mins(1);

/// The rule for looking at one topic of a cluster.
fn only(topic: &str) -> Rule {
    Rule {
        scope: topic.to_owned(),
        ..Rule::preserve()
    }
}

/// One topic per format and codec: what was sent is read, and lies in the log as it should.
fn keeps_every_format(version: &KafkaVersion, side: &Side) -> Result<()> {
    for (name, format) in version.formats() {
        for (codec, number) in version.codecs(*format).iter().zip(0_u8..) {
            let topic = format!("v{format}-{codec}");
            side.admin()
                .create_topic(&NewTopic::new(&topic, 2).config("message.format.version", name))?;
            let records = samples::odd_records(&topic, 2);
            let records = match format {
                0 => samples::without_timestamps(records),
                1 => samples::without_headers(records),
                _ => records,
            };
            let producer = side.producer(&[("compression.type", codec)])?;
            producer.send(&records)?;
            let read = side
                .admin()
                .dump(std::slice::from_ref(&topic), Isolation::ReadUncommitted)?;
            compare(&Dump::of(&records)?, &read, &only(&topic)).with_context(|| topic.clone())?;
            let stored = side.stored_entries(&topic)?;
            ensure!(
                !stored.is_empty()
                    && stored
                        .iter()
                        .all(|entry| (entry.format, entry.codec) == (*format, number)),
                "{topic}: {stored:?}"
            );
        }
    }
    Ok(())
}

/// Positions, settings, growing and deleting: what tests ask of a cluster's admin side.
fn answers_its_admin(side: &Side) -> Result<()> {
    let (admin, topic) = (side.admin(), "admin".to_owned());
    admin.create_topic(&NewTopic::new(&topic, 1).config("retention.ms", "-1"))?;
    side.producer(&[])?.generate(&Load::new(&topic, 100))?;
    let topics = [topic.clone()];
    for (at, offset) in [
        (OffsetAt::LogStart, 0),
        (OffsetAt::HighWatermark, 100),
        (OffsetAt::LastStable, 100),
    ] {
        let found = admin.offsets(&topics, at)?;
        ensure!(found[&(topic.clone(), 0)] == offset, "{at:?}: {found:?}");
    }
    let position = Committed {
        offset: 30,
        metadata: "some text".to_owned(),
    };
    admin.commit("group", &topic, 0, &position)?;
    ensure!(admin.committed("group")?[&(topic.clone(), 0)] == position);
    admin.alter_topic_configs(&topic, &[("max.message.bytes", "2000")])?;
    ensure!(admin.topic_configs(&topic)?["max.message.bytes"].as_deref() == Some("2000"));
    ensure!(admin.topic_configs(&topic)?["retention.ms"].as_deref() == Some("-1"));
    wait::wait_until("the broker refuses larger records", LIMIT, || {
        let refused = side.producer(&[])?.generate(&Load {
            value_bytes: 5000,
            ..Load::new(&topic, 1)
        });
        Ok(refused.is_err_and(|error| error.to_string().contains("RecordTooLarge")))
    })?;
    let again = admin.create_topic(&NewTopic::new(&topic, 1));
    ensure!(
        again
            .as_ref()
            .is_err_and(|error| tool::is_kafka_error(error, "TopicExistsException")),
        "{again:?}"
    );
    admin.create_partitions(&topic, 3)?;
    admin.delete_topic(&topic)
}

fn serves(number: &str) {
    lone_scenario(&format!("kit-eras-{number}"), || {
        let mut cluster = Cluster::start(number, &ClusterOptions::default())?;
        keeps_every_format(KafkaVersion::find(number)?, &Side::of(&cluster))?;
        answers_its_admin(&Side::of(&cluster))?;
        let topic = format!("v{}-none", KafkaVersion::find(number)?.newest_format());
        let read = |cluster: &Cluster| {
            cluster
                .admin()
                .dump(std::slice::from_ref(&topic), Isolation::ReadUncommitted)
        };
        let before = read(&cluster)?;
        cluster.broker(1).stop()?;
        cluster.broker(1).restart()?;
        cluster.broker(1).kill()?;
        cluster.broker(1).restart()?;
        cluster.admin().wait_for_topic(&topic, 2)?;
        compare(&before, &read(&cluster)?, &only(&topic))?;
        Ok(())
    });
}

#[test]
fn kafka_0_10_0_serves() {
    serves(jars::V0_10_0_1);
}

#[test]
fn kafka_0_10_2_serves() {
    serves(jars::V0_10_2_2);
}

#[test]
fn kafka_1_1_serves() {
    serves(jars::V1_1_1);
}

#[test]
fn kafka_2_4_serves() {
    serves(jars::V2_4_1);
}

#[test]
fn kafka_3_2_serves() {
    serves(jars::V3_2_0);
}

#[test]
fn three_zookeepers_outlive_one_and_brokers_come_and_go() {
    lone_scenario("kit-eras-three", || {
        let options = ClusterOptions {
            brokers: 2,
            zookeeper_servers: 3,
            ..ClusterOptions::default()
        };
        let mut cluster = Cluster::start(jars::V0_10_2_2, &options)?;
        let admin = cluster.admin();
        let topic = "three".to_owned();
        admin.create_topic(&NewTopic::new(&topic, 2).replication(2))?;
        let zookeeper = cluster.zookeeper().context("its own ZooKeeper")?;
        zookeeper.server(1).kill()?;
        zookeeper.server(2).pause()?;
        zookeeper.server(2).resume()?;
        ensure!(cluster.add_broker()? == 3);
        let ids = cluster.znodes()?.children("/brokers/ids")?;
        ensure!(ids == ["1", "2", "3"], "{ids:?}");
        cluster
            .producer(&[("acks", "all")])?
            .generate(&Load::new(&topic, 1000))?;
        cluster.remove_broker(1)?;
        let ids = cluster.znodes()?.children("/brokers/ids")?;
        ensure!(ids == ["2", "3"], "{ids:?}");
        let zookeeper = cluster.zookeeper().context("its own ZooKeeper")?;
        zookeeper.server(1).restart()?;
        zookeeper.server(3).stop()?;
        let read = cluster.admin().dump(&[topic], Isolation::ReadUncommitted)?;
        ensure!(read.record_count() == 1000, "{} records", read.record_count());
        Ok(())
    });
}

/// The walk-through's own mirror: the first consumer, whose offsets are in ZooKeeper. What was copied when it was stopped is not copied again.
#[test]
fn mirror_maker_of_0_10_copies_by_zookeeper_and_goes_on_after_a_stop() {
    lone_scenario("kit-eras-mm1", || {
        let zookeeper = ZooKeeper::start(1)?;
        let options = ClusterOptions::default();
        let source = Cluster::start_on(jars::V0_10_2_2, &options, &zookeeper, "/source")?;
        let target = Cluster::start_on(jars::V0_10_2_2, &options, &zookeeper, "/target")?;
        let world = World::between("kit-eras-mm1", &source, &target);
        let topic = world.topic("testtopic");
        for side in [&world.source, &world.target] {
            side.admin().create_topic(&NewTopic::new(&topic, 4))?;
        }
        let connect = source.zookeeper_connect().context("a connect string")?;
        let mirroring = Mirroring {
            // Of several, the first one to end makes the others rebalance while they end, too: seen to lock up for good.
            streams: 1,
            ..world.mirroring().by_zookeeper(&connect)
        };
        let producer = world.source.producer(&[])?;
        for (round, first) in [(1, 0), (2, 1000)] {
            producer.generate(&Load {
                first,
                ..Load::new(&topic, 1000)
            })?;
            let mut mirror = mirror_maker::start_one_of(jars::V0_10_2_2, &mirroring)?;
            wait::wait_until("the target holds all records", Duration::from_mins(2), || {
                mirror.check_running()?;
                let ends = world
                    .target
                    .admin()
                    .offsets(std::slice::from_ref(&topic), OffsetAt::HighWatermark)?;
                Ok(ends.values().sum::<i64>() >= 1000 * round)
            })?;
            mirror.signal(Signal::Term)?;
            mirror.wait(LIMIT)?;
            let group = format!("/consumers/{}/offsets/{topic}", world.group());
            let znodes = source.znodes()?;
            let mut committed = 0;
            for partition in znodes.children(&group)? {
                let text = znodes.text(&format!("{group}/{partition}"))?;
                committed += text.context("no offset")?.parse::<i64>()?;
            }
            ensure!(
                committed == 1000 * round,
                "round {round}: {committed} records are committed"
            );
        }
        // Nothing twice: the stop was a clean one.
        world.compare(&Rule::by_key(4)).map(drop)
    });
}
