//! A source that is named by its ZooKeeper: brokers are found there, positions of the old consumer adopted and written back, and an old
//! mirror is neither run beside nor locked out afterwards.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::admin::{Committed, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::heliostat::Heliostat;
use integration::jars;
use integration::mirror_maker;
use integration::mirroring::Mirroring;
use integration::oracle::Rule;
use integration::process::{Process, Signal};
use integration::produce::Load;
use integration::program::Program;
use integration::scenario::{World, lone_scenario};
use integration::scratch;
use integration::wait;
use integration::znodes::Znodes;
use integration::zookeeper::ZooKeeper;
use serde_json::Value;

const LIMIT: Duration = Duration::from_mins(2);
const PARTITIONS: i32 = 4;
/// Brokers that both mirrors speak to, between the oldest and the newest with ZooKeeper.
const SOURCE: &str = jars::V2_4_1;
/// The mirror of the old consumer, and the brokers of its days.
const OLD_MIRROR: &str = jars::V0_10_2_2;

/// A source below a chroot, a target, and ZooKeeper.
struct Ground {
    zookeeper: ZooKeeper,
    source: Cluster,
    target: Cluster,
    world: World,
    topic: String,
}

// === impl Ground ===

impl Ground {
    fn prepare(name: &str, version: &str, options: &ClusterOptions) -> Result<Self> {
        let zookeeper = ZooKeeper::start(1)?;
        let source = Cluster::start_on(version, options, &zookeeper, "/eu/kafka")?;
        let target = Cluster::start(jars::V3_9_2, &ClusterOptions::default())?;
        let world = World::between(name, &source, &target);
        let topic = world.topic("testtopic");
        Ok(Self {
            zookeeper,
            source,
            target,
            world,
            topic,
        })
    }

    fn create_topic(&self) -> Result<()> {
        let new_topic = NewTopic::new(&self.topic, PARTITIONS);
        self.world.source.admin().create_topic(&new_topic)?;
        self.world.target.admin().create_topic(&new_topic)
    }

    fn connect(&self) -> String {
        format!("{}/eu/kafka", self.zookeeper.connect())
    }

    fn mirroring(&self) -> Mirroring {
        self.world.mirroring().by_zookeeper(&self.connect())
    }

    fn znodes(&self) -> Znodes {
        Znodes::new(&self.connect())
    }

    fn produce(&self, first: u64, records: u64) -> Result<()> {
        self.world.source.producer(&[])?.generate(&Load {
            first,
            ..Load::new(&self.topic, records)
        })
    }

    fn offset_node(&self, partition: i32) -> String {
        format!(
            "/consumers/{}/offsets/{}/{partition}",
            self.world.group(),
            self.topic
        )
    }

    /// What ZooKeeper has as positions.
    fn offsets(&self) -> Result<BTreeMap<i32, i64>> {
        let znodes = self.znodes();
        let mut offsets = BTreeMap::new();
        for partition in 0..PARTITIONS {
            if let Some(text) = znodes.text(&self.offset_node(partition))? {
                offsets.insert(partition, text.parse()?);
            }
        }
        Ok(offsets)
    }

    /// The positions of the group on the brokers.
    fn committed(&self) -> Result<BTreeMap<i32, i64>> {
        let committed = self.world.source.admin().committed(&self.world.group())?;
        let of_topic = committed
            .into_iter()
            .filter(|((topic, _), _)| *topic == self.topic);
        Ok(of_topic
            .map(|((_, partition), position)| (partition, position.offset))
            .collect())
    }

    fn owners(&self) -> Result<Vec<String>> {
        let folder = format!("/consumers/{}/owners/{}", self.world.group(), self.topic);
        self.znodes().children(&folder)
    }

    fn wait_for_owners(&self, wanted: &[&str]) -> Result<()> {
        wait::wait_until(&format!("owners' nodes are {wanted:?}"), LIMIT, || {
            Ok(self.owners()? == wanted)
        })
    }

    /// Runs until everything is mirrored, then stops in order.
    fn mirror(&self, mirroring: &Mirroring) -> Result<()> {
        Heliostat::run_to_the_end(mirroring, std::slice::from_ref(&self.topic), LIMIT)
    }

