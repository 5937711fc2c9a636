//! Real clients on embedded clusters: whoever joins a demonstration with Kafka's own tools must not notice that the brokers are none.
//! Java's producer, consumer and admin client, librdkafka, and a Java `MirrorMaker` from one embedded cluster to another; then heliostat.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use integration::admin::{Admin, Isolation, NewTopic};
use integration::dump::Dump;
use integration::heliostat::Heliostat;
use integration::mirroring::Mirroring;
use integration::oracle::{Rule, compare};
use integration::process::{Process, Signal, describe};
use integration::produce::{Load, Producer};
use integration::scenario::{lone_scenario, report};
use integration::{heliostat, librdkafka, mirror_maker, samples, scratch, wait};
use kafka_fake::{FakeCluster, KafkaRelease};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_mins(1);
const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// Two embedded clusters on TCP, served by threads of this process.
struct Embedded {
    runtime: Runtime,
    source: FakeCluster,
    target: FakeCluster,
}

// === impl Embedded ===

impl Embedded {
    fn start() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (source, target) = runtime.block_on(async {
            let source = FakeCluster::builder()
                .name("source")
                .brokers(3)
                .release(KafkaRelease::V3_9)
                .start_tcp();
            let target = FakeCluster::builder()
                .name("target")
                .brokers(2)
                .seed(1)
                .start_tcp();
            anyhow::Ok((source.await?, target.await?))
        })?;
        Ok(Self {
            runtime,
            source,
            target,
        })
    }

    fn source_admin(&self) -> Admin {
        Admin::new(&self.source.bootstrap())
    }

    fn target_admin(&self) -> Admin {
        Admin::new(&self.target.bootstrap())
    }

    fn mirroring(&self) -> Mirroring {
        let (source, target) = (self.source.bootstrap(), self.target.bootstrap());
        Mirroring::new(&source, &target, "mirror", "t.*")
    }

    /// Compares both clusters as Java's consumer sees them.
    fn compare(&self, topics: &[String], rule: &Rule) -> Result<u64> {
        let read = |admin: &Admin| {
            let mut dump = admin.dump(topics, Isolation::ReadCommitted)?;
            dump.cluster_topics = None;
            anyhow::Ok(dump)
        };
        let agreement = compare(&read(&self.source_admin())?, &read(&self.target_admin())?, rule)?;
        Ok(agreement.records)
    }

    /// Ends both, and fails if a client asked for something that they do not serve.
    fn stop(self) -> Result<()> {
        let unserved = [self.source.unserved(), self.target.unserved()].concat();
        self.runtime.block_on(async {
            self.source.shutdown().await;
            self.target.shutdown().await;
        });
        ensure!(unserved.is_empty(), "not served: {unserved:?}");
        Ok(())
    }
}

#[test]
fn java_and_librdkafka_write_and_read_every_codec() {
    lone_scenario("embedded-codecs", || {
        let embedded = Embedded::start()?;
        let bootstrap = embedded.source.bootstrap();
        for codec in CODECS {
            let topic = format!("t-{codec}");
            embedded
                .source_admin()
                .create_topic(&NewTopic::new(&topic, 3).replication(2))?;
            let odd = samples::odd_records(&topic, 3);
            Producer::open(&bootstrap, &[("compression.type", codec)])?.send(&odd)?;
            let keyed = samples::keyed_records(&topic, 500);
            librdkafka::produce(&bootstrap, &[("compression.codec", codec)], &keyed)?;
            let topics = std::slice::from_ref(&topic);
            let by_java = embedded.source_admin().dump(topics, Isolation::ReadUncommitted)?;
            ensure!(
                by_java.record_count() == odd.len() + 500,
                "{}",
                by_java.record_count()
            );
            let by_librdkafka = librdkafka::dump(&bootstrap, topics)?;
            let rule = Rule {
                scope: topic.clone(),
                ..Rule::preserve()
            };
            compare(&by_java, &by_librdkafka, &rule)?;
            let mut sent = Dump::of(&odd)?;
            sent.cluster_topics = None;
            let missing = compare(&sent, &by_java, &rule)
                .err()
                .context("500 records were added")?;
            let only_added = missing.counts.keys().all(|kind| *kind == "extra");
            ensure!(only_added, "{missing}");
        }
        embedded.stop()
    });
}

