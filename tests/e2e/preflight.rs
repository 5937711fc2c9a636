//! `heliostat check` and `heliostat plan` against clusters that are as they should be, and against what users get wrong.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use integration::admin::NewTopic;
use integration::cluster::ClusterOptions;
use integration::jars::{V3_9_2, V4_3_0};
use integration::mirroring::Mirroring;
use integration::produce::{Load, Producer};
use integration::program::Program;
use integration::record_file::Record;
use integration::scenario::{World, lone_scenario, scenario, start_pair};
use integration::{librdkafka, ports, scratch};
use serde_json::Value;

/// What is wrong has to be said within seconds. Two of them are the time-outs of a port that never answers.
const SOON: Duration = Duration::from_secs(10);

const DAY_MS: i64 = 86_400_000;

/// What a command answered.
struct Answer {
    code: Option<i32>,
    json: Value,
    took: Duration,
}

/// Asks `heliostat check` or `heliostat plan` with these flags.
fn ask(command: &str, flags: &[&str]) -> Result<Answer> {
    let started = Instant::now();
    let answer = Command::new(Program::Heliostat.command()?.get_program())
        .args([command, "--output", "json"])
        .args(flags)
        .output()
        .context("heliostat cannot be started")?;
    let stderr = String::from_utf8_lossy(&answer.stderr);
    Ok(Answer {
        code: answer.status.code(),
        json: serde_json::from_slice(&answer.stdout).with_context(|| format!("no JSON, but: {stderr}"))?,
        took: started.elapsed(),
    })
}

/// As [`ask`], about the job of a MirrorMaker.
fn ask_about(command: &str, mirroring: &Mirroring, flags: &[&str]) -> Result<Answer> {
    let (consumer, producer) = mirroring.write_files()?;
    let (consumer, producer) = (consumer.display().to_string(), producer.display().to_string());
    let mut all = vec![
        "--consumer.config",
        &consumer,
        "--producer.config",
        &producer,
        "--whitelist",
        &mirroring.whitelist,
    ];
    all.extend(flags);
    ask(command, &all)
}

// === impl Answer ===

impl Answer {
    /// The checks of this name: outcome and words.
    fn checks(&self, name: &str) -> Vec<(&str, &str)> {
        let checks = self.json["checks"].as_array().into_iter().flatten();
        checks
            .filter(|check| check["name"] == name)
            .map(|check| (text(&check["outcome"]), text(&check["words"])))
            .collect()
    }

    /// The plan of the first flow's topic of this name.
    fn topic(&self, name: &str) -> Result<&Value> {
        let topics = self.json["flows"][0]["topics"].as_array();
        topics
            .into_iter()
            .flatten()
            .find(|topic| topic["topic"] == name)
            .with_context(|| format!("{name} is not planned: {:#}", self.json))
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Severity and kind of a topic's findings.
fn findings(topic: &Value) -> BTreeSet<(&str, &str)> {
    let findings = topic["findings"].as_array().into_iter().flatten();
    findings
        .map(|finding| (text(&finding["severity"]), text(&finding["kind"])))
        .collect()
}

fn create(world: &World, topic: &str, partitions: i32) -> Result<()> {
    world
        .source
        .admin()
        .create_topic(&NewTopic::new(topic, partitions))
}

fn now_ms() -> Result<i64> {
    Ok(i64::try_from(
        SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis(),
    )?)
}

#[test]
fn two_clusters_as_they_should_be() {
    scenario("preflight-clean", |world| {
        let topic = world.topic("t");
        create(world, &topic, 8)?;
        let producer = Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?;
        producer.generate(&Load::new(&topic, 5_000))?;
        let mirroring = world.mirroring();
        let before = world.target.admin().topics()?;

        let check = ask_about("check", &mirroring, &[])?;
        ensure!(check.code == Some(0), "{:#}", check.json);
        let outcomes = check.json["checks"].as_array().context("no checks")?;
        for check in outcomes {
            let skipped = check["outcome"] == "skipped" && check["name"] == "write";
            ensure!(check["outcome"] == "ok" || skipped, "{check}");
        }
        for name in [
            "configuration",
            "bootstrap",
            "cluster",
            "broker",
            "versions",
            "clusters",
            "topics",
            "read",
            "group",
            "settings",
            "create",
            "producer-id",
            "write",
        ] {
            ensure!(
                !check.checks(name).is_empty(),
                "{name} is missing: {:#}",
                check.json
            );
        }

        let plan = ask_about("plan", &mirroring, &[])?;
        ensure!(plan.code == Some(0), "{:#}", plan.json);
        let planned = plan.topic(&topic)?;
        ensure!(planned["action"] == "create", "{planned:#}");
        ensure!(
            planned["partitions"]["target"] == 8 && planned["offsets"] == 5_000,
            "{planned:#}"
        );
        ensure!(
            planned["packing"]["oldest"][0] == "lz4" && planned["packing"]["newest"][0] == "lz4",
            "{planned:#}"
        );
        ensure!(planned["keys"]["partitioner"] == "murmur2", "{planned:#}");
        // Looking ahead changes nothing.
        ensure!(world.target.admin().topics()? == before);
        ensure!(world.source.admin().committed(&mirroring.group)?.is_empty());
        Ok(())
    });
}

/// Answers whatever it is asked with a TLS alert, as a TLS port does.
fn tls_port() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    // It ends with the test's process.
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut question = [0; 16];
            if stream.read(&mut question).is_ok() {
                stream.write_all(&[21, 3, 3, 0, 2, 2, 10]).ok();
            }
        }
    });
    Ok(address.to_string())
}