    /// Every record once, in order by key.
    fn compare(&self, records: u64) -> Result<()> {
        let agreement = self.world.compare(&Rule::by_key(PARTITIONS))?;
        ensure!(agreement.records == records, "{records} were sent: {agreement:?}");
        Ok(())
    }

    /// The old mirror. Two streams of it are two consumers, and one that is stopped while they still share out hangs for ever (KAFKA-4735).
    fn java(&self) -> Result<Process> {
        let mirroring = Mirroring {
            streams: 1,
            ..self.mirroring()
        };
        mirror_maker::start_one_of(OLD_MIRROR, &mirroring)
    }

    /// Mirrors with the old mirror until the target has so many records, and stops it.
    fn mirror_with_java(&self, records: i64) -> Result<()> {
        self.stop_java_at(self.java()?, records)
    }

    fn stop_java_at(&self, mut java: Process, records: i64) -> Result<()> {
        let topics = std::slice::from_ref(&self.topic);
        let waited = wait::wait_until("the old mirror has copied", LIMIT, || {
            java.check_running()?;
            let ends = self
                .world
                .target
                .admin()
                .offsets(topics, integration::admin::OffsetAt::HighWatermark)?;
            Ok(ends.values().sum::<i64>() >= records)
        });
        waited.with_context(|| java.last_words())?;
        java.signal(Signal::Term)?;
        java.wait(LIMIT).map(drop)
    }
}

/// A place of its own for what heliostat remembers between its lives.
fn with_state(mirroring: Mirroring) -> Result<Mirroring> {
    Ok(mirroring.state_folder(&scratch::path("state")?))
}

/// What `heliostat check` finds, by the check's name.
fn check(mirroring: &Mirroring) -> Result<BTreeMap<String, Value>> {
    let (consumer, producer) = mirroring.write_files()?;
    let answer = Command::new(Program::Heliostat.command()?.get_program())
        .args(["check", "--output", "json", "--whitelist", &mirroring.whitelist])
        .arg("--consumer.config")
        .arg(consumer)
        .arg("--producer.config")
        .arg(producer)
        .output()?;
    let report: Value = serde_json::from_slice(&answer.stdout).context("check answers no JSON")?;
    let checks = report["checks"].as_array().cloned().unwrap_or_default();
    Ok(checks
        .into_iter()
        .filter_map(|check| Some((check["name"].as_str()?.to_owned(), check)))
        .collect())
}

#[test]
fn an_old_mirror_is_taken_over_and_takes_back_without_loss_or_repetition() {
    lone_scenario("zookeeper-takeover", || {
        let ground = Ground::prepare("zookeeper-takeover", OLD_MIRROR, &ClusterOptions::default())?;
        ground.create_topic()?;
        let ours = with_state(ground.mirroring())?;
        // Its brokers tell nobody what a topic sets itself.
        let kept = ground.world.topic("kept");
        let new_topic = NewTopic::new(&kept, PARTITIONS).config("retention.ms", "86400001");
        ground.world.source.admin().create_topic(&new_topic)?;

        ground.produce(0, 2_000)?;
        ground.mirror_with_java(2_000)?;
        let left = ground.offsets()?;
        ensure!(
            left.values().sum::<i64>() == 2_000,
            "the old mirror left {left:?}"
        );
        ground.produce(2_000, 2_000)?;
        let mut mirror = Heliostat::start(&ours)?;
        mirror.wait_for_line(&["adopted from /consumers/"], LIMIT)?;
        mirror.wait_until_caught_up(std::slice::from_ref(&ground.topic), LIMIT)?;
        ground.wait_for_owners(&["0", "1", "2", "3"])?;
        mirror.stop()?;
        ground.compare(4_000)?;
        let settings = ground.world.target.admin().topic_configs(&kept)?;
        ensure!(
            settings.get("retention.ms") == Some(&Some("86400001".to_owned())),
            "the topic that was made keeps what its source keeps: {settings:?}"
        );
        ensure!(ground.owners()?.is_empty(), "nothing is held after a stop");
        let (brokers, zookeeper) = (ground.committed()?, ground.offsets()?);
        ensure!(
            brokers == zookeeper,
            "written back: {zookeeper:?}, on the brokers {brokers:?}"
        );

        // The way back, with the same files.
        ground.produce(4_000, 1_000)?;
        ground.mirror_with_java(5_000)?;
        ground.compare(5_000)?;

        // And again: the old mirror went on in ZooKeeper behind our position.
        ground.produce(5_000, 1_000)?;
        let mut mirror = Heliostat::start(&ours)?;
        mirror.wait_for_line(&["two positions", "an old consumer went on"], LIMIT)?;
        mirror.wait_until_caught_up(std::slice::from_ref(&ground.topic), LIMIT)?;
        mirror.stop()?;
        ground.compare(6_000)
    });
}