#[test]
fn transactions_of_java_are_committed_aborted_and_isolated() {
    lone_scenario("embedded-transactions", || {
        let embedded = Embedded::start()?;
        let topic = "t".to_owned();
        embedded.source_admin().create_topic(&NewTopic::new(&topic, 2))?;
        let producer = Producer::open(&embedded.source.bootstrap(), &[("transactional.id", "one")])?;
        for (records, commits) in [(10, true), (7, false), (5, true)] {
            producer.begin()?;
            producer.send(&samples::keyed_records(&topic, records))?;
            if commits {
                producer.commit()?;
            } else {
                producer.abort()?;
            }
        }
        let count = |isolation| {
            let dump = embedded
                .source_admin()
                .dump(std::slice::from_ref(&topic), isolation)?;
            anyhow::Ok(dump.record_count())
        };
        let (committed, all) = (
            count(Isolation::ReadCommitted)?,
            count(Isolation::ReadUncommitted)?,
        );
        ensure!((committed, all) == (15, 22), "{committed} of {all}");
        embedded.stop()
    });
}

/// `MirrorMaker` 1 and heliostat, one after the other in the same group.
#[test]
fn a_java_mirror_maker_mirrors_from_one_to_the_other_and_heliostat_goes_on() {
    lone_scenario("embedded-mirrors", || {
        let embedded = Embedded::start()?;
        let topics = ["t-1".to_owned(), "t-2".to_owned()];
        for topic in &topics {
            let wanted = NewTopic::new(topic, 4).replication(2);
            embedded.source_admin().create_topic(&wanted)?;
            embedded.target_admin().create_topic(&wanted)?;
        }
        let produce = |first| {
            let producer = Producer::open(&embedded.source.bootstrap(), &[("compression.type", "lz4")])?;
            for topic in &topics {
                producer.generate(&Load {
                    first,
                    ..Load::new(topic, 2_000)
                })?;
            }
            anyhow::Ok(())
        };
        produce(0)?;
        let mirroring = embedded.mirroring();
        let mut java = mirror_maker::start_one(&mirroring)?;
        wait::wait_until("MirrorMaker mirrored all", LIMIT, || {
            java.check_running()?;
            let dump = embedded.target_admin().dump(&topics, Isolation::ReadCommitted)?;
            Ok(dump.record_count() == 4_000)
        })
        .with_context(|| java.last_words())?;
        java.signal(Signal::Term)?;
        java.wait(LIMIT)?;
        let by_java = embedded.compare(&topics, &Rule::by_key(4))?;
        ensure!(by_java == 4_000, "{by_java}");

        produce(2_000)?;
        Heliostat::run_to_the_end(&mirroring, &topics, LIMIT)?;
        let all = embedded.compare(&topics, &Rule::by_key(4))?;
        ensure!(all == 8_000, "{all}");
        report(&format!(
            "{by_java} records by MirrorMaker, {} by heliostat",
            all - by_java
        ));
        embedded.stop()
    });
}

/// The addresses that a demonstration prints for one of its clusters.
fn printed_bootstrap(demo: &mut Process, cluster: &str) -> Result<String> {
    wait::wait_for("the demonstration prints its addresses", LIMIT, || {
        demo.check_running()?;
        let printed = demo.stderr_text()?;
        let line = printed
            .lines()
            .find_map(|line| line.trim().strip_prefix(cluster).map(str::trim));
        Ok(line
            .filter(|addresses| addresses.contains(':'))
            .map(ToOwned::to_owned))
    })
}

/// A newcomer's second step: Kafka's own clients join in while the demonstration runs, and what they write is mirrored and compared, too.
#[test]
fn real_clients_join_a_running_demonstration() {
    lone_scenario("embedded-demo", || {
        let mut command = heliostat::command()?;
        command.args(["demo", "--records", "20000", "--rate", "5000"]);
        let mut demo = Process::spawn(command, "demo", &scratch::path("demo")?)?;
        let source = printed_bootstrap(&mut demo, "source")?;
        let target = printed_bootstrap(&mut demo, "target")?;
        let topic = "testtopic".to_owned();
        let by_java = samples::keyed_records(&topic, 300);
        Producer::open(&source, &[("compression.type", "zstd")])?.send(&by_java)?;
        let by_librdkafka = samples::keyed_records(&topic, 200);
        librdkafka::produce(&source, &[("compression.codec", "lz4")], &by_librdkafka)?;
        let topics = std::slice::from_ref(&topic);
        wait::wait_until("Java's consumer reads all of it from the target", LIMIT, || {
            demo.check_running()?;
            let read = Admin::new(&target).dump(topics, Isolation::ReadCommitted)?;
            Ok(read.record_count() == 20_500)
        })
        .with_context(|| demo.last_words())?;
        let seen = librdkafka::dump(&target, topics)?;
        ensure!(seen.record_count() == 20_500, "{}", seen.record_count());
        demo.signal(Signal::Interrupt)?;
        let status = demo.wait(LIMIT)?;
        let verdict = demo.stdout_text()?;
        ensure!(
            status.success() && verdict.contains("equal: each of 20,500 records"),
            "{}\n{verdict}\n{}",
            describe(status),
            demo.last_words()
        );
        Ok(())
    });
}
