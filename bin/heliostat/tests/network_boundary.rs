//! Clusters whose brokers advertise names that this host cannot look up, as between two networks: they are named with the line
//! to add, and mirrored once that line is there.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set its scene should end there"
)]

use std::fs;
use std::process::{Command, Output};

use bytes::Bytes;
use kafka_fake::FakeCluster;
use kafka_record::{BatchBuilder, Codec, CodecContexts};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const RECORDS: i64 = 100;

/// Two clusters behind names of their own networks.
struct Networks {
    /// Serves them.
    _runtime: Runtime,
    source: FakeCluster,
    target: FakeCluster,
    folder: TempDir,
}

// === impl Networks ===

impl Networks {
    fn start() -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let cluster = |name: &str, brokers, seed| {
            let host = format!("{name}.invalid");
            let builder = FakeCluster::builder().name(name).brokers(brokers).seed(seed);
            runtime
                .block_on(builder.advertised_host(&host).start_tcp())
                .unwrap()
        };
        let (source, target) = (cluster("source", 2, 1), cluster("target", 1, 2));
        source.create_topic("orders", 2, &[]).unwrap();
        source.append_as_is("orders", 0, &records()).unwrap();
        Self {
            _runtime: runtime,
            source,
            target,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// Runs heliostat with the two files, bootstrap servers being where this host does reach them.
    fn run(&self, line: &str, more: &[&str]) -> Output {
        let write = |name: &str, text: String| fs::write(self.folder.path().join(name), text).unwrap();
        let (source, target) = (here(&self.source), here(&self.target));
        write(
            "c",
            format!("bootstrap.servers={source}\ngroup.id=g\nauto.offset.reset=earliest\n"),
        );
        write("p", format!("bootstrap.servers={target}\n"));
        let files = "--consumer.config c --producer.config p --include orders --state.dir state";
        Command::new(env!("CARGO_BIN_EXE_heliostat"))
            .current_dir(self.folder.path())
            .env_remove("RUST_LOG")
            .args(line.split(' ').chain(files.split(' ')))
            .args(more)
            .output()
            .unwrap()
    }
}

/// The cluster's brokers by the address that they listen on.
fn here(cluster: &FakeCluster) -> String {
    let ports = cluster.bootstrap();
    let ports = ports.split(',').filter_map(|address| address.rsplit_once(':'));
    ports
        .map(|(_, port)| format!("127.0.0.1:{port}"))
        .collect::<Vec<_>>()
        .join(",")
}

/// The address map that leads there.
fn map(cluster: &FakeCluster) -> String {
    let (advertised, here) = (cluster.bootstrap(), here(cluster));
    let entries = advertised.split(',').zip(here.split(','));
    entries
        .map(|(name, at)| format!("{name}={at}"))
        .collect::<Vec<_>>()
        .join(",")
}

fn records() -> Bytes {
    let mut builder = BatchBuilder::new();
    for number in 0..RECORDS {
        builder.push_fields(number, None, Some(format!("order {number}").as_bytes()), &[]);
    }
    let batch = builder
        .finish(Codec::None, None, &mut CodecContexts::new())
        .unwrap();
    [batch.stamp(-1, -1, -1), batch.payload().clone()].concat().into()
}

#[test]
fn names_that_lead_nowhere_are_told_and_mapped() {
    let networks = Networks::start();
    let (source, target) = (networks.source.bootstrap(), networks.target.bootstrap());

    let checked = networks.run("check --output json", &[]);
    assert_eq!(checked.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let brokers = report["brokers"].as_array().unwrap();
    assert_eq!(brokers.len(), 3, "{report:#}");
    for broker in brokers {
        assert_eq!(broker["verdict"], "failed", "{broker}");
        assert!(
            broker["result"]
                .as_str()
                .unwrap()
                .starts_with("does not resolve: "),
            "{broker}"
        );
    }

    let line = "mirror-maker --until-caught-up --until.caught.up.wait.ms 2000";
    let stuck = networks.run(line, &[]);
    let log = String::from_utf8_lossy(&stuck.stderr);
    assert_eq!(stuck.status.code(), Some(3), "{log}");
    let table = String::from_utf8_lossy(&stuck.stdout);
    assert!(
        table.contains("cannot be reached there: no address is known: ") && table.contains("never began"),
        "the end says why: {table}"
    );
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains("cannot be reached there"))
        .collect();
    for address in source.split(',').chain(target.split(',')) {
        let of_broker = told.iter().filter(|line| line.contains(address));
        assert!(of_broker.count() <= 1, "{address} is told once: {told:#?}");
    }
    let ready_to_paste = source.split(',').any(|address| {
        let (_, port) = address.rsplit_once(':').unwrap();
        let flag = format!("--source.addresses {address}=ADDRESS:{port}");
        told.iter().any(|line| line.contains(&flag))
    });
    assert!(ready_to_paste, "{log}");

    let maps = [map(&networks.source), map(&networks.target)];
    let mapped = ["--source.addresses", &maps[0], "--target.addresses", &maps[1]];
    let checked = networks.run("check --output json", &mapped);
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_ne!(checked.status.code(), Some(1), "{report:#}");
    assert!(
        report["brokers"]
            .as_array()
            .unwrap()
            .iter()
            .all(|broker| broker["mapped"].is_string())
    );
    let mirrored = networks.run(line, &mapped);
    let log = String::from_utf8_lossy(&mirrored.stderr);
    assert_eq!(mirrored.status.code(), Some(0), "{log}");
    assert_eq!(networks.target.log("orders", 0).unwrap().high_watermark, RECORDS);
}
