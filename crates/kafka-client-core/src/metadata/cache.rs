//! The cache itself.

use super::changes::{MetadataChanges, RecreatedTopic};
use kafka_wire::api::metadata::{MetadataPartition, MetadataResponse, MetadataTopic};
use kafka_wire::api::node_endpoint::NodeEndpoint;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// How many earlier ids of a topic are remembered. A stale answer is seconds old, and nobody re-creates a topic
/// eight times in seconds.
const FORMER_IDS_MAX: usize = 8;

/// So many answers in a row that are older in every partition are no late answers but another topic, on brokers
/// without topic ids.
const OLDER_ANSWERS_MAX: u32 = 5;

/// What the request asked for, which an answer does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataScope {
    /// All topics: one that is missing from the answer is gone.
    AllTopics,
    /// Topics by name: the answer speaks of those alone, missing ones carry an error.
    NamedTopics,
}

/// A cluster as the answers so far tell it.
#[derive(Debug, Clone, Default)]
pub struct MetadataCache {
    cluster_id: Option<String>,
    controller: Option<NodeId>,
    brokers: BTreeMap<NodeId, Broker>,
    topics: BTreeMap<Arc<str>, CachedTopic>,
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broker {
    /// Host name or address.
    pub host: String,
    /// TCP port, unchecked.
    pub port: i32,
    /// The rack, if it has one.
    pub rack: Option<String>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicMetadata {
    /// Its id; [`TopicId::ZERO`] before Metadata v10.
    pub topic_id: TopicId,
    /// Is it one of Kafka's own?
    pub is_internal: bool,
    /// By partition number.
    pub partitions: BTreeMap<i32, PartitionMetadata>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// Who leads it, if anybody does.
    pub leader: Option<NodeId>,
    /// The epoch of that leader (or of the loss of it); -1 before Metadata v7.
    pub leader_epoch: i32,
    /// The brokers that hold it, the preferred leader first.
    pub replicas: Vec<NodeId>,
    /// Those of them in sync.
    pub in_sync: Vec<NodeId>,
}

#[derive(Debug, Clone)]
struct CachedTopic {
    metadata: TopicMetadata,
    /// Not named by the latest answer. What was known is kept to recognise it.
    gone: bool,
    /// Ids this name had before, the latest last.
    former_ids: Vec<TopicId>,
    /// Answers in a row that were older in every partition.
    older_answers: u32,
}

// === impl MetadataCache ===

impl MetadataCache {
    /// A cache that knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over what is news in `response`.
    ///
    /// An answer with an error for the request as a whole (v13+) changes nothing; look at its `error_code` first.
    pub fn update(&mut self, response: &MetadataResponse, scope: MetadataScope) -> MetadataChanges {
        let mut changes = MetadataChanges::default();
        if response.error_code.is_error() {
            return changes;
        }
        if response.cluster_id.is_some() {
            self.cluster_id.clone_from(&response.cluster_id);
        }
        self.controller = Some(response.controller_id).filter(|node| *node != NodeId::NONE);
        changes.brokers_changed = self.update_brokers(response);
        let mut topics: Vec<&MetadataTopic> = response.topics.iter().collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        for topic in &topics {
            if let Some(name) = &topic.name {
                self.update_topic(name, topic, &mut changes);
            }
        }
        if scope == MetadataScope::AllTopics {
            for (name, cached) in &mut self.topics {
                let named = topics
                    .binary_search_by(|topic| topic.name.as_ref().cmp(&Some(name)))
                    .is_ok();
                if !named && !std::mem::replace(&mut cached.gone, true) {
                    changes.gone_topics.push(Arc::clone(name));
                }
            }
            changes.gone_topics.sort();
        }
        changes
    }

    fn update_brokers(&mut self, response: &MetadataResponse) -> bool {
        let brokers = response.brokers.iter().map(|broker| {
            let rack = broker.rack.clone();
            (
                broker.node_id,
                Broker {
                    host: broker.host.clone(),
                    port: broker.port,
                    rack,
                },
            )
        });
        let brokers = brokers.collect();
        let changed = self.brokers != brokers;
        self.brokers = brokers;
        changed
    }

    fn update_topic(&mut self, name: &Arc<str>, topic: &MetadataTopic, changes: &mut MetadataChanges) {
        match topic.error_code {
            ErrorCode::NONE => {}
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION | ErrorCode::UNKNOWN_TOPIC_ID => {
                changes.errors.push((Arc::clone(name), topic.error_code));
                if let Some(cached) = self.topics.get_mut(name)
                    && !std::mem::replace(&mut cached.gone, true)
                {
                    changes.gone_topics.push(Arc::clone(name));
                }
                return;
            }
            error => {
                changes.errors.push((Arc::clone(name), error));
                return;
            }
        }
        match self.topics.entry(Arc::clone(name)) {
            Entry::Vacant(vacant) => {
                let cached = CachedTopic::new(topic);
                changes.new_topics.push(Arc::clone(name));
                changes.new_partitions.extend(cached.partitions(name));
                vacant.insert(cached);
            }
            Entry::Occupied(occupied) => occupied.into_mut().update(name, topic, changes),
        }
    }

    /// Takes a leader hint of a Produce or Fetch answer (KIP-951, `current_leader`). True if it was news.
    ///
    /// A hint without an epoch, for an unknown partition or not newer than what is known is ignored.
    pub fn update_leader(&mut self, tp: &TopicPartition, leader: NodeId, leader_epoch: i32) -> bool {
        let Some(partition) = self.partition_mut(tp) else {
            return false;
        };
        if leader == NodeId::NONE || leader_epoch < 0 || leader_epoch <= partition.leader_epoch {
            return false;
        }
        partition.leader = Some(leader);
        partition.leader_epoch = leader_epoch;
        true
    }

    /// Takes the address that comes with a leader hint (KIP-951, `node_endpoints`). True if it was news.
    pub fn update_broker(&mut self, endpoint: &NodeEndpoint) -> bool {
        let broker = Broker {
            host: endpoint.host.clone(),
            port: endpoint.port,
            rack: endpoint.rack.clone(),
        };
        self.brokers.insert(endpoint.node_id, broker.clone()) != Some(broker)
    }

    /// The leader of a partition and its epoch (-1 if the cluster tells none); `None` if nobody leads it or nothing is
    /// known of it.
    #[must_use]
    pub fn leader(&self, tp: &TopicPartition) -> Option<(NodeId, i32)> {
        let partition = self.partition(tp)?;
        partition.leader.map(|leader| (leader, partition.leader_epoch))
    }

    /// One partition, unless its topic is gone.
    #[must_use]
    pub fn partition(&self, tp: &TopicPartition) -> Option<&PartitionMetadata> {
        self.topic(&tp.topic)?.partitions.get(&tp.partition)
    }

    /// One topic, unless it is gone.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&TopicMetadata> {
        self.topics
            .get(name)
            .filter(|cached| !cached.gone)
            .map(|cached| &cached.metadata)
    }

    /// All topics that are there, by name.
    pub fn topics(&self) -> impl Iterator<Item = (&Arc<str>, &TopicMetadata)> {
        self.topics
            .iter()
            .filter(|(_, cached)| !cached.gone)
            .map(|(name, cached)| (name, &cached.metadata))
    }

    /// The id of a topic; `None` if it is gone or the cluster has no topic ids.
    #[must_use]
    pub fn topic_id(&self, name: &str) -> Option<TopicId> {
        self.topic(name)
            .map(|topic| topic.topic_id)
            .filter(|id| !id.is_zero())
    }

    /// Where a broker listens.
    #[must_use]
    pub fn broker(&self, node: NodeId) -> Option<&Broker> {
        self.brokers.get(&node)
    }

    /// All live brokers.
    pub fn brokers(&self) -> impl Iterator<Item = (NodeId, &Broker)> {
        self.brokers.iter().map(|(node, broker)| (*node, broker))
    }

    /// The cluster's id (Metadata v2+).
    #[must_use]
    pub fn cluster_id(&self) -> Option<&str> {
        self.cluster_id.as_deref()
    }

    /// Where administrative requests go.
    #[must_use]
    pub fn controller(&self) -> Option<NodeId> {
        self.controller
    }

    fn partition_mut(&mut self, tp: &TopicPartition) -> Option<&mut PartitionMetadata> {
        let cached = self.topics.get_mut(&tp.topic).filter(|cached| !cached.gone)?;
        cached.metadata.partitions.get_mut(&tp.partition)
    }
}

// === impl CachedTopic ===

impl CachedTopic {
    fn new(topic: &MetadataTopic) -> Self {
        Self {
            metadata: TopicMetadata::new(topic),
            gone: false,
            former_ids: Vec::new(),
            older_answers: 0,
        }
    }