#[test]
fn beside_an_old_mirror_that_runs_nothing_starts() {
    lone_scenario("zookeeper-beside", || {
        let ground = Ground::prepare("zookeeper-beside", SOURCE, &ClusterOptions::default())?;
        ground.create_topic()?;
        ground.produce(0, 1_000)?;
        let java = ground.java()?;
        let ids = format!("/consumers/{}/ids", ground.world.group());
        wait::wait_until("the old mirror lives in its group", LIMIT, || {
            Ok(!ground.znodes().children(&ids)?.is_empty())
        })?;
        let alive = ground.znodes().children(&ids)?;
        let found = check(&ground.mirroring())?;
        ensure!(found["zookeeper"]["outcome"] == "ok", "{found:?}");
        let words = found["old-group"]["words"].to_string();
        ensure!(
            alive.iter().all(|id| words.contains(id)),
            "{alive:?} in {found:?}"
        );
        let mut refused = Heliostat::start(&with_state(ground.mirroring())?)?;
        let status = refused.wait(LIMIT)?;
        ensure!(status.code() == Some(1), "{status:?}");
        let words = refused.process.last_words();
        ensure!(alive.iter().all(|id| words.contains(id)), "{alive:?} in {words}");
        ensure!(ground.committed()?.is_empty(), "nothing was committed");
        ground.stop_java_at(java, 1_000)?;
        let found = check(&ground.mirroring())?;
        ensure!(found["old-group"]["outcome"] == "ok", "{found:?}");
        ground.mirror(&with_state(ground.mirroring())?)?;
        ground.compare(1_000)
    });
}

#[test]
fn an_old_mirror_that_comes_late_owns_nothing() {
    lone_scenario("zookeeper-late", || {
        let ground = Ground::prepare("zookeeper-late", SOURCE, &ClusterOptions::default())?;
        ground.create_topic()?;
        ground.produce(0, 1_000)?;
        let topics = [ground.topic.clone()];
        let mut mirror = Heliostat::start(&with_state(ground.mirroring())?)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        ground.wait_for_owners(&["0", "1", "2", "3"])?;
        let mut java = ground.java()?;
        mirror.wait_for_line(&["old consumer", "came into this group"], LIMIT)?;
        // It tries for some seconds, then gives up.
        java.wait(LIMIT)?;
        ground.produce(1_000, 1_000)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        ground.compare(2_000)
    });
}

#[test]
fn two_positions_and_positions_of_a_former_topic() {
    lone_scenario("zookeeper-positions", || {
        let ground = Ground::prepare("zookeeper-positions", jars::V3_2_0, &ClusterOptions::default())?;
        let ours = with_state(ground.mirroring())?;
        let znodes = ground.znodes();
        // Of a topic that is gone: partition 0 halts, whatever is made of the others.
        znodes.set(&ground.offset_node(0), "7")?;
        ground.create_topic()?;
        ground.produce(0, 4_000)?;
        znodes.set(&ground.offset_node(1), "100")?;
        let mut mirror = Heliostat::start(&ours)?;
        mirror.wait_for_line(
            &["partition 0", "halted", "offset 7", "before the topic was made"],
            LIMIT,
        )?;
        mirror.wait_until_caught_up_but(
            std::slice::from_ref(&ground.topic),
            &[(ground.topic.clone(), 0)],
            LIMIT,
        )?;
        mirror.stop()?;
        let (brokers, zookeeper) = (ground.committed()?, ground.offsets()?);
        ensure!(!brokers.contains_key(&0), "{brokers:?}");
        ensure!(
            zookeeper[&0] == 7,
            "what cannot be judged is not written over: {zookeeper:?}"
        );
        ensure!(zookeeper[&1] == brokers[&1], "{zookeeper:?} {brokers:?}");

        // A deliberate rewind of the group on the brokers holds, although ZooKeeper has the larger offset.
        let rewound = Committed {
            offset: 50,
            metadata: String::new(),
        };
        let group = ground.world.group();
        let admin = ground.world.source.admin();
        wait::wait_until("the group can be reset", LIMIT, || {
            Ok(admin.commit(&group, &ground.topic, 1, &rewound).is_ok())
        })?;
        let mut mirror = Heliostat::start(&ours)?;
        let line = mirror.wait_for_line(&["two positions", "goes on at 50"], LIMIT)?;
        ensure!(
            line.contains(&format!("ZooKeeper has {}", zookeeper[&1])),
            "{line}"
        );
        mirror.stop().map(drop)
    });
}

