//! What is to be mirrored: the two properties files and the flags, the same for heliostat and for `MirrorMaker` 1.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::admin::Isolation;
use crate::scratch;

/// A mirror's job. Each start of a process writes the files anew.
#[derive(Debug, Clone)]
pub struct Mirroring {
    pub source: String,
    /// The source's `zookeeper.connect`: takes the place of `bootstrap.servers` in the consumer's file.
    pub zookeeper: Option<String>,
    pub target: String,
    pub group: String,
    pub whitelist: String,
    pub streams: u32,
    /// Lines of the consumer's file beside `bootstrap.servers`, `group.id` and `auto.offset.reset=earliest`.
    pub consumer: Vec<(String, String)>,
    /// Lines of the producer's file beside `bootstrap.servers`.
    pub producer: Vec<(String, String)>,
    /// More flags.
    pub arguments: Vec<String>,
}

// === impl Mirroring ===

impl Mirroring {
    /// Two streams, `MirrorMaker`'s own partitioning (by key).
    pub fn new(source: &str, target: &str, group: &str, whitelist: &str) -> Self {
        Self {
            source: source.to_owned(),
            zookeeper: None,
            target: target.to_owned(),
            group: group.to_owned(),
            whitelist: whitelist.to_owned(),
            streams: 2,
            consumer: Vec::new(),
            producer: Vec::new(),
            arguments: Vec::new(),
        }
    }

    /// Keeps partition numbers (heliostat only).
    #[must_use]
    pub fn preserve(self) -> Self {
        self.argument("--partitioning").argument("preserve")
    }

    /// The consumer's file names the source's ZooKeeper instead of its brokers, as in the days of the first consumer.
    #[must_use]
    pub fn by_zookeeper(mut self, connect: &str) -> Self {
        self.zookeeper = Some(connect.to_owned());
        self
    }

    #[must_use]
    pub fn isolation(self, isolation: Isolation) -> Self {
        self.consumer_line("isolation.level", isolation.name())
    }

    #[must_use]
    pub fn consumer_line(mut self, key: &str, value: &str) -> Self {
        self.consumer.push((key.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn producer_line(mut self, key: &str, value: &str) -> Self {
        self.producer.push((key.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Where one instance keeps what it must remember between its lives (heliostat only).
    #[must_use]
    pub fn state_folder(self, folder: &Path) -> Self {
        self.argument("--state.dir")
            .argument(&folder.display().to_string())
    }

    /// Writes the consumer's and the producer's file.
    pub fn write_files(&self) -> Result<(PathBuf, PathBuf)> {
        // The first consumer has words of its own.
        let (place, reset) = match &self.zookeeper {
            Some(connect) => (("zookeeper.connect", connect), "smallest"),
            None => (("bootstrap.servers", &self.source), "earliest"),
        };
        let given = [
            place,
            ("group.id", &self.group),
            ("auto.offset.reset", &reset.to_owned()),
        ];
        let consumer = write_properties("consumer", &given, &self.consumer)?;
        let producer = write_properties("producer", &[("bootstrap.servers", &self.target)], &self.producer)?;
        Ok((consumer, producer))
    }

    /// Writes both files and gives the flags of `MirrorMaker` 1 that name them.
    pub fn command_line(&self) -> Result<Vec<String>> {
        let (consumer, producer) = self.write_files()?;
        let flags = [
            ("--consumer.config", consumer.display().to_string()),
            ("--producer.config", producer.display().to_string()),
            ("--whitelist", self.whitelist.clone()),
            ("--num.streams", self.streams.to_string()),
        ];
        let mut line: Vec<String> = flags
            .into_iter()
            .flat_map(|(flag, value)| [flag.to_owned(), value])
            .collect();
        line.extend(self.arguments.iter().cloned());
        Ok(line)
    }
}

fn write_properties(name: &str, given: &[(&str, &String)], more: &[(String, String)]) -> Result<PathBuf> {
    let mut text = String::new();
    let more = more.iter().map(|(key, value)| (key.as_str(), value));
    for (key, value) in given.iter().copied().chain(more) {
        writeln!(text, "{key}={value}").expect("invariant: writing to a String cannot fail");
    }
    let path = scratch::path(name)?.with_extension("properties");
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
