//! The walk-through of the documentation, command by command: `docs/walkthrough.md` is read, and exactly its blocks are run.
//!
//! The clusters differ in their number of brokers, and where the target has the topic already in its partitions. What Kafka's
//! own programs of the source's era do on the page they do here; what came out is judged by the oracle.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail, ensure};
use integration::admin::{Isolation, NewTopic};
use integration::cluster::{Cluster, ClusterOptions};
use integration::oracle::{Rule, compare};
use integration::page::{self, Step};
use integration::process::{Process, Signal, describe};
use integration::program;
use integration::scenario::{lone_scenario, report};
use integration::{heliostat, jars, scratch, shell, wait};

const PAGE: &str = "walkthrough.md";
const TOPIC: &str = "testtopic";
const GROUP: &str = "mirrorgroup";
const LIMIT: Duration = Duration::from_mins(2);

/// Kafka's scripts and the programs behind them.
const PROGRAMS: [(&str, &str); 3] = [
    ("kafka-topics.sh", "kafka.admin.TopicCommand"),
    ("kafka-console-producer.sh", "kafka.tools.ConsoleProducer"),
    ("kafka-console-consumer.sh", "kafka.tools.ConsoleConsumer"),
];

/// A reader at his shell.
struct Reader {
    folder: PathBuf,
    /// What he typed by hand, in the shell that he is in.
    variables: BTreeMap<String, String>,
    /// The files that this shell has read.
    sourced: String,
    mirror: Option<Process>,
}

// === impl Reader ===

impl Reader {
    fn new(version: &str, source: &Cluster, target: &Cluster) -> Result<Self> {
        let folder = scratch::path("walkthrough")?;
        let programs = folder.join("bin");
        fs::create_dir_all(&programs)?;
        let heliostat = heliostat::command()?;
        symlink(heliostat.get_program(), programs.join("heliostat"))?;
        for (script, main) in PROGRAMS {
            shell::write_script(&programs.join(script), &program::of_kafka(version, main)?)?;
        }
        let zookeeper =
            |cluster: &Cluster| cluster.zookeeper_connect().context("a cluster without ZooKeeper");
        let variables = [
            ("SOURCE_ZKHOSTS", zookeeper(source)?),
            ("DEST_ZKHOSTS", zookeeper(target)?),
            ("SOURCE_BROKERHOSTS", source.bootstrap()),
            ("DEST_BROKERHOSTS", target.bootstrap()),
        ];
        Ok(Self {
            variables: variables.map(|(name, value)| (name.to_owned(), value)).into(),
            folder,
            sourced: String::new(),
            mirror: None,
        })
    }

    fn shell(&self, text: &str) -> Result<Process> {
        let mut command = Command::new("bash");
        command
            .args(["-e", "-u", "-o", "pipefail", "-c"])
            .arg(format!(
                "PATH={}:$PATH\n{}{text}",
                self.folder.join("bin").display(),
                self.sourced
            ))
            .current_dir(&self.folder)
            .envs(&self.variables)
            .env("XDG_STATE_HOME", self.folder.join("state"))
            .env_remove("RUST_LOG");
        Process::spawn(command, "step", &scratch::path("step")?)
    }