#[test]
fn brokers_are_followed_and_zookeeper_may_be_away() {
    lone_scenario("zookeeper-follows", || {
        let options = ClusterOptions {
            brokers: 2,
            ..ClusterOptions::default()
        };
        let mut ground = Ground::prepare("zookeeper-follows", SOURCE, &options)?;
        let new_topic = NewTopic::new(&ground.topic, PARTITIONS).replication(2);
        ground.world.source.admin().create_topic(&new_topic)?;
        // The first server of the list does not exist.
        let dead = integration::ports::reserve()?;
        let connect = format!("127.0.0.1:{},{}", dead.number, ground.connect());
        let ours = with_state(ground.world.mirroring().by_zookeeper(&connect))?;
        ground.produce(0, 1_000)?;
        let topics = [ground.topic.clone()];
        let mut mirror = Heliostat::start(&ours)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;

        ground.zookeeper.server(1).stop()?;
        ground.produce(1_000, 1_000)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        ground.zookeeper.server(1).restart()?;
        ground.wait_for_owners(&["0", "1", "2", "3"])?;

        // Frozen for longer than its session with ZooKeeper, it loses what it held there, and takes it again.
        mirror.process.signal(Signal::Stop)?;
        ground.wait_for_owners(&[])?;
        // All but what an old consumer was quicker with: that is its, until it goes.
        let owner = format!("/consumers/{}/owners/{}/0", ground.world.group(), ground.topic);
        ground
            .znodes()
            .hold(&owner, "g_broker1-1700000000000-0a1b2c3d-0")?;
        mirror.process.signal(Signal::Continue)?;
        mirror.wait_for_line(
            &["partition 0", "halted", "old consumer g_broker1-1700000000000"],
            LIMIT,
        )?;
        ground.wait_for_owners(&["0", "1", "2", "3"])?;
        ground.znodes().delete(&owner)?;

        ensure!(ground.source.add_broker()? == 3);
        ground.source.remove_broker(1)?;
        ground.world = World::between("zookeeper-follows", &ground.source, &ground.target);
        ground.produce(2_000, 1_000)?;
        mirror.wait_until_caught_up(&topics, LIMIT)?;
        mirror.stop()?;
        // Whoever starts now finds those that are there now.
        ground.produce(3_000, 1_000)?;
        ground.mirror(&ours)?;
        ground.compare(4_000)
    });
}

#[test]
fn a_wrong_chroot_is_told_with_the_right_one() {
    lone_scenario("zookeeper-chroot", || {
        let zookeeper = ZooKeeper::start(1)?;
        let source = Cluster::start_on(SOURCE, &ClusterOptions::default(), &zookeeper, "/kafka")?;
        let world = World::between("zookeeper-chroot", &source, &source);
        let mirroring = with_state(world.mirroring().by_zookeeper(&zookeeper.connect()))?;
        let mut refused = Heliostat::start(&mirroring)?;
        let status = refused.wait(LIMIT)?;
        ensure!(status.code() == Some(1), "{status:?}");
        let words = refused.process.last_words();
        ensure!(
            words.contains("holds no Kafka cluster") && words.contains("there are brokers at chroot /kafka"),
            "{words}"
        );
        Ok(())
    });
}
