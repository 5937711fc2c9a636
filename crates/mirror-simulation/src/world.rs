//! Two embedded clusters, the mirrors between them, and everything one can do to either.
//!
//! ```no_run
//! # use mirror_simulation::{World, WorldSettings};
//! # use mirror_oracle::{Record, Rule};
//! # use std::time::Duration;
//! mirror_simulation::run(async {
//!     let mut world = World::start(WorldSettings::default()).await?;
//!     world.source.create_topic("orders", 3, &[])?;
//!     let mirror = world.start_mirror()?;
//!     world.write(&[Record::new("orders").partition(0).timestamp(world.wall_clock_ms()).value("one")])?;
//!     world.until_caught_up(Duration::from_secs(30)).await?;
//!     world.kill_mirror(mirror).await;
//!     world.compare(&Rule::preserve())?;
//!     anyhow::Ok(())
//! }).unwrap();
//! ```
//! Faults are ordered on [`World::source`] and [`World::target`] themselves (`intercept`, `crash_broker`, ..). Time only passes
//! where something is awaited: [`World::until`], [`World::pass`].

mod mirrors;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use kafka_client::Network;
use kafka_fake::{FakeCluster, FakeClusterBuilder, MemoryNetwork};
use kafka_record::Codec;
use mirror_config::{Config, Environment, daemon_file};
use mirror_core::status::ProcessStatus;
use mirror_oracle::{Agreement, Dump, Record, Rule};
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::batch::{self, BatchShape};
use crate::dump::{self, Isolation};
use crate::instance::{Instance, InstanceNetwork, Watcher};
use crate::trace::Trace;
use mirrors::RunningMirror;

/// What the clusters' wall clocks show when a world begins: 2100-01-01T00:00:00Z, in ms since 1970.
///
/// The few times that a mirror writes by the machine's own clock lie before it, in every year these tests may be run in:
/// brokers take records from the past and refuse those from the future (KIP-1030).
pub const WALL_CLOCK_START_MS: i64 = 4_102_444_800_000;

/// The topic that holds positions unless a configuration names another.
pub const POSITIONS_TOPIC: &str = "heliostat-positions";

/// How often a condition is looked at, in a time that costs nothing.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Changes a configuration after it was read, where the file has no key.
pub type Adjust = Arc<dyn Fn(&mut Config) + Send + Sync>;

/// What a world is made of.
#[derive(Clone)]
pub struct WorldSettings {
    pub source: FakeClusterBuilder,
    pub target: FakeClusterBuilder,
    /// Lines of `[[flows]]` in `heliostat.toml`, behind `from`, `to` and `topics = [".*"]`.
    pub flow: String,
    /// Other sections of the file, as `[memory]`.
    pub sections: String,
    pub adjust: Adjust,
    /// What [`World::compare`] expects of transactions; the flow must read the same.
    pub isolation: Isolation,
    /// Sees each request of a mirror right before its broker can: `(host:port, frame without its length)`.
    pub watcher: Arc<Watcher>,
}

/// See the module. Dropping it ends everything.
pub struct World {
    pub source: Arc<FakeCluster>,
    pub target: Arc<FakeCluster>,
    /// What the clusters listen on.
    pub network: MemoryNetwork,
    settings: WorldSettings,
    state: TempDir,
    mirrors: BTreeMap<u32, RunningMirror>,
    mirrors_seen: u32,
    ended: Vec<ProcessStatus>,
    trace: Trace,
    began: Instant,
}

// === impl WorldSettings ===

/// A source of three brokers and a target of two, two replicas each, no topic made by asking for it.
impl Default for WorldSettings {
    fn default() -> Self {
        let cluster = |name: &str, brokers, seed| {
            FakeCluster::builder()
                .name(name)
                .cluster_id(name)
                .brokers(brokers)
                .default_replication_factor(2)
                .auto_create_topics(false)
                .wall_clock_ms(WALL_CLOCK_START_MS)
                .seed(seed)
        };
        Self {
            source: cluster("source", 3, 1),
            target: cluster("target", 2, 2),
            flow: String::new(),
            sections: String::new(),
            adjust: Arc::new(|_config| ()),
            isolation: Isolation::ReadUncommitted,
            watcher: Arc::new(|_broker, _frame| ()),
        }
    }
}