    fn follow(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Given(block) => self.check_given(block),
            Step::Run(block) => {
                self.run(block)?;
                let sourced = block.lines().filter(|line| line.starts_with(". "));
                self.sourced.extend(sourced.map(|line| format!("{line}\n")));
                Ok(())
            }
            Step::NewShell => {
                self.variables.clear();
                self.sourced.clear();
                Ok(())
            }
            Step::Mirror(block) => {
                // `exec`: a signal to the shell would not reach what it runs, as Ctrl+C does.
                let mirror = self.shell(&format!("exec {}", block.trim_start()))?;
                self.mirror = Some(mirror);
                self.wait_until_mirroring()
            }
            Step::Interrupt => {
                let mut mirror = self.mirror.take().context("Ctrl+C, and nothing runs")?;
                mirror.check_running()?;
                mirror.signal(Signal::Interrupt)?;
                let status = mirror.wait(LIMIT)?;
                ensure!(
                    status.code() == Some(0),
                    "{}\n{}",
                    describe(status),
                    mirror.last_words()
                );
                Ok(())
            }
        }
    }

    /// Every variable that the page tells the reader to set has a value here.
    fn check_given(&self, block: &str) -> Result<()> {
        for line in block.lines() {
            let name = line.strip_prefix("export ").and_then(|line| line.split_once('='));
            let (name, _) = name.with_context(|| format!("not a value of the reader's: {line}"))?;
            ensure!(self.variables.contains_key(name), "the test has no {name}");
        }
        Ok(())
    }

    fn run(&self, block: &str) -> Result<()> {
        let mut step = self.shell(block)?;
        let status = step.wait(LIMIT)?;
        report(&format!("$ {}\n{}", block.trim_end(), step.stdout_text()?));
        let warnings_only = block.contains("heliostat check") && status.code() == Some(3);
        if status.code() != Some(0) && !warnings_only {
            bail!(
                "{block}{}\n{}\n{}",
                describe(status),
                step.stdout_text()?,
                step.last_words()
            );
        }
        Ok(())
    }

    fn wait_until_mirroring(&mut self) -> Result<()> {
        let mirror = self.mirror.as_mut().context("invariant: it was started")?;
        let waited = wait::wait_until("all partitions are mirrored", LIMIT, || {
            mirror.check_running()?;
            let said = mirror.stderr_text()?;
            Ok(said
                .lines()
                .filter(|line| line.contains("mirroring starts"))
                .count()
                >= 8)
        });
        waited.with_context(|| mirror.last_words())
    }
}

/// `kept` is the number of partitions of a topic that the target has already; else the mirror makes it.
fn walk(source_version: &'static str, target_version: &'static str, kept: Option<i32>) {
    lone_scenario(&format!("walkthrough-{source_version}-{target_version}"), || {
        let options = |brokers| ClusterOptions {
            brokers,
            ..ClusterOptions::default()
        };
        let (source, target) = thread::scope(|scope| {
            let source = scope.spawn(|| Cluster::start(source_version, &options(2)));
            let target = Cluster::start(target_version, &options(3));
            let source = source.join().map_err(|panic| anyhow!("{panic:?}"))?;
            anyhow::Ok((source?, target?))
        })?;
        if let Some(partitions) = kept {
            target
                .admin()
                .create_topic(&NewTopic::new(TOPIC, partitions).replication(2))?;
        }
        let mut reader = Reader::new(source_version, &source, &target)?;
        let steps = page::steps(PAGE)?;
        ensure!(steps.len() > 8, "the page was not read: {steps:?}");
        for step in &steps {
            reader.follow(step)?;
        }
        ensure!(reader.mirror.is_none(), "the page does not end what it started");
        let topics = [TOPIC.to_owned()];
        let read = |cluster: &Cluster| cluster.admin().dump(&topics, Isolation::ReadUncommitted);
        let partitions = target.admin().describe_topic(TOPIC)?.partitions;
        let expected = kept.unwrap_or(8);
        ensure!(partitions.len() == usize::try_from(expected)?, "{partitions:?}");
        let replicas = partitions.iter().map(|partition| partition.replicas.len());
        ensure!(replicas.min() == Some(2), "{partitions:?}");
        let agreement = compare(&read(&source)?, &read(&target)?, &only(&Rule::by_key(expected)))?;
        ensure!(agreement.records >= 8, "{agreement:?}");
        let committed = source.admin().committed(GROUP)?;
        ensure!(committed.len() == 8, "{committed:?}");
        Ok(())
    });
}

fn only(rule: &Rule) -> Rule {
    Rule {
        scope: TOPIC.to_owned(),
        ..rule.clone()
    }
}

/// The documents' own era, to the letter.
#[test]
fn on_kafka_0_10_2() {
    walk(jars::V0_10_2_2, jars::V0_10_2_2, None);
}

#[test]
fn on_kafka_0_10_2_to_more_partitions() {
    walk(jars::V0_10_2_2, jars::V0_10_2_2, Some(11));
}

#[test]
fn on_kafka_2_4_to_fewer_partitions_of_3_2() {
    walk(jars::V2_4_1, jars::V3_2_0, Some(3));
}
