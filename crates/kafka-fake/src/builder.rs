//! How a cluster is described before it starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use kafka_record::CodecContexts;
use kafka_wire::{ApiKey, NodeId, TopicId, VersionRange};

use crate::clock::Clock;
use crate::cluster::FakeCluster;
use crate::coordinators::Coordinators;
use crate::error::FakeError;
use crate::fetch_session::FetchSessions;
use crate::network::{MemoryNetwork, Network};
use crate::random::Random;
use crate::release::KafkaRelease;
use crate::settings::ConfigMap;
use crate::shared::Shared;
use crate::state::{Broker, State};

/// The port of brokers on a memory network.
const MEMORY_PORT: u16 = 9092;

/// Describes a cluster. Start it with [`start_tcp`](Self::start_tcp) or [`start_memory`](Self::start_memory).
#[derive(Debug, Clone)]
pub struct FakeClusterBuilder {
    name: String,
    brokers: i32,
    first_broker_id: i32,
    cluster_id: Option<String>,
    release: KafkaRelease,
    caps: BTreeMap<ApiKey, Option<VersionRange>>,
    settings: ConfigMap,
    ports: Vec<u16>,
    advertised_host: Option<String>,
    seed: u64,
    wall_clock_ms: Option<i64>,
}

// === impl FakeClusterBuilder ===

impl FakeClusterBuilder {
    pub(crate) fn new() -> Self {
        // Group members should not wait for others who will not come, and no replica is missing by default.
        let settings = [
            ("group.initial.rebalance.delay.ms", "0"),
            ("default.replication.factor", "1"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self {
            name: "fake".to_owned(),
            brokers: 1,
            first_broker_id: 1,
            cluster_id: None,
            release: KafkaRelease::default(),
            caps: BTreeMap::new(),
            settings: settings.into_iter().map(owned).collect(),
            ports: Vec::new(),
            advertised_host: None,
            seed: 0,
            wall_clock_ms: None,
        }
    }

    /// The name its hosts have on a memory network: broker 1 of `source` is `source-1:9092`.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// How many brokers (1).
    #[must_use]
    pub fn brokers(mut self, brokers: u16) -> Self {
        self.brokers = i32::from(brokers).max(1);
        self
    }

    /// The id of the first broker (1); the others follow.
    #[must_use]
    pub fn first_broker_id(mut self, id: u16) -> Self {
        self.first_broker_id = i32::from(id);
        self
    }

    /// What the cluster calls itself; drawn from the seed otherwise.
    #[must_use]
    pub fn cluster_id(mut self, id: &str) -> Self {
        self.cluster_id = Some(id.to_owned());
        self
    }

    /// Which Kafka it imitates (4.1).
    #[must_use]
    pub fn release(mut self, release: KafkaRelease) -> Self {
        self.release = release;
        self
    }

    /// Serves only these versions of an API, as far as the release has them; `None` serves none.
    #[must_use]
    pub fn cap(mut self, api: ApiKey, versions: Option<VersionRange>) -> Self {
        self.caps.insert(api, versions);
        self
    }

    /// A setting of all brokers, by the brokers' name for it: `message.max.bytes`, `num.partitions`, ...
    #[must_use]
    pub fn setting(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.settings.insert(name.to_owned(), value.to_string());
        self
    }

    /// Partitions of a topic that does not say (1).
    #[must_use]
    pub fn default_partitions(self, partitions: u16) -> Self {
        self.setting("num.partitions", &partitions)
    }

    /// Replicas of a topic that does not say (1).
    #[must_use]
    pub fn default_replication_factor(self, factor: u16) -> Self {
        self.setting("default.replication.factor", &factor)
    }

    /// May a question about a topic create it (yes)?
    #[must_use]
    pub fn auto_create_topics(self, may: bool) -> Self {
        self.setting("auto.create.topics.enable", &may)
    }

    /// The TCP ports of the brokers, in the order of their ids; those without one get a free port.
    #[must_use]
    pub fn ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.ports = ports.into_iter().collect();
        self
    }

    /// What the brokers call their host on TCP, wherever they listen (127.0.0.1).
    #[must_use]
    pub fn advertised_host(mut self, host: &str) -> Self {
        self.advertised_host = Some(host.to_owned());
        self
    }

    /// Where random ids come from (0).
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the wall clock shows at the start, in ms since 1970; it moves with tokio's clock. The machine's otherwise.
    #[must_use]
    pub fn wall_clock_ms(mut self, now: i64) -> Self {
        self.wall_clock_ms = Some(now);
        self
    }

    /// Starts the brokers on the loopback address.
    ///
    /// # Errors
    /// [`FakeError::Listen`] if a port is taken.
    pub async fn start_tcp(self) -> Result<FakeCluster, FakeError> {
        self.start(Network::Tcp).await
    }

    /// Starts the brokers on a network of pipes.
    ///
    /// # Errors
    /// [`FakeError::Listen`] if another cluster of this name listens there.
    pub async fn start_memory(self, network: &MemoryNetwork) -> Result<FakeCluster, FakeError> {
        self.start(Network::Memory(network.clone())).await
    }

    async fn start(self, network: Network) -> Result<FakeCluster, FakeError> {
        let mut random = Random::new(self.seed);
        let cluster_id = self.cluster_id.clone();
        let state = State {
            cluster_id: cluster_id.unwrap_or_else(|| TopicId(random.uuid()).to_string()),
            release: self.release,
            brokers: self.broker_table(&network),
            topics: BTreeMap::new(),
            topic_names: BTreeMap::new(),
            configs: self.settings.clone(),
            random,
            codecs: CodecContexts::new(),
            coordinators: Coordinators::new(&self.settings, self.release.transaction_version(), self.seed),
        };
        let shared = Shared::new(Clock::new(self.wall_clock_ms), self.versions(), state);
        let cluster = FakeCluster::new(Arc::new(shared), network, Arc::new(AtomicU64::new(0)));
        for broker in cluster.brokers() {
            cluster.start_broker(broker).await?;
        }
        Ok(cluster)
    }

    fn versions(&self) -> BTreeMap<ApiKey, VersionRange> {
        let capped = |(api, range): (ApiKey, VersionRange)| match self.caps.get(&api) {
            Some(Some(cap)) => Some((api, range.intersect(*cap)?)),
            Some(None) => None,
            None => Some((api, range)),
        };
        self.release.apis().filter_map(capped).collect()
    }

    fn broker_table(&self, network: &Network) -> BTreeMap<NodeId, Broker> {
        let ids = self.first_broker_id..self.first_broker_id + self.brokers;
        let mut ports = self.ports.iter().copied();
        let broker = |id: i32| {
            let (host, port) = match network {
                Network::Tcp => {
                    let host = self.advertised_host.as_deref().unwrap_or("127.0.0.1");
                    (host.to_owned(), ports.next().unwrap_or(0))
                }
                Network::Memory(_) => (format!("{}-{id}", self.name), MEMORY_PORT),
            };
            let broker = Broker {
                host,
                port,
                is_up: false,
                sessions: FetchSessions::default(),
            };
            (NodeId(id), broker)
        };
        ids.map(broker).collect()
    }
}