    fn partitions(&self, name: &Arc<str>) -> impl Iterator<Item = TopicPartition> {
        self.metadata
            .partitions
            .keys()
            .map(|partition| TopicPartition::new(Arc::clone(name), *partition))
    }

    fn update(&mut self, name: &Arc<str>, topic: &MetadataTopic, changes: &mut MetadataChanges) {
        if !topic.topic_id.is_zero() && self.former_ids.contains(&topic.topic_id) {
            return; // invariant B: an answer from before the re-creation
        }
        if self.is_another(topic) {
            self.replace(name, topic, changes);
            return;
        }
        if std::mem::replace(&mut self.gone, false) {
            changes.returned_topics.push(Arc::clone(name));
        }
        // The same topic, told by a broker that knows ids, or by one that does not (a rolling upgrade).
        if !topic.topic_id.is_zero() {
            self.metadata.topic_id = topic.topic_id;
        }
        self.metadata.is_internal = topic.is_internal;
        let mut partitions: Vec<&MetadataPartition> = topic.partitions.iter().collect();
        partitions.sort_by_key(|partition| partition.partition_index);
        for partition in partitions {
            let tp = TopicPartition::new(Arc::clone(name), partition.partition_index);
            match self.metadata.partitions.entry(partition.partition_index) {
                Entry::Vacant(vacant) => {
                    vacant.insert(PartitionMetadata::new(partition));
                    changes.new_partitions.push(tp);
                }
                Entry::Occupied(occupied) => {
                    if occupied.into_mut().update(partition) {
                        changes.changed_leaders.push(tp);
                    }
                }
            }
        }
    }

