//! A Kafka cluster of one to three brokers on loopback ports, of any version of the table.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::admin::Admin;
use crate::archives;
use crate::broker::{Broker, Launch, START_LIMIT};
use crate::java::{self, Archive, Jvm};
use crate::ports::{self, Port};
use crate::process::Signal;
use crate::server_properties::ServerProperties;
use crate::tool::{self, Tool, tool};
use crate::{cache, key_store, scratch, wait};

/// What a cluster is made of. `..Default::default()` is one broker with the kit's settings.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    pub brokers: usize,
    /// Nothing is set but node ids, listeners, the quorum and the data folder. Needs three brokers: Kafka's own default is replication
    /// factor 3 for its internal topics.
    pub stock: bool,
    /// Every broker has a second listener, which speaks TLS: [`Broker::tls_address`].
    pub tls: bool,
    /// Lines added to every `server.properties`.
    pub overrides: Vec<(String, String)>,
    pub heap_mb: u32,
}

/// A running cluster. Dropping it kills the brokers and removes their data.
#[derive(Debug)]
pub struct Cluster {
    pub version: &'static str,
    brokers: Vec<Broker>,
    folder: PathBuf,
}

// === impl ClusterOptions ===

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            brokers: 1,
            stock: false,
            tls: false,
            overrides: Vec::new(),
            heap_mb: 512,
        }
    }
}

impl ClusterOptions {
    /// Three brokers on Kafka's own settings.
    pub fn stock() -> Self {
        Self {
            brokers: 3,
            stock: true,
            ..Self::default()
        }
    }

    /// The brokers ask for rights; everything is allowed where nothing is said ([`Admin::allow_only_on_topic`] says something).
    #[must_use]
    pub fn with_authorizer(self) -> Self {
        self.with(
            "authorizer.class.name",
            "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        )
        .with("allow.everyone.if.no.acl.found", "true")
    }

    /// Adds a line to every `server.properties`.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.overrides.push((key.to_owned(), value.to_owned()));
        self
    }
}

// === impl Cluster ===

impl Cluster {
    /// Starts a cluster and waits until every broker is registered and serves.
    pub fn start(version: &str, options: &ClusterOptions) -> Result<Self> {
        let jvm = Jvm::of(version)?;
        let (archive, _) = java::archive_paths(&archives::folder(&jvm)?);
        let cluster = Self::launch(&jvm, options, &Archive::Use(archive))?;
        cluster.wait_until_serving(tool()?)?;
        Ok(cluster)
    }

    pub(crate) fn launch(jvm: &Jvm, options: &ClusterOptions, archive: &Archive) -> Result<Self> {
        let version = jvm.jars.version;
        if version.needs_zookeeper {
            bail!(
                "brokers of {} need ZooKeeper, which the kit cannot start yet",
                version.number
            );
        }
        if !(1..=3).contains(&options.brokers) || (options.stock && options.brokers != 3) {
            bail!(
                "a cluster has one to three brokers, a stock one three; asked for {}",
                options.brokers
            );
        }
        let folder = scratch::path(&format!("cluster-{}", version.number))?;
        let ports = (0..options.brokers)
            .map(|_| Ok([ports::reserve()?, ports::reserve()?, ports::reserve()?]))
            .collect::<Result<Vec<[Port; 3]>>>()?;
        let controller_ports: Vec<u16> = ports.iter().map(|[_, controller, _]| controller.number).collect();
        let key_store = options.tls.then(key_store::of_brokers).transpose()?;
        let cluster_id = new_cluster_id();
        let mut brokers = Vec::new();
        for (node, [port, controller_port, tls_port]) in (1..).zip(ports) {
            let launch = Launch {
                jvm: jvm.clone(),
                archive: archive.clone(),
                cluster_id: cluster_id.clone(),
                properties: folder.join(format!("broker-{node}.properties")),
                data: folder.join(format!("{node}")).join(scratch::DATA_FOLDER),
                heap_mb: options.heap_mb,
            };
            fs::create_dir_all(&launch.data)
                .with_context(|| format!("cannot create {}", launch.data.display()))?;
            let text = ServerProperties {
                node,
                port: port.number,
                controller_ports: &controller_ports,
                data: &launch.data,
                tls: key_store.as_deref().map(|path| (tls_port.number, path)),
                stock: options.stock,
                overrides: &options.overrides,
            }
            .text();
            fs::write(&launch.properties, text)
                .with_context(|| format!("cannot write {}", launch.properties.display()))?;
            let address = format!("127.0.0.1:{}", port.number);
            brokers.push(Broker {
                node,
                address,
                tls_address: options.tls.then(|| format!("127.0.0.1:{}", tls_port.number)),
                launch,
                process: None,
                _ports: [port, controller_port, tls_port],
            });
        }
        let mut cluster = Self {
            version: version.number,
            brokers,
            folder,
        };
        for broker in &mut cluster.brokers {
            broker.spawn()?;
        }
        for broker in &mut cluster.brokers {
            broker.wait_until_started(1)?;
        }
        Ok(cluster)
    }

