//! Clusters that answer and are not what a mirror needs, played by a scripted broker.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{CheckReport, Outcome, check};
use crate::testing;

const LIMIT: Duration = Duration::from_secs(12);

const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;

/// What a scripted broker says of itself and its cluster.
#[derive(Debug, Clone)]
struct Script {
    /// Key of each API and the highest version; the lowest is 0.
    apis: Vec<(i16, i16)>,
    /// Host and port of each broker; `None` for its own address. Empty: it ends the connection in the place of an
    /// answer, as a listener with SASL does.
    brokers: Vec<Option<(&'static str, u16)>>,
}

/// A broker on a port of its own; it ends with the set.
async fn start(script: Script) -> (String, JoinSet<io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut broker = JoinSet::new();
    broker.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await?;
            connections.spawn(converse(stream, script.clone(), port));
        }
    });
    (format!("127.0.0.1:{port}"), broker)
}

async fn converse(mut stream: TcpStream, script: Script, port: u16) -> io::Result<()> {
    loop {
        let length = stream.read_i32().await?;
        let mut request = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut request).await?;
        let (key, version) = (i16_at(&request, 0), i16_at(&request, 2));
        let body = match key {
            API_VERSIONS => versions(&script, version),
            METADATA if !script.brokers.is_empty() => metadata(&script, port),
            _ => return Ok(()),
        };
        let length = i32::try_from(4 + body.len()).unwrap();
        stream.write_i32(length).await?;
        stream.write_all(&request[4..8]).await?;
        stream.write_all(&body).await?;
    }
}

fn i16_at(bytes: &[u8], at: usize) -> i16 {
    i16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// In version 0; any other is answered with `UNSUPPORTED_VERSION`, as KIP-511 has it.
fn versions(script: &Script, version: i16) -> Vec<u8> {
    let (code, apis) = if version > 0 {
        (35_i16, &[][..])
    } else {
        (0, &script.apis[..])
    };
    let mut out = code.to_be_bytes().to_vec();
    out.extend(i32::try_from(apis.len()).unwrap().to_be_bytes());
    for (key, max) in apis {
        out.extend([*key, 0, *max].into_iter().flat_map(i16::to_be_bytes));
    }
    out
}

/// In version 1: brokers, controller, no topic.
fn metadata(script: &Script, port: u16) -> Vec<u8> {
    let mut out = i32::try_from(script.brokers.len())
        .unwrap()
        .to_be_bytes()
        .to_vec();
    for (node, broker) in (1_i32..).zip(&script.brokers) {
        let (host, port) = broker.unwrap_or(("127.0.0.1", port));
        out.extend(node.to_be_bytes());
        out.extend(i16::try_from(host.len()).unwrap().to_be_bytes());
        out.extend(host.as_bytes());
        out.extend(i32::from(port).to_be_bytes());
        out.extend((-1_i16).to_be_bytes()); // no rack
    }
    out.extend(1_i32.to_be_bytes()); // the controller
    out.extend(0_i32.to_be_bytes());
    out
}

/// Checks a flow from and to brokers with these scripts.
async fn checked(source: Script, target: Script) -> CheckReport {
    let (source, _source) = start(source).await;
    let (target, _target) = start(target).await;
    let started = Instant::now();
    let report = check(&[testing::flow(&source, &target, &[])], LIMIT).await;
    assert!(started.elapsed() < LIMIT + Duration::from_secs(1), "{report:?}");
    report
}

/// The checks of this name in this scope: outcome, words and advice.
fn found<'a>(report: &'a CheckReport, scope: &str, name: &str) -> Vec<(Outcome, &'a str, &'a str)> {
    let checks = report.checks.iter();
    checks
        .filter(|check| check.scope == scope && check.name == name)
        .map(|check| {
            (
                check.outcome,
                check.words.as_str(),
                check.advice.as_deref().unwrap_or(""),
            )
        })
        .collect()
}

/// All APIs of Kafka 0.10.2 in its versions: no idempotence, no isolation level, no settings.
fn kafka_0_10() -> Vec<(i16, i16)> {
    let apis = [(0, 2), (1, 3), (2, 1), (METADATA, 1), (8, 2), (9, 2), (10, 0)];
    let group = [
        (11, 1),
        (12, 0),
        (13, 0),
        (14, 0),
        (15, 0),
        (API_VERSIONS, 0),
        (19, 1),
    ];
    apis.into_iter().chain(group).collect()
}

