//! A Kafka cluster of one to three brokers on loopback ports, of any version of the table.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::admin::Admin;
use crate::archives;
use crate::broker::{Broker, Identity, Launch, START_LIMIT};
use crate::cluster_id::new_cluster_id;
use crate::java::{self, Archive, Jvm};
use crate::ports::{self, Port};
use crate::process::Signal;
use crate::produce::Producer;
use crate::server_properties::{Quorum, ServerProperties};
use crate::tool::{self, Tool, tool};
use crate::znodes::Znodes;
use crate::zookeeper::{self, ZooKeeper};
use crate::{key_store, scratch, wait};

/// Where a cluster with a ZooKeeper of its own keeps its znodes.
const CHROOT: &str = "/kafka";

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
    /// How many servers the cluster's own ZooKeeper has, 1 or 3. Versions without ZooKeeper do not look at it.
    pub zookeeper_servers: usize,
}

/// A running cluster. Dropping it kills the brokers, and the ZooKeeper if it is their own, and removes their data.
#[derive(Debug)]
pub struct Cluster {
    pub version: &'static str,
    jvm: Jvm,
    archive: Archive,
    options: ClusterOptions,
    brokers: Vec<Broker>,
    folder: PathBuf,
    registry: Option<Registry>,
}

/// Where the brokers of a cluster with ZooKeeper find each other.
#[derive(Debug)]
pub(crate) struct Registry {
    /// With the chroot.
    connect: String,
    /// `None`: it is somebody else's.
    own: Option<ZooKeeper>,
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
            zookeeper_servers: 1,
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
    /// Starts a cluster, with a ZooKeeper of its own where the version needs one, and waits until every broker is registered and serves.
    pub fn start(version: &str, options: &ClusterOptions) -> Result<Self> {
        let jvm = Jvm::of(version)?;
        let (archive, _) = java::archive_paths(&archives::folder(&jvm)?);
        let registry = jvm.jars.version.needs_zookeeper.then(|| Registry::own(options));
        Self::started(&jvm, options, archive, registry.transpose()?)
    }

    /// Starts a cluster whose brokers register below `chroot` (`/name`) of this ZooKeeper, which others may use, too.
    pub fn start_on(
        version: &str,
        options: &ClusterOptions,
        zookeeper: &ZooKeeper,
        chroot: &str,
    ) -> Result<Self> {
        let jvm = Jvm::of(version)?;
        let (archive, _) = java::archive_paths(&archives::folder(&jvm)?);
        let registry = Registry {
            connect: format!("{}{chroot}", zookeeper.connect()),
            own: None,
        };
        Self::started(&jvm, options, archive, Some(registry))
    }

    fn started(
        jvm: &Jvm,
        options: &ClusterOptions,
        archive: PathBuf,
        registry: Option<Registry>,
    ) -> Result<Self> {
        let cluster = Self::launch(jvm, options, &Archive::Use(archive), registry)?;
        cluster.wait_until_serving(tool()?)?;
        Ok(cluster)
    }

    pub(crate) fn launch(
        jvm: &Jvm,
        options: &ClusterOptions,
        archive: &Archive,
        registry: Option<Registry>,
    ) -> Result<Self> {
        let version = jvm.jars.version;
        if !(1..=3).contains(&options.brokers) || (options.stock && options.brokers != 3) {
            bail!(
                "a cluster has one to three brokers, a stock one three; asked for {}",
                options.brokers
            );
        }
        if registry.is_some() != version.needs_zookeeper {
            bail!(
                "brokers of {} cannot be started like this: those up to 3.2 need ZooKeeper, later ones have none here",
                version.number
            );
        }
        if options.tls && registry.is_some() {
            bail!("the kit gives a TLS listener only to brokers without ZooKeeper");
        }
        let folder = scratch::path(&format!("cluster-{}", version.number))?;
        let mut cluster = Self {
            version: version.number,
            jvm: jvm.clone(),
            archive: archive.clone(),
            options: options.clone(),
            brokers: Vec::new(),
            folder,
            registry,
        };
        let ports = (0..options.brokers)
            .map(|_| reserve_ports())
            .collect::<Result<Vec<_>>>()?;
        let controllers: Vec<u16> = ports.iter().map(|[_, controller, _]| controller.number).collect();
        let cluster_id = new_cluster_id();
        for (node, ports) in (1..).zip(ports) {
            let broker = cluster.prepare_broker(node, ports, &controllers, &cluster_id)?;
            cluster.brokers.push(broker);
        }
        for broker in &mut cluster.brokers {
            broker.spawn()?;
        }
        for broker in &mut cluster.brokers {
            broker.wait_until_started(1)?;
        }
        Ok(cluster)
    }