impl fmt::Debug for WorldSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldSettings")
            .field("source", &self.source)
            .field("target", &self.target)
            .field("flow", &self.flow)
            .field("sections", &self.sections)
            .field("isolation", &self.isolation)
            .finish_non_exhaustive()
    }
}

// === impl World ===

impl World {
    /// Starts both clusters. No topics, no mirror.
    ///
    /// # Errors
    /// No scratch folder can be made.
    pub async fn start(settings: WorldSettings) -> Result<Self> {
        let network = MemoryNetwork::new();
        let source = settings.source.clone().start_memory(&network).await?;
        let target = settings.target.clone().start_memory(&network).await?;
        Ok(Self {
            source: Arc::new(source),
            target: Arc::new(target),
            network,
            settings,
            state: tempfile::tempdir()?,
            mirrors: BTreeMap::new(),
            mirrors_seen: 0,
            ended: Vec::new(),
            trace: Trace::new(),
            began: Instant::now(),
        })
    }

    /// Since the world began.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What the clusters' clocks show, in ms since 1970.
    pub fn wall_clock_ms(&self) -> i64 {
        WALL_CLOCK_START_MS + i64::try_from(self.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// What the mirrors sent so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// What a client of a test's own connects by; its requests are in no trace.
    pub fn client_network(&self) -> Network {
        let client = Instance::new(u32::MAX, self.network.clone(), Trace::new(), Arc::new(|_, _| ()));
        Network::Other(Arc::new(InstanceNetwork(client)))
    }

    /// Replaces the watcher of the mirrors that start from now on: one that needs the clusters.
    pub fn watch(&mut self, watcher: Arc<Watcher>) {
        self.settings.watcher = watcher;
    }

    /// What a mirror that starts now is told.
    ///
    /// # Errors
    /// The lines of the settings are no configuration.
    pub fn config(&self) -> Result<Config> {
        let list = |cluster: &FakeCluster| cluster.bootstrap().replace(',', "\", \"");
        let text = format!(
            "[clusters.source]\nbootstrap = [\"{}\"]\n[clusters.target]\nbootstrap = [\"{}\"]\n\
             [[flows]]\nfrom = \"source\"\nto = \"target\"\ntopics = [\".*\"]\n{}\n\
             [state]\ndir = \"{}\"\n{}\n",
            list(&self.source),
            list(&self.target),
            self.settings.flow,
            self.state.path().display(),
            self.settings.sections,
        );
        let resolved = daemon_file::resolve_text("heliostat.toml", &text, &Environment::default());
        let mut config = resolved
            .map_err(|errors| anyhow!("{:?}\n{text}", errors.0))?
            .config;
        (self.settings.adjust)(&mut config);
        Ok(config)
    }

    /// Replaces the lines of the flow for mirrors that start from now on.
    pub fn set_flow(&mut self, lines: &str) {
        lines.clone_into(&mut self.settings.flow);
    }

    /// Appends records to the source, each to its own partition, without compression; those of one partition are one batch.
    ///
    /// # Errors
    /// A record has no partition, or there is no such partition.
    pub fn write(&self, records: &[Record]) -> Result<()> {
        let mut batches: BTreeMap<(&str, i32), Vec<Record>> = BTreeMap::new();
        for record in records {
            let partition = record.partition.context("a record without a partition")?;
            let batch = batches.entry((&record.topic, partition)).or_default();
            batch.push(record.clone());
        }
        for ((topic, partition), records) in batches {
            self.append(topic, partition, &records, Codec::None)?;
        }
        Ok(())
    }

    /// Appends one batch to the source and answers its first offset.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn append(&self, topic: &str, partition: i32, records: &[Record], codec: Codec) -> Result<i64> {
        self.append_shaped(topic, partition, records, &BatchShape::of(codec))
    }

    /// As [`Self::append`]; the leader epoch is the partition's own whatever the shape says.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn append_shaped(
        &self,
        topic: &str,
        partition: i32,
        records: &[Record],
        shape: &BatchShape,
    ) -> Result<i64> {
        ensure!(
            !records.is_empty(),
            "a batch without records is not appended by a producer"
        );
        let log = self.source.log(topic, partition)?;
        let shape = BatchShape {
            leader_epoch: log.leader_epoch,
            ..*shape
        };
        let placed: Vec<_> = (log.end..).zip(records).collect();
        let last = log.end + i64::try_from(records.len())? - 1;
        let bytes = batch::encode(log.end, last, &placed, &shape);
        self.source.append_as_is(topic, partition, &bytes)?;
        Ok(log.end)
    }