    pub(crate) fn wait_until_serving(&self, tool: &Tool) -> Result<()> {
        let wanted = self
            .brokers
            .iter()
            .filter(|broker| broker.process.is_some())
            .count();
        let bootstrap = self.bootstrap();
        wait::wait_until("all brokers are registered", START_LIMIT, || {
            let cluster = tool.call("describe_cluster", json!({"bootstrap": bootstrap}))?;
            Ok(cluster["nodes"]
                .as_array()
                .is_some_and(|nodes| nodes.len() >= wanted))
        })
        .with_context(|| format!("logs are in {}", self.folder.display()))
    }

    /// For `bootstrap.servers`: all brokers, running or not.
    pub fn bootstrap(&self) -> String {
        self.brokers
            .iter()
            .map(|broker| broker.address.as_str())
            .collect::<Vec<_>>()
            .join(",")
    }

    pub fn admin(&self) -> Admin {
        Admin::new(&self.bootstrap())
    }

    pub fn broker_count(&self) -> usize {
        self.brokers.len()
    }

    /// The broker of this node id (from 1).
    pub fn broker(&mut self, node: usize) -> &mut Broker {
        &mut self.brokers[node - 1]
    }

    /// SIGTERM to all brokers; waits until all have ended.
    pub fn stop(&mut self) -> Result<()> {
        for broker in &self.brokers {
            broker.signal(Signal::Term)?;
        }
        // Controllers that lose their quorum do not always end in an orderly way: together they need a push.
        for broker in &mut self.brokers {
            broker
                .wait_until_ended(Duration::from_secs(15))
                .or_else(|_| broker.kill())?;
        }
        Ok(())
    }

    /// Starts all brokers again, on the same ports and data.
    pub fn restart(&mut self) -> Result<()> {
        let mut starts = Vec::new();
        for broker in &mut self.brokers {
            starts.push(broker.starts_logged());
            broker.spawn()?;
        }
        for (broker, before) in self.brokers.iter_mut().zip(starts) {
            broker.wait_until_started(before + 1)?;
        }
        self.wait_until_serving(tool()?)
    }

    /// Waits until every replica of `topic` is in sync.
    pub fn wait_in_sync(&self, topic: &str) -> Result<()> {
        let admin = self.admin();
        wait::wait_until(
            &format!("all replicas of {topic} are in sync"),
            START_LIMIT,
            || {
                let partitions = admin.describe_topic(topic)?.partitions;
                Ok(partitions
                    .iter()
                    .all(|partition| partition.in_sync.len() == partition.replicas.len()))
            },
        )
    }

    /// Where the brokers' logs are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for broker in &mut self.brokers {
            broker.process = None;
            fs::remove_dir_all(&broker.launch.data).ok();
        }
        // Else the tool's client would go on looking for the brokers.
        if let Some(tool) = tool::running() {
            tool.call("forget", json!({"bootstrap": self.bootstrap()})).ok();
        }
    }
}

/// 22 characters of URL-safe base64: what Kafka takes for a cluster id.
fn new_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bits = cache::fingerprint(&[
        &now.to_le_bytes(),
        &std::process::id().to_le_bytes(),
        &count.to_le_bytes(),
    ]);
    // The first and the last character carry fixed bits: no leading minus, no stray bits after the 16th byte.
    let mut id = String::from("H");
    for _ in 0..20 {
        id.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits = bits.rotate_right(6).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    id.push('A');
    id
}