#[test]
fn what_listens_at_a_wrong_address_is_named() {
    scenario("preflight-address", |world| {
        let tls = tls_port()?;
        // Nobody ever takes the connections that the kernel accepts here.
        let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let free = ports::reserve()?;
        let cases = [
            ("no-such-host.invalid:9092".to_owned(), "does not resolve"),
            (format!("127.0.0.1:{}", free.number), "cannot connect"),
            (tls, "this is a TLS port"),
            (silent.local_addr()?.to_string(), "does not answer"),
        ];
        for (address, words) in cases {
            let mut mirroring = world.mirroring();
            mirroring.source.clone_from(&address);
            let check = ask_about("check", &mirroring, &[])?;
            let bootstrap = check.checks("bootstrap");
            ensure!(
                check.code == Some(1) && check.took < SOON,
                "{address}: {:#}",
                check.json
            );
            ensure!(
                bootstrap
                    .iter()
                    .any(|(outcome, found)| *outcome == "failed" && found.contains(words)),
                "{address}: {bootstrap:?}"
            );
            ensure!(
                check.checks("read")[0].0 == "skipped",
                "{address}: {:#}",
                check.json
            );

            // One usable server is enough, and the other is worth a warning.
            mirroring.source = format!("{address},{}", world.source.bootstrap);
            let check = ask_about("check", &mirroring, &[])?;
            ensure!(
                check
                    .checks("cluster")
                    .iter()
                    .all(|(outcome, _)| *outcome == "ok"),
                "{:#}",
                check.json
            );
            ensure!(check.code == Some(3), "{address}: {:#}", check.json);
            let plan = ask_about("plan", &mirroring, &[])?;
            ensure!(
                plan.json["flows"][0]["problem"].is_null(),
                "{address}: {:#}",
                plan.json
            );
        }
        Ok(())
    });
}

#[test]
fn a_cluster_and_itself() {
    scenario("preflight-same", |world| {
        create(world, &world.topic("t"), 1)?;
        let mut mirroring = world.mirroring();
        mirroring.target.clone_from(&mirroring.source);
        let check = ask_about("check", &mirroring, &[])?;
        let (outcome, words) = check.checks("clusters")[0];
        ensure!(outcome == "failed" && words.contains("same cluster"), "{words}");
        ensure!(ask_about("plan", &mirroring, &[])?.code == Some(1));
        Ok(())
    });
}

/// docs/traps.md: what is mirrored today would be deleted by the target within minutes.
#[test]
fn records_older_than_the_targets_retention() {
    scenario("preflight-retention", |world| {
        let topic = world.topic("t");
        let keeps_all = NewTopic::new(&topic, 1).config("retention.ms", "-1");
        world.source.admin().create_topic(&keeps_all)?;
        let week = (7 * DAY_MS).to_string();
        world
            .target
            .admin()
            .create_topic(&NewTopic::new(&topic, 1).config("retention.ms", &week))?;
        let load = Load {
            first_timestamp: Some(now_ms()? - 30 * DAY_MS),
            ..Load::new(&topic, 1_000)
        };
        Producer::open(&world.source.bootstrap, &[])?.generate(&load)?;
        let plan = ask_about("plan", &world.mirroring(), &[])?;
        let planned = plan.topic(&topic)?;
        let found = findings(planned);
        ensure!(
            found.iter().any(|(_, kind)| *kind == "shorter-retention"),
            "{planned:#}"
        );
        ensure!(
            found.iter().any(|(_, kind)| *kind == "records-too-old"),
            "{planned:#}"
        );
        let age = planned["oldest_record_age_ms"].as_i64().context("no age")?;
        ensure!((30 * DAY_MS..31 * DAY_MS).contains(&age), "{planned:#}");
        ensure!(
            plan.code == Some(3) && planned["verdict"] == "warning",
            "{planned:#}"
        );
        Ok(())
    });
}

