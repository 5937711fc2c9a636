//! A Kafka cluster as a client sees it: bootstrap servers, the brokers it named, and connections to them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use kafka_wire::api::metadata::MetadataResponse;
use kafka_wire::ids::NodeId;
use kafka_wire::request::Request;
use kafka_wire::version::BrokerVersions;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::address_map::AddressMap;
use crate::connection::{Connection, ConnectionSettings};
use crate::error::ClientError;
use crate::handshake::Handshakes;
use crate::metadata;
use crate::unreachable::{Unreachable, UnreachableBroker};

/// Where a cluster is and how to talk to it.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The name the cluster has in configuration, logs and errors; empty where there is only one.
    pub alias: String,
    /// `host:port` of the servers asked first, in the order they are tried.
    pub bootstrap: Vec<String>,
    /// Where to connect to in the place of what a broker advertises, or of a bootstrap server.
    pub addresses: AddressMap,
    pub connection: ConnectionSettings,
}

/// Finds the servers that are asked first where they are not written down.
pub trait FindServers: fmt::Debug + Send + Sync {
    /// Asked at the start, and again whenever no known broker answers.
    fn find(&self) -> Finding<'_>;
}

/// Servers that are being looked for, as `host:port`.
pub type Finding<'a> = Pin<Box<dyn Future<Output = Result<Vec<String>, ServersNotFound>> + Send + 'a>>;

/// Why none were found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServersNotFound {
    /// Nobody but the author of the configuration can mend it.
    pub is_mistake: bool,
    /// One sentence.
    pub reason: String,
}

/// A cluster whose brokers are known. Cheap to share; every method may be called from any task.
#[derive(Debug)]
pub struct Cluster {
    settings: ClusterSettings,
    /// In place of the settings' servers.
    finder: Option<Arc<dyn FindServers>>,
    known: Mutex<Known>,
    /// Connections for calls that are not the hot path, one per broker, opened on first use. Each has a lock of its
    /// own: a broker that does not answer keeps nobody from another.
    calls: Mutex<BTreeMap<NodeId, Arc<CallSlot>>>,
    /// The broker that answered last; whoever may ask any broker asks it first.
    answered_last: AtomicI32,
    handshakes: Handshakes,
    unreachable: Unreachable,
}

type CallSlot = tokio::sync::Mutex<Option<Arc<Connection>>>;

/// What the last metadata answer said about the cluster itself.
#[derive(Debug, Default, Clone)]
struct Known {
    addresses: BTreeMap<NodeId, String>,
    controller: Option<NodeId>,
    cluster_id: Option<String>,
}

// === impl Cluster ===

impl Cluster {
    /// Asks the bootstrap servers, one after the other, for the cluster's brokers.
    ///
    /// # Errors
    /// [`ClientError::NoBootstrap`] with the reason of each server if none answers.
    pub async fn connect(settings: ClusterSettings) -> Result<Self, ClientError> {
        Self::connect_with(settings, None).await
    }

    /// As [`Self::connect`], with servers that `finder` finds in place of those in `settings`.
    pub async fn connect_by(
        settings: ClusterSettings,
        finder: Arc<dyn FindServers>,
    ) -> Result<Self, ClientError> {
        Self::connect_with(settings, Some(finder)).await
    }

    async fn connect_with(
        settings: ClusterSettings,
        finder: Option<Arc<dyn FindServers>>,
    ) -> Result<Self, ClientError> {
        let cluster = Self {
            settings,
            finder,
            known: Mutex::default(),
            calls: Mutex::default(),
            answered_last: AtomicI32::new(-1),
            handshakes: Handshakes::default(),
            unreachable: Unreachable::default(),
        };
        cluster.ask_bootstrap(Some(&[])).await?;
        Ok(cluster)
    }

    /// The name of the cluster in configuration and logs.
    pub fn alias(&self) -> &str {
        &self.settings.alias
    }

