//! The race's two Java programs: the loader and the checksum, each one run of a JVM on Kafka's own client of 3.9.2.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use integration::jars::{self, Jars};
use integration::process::Process;
use integration::scratch;

use crate::plan::Codec;

const SOURCES: &[(&str, &str)] = &[
    ("Digest.java", include_str!("../java/race/Digest.java")),
    ("Load.java", include_str!("../java/race/Load.java")),
];
/// Longer than ten times what 2 GB take on a busy machine.
const RUN_LIMIT: Duration = Duration::from_mins(20);

/// The compiled programs.
#[derive(Debug)]
pub struct Programs {
    class_path: String,
}

/// What a topic holds, whatever the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub records: u64,
    /// Records that lie in another partition than their key says.
    pub misplaced: u64,
    /// Over key, value and timestamp of every record.
    pub checksum: String,
}

// === impl Programs ===

impl Programs {
    pub fn compile() -> Result<Self> {
        let jars = Jars::of(jars::V3_9_2)?.class_path()?;
        let folder = scratch::path("race-java")?;
        let sources = folder.join("race");
        fs::create_dir_all(&sources).with_context(|| format!("cannot create {}", sources.display()))?;
        let mut compiler = Command::new("javac");
        compiler
            .args(["--release", "17", "-Xlint:all", "-Werror", "-cp", &jars, "-d"])
            .arg(&folder);
        for (file, text) in SOURCES {
            let path = sources.join(file);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            compiler.arg(path);
        }
        let run = compiler
            .output()
            .context("cannot run javac: install a JDK 17 (Debian: openjdk-17-jdk-headless)")?;
        if !run.status.success() {
            bail!("javac failed:\n{}", String::from_utf8_lossy(&run.stderr));
        }
        Ok(Self {
            class_path: format!("{}:{jars}", folder.display()),
        })
    }

    /// Loads `records` records into `topic`; returns, for each number of partitions in `counts`, how many belong in each partition by key.
    pub fn load(
        &self,
        broker: &str,
        topic: &str,
        codec: Codec,
        records: u64,
        counts: &[i32],
    ) -> Result<Vec<Vec<i64>>> {
        let mut arguments = vec![
            broker.to_owned(),
            topic.to_owned(),
            codec.to_string(),
            records.to_string(),
        ];
        arguments.extend(counts.iter().map(i32::to_string));
        serde_json::from_str(&self.run("race.Load", &arguments)?).context("the loader's answer")
    }

    pub fn digest(&self, broker: &str, topic: &str) -> Result<Digest> {
        let answer = self.run("race.Digest", &[broker.to_owned(), topic.to_owned()])?;
        let (records, misplaced, checksum) =
            serde_json::from_str(&answer).context("the checksum's answer")?;
        Ok(Digest {
            records,
            misplaced,
            checksum,
        })
    }

    fn run(&self, main: &str, arguments: &[String]) -> Result<String> {
        let mut command = Command::new("java");
        command
            .args(["-Xmx512m", "-XX:+UseParallelGC", "-cp", &self.class_path, main])
            .args(arguments);
        let logs = scratch::path(main)?;
        let mut process = Process::spawn(command, main, &logs)?;
        let status = process.wait(RUN_LIMIT)?;
        ensure!(status.success(), "{main} failed\n{}", process.last_words());
        process.stdout_text()
    }
}