    /// Lets time pass: for a fault that should last, never for a state.
    pub async fn pass(&self, time: Duration) {
        sleep(time).await;
    }

    /// Waits until `is_so`, looking every few (virtual) milliseconds.
    ///
    /// # Errors
    /// It is not so after `limit`; the error tells how the mirrors are.
    pub async fn until(
        &self,
        what: &str,
        limit: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Result<()> {
        let looking = async {
            while !is_so(self) {
                sleep(LOOK_EVERY).await;
            }
        };
        match timeout(limit, looking).await {
            Ok(()) => Ok(()),
            Err(_elapsed) => bail!("not within {limit:?}: {what}\n{}", self.describe_mirrors()),
        }
    }

    /// Waits until [`Self::is_caught_up`].
    ///
    /// # Errors
    /// As [`Self::until`].
    pub async fn until_caught_up(&self, limit: Duration) -> Result<()> {
        self.until("every partition is caught up", limit, Self::is_caught_up)
            .await
    }

    /// Has every partition of the source's topics, positions topics left out, been mirrored to its readable end, by the
    /// word of the process that owns it?
    pub fn is_caught_up(&self) -> bool {
        let acked = self.acked_offsets();
        source_topics(&self.source).into_iter().all(|topic| {
            let partitions = self.source.partition_count(&topic).unwrap_or(0);
            (0..i32::try_from(partitions).unwrap_or(i32::MAX)).all(|partition| {
                let Ok(log) = self.source.log(&topic, partition) else {
                    return false;
                };
                let end = match self.settings.isolation {
                    Isolation::ReadUncommitted => log.high_watermark,
                    Isolation::ReadCommitted => log.last_stable_offset,
                };
                acked
                    .get(&(topic.clone(), partition))
                    .is_some_and(|acked| *acked >= end)
            })
        })
    }

    /// What consumers would read from both sides now, positions topics left out.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn dumps(&self) -> Result<(Dump, Dump)> {
        let is_theirs = |topic: &str| !is_ours(topic);
        let source = dump::dump(&self.source, self.settings.isolation, is_theirs)?;
        let target = dump::dump(&self.target, Isolation::ReadUncommitted, is_theirs)?;
        Ok((source, target))
    }

    /// Is the target the mirror of the source? Topics of the source that hold no record may be on the target.
    ///
    /// # Errors
    /// The oracle's findings, in words.
    pub fn compare(&self, rule: &Rule) -> Result<Agreement> {
        let (source, target) = self.dumps()?;
        let mut rule = rule.clone();
        for topic in source.cluster_topics.iter().flatten() {
            let name = rule.target_topic(topic).to_owned();
            rule.empty_topics.insert(name);
        }
        mirror_oracle::compare(&source, &target, &rule).map_err(|mismatch| anyhow!("{mismatch}"))
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("source", &self.source)
            .field("target", &self.target)
            .field("elapsed", &self.elapsed())
            .finish_non_exhaustive()
    }
}

/// The topics a flow of `.*` mirrors.
pub(crate) fn source_topics(source: &FakeCluster) -> Vec<String> {
    let mut topics = source.topics();
    topics.retain(|topic| !is_ours(topic));
    topics
}

fn is_ours(topic: &str) -> bool {
    topic == POSITIONS_TOPIC || topic.starts_with("__")
}