    pub(crate) fn jitter_seed(&self) -> u64 {
        self.settings.connection.network.jitter_seed()
    }

    /// The id the cluster gave itself (Kafka 0.10.1 and later).
    pub fn cluster_id(&self) -> Option<String> {
        self.known().cluster_id
    }

    /// The brokers that the last metadata answer named.
    pub fn brokers(&self) -> Vec<NodeId> {
        self.known().addresses.into_keys().collect()
    }

    /// The brokers that could not be reached when that was last tried, by id; the receiver hears of every change.
    pub fn unreachable_brokers(&self) -> watch::Receiver<BTreeMap<NodeId, UnreachableBroker>> {
        self.unreachable.subscribe()
    }

    /// The names in the address map that are neither advertised by a broker known now nor in the bootstrap list.
    pub fn unused_addresses(&self) -> Vec<String> {
        let known = self.known();
        let bootstrap = self.settings.bootstrap.iter();
        let names = known.addresses.values().chain(bootstrap);
        self.settings.addresses.unused(names.map(String::as_str))
    }

    /// Asks any broker for metadata of `topics` (`None`: of all topics) and remembers the brokers it names. No topic is
    /// created by that, whatever the brokers' age and settings.
    pub async fn metadata(&self, topics: Option<Vec<Arc<str>>>) -> Result<MetadataResponse, ClientError> {
        let topics = topics.as_deref();
        for node in self.brokers_to_ask() {
            if let Ok(connection) = self.connection(node).await
                && let Ok(answer) = metadata::ask(&connection, topics).await
                && !answer.brokers.is_empty()
            {
                self.answered_last.store(node.0, Ordering::Relaxed);
                self.learn(&answer);
                return Ok(answer);
            }
        }
        // No broker we know answers: the cluster may have moved while we slept. The bootstrap list is the way back.
        self.ask_bootstrap(topics).await
    }

    /// Has the cluster create a topic by being asked about it: only where its brokers' `auto.create.topics.enable` is set,
    /// and with their numbers of partitions and replicas. For brokers that cannot be told to (before 0.10.1).
    pub async fn create_by_asking(&self, topic: &Arc<str>) -> Result<MetadataResponse, ClientError> {
        let mut last = None;
        for node in self.brokers_to_ask() {
            let asked = match self.connection(node).await {
                Ok(connection) => metadata::ask_and_create(&connection, topic).await,
                Err(error) => Err(error),
            };
            match asked {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.no_broker(NodeId(-1))))
    }