    /// Is `topic` another one under the same name?
    fn is_another(&mut self, topic: &MetadataTopic) -> bool {
        let (known, told) = (self.metadata.topic_id, topic.topic_id);
        if !known.is_zero() || !told.is_zero() {
            // A zero on one side is a rolling upgrade.
            return !known.is_zero() && !told.is_zero() && known != told;
        }
        // Without ids only epochs that start over give a re-creation away, and a late answer looks the same. But the
        // topic was seen to be gone in between, or the answers go on like that.
        let older = |partition: &MetadataPartition| {
            let known = self.metadata.partitions.get(&partition.partition_index);
            known.is_some_and(|known| (0..known.leader_epoch).contains(&partition.leader_epoch))
        };
        if topic.partitions.is_empty() || !topic.partitions.iter().all(older) {
            self.older_answers = 0;
            return false;
        }
        self.older_answers += 1;
        self.gone || self.older_answers >= OLDER_ANSWERS_MAX
    }

    fn replace(&mut self, name: &Arc<str>, topic: &MetadataTopic, changes: &mut MetadataChanges) {
        let old_id = self.metadata.topic_id;
        if !old_id.is_zero() {
            self.former_ids.push(old_id);
            if self.former_ids.len() > FORMER_IDS_MAX {
                self.former_ids.remove(0);
            }
        }
        self.gone = false;
        self.older_answers = 0;
        self.metadata = TopicMetadata::new(topic);
        let topic = Arc::clone(name);
        changes.recreated_topics.push(RecreatedTopic {
            topic,
            old_id,
            new_id: self.metadata.topic_id,
        });
        changes.new_partitions.extend(self.partitions(name));
    }
}

// === impl TopicMetadata ===

impl TopicMetadata {
    fn new(topic: &MetadataTopic) -> Self {
        let partitions = topic
            .partitions
            .iter()
            .map(|partition| (partition.partition_index, PartitionMetadata::new(partition)));
        Self {
            topic_id: topic.topic_id,
            is_internal: topic.is_internal,
            partitions: partitions.collect(),
        }
    }
}

// === impl PartitionMetadata ===

impl PartitionMetadata {
    fn new(partition: &MetadataPartition) -> Self {
        Self {
            leader: Some(partition.leader_id).filter(|leader| *leader != NodeId::NONE),
            leader_epoch: partition.leader_epoch,
            replicas: partition.replica_nodes.clone(),
            in_sync: partition.isr_nodes.clone(),
        }
    }

    /// True if leader or epoch are other ones now.
    fn update(&mut self, partition: &MetadataPartition) -> bool {
        if (0..self.leader_epoch).contains(&partition.leader_epoch) {
            return false; // invariant A
        }
        let before = (self.leader, self.leader_epoch);
        *self = Self::new(partition);
        before != (self.leader, self.leader_epoch)
    }
}
