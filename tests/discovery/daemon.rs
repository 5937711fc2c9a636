//! A mirror whose source is known to Ambari alone: it asks at its start, `check` and `plan` ask, too, and what is wrong is said by all three.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use integration::ambari::{Ambari, AmbariOptions, Manner};
use integration::process::{Process, Signal};
use integration::{heliostat, wait};
use kafka_fake::FakeCluster;
use serde_json::Value;
use tokio::runtime::{self, Runtime};

const PASSWORD: &str = "correct horse";
const LIMIT: Duration = Duration::from_mins(1);
const PARTITIONS: usize = 3;

/// Two embedded clusters of one broker each, and a file in which the source is Ambari's.
struct World {
    source: FakeCluster,
    target: FakeCluster,
    ambari: Ambari,
    _runtime: Runtime,
}

// === impl World ===

impl World {
    fn start(options: AmbariOptions) -> Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let (source, target) = runtime.block_on(async {
            let cluster = |name: &str, seed| {
                FakeCluster::builder()
                    .name(name)
                    .brokers(1)
                    .seed(seed)
                    .start_tcp()
            };
            anyhow::Ok((cluster("source", 0).await?, cluster("target", 1).await?))
        })?;
        source.create_topic("orders", i32::try_from(PARTITIONS)?, &[])?;
        let ambari = Ambari::start(AmbariOptions {
            brokers: Some(vec!["127.0.0.1"]),
            ..options
        })?;
        Ok(Self {
            source,
            target,
            ambari,
            _runtime: runtime,
        })
    }

    fn file(&self) -> Result<PathBuf> {
        let folder = self.ambari.folder();
        let port = self.source.bootstrap().rsplit(':').next().map(str::to_owned);
        let text = format!(
            "[clusters.source.ambari]\ncluster = \"source-hdi\"\nurl = \"{}\"\nca_file = \"{}\"\npassword_file = \"{}\"\nport = {}\n\n\
             [clusters.target]\nbootstrap = [\"{}\"]\n\n[[flows]]\nfrom = \"source\"\nto = \"target\"\ntopics = [\"orders\"]\n\n\
             [state]\ndir = \"{}\"\n",
            self.ambari.url(),
            self.ambari.ca_file().display(),
            self.ambari.password_file(PASSWORD)?.display(),
            port.context("the source has no port")?,
            self.target.bootstrap(),
            folder.join("state").display(),
        );
        let file = folder.join("heliostat.toml");
        fs::write(&file, text)?;
        Ok(file)
    }

    fn ask(&self, command: &str) -> Result<(Option<i32>, Value)> {
        let output: Output = heliostat::command()?
            .args([command, "--output", "json", "-c"])
            .arg(self.file()?)
            .output()?;
        let out = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
        ensure!(!out.contains(PASSWORD), "the password is in {out}");
        Ok((
            output.status.code(),
            serde_json::from_str(&out).with_context(|| out.clone())?,
        ))
    }

    fn run(&self) -> Result<Process> {
        let mut command: Command = heliostat::command()?;
        command
            .arg("run")
            .arg("-c")
            .arg(self.file()?)
            .env("RUST_LOG", "trace");
        Process::spawn(command, "heliostat", self.ambari.folder())
    }
}

/// Everything that a process has said, at the most talkative level.
fn said(process: &Process) -> Result<String> {
    let said = process.stdout_text()? + &process.stderr_text()?;
    ensure!(!said.contains(PASSWORD), "the password is in {said}");
    ensure!(!said.contains("Basic "), "the header is in {said}");
    Ok(said)
}

#[test]
fn a_mirror_asks_before_it_starts() -> Result<()> {
    let world = World::start(AmbariOptions::default())?;
    let mut mirror = world.run()?;
    wait::wait_until("the topic is made on the target", LIMIT, || {
        mirror.check_running()?;
        Ok(world.target.partition_count("orders") == Some(PARTITIONS))
    })?;
    assert!(!world.ambari.seen().is_empty());
    mirror.signal(Signal::Term)?;
    assert_eq!(mirror.wait(LIMIT)?.code(), Some(0));
    let said = said(&mirror)?;
    assert!(
        said.contains("cluster source-hdi: 127.0.0.1:"),
        "the log tells who was found by whom: {said}"
    );
    Ok(())
}

#[test]
fn check_and_plan_ask_too() -> Result<()> {
    let world = World::start(AmbariOptions::default())?;
    let (code, report) = world.ask("check")?;
    let checks = report["checks"].as_array().context("no checks")?;
    let found = checks
        .iter()
        .find(|check| check["name"] == "ambari")
        .context("no check of it")?;
    assert_eq!(
        (found["outcome"].as_str(), found["scope"].as_str()),
        (Some("ok"), Some("cluster source"))
    );
    let words = found["words"].as_str().unwrap_or_default();
    assert!(words.starts_with("1 broker named: 127.0.0.1:"), "{words}");
    assert!(code != Some(1), "{report:#}");
    let (_code, plan) = world.ask("plan")?;
    assert_eq!(plan["flows"][0]["topics"][0]["topic"], "orders", "{plan:#}");
    Ok(())
}

#[test]
fn what_cannot_be_mended_by_waiting_ends_the_start() -> Result<()> {
    let world = World::start(AmbariOptions {
        password: "another",
        ..AmbariOptions::default()
    })?;
    let mut mirror = world.run()?;
    assert_eq!(mirror.wait(LIMIT)?.code(), Some(1));
    let said = said(&mirror)?;
    assert!(
        said.contains("does not let user admin in with this password"),
        "{said}"
    );
    let (code, report) = world.ask("check")?;
    assert_eq!(code, Some(1));
    let checks = report["checks"].as_array().context("no checks")?;
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check["outcome"] == "failed")
        .collect();
    assert_eq!(failed.len(), 1, "{failed:#?}");
    assert_eq!(failed[0]["name"], "ambari");
    Ok(())
}

#[test]
fn a_gateway_that_waits_for_ambari_is_asked_again() -> Result<()> {
    let world = World::start(AmbariOptions {
        manner: Manner::Page(502, "<html>Bad Gateway</html>"),
        ..AmbariOptions::default()
    })?;
    let mut mirror = world.run()?;
    wait::wait_until("it was asked three times", LIMIT, || {
        mirror.check_running()?;
        Ok(world.ambari.seen().len() >= 3)
    })?;
    mirror.signal(Signal::Term)?;
    mirror.wait(LIMIT)?;
    assert!(said(&mirror)?.contains("gets no answer from Ambari (HTTP 502)"));
    Ok(())
}
