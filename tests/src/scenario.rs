//! A scenario: one test's own corner of a pair of clusters. Its topics carry its name, so that many scenarios share two clusters.

use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result, anyhow, bail};

use crate::admin::{Admin, Isolation};
use crate::cluster::{Cluster, ClusterOptions};
use crate::jars::{self, KafkaVersion};
use crate::mirroring::Mirroring;
use crate::oracle::{self, Agreement, Rule};
use crate::produce::Producer;
use crate::raw::{self, Entry};

/// All topics of all scenarios begin with this; any other topic on a target is one that nobody should have made.
const FAMILY: &str = "it-";

/// The two clusters that the scenarios of one test binary share.
#[derive(Debug)]
pub struct SharedClusters {
    pub source: Cluster,
    pub target: Cluster,
}

/// One side as a scenario sees it.
#[derive(Debug, Clone)]
pub struct Side {
    pub bootstrap: String,
    pub version: &'static str,
    admin: Admin,
}

/// A scenario's view of its source and target.
#[derive(Debug, Clone)]
pub struct World {
    pub source: Side,
    pub target: Side,
    prefix: String,
}

/// Runs a scenario on the shared clusters (3.9.2 to 4.3.0, one broker each); a failure panics with all its causes.
pub fn scenario(name: &str, run: impl FnOnce(&World) -> Result<()>) {
    settle(
        name,
        SharedClusters::of_this_process()
            .and_then(|shared| run(&World::between(name, &shared.source, &shared.target))),
    );
}

/// As [`scenario`], for one that starts clusters of its own.
pub fn lone_scenario(name: &str, run: impl FnOnce() -> Result<()>) {
    settle(name, run());
}

/// Says what a scenario measured; shown with `--nocapture`, and when it fails.
#[expect(clippy::print_stdout, reason = "a test's own output")]
pub fn report(text: &str) {
    println!("{text}");
}

fn settle(name: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        panic!("scenario {name}: {error:?}");
    }
}

// === impl SharedClusters ===

impl SharedClusters {
    /// Started at the first call, side by side; gone with the process.
    pub fn of_this_process() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<SharedClusters, String>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            start_pair(jars::V3_9_2, jars::V4_3_0, &ClusterOptions::default())
                .map(|(source, target)| Self { source, target })
                .map_err(|error| format!("{error:?}"))
        });
        match shared {
            Ok(shared) => Ok(shared),
            Err(error) => bail!("the shared clusters did not start: {error}"),
        }
    }
}

/// Starts two clusters at the same time.
pub fn start_pair(source: &str, target: &str, options: &ClusterOptions) -> Result<(Cluster, Cluster)> {
    thread::scope(|scope| {
        let source = scope.spawn(|| Cluster::start(source, options));
        let target = Cluster::start(target, options).context("the target")?;
        let source = source
            .join()
            .map_err(|panic| anyhow!("starting the source panicked: {panic:?}"))?
            .context("the source")?;
        Ok((source, target))
    })
}

// === impl Side ===

impl Side {
    pub fn of(cluster: &Cluster) -> Self {
        Self {
            bootstrap: cluster.bootstrap(),
            version: cluster.version,
            admin: cluster.admin(),
        }
    }

    pub fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// See [`Cluster::producer`].
    pub fn producer(&self, properties: &[(&str, &str)]) -> Result<Producer> {
        Producer::open_for(self.version, &self.bootstrap, properties)
    }

    /// The first 4 MiB of each of the topic's partitions as they lie in the log; all partitions are led by the first broker.
    pub fn stored_entries(&self, topic: &str) -> Result<Vec<Entry>> {
        let fetch = if KafkaVersion::find(self.version)?.predates_record_batches() {
            raw::fetch_message_set
        } else {
            raw::fetch
        };
        let (broker, _) = self.bootstrap.split_once(',').unwrap_or((&self.bootstrap, ""));
        let mut entries = Vec::new();
        let partitions = self.admin().describe_topic(topic)?.partitions.len();
        for partition in 0..i32::try_from(partitions)? {
            entries.extend(raw::entries(&fetch(broker, topic, partition, 0, 4 << 20)?));
        }
        Ok(entries)
    }
}

// === impl World ===

impl World {
    pub fn between(name: &str, source: &Cluster, target: &Cluster) -> Self {
        Self {
            source: Side::of(source),
            target: Side::of(target),
            // No scenario's name has an underscore, so none is the beginning of another.
            prefix: format!("{FAMILY}{name}_"),
        }
    }

    /// The scenario's topic of this name.
    pub fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// All of the scenario's topics on the source.
    pub fn topics(&self) -> Result<Vec<String>> {
        self.own_topics(&self.source)
    }

    fn own_topics(&self, side: &Side) -> Result<Vec<String>> {
        let mut topics = side.admin().topics()?;
        topics.retain(|topic| topic.starts_with(&self.prefix));
        Ok(topics)
    }

    /// The scenario's consumer group.
    pub fn group(&self) -> String {
        format!("{}group", self.prefix)
    }

    /// All of the scenario's topics, from the source to the target.
    pub fn mirroring(&self) -> Mirroring {
        let whitelist = format!("{}.*", self.prefix);
        Mirroring::new(
            &self.source.bootstrap,
            &self.target.bootstrap,
            &self.group(),
            &whitelist,
        )
    }

    /// Compares all that a reader sees on both sides.
    pub fn compare(&self, rule: &Rule) -> Result<Agreement> {
        self.compare_at(Isolation::ReadUncommitted, rule)
    }

    /// As [`World::compare`], the source read at the mirror's isolation level.
    pub fn compare_at(&self, isolation: Isolation, rule: &Rule) -> Result<Agreement> {
        let topics = self.topics()?;
        let source = self
            .source
            .admin()
            .dump(&topics, isolation)
            .context("reading the source")?;
        let target_topics = self.own_topics(&self.target)?;
        let target = self
            .target
            .admin()
            .dump(&target_topics, Isolation::ReadUncommitted);
        let target = target.context("reading the target")?;
        let mut rule = rule.clone();
        rule.scope.clone_from(&self.prefix);
        FAMILY.clone_into(&mut rule.family);
        let mirrored: Vec<String> = topics
            .iter()
            .map(|topic| rule.target_topic(topic).to_owned())
            .collect();
        rule.empty_topics.extend(mirrored);
        Ok(oracle::compare(&source, &target, &rule)?)
    }
}