    /// What the brokers speak that can be reached within `patience`; all are asked at once.
    pub async fn broker_versions(&self, patience: Duration) -> Vec<BrokerVersions> {
        let brokers = self.brokers().into_iter();
        let mut opening: Vec<_> = brokers
            .map(|node| Box::pin(timeout(patience, self.connection(node))))
            .collect();
        let mut versions = Vec::new();
        poll_fn(|context| {
            opening.retain_mut(|opening| match opening.as_mut().poll(context) {
                Poll::Pending => true,
                Poll::Ready(opened) => {
                    versions.extend(opened.into_iter().flatten().map(|open| open.versions().clone()));
                    false
                }
            });
            if opening.is_empty() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        versions
    }

    /// Sends a request to any broker that answers.
    pub async fn call_any<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        let mut last = None;
        for node in self.brokers_to_ask() {
            match self.call(node, request).await {
                Ok(answer) => {
                    self.answered_last.store(node.0, Ordering::Relaxed);
                    return Ok(answer);
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.no_broker(NodeId(-1))))
    }

    /// Sends a request to the controller, which alone may create topics before Kafka 2.x forwarded such requests.
    pub async fn call_controller<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        match self.known().controller {
            Some(node) => self.call(node, request).await,
            None => self.call_any(request).await,
        }
    }

    /// Sends a request to one broker over the shared connection for calls.
    pub async fn call<R: Request>(&self, node: NodeId, request: &R) -> Result<R::Response, ClientError> {
        self.connection(node).await?.call(request).await
    }

    /// The shared connection for calls to one broker, opened if necessary.
    pub async fn connection(&self, node: NodeId) -> Result<Arc<Connection>, ClientError> {
        let slot = {
            let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(calls.entry(node).or_default())
        };
        let mut slot = slot.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        let connection = Arc::new(self.open(node).await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// The brokers in the order in which they are asked where any will do.
    fn brokers_to_ask(&self) -> Vec<NodeId> {
        let mut brokers = self.brokers();
        let last = NodeId(self.answered_last.load(Ordering::Relaxed));
        brokers.sort_by_key(|node| *node != last);
        brokers
    }

    /// Opens a connection of the caller's own to one broker, for fetching or producing.
    pub async fn open(&self, node: NodeId) -> Result<Connection, ClientError> {
        self.open_as(node, Arc::clone(&self.settings.connection.client_id))
            .await
    }

    /// Opens a connection of the caller's own under another client id.
    pub async fn open_as(&self, node: NodeId, client_id: Arc<str>) -> Result<Connection, ClientError> {
        let advertised = self
            .known()
            .addresses
            .get(&node)
            .cloned()
            .ok_or_else(|| self.no_broker(node))?;
        let settings = ConnectionSettings {
            client_id,
            ..self.settings.connection.clone()
        };
        let mapped = self.settings.addresses.get(&advertised);
        let address = mapped.unwrap_or(&advertised);
        let opened = Connection::open_with(address, &settings, &self.handshakes).await;
        match &opened {
            Ok(_) => self.unreachable.reached(node),
            Err(error) => self.unreachable.failed(node, &advertised, mapped, error),
        }
        opened
    }

    async fn ask_bootstrap(&self, topics: Option<&[Arc<str>]>) -> Result<MetadataResponse, ClientError> {
        let mut tried = Vec::new();
        let mut unresolvable = true;
        for address in &self.servers().await? {
            let address = self.settings.addresses.resolve(address);
            let opened = Connection::open_with(address, &self.settings.connection, &self.handshakes).await;
            let answer = match opened {
                Ok(connection) => metadata::ask(&connection, topics).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) if answer.brokers.is_empty() => {
                    unresolvable = false;
                    tried.push(format!("{address} names no broker yet"));
                }
                Ok(answer) => {
                    self.learn(&answer);
                    return Ok(answer);
                }
                Err(error) => {
                    unresolvable &= matches!(error, ClientError::Resolve { .. });
                    tried.push(error.to_string());
                }
            }
        }
        Err(ClientError::NoBootstrap {
            cluster: self.settings.alias.clone(),
            tried,
            unresolvable,
            looked_up_in_vain: false,
        })
    }

    /// The servers to ask first.
    async fn servers(&self) -> Result<Vec<String>, ClientError> {
        let Some(finder) = &self.finder else {
            return Ok(self.settings.bootstrap.clone());
        };
        finder.find().await.map_err(|not_found| ClientError::NoBootstrap {
            cluster: self.settings.alias.clone(),
            tried: vec![not_found.reason],
            unresolvable: not_found.is_mistake,
            looked_up_in_vain: true,
        })
    }

    fn learn(&self, answer: &MetadataResponse) {
        let known = Known {
            addresses: answer
                .brokers
                .iter()
                .map(|broker| {
                    (
                        broker.node_id,
                        format!("{}:{}", bracketed(&broker.host), broker.port),
                    )
                })
                .collect(),
            controller: (answer.controller_id.0 >= 0).then_some(answer.controller_id),
            cluster_id: answer.cluster_id.clone(),
        };
        self.unreachable.retain(&known.addresses);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn no_broker(&self, node: NodeId) -> ClientError {
        ClientError::UnknownBroker {
            cluster: self.settings.alias.clone(),
            node,
        }
    }
}

/// An IPv6 address needs brackets before its port.
fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}
