//! Everything a cluster knows, behind one lock: brokers, topics, settings.
//!
//! What one broker of a real cluster learns from another a moment later, all brokers here know at once.

use std::collections::BTreeMap;

use kafka_record::CodecContexts;
use kafka_wire::{ErrorCode, NodeId, TopicId};

use crate::coordinators::Coordinators;
use crate::fetch_session::FetchSessions;
use crate::random::Random;
use crate::release::KafkaRelease;
use crate::settings::{ConfigMap, LogSettings, broker_settings};
use crate::topic::{Partition, Topic};

/// Longest name of a topic (Kafka's `Topic.java`).
const TOPIC_NAME_LEN_MAX: usize = 249;

/// See the module.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) cluster_id: String,
    pub(crate) release: KafkaRelease,
    pub(crate) brokers: BTreeMap<NodeId, Broker>,
    pub(crate) topics: BTreeMap<String, Topic>,
    /// The names of topics by their ids.
    pub(crate) topic_names: BTreeMap<TopicId, String>,
    /// Settings of all brokers, by the brokers' names for them.
    pub(crate) configs: ConfigMap,
    pub(crate) random: Random,
    pub(crate) codecs: CodecContexts,
    pub(crate) coordinators: Coordinators,
}

/// A broker, up or not.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) is_up: bool,
    pub(crate) sessions: FetchSessions,
}

/// What a topic is made of.
#[derive(Debug, Clone)]
pub(crate) struct TopicPlan {
    pub(crate) name: String,
    /// The replicas of each partition.
    pub(crate) assignment: Vec<Vec<NodeId>>,
    pub(crate) configs: ConfigMap,
}

// === impl State ===

impl State {
    pub(crate) fn is_up(&self, broker: NodeId) -> bool {
        self.brokers.get(&broker).is_some_and(|broker| broker.is_up)
    }

    /// The brokers that are up, by id.
    pub(crate) fn brokers_up(&self) -> Vec<NodeId> {
        let up = self.brokers.iter().filter(|(_, broker)| broker.is_up);
        up.map(|(id, _)| *id).collect()
    }

    /// The broker that stands for the controller: the first one that is up.
    pub(crate) fn controller(&self) -> Option<NodeId> {
        self.brokers_up().first().copied()
    }

    /// The broker that coordinates a group or a transactional id: always the same one while it is up, else the next.
    pub(crate) fn coordinator_of(&self, key: &str) -> Option<NodeId> {
        let hash = key.bytes().fold(0_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(usize::from(byte))
        });
        let first = hash.checked_rem(self.brokers.len())?;
        let mut ring = self.brokers.iter().cycle().skip(first).take(self.brokers.len());
        ring.find(|(_, broker)| broker.is_up).map(|(id, _)| *id)
    }

    /// A setting of the brokers, after defaults.
    pub(crate) fn broker_setting(&self, name: &str) -> String {
        let own = self.configs.get(name).cloned();
        own.or_else(|| {
            let (_, setting) = broker_settings().find(|(known, _)| *known == name)?;
            Some(setting.default.to_owned())
        })
        .unwrap_or_default()
    }

    pub(crate) fn topic_named(&self, id: TopicId) -> Option<&Topic> {
        self.topics.get(self.topic_names.get(&id)?)
    }

    /// A partition, wherever it is led.
    pub(crate) fn partition(&self, topic: &str, number: i32) -> Result<&Partition, ErrorCode> {
        self.topics
            .get(topic)
            .and_then(|topic| topic.partition(number))
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    pub(crate) fn partition_mut(&mut self, topic: &str, number: i32) -> Result<&mut Partition, ErrorCode> {
        self.topics
            .get_mut(topic)
            .and_then(|topic| topic.partition_mut(number))
            .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// Replicas for `partitions` partitions, spread over the brokers round robin as brokers do without racks.
    ///
    /// # Errors
    /// `INVALID_PARTITIONS` below 1, `INVALID_REPLICATION_FACTOR` for none or more replicas than brokers.
    pub(crate) fn spread(
        &self,
        first_partition: usize,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<Vec<Vec<NodeId>>, ErrorCode> {
        let brokers: Vec<NodeId> = self.brokers.keys().copied().collect();
        let count = usize::try_from(partitions).ok().filter(|count| *count > 0);
        let count = count.ok_or(ErrorCode::INVALID_PARTITIONS)?;
        let factor = usize::try_from(replication_factor)
            .ok()
            .filter(|factor| (1..=brokers.len()).contains(factor));
        let factor = factor.ok_or(ErrorCode::INVALID_REPLICATION_FACTOR)?;
        let replicas_of = |partition: usize| {
            brokers
                .iter()
                .copied()
                .cycle()
                .skip(partition % brokers.len())
                .take(factor)
                .collect()
        };
        Ok((first_partition..first_partition + count)
            .map(replicas_of)
            .collect())
    }

    /// Makes a topic. Its name and settings were checked.
    pub(crate) fn create(&mut self, plan: TopicPlan) {
        let id = TopicId(self.random.uuid());
        let settings = LogSettings::resolve(&plan.configs, &self.configs, self.release);
        let mut partitions: Vec<Partition> = plan.assignment.into_iter().map(Partition::new).collect();
        for partition in &mut partitions {
            self.settle(partition);
        }
        let topic = Topic {
            name: plan.name.clone(),
            id,
            configs: plan.configs,
            settings,
            partitions,
        };
        self.topic_names.insert(id, plan.name.clone());
        self.topics.insert(plan.name, topic);
    }

    /// Deletes a topic with its records.
    pub(crate) fn delete(&mut self, topic: &str) -> Option<Topic> {
        let deleted = self.topics.remove(topic)?;
        self.topic_names.remove(&deleted.id);
        Some(deleted)
    }

    /// Makes partitions of an existing topic.
    pub(crate) fn grow(&mut self, topic: &str, assignment: Vec<Vec<NodeId>>) {
        for replicas in assignment {
            let mut partition = Partition::new(replicas);
            self.settle(&mut partition);
            if let Some(topic) = self.topics.get_mut(topic) {
                topic.partitions.push(partition);
            }
        }
    }

    /// A new partition's replicas that are down are out of sync from the start.
    fn settle(&self, partition: &mut Partition) {
        for replica in partition.replicas.clone() {
            if !self.is_up(replica) {
                partition.lose(replica, |broker| self.is_up(broker));
            }
        }
    }

    /// Gives a topic other settings.
    pub(crate) fn configure(&mut self, topic: &str, configs: ConfigMap) {
        let settings = LogSettings::resolve(&configs, &self.configs, self.release);
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.configs = configs;
            topic.settings = settings;
        }
    }

    /// Every partition of the cluster.
    pub(crate) fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        self.topics
            .values_mut()
            .flat_map(|topic| topic.partitions.iter_mut())
    }
}

/// Is this a name a topic may have (Kafka's `Topic.validate`)?
pub(crate) fn is_topic_name(name: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !matches!(name, "" | "." | "..") && name.len() <= TOPIC_NAME_LEN_MAX && name.chars().all(is_allowed)
}