#[tokio::test]
async fn a_broker_by_a_name_that_only_the_cluster_knows_and_one_of_2017() {
    let old = Script {
        apis: kafka_0_10(),
        brokers: vec![None, Some(("no-such-host.invalid", 9092))],
    };
    let report = checked(old.clone(), old).await;
    assert_eq!(report.outcome, Outcome::Failed);
    assert_eq!(found(&report, "cluster source", "bootstrap")[0].0, Outcome::Ok);
    let cluster = found(&report, "cluster source", "cluster");
    assert_eq!(cluster[0], (Outcome::Ok, "2 brokers, controller 1", ""));

    let brokers = found(&report, "cluster source", "broker");
    assert_eq!(brokers[0].0, Outcome::Ok, "{brokers:?}");
    let (outcome, words, advice) = brokers[1];
    assert_eq!(outcome, Outcome::Failed);
    assert!(
        words.contains("does not resolve") && advice.contains("advertised.listeners"),
        "{words}: {advice}"
    );

    let versions = found(&report, "cluster source", "versions");
    assert!(versions[0].1.contains("settings of topics"), "{versions:?}");
    assert!(!versions[0].1.contains("idempotent"), "{versions:?}");
    assert_eq!(
        (versions[0].0, versions[1].0),
        (Outcome::Warning, Outcome::Skipped),
        "told, and no reason not to mirror"
    );
    let target = found(&report, "cluster target", "versions");
    assert_eq!(target[0].0, Outcome::Warning);
    assert!(
        target[0].1.contains("idempotent") && !target[0].1.contains("create topics"),
        "{target:?}"
    );
    let of_flow = |name| found(&report, "flow g", name)[0];
    assert_eq!(of_flow("settings").0, Outcome::Skipped);
    assert_eq!(of_flow("producer-id").0, Outcome::Skipped);
    assert_eq!(
        found(&report, "flow g", "clusters")[0].0,
        Outcome::Skipped,
        "no cluster ids in Metadata v1"
    );
    assert_eq!(found(&report, "flow g", "topics")[0].0, Outcome::Warning);
}

/// A version of a needed API that only Kafka after 4.3 would have.
#[tokio::test]
async fn a_broker_that_shares_no_version_of_fetch_cannot_be_mirrored() {
    let mut apis = kafka_0_10();
    apis[1] = (1, -1);
    let script = Script {
        apis,
        brokers: vec![None],
    };
    let report = checked(script.clone(), script).await;
    let (outcome, words, advice) = found(&report, "cluster source", "versions")[0];
    assert_eq!(outcome, Outcome::Failed);
    assert!(words.contains("Fetch: we speak v0"), "{words}");
    assert!(advice.contains("0.10.0 to 4.3"), "{advice}");
}

/// docs/walkthrough.md: two networks, and the names of the other one do not resolve.
#[tokio::test]
async fn the_address_map_leads_to_a_broker_whose_name_does_not_resolve() {
    let script = |name| Script {
        apis: kafka_0_10(),
        brokers: vec![Some((name, 9092))],
    };
    let (source, _source) = start(script("wn0-source.invalid")).await;
    let (target, _target) = start(script("wn0-target.invalid")).await;
    let map = format!("WN0-source.invalid:9092={source},nobody:1={source}");
    let flow = testing::flow(&source, &target, &["--source.addresses", &map]);
    let report = check(&[flow], LIMIT).await;
    let [of_source, of_target] = &report.brokers[..] else {
        panic!("{:?}", report.brokers);
    };
    assert_eq!(of_source.mapped.as_deref(), Some(source.as_str()));
    assert_eq!((of_source.cluster.as_str(), of_source.broker), ("source", 1));
    assert_eq!(
        (of_source.resolved[0].as_str(), of_source.kafka),
        ("127.0.0.1", Some("0.10.1 or 0.10.2"))
    );
    assert!(of_source.connect_us.is_some());
    assert_eq!(found(&report, "cluster source", "broker")[0].0, Outcome::Ok);
    let unused = found(&report, "cluster source", "addresses");
    assert_eq!((unused.len(), unused[0].0), (1, Outcome::Warning), "{unused:?}");

    assert_eq!(
        (of_target.advertised.as_str(), of_target.verdict),
        ("wn0-target.invalid:9092", Outcome::Failed)
    );
    assert!(
        of_target.result.starts_with("does not resolve: "),
        "{}",
        of_target.result
    );
    let (_, _, advice) = found(&report, "cluster target", "broker")[0];
    assert!(
        advice.ends_with("--target.addresses wn0-target.invalid:9092=ADDRESS:9092"),
        "{advice}"
    );
}

/// A listener with SASL tells its versions and ends the connection at any other question (KIP-43).
#[tokio::test]
async fn a_sasl_port_is_guessed_from_what_it_refuses() {
    let sasl = Script {
        apis: kafka_0_10(),
        brokers: Vec::new(),
    };
    let report = checked(sasl.clone(), sasl).await;
    assert_eq!(found(&report, "cluster source", "bootstrap")[0].0, Outcome::Ok);
    let cluster = found(&report, "cluster source", "cluster");
    assert_eq!(cluster[0].0, Outcome::Failed);
    assert!(cluster[0].2.contains("SASL"), "{cluster:?}");
    for name in [
        "topics",
        "read",
        "group",
        "settings",
        "create",
        "producer-id",
        "write",
    ] {
        assert_eq!(found(&report, "flow g", name)[0].0, Outcome::Skipped, "{name}");
    }
}