    /// Writes a broker's files.
    fn prepare_broker(
        &self,
        node: usize,
        ports: [Port; 3],
        controllers: &[u16],
        cluster_id: &str,
    ) -> Result<Broker> {
        let key_store = self.options.tls.then(key_store::of_brokers).transpose()?;
        let (identity, quorum) = match &self.registry {
            Some(registry) => (
                Identity::ZooKeeper(Znodes::new(&registry.connect)),
                Quorum::ZooKeeper(&registry.connect),
            ),
            None => (
                Identity::ClusterId(cluster_id.to_owned()),
                Quorum::Controllers(controllers),
            ),
        };
        let launch = Launch {
            jvm: self.jvm.clone(),
            archive: self.archive.clone(),
            identity,
            properties: self.folder.join(format!("broker-{node}.properties")),
            data: self.folder.join(format!("{node}")).join(scratch::DATA_FOLDER),
            heap_mb: self.options.heap_mb,
        };
        fs::create_dir_all(&launch.data)
            .with_context(|| format!("cannot create {}", launch.data.display()))?;
        let [port, _, tls_port] = &ports;
        let text = ServerProperties {
            node,
            port: port.number,
            brokers: self.options.brokers,
            quorum,
            data: &launch.data,
            tls: key_store.as_deref().map(|path| (tls_port.number, path)),
            stock: self.options.stock,
            overrides: &self.options.overrides,
        }
        .text();
        fs::write(&launch.properties, text)
            .with_context(|| format!("cannot write {}", launch.properties.display()))?;
        Ok(Broker {
            node,
            address: format!("127.0.0.1:{}", port.number),
            tls_address: self.options.tls.then(|| format!("127.0.0.1:{}", tls_port.number)),
            launch,
            process: None,
            _ports: ports,
        })
    }

    /// Adds a broker with the next node id to a running cluster with ZooKeeper, and waits until it serves. It gets no partition by itself.
    pub fn add_broker(&mut self) -> Result<usize> {
        if self.registry.is_none() {
            bail!("a cluster without ZooKeeper has fixed controllers here: no broker can be added");
        }
        let node = self.brokers.iter().map(|broker| broker.node).max().unwrap_or(0) + 1;
        let mut broker = self.prepare_broker(node, reserve_ports()?, &[], "")?;
        broker.spawn()?;
        broker.wait_until_started(1)?;
        self.brokers.push(broker);
        self.wait_until_serving(tool()?)?;
        Ok(node)
    }

    /// Stops a broker of a cluster with ZooKeeper for good; its partitions are not given to others.
    pub fn remove_broker(&mut self, node: usize) -> Result<()> {
        if self.registry.is_none() {
            bail!("a cluster without ZooKeeper has fixed controllers here: no broker can be taken away");
        }
        let mut broker = self.brokers.remove(self.index(node));
        broker.stop()?;
        fs::remove_dir_all(&broker.launch.data).ok();
        broker.wait_until_forgotten()
    }

    fn index(&self, node: usize) -> usize {
        self.brokers
            .iter()
            .position(|broker| broker.node == node)
            .unwrap_or_else(|| panic!("the cluster has no broker {node}"))
    }

    /// The cluster's own ZooKeeper; none where the version has none, or where it is somebody else's.
    pub fn zookeeper(&mut self) -> Option<&mut ZooKeeper> {
        self.registry.as_mut()?.own.as_mut()
    }

    /// For `zookeeper.connect`, with the chroot; none where the version has no ZooKeeper.
    pub fn zookeeper_connect(&self) -> Option<String> {
        Some(self.registry.as_ref()?.connect.clone())
    }

    /// What the cluster, and old consumers of it, keep in ZooKeeper.
    pub fn znodes(&self) -> Result<Znodes> {
        let connect = self
            .zookeeper_connect()
            .with_context(|| format!("a cluster of {} has no ZooKeeper here", self.version))?;
        Ok(Znodes::new(&connect))
    }

    /// A Java producer that this cluster's brokers and topics take records from: message formats before v2 have no room for an idempotent one,
    /// which is Java's default today.
    pub fn producer(&self, properties: &[(&str, &str)]) -> Result<Producer> {
        Producer::open_for(self.version, &self.bootstrap(), properties)
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
        let admin = Admin::new(&self.bootstrap());
        match &self.registry {
            Some(registry) if self.jvm.jars.version.predates_record_batches() => {
                admin.with_zookeeper(&registry.connect)
            }
            _ => admin,
        }
    }

    pub fn broker_count(&self) -> usize {
        self.brokers.len()
    }

    /// The broker of this node id (from 1).
    pub fn broker(&mut self, node: usize) -> &mut Broker {
        let index = self.index(node);
        &mut self.brokers[index]
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
            broker.wait_until_forgotten()?;
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
        if let Some(connect) = self.zookeeper_connect() {
            zookeeper::forget(&connect);
        }
    }
}

// === impl Registry ===

impl Registry {
    pub(crate) fn own(options: &ClusterOptions) -> Result<Self> {
        let zookeeper = ZooKeeper::start(options.zookeeper_servers)?;
        Ok(Self {
            connect: format!("{}{CHROOT}", zookeeper.connect()),
            own: Some(zookeeper),
        })
    }
}

/// For the clients, for a controller and for TLS.
fn reserve_ports() -> Result<[Port; 3]> {
    Ok([ports::reserve()?, ports::reserve()?, ports::reserve()?])
}