/// docs/traps.md: librdkafka's clients place keys by CRC32, and by-key would move nearly all of them.
#[test]
fn the_producers_partitioner_is_found() {
    scenario("preflight-keys", |world| {
        let topic = world.topic("crc");
        create(world, &topic, 8)?;
        let records: Vec<_> = (0..400)
            .map(|number| Record::new(&topic).key(format!("customer-{number}")).value("x"))
            .collect();
        librdkafka::produce(&world.source.bootstrap, &[], &records)?;
        let by_key = ask_about("plan", &world.mirroring(), &[])?;
        let planned = by_key.topic(&topic)?;
        ensure!(planned["keys"]["partitioner"] == "crc32", "{planned:#}");
        ensure!(
            findings(planned).contains(&("warning", "partitioner")),
            "{planned:#}"
        );
        ensure!(by_key.code == Some(3), "{planned:#}");
        let preserve = ask_about("plan", &world.mirroring(), &["--partitioning", "preserve"])?;
        ensure!(preserve.code == Some(0), "{:#}", preserve.json);
        Ok(())
    });
}

#[test]
fn a_file_of_ours_with_exclusions_and_too_many_replicas() {
    scenario("preflight-file", |world| {
        let (topic, secret) = (world.topic("t"), world.topic("secret"));
        let changelog = world.topic("app-changelog");
        for topic in [&topic, &secret, &changelog] {
            create(world, topic, 1)?;
        }
        let file = scratch::path("preflight")?.with_extension("toml");
        let text = format!(
            "[clusters.a]\nbootstrap = [\"{}\"]\n[clusters.b]\nbootstrap = [\"{}\"]\n\
             [[flows]]\nname = \"f\"\nfrom = \"a\"\nto = \"b\"\ntopics = [\"{}.*\"]\nexclude = [\".*secret\"]\n\
             replication_factor = 3\n",
            world.source.bootstrap,
            world.target.bootstrap,
            world.topic("")
        );
        fs::write(&file, text)?;
        let file = file.display().to_string();
        let plan = ask("plan", &["-c", &file])?;
        let planned = plan.topic(&topic)?;
        ensure!(
            plan.code == Some(1) && planned["action"] == "refuse",
            "{planned:#}"
        );
        ensure!(
            findings(planned).contains(&("refused", "too-many-replicas")),
            "{planned:#}"
        );
        let left_out = plan.json["flows"][0]["left_out"]
            .as_array()
            .context("nothing is left out")?;
        for (name, rule) in [(&secret, "excluded"), (&changelog, "built-in")] {
            ensure!(
                left_out
                    .iter()
                    .any(|left_out| left_out["topic"] == **name && left_out["rule"] == rule),
                "{left_out:?}"
            );
        }
        let check = ask("check", &["-c", &file])?;
        ensure!(check.code == Some(0), "{:#}", check.json);
        ensure!(check.checks("positions")[0].0 == "ok", "{:#}", check.json);
        Ok(())
    });
}

/// What only a broker with an authorizer and a TLS listener can tell; one pair of clusters for both.
#[test]
fn rights_that_are_missing_and_a_brokers_own_tls_port() {
    lone_scenario("preflight-rights", || {
        let options = ClusterOptions {
            tls: true,
            ..ClusterOptions::default().with_authorizer()
        };
        let (mut source, target) = start_pair(V3_9_2, V4_3_0, &options)?;
        let world = World::between("preflight-rights", &source, &target);
        let (denied, allowed) = (world.topic("denied"), world.topic("allowed"));
        for topic in [&denied, &allowed] {
            create(&world, topic, 2)?;
            Producer::open(&world.source.bootstrap, &[])?.generate(&Load::new(topic, 100))?;
            world.target.admin().create_topic(&NewTopic::new(topic, 2))?;
        }
        let describe_only = ["DESCRIBE", "DESCRIBE_CONFIGS"];
        world
            .source
            .admin()
            .allow_only_on_topic(&denied, &describe_only)?;
        world
            .target
            .admin()
            .allow_only_on_topic(&denied, &["DESCRIBE", "WRITE"])?;
        let check = ask_about("check", &world.mirroring(), &[])?;
        ensure!(check.code == Some(1), "{:#}", check.json);
        let read = check.checks("read");
        let refused = |(outcome, words): &(&str, &str)| {
            *outcome == "failed" && words.contains("TOPIC_AUTHORIZATION_FAILED")
        };
        ensure!(read.len() == 2 && read.iter().any(refused), "{read:?}");
        ensure!(read.contains(&("ok", "1 topic can be read")), "{read:?}");
        let settings = check.checks("settings");
        ensure!(settings[0].0 == "warning", "{settings:?}");
        let advice = check.json["checks"].as_array().context("no checks")?.iter();
        let advice: Vec<_> = advice.map(|check| text(&check["advice"])).collect();
        ensure!(
            advice
                .iter()
                .any(|advice| advice.contains("Read") && advice.contains(&denied)),
            "{advice:?}"
        );

        let mut mirroring = world.mirroring();
        mirroring.source = source.broker(1).tls_address.clone().context("no TLS listener")?;
        let check = ask_about("check", &mirroring, &[])?;
        let bootstrap = check.checks("bootstrap");
        ensure!(
            bootstrap[0].1.contains("this is a TLS port") && check.took < SOON,
            "{bootstrap:?}"
        );
        Ok(())
    });
}
