//! A topic and its partitions: who replicates them, who leads, and the log.

use kafka_wire::{ErrorCode, NodeId, TopicId};

use crate::log::PartitionLog;
use crate::settings::{ConfigMap, LogSettings};

/// A topic.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: TopicId,
    /// Settings that were given to this topic.
    pub(crate) configs: ConfigMap,
    /// What follows from them and from the cluster's settings.
    pub(crate) settings: LogSettings,
    pub(crate) partitions: Vec<Partition>,
}

/// A partition.
#[derive(Debug)]
pub(crate) struct Partition {
    /// In order of preference.
    pub(crate) replicas: Vec<NodeId>,
    /// Replicas that have all acknowledged records. Never empty: the last one stays in although it is gone.
    pub(crate) in_sync: Vec<NodeId>,
    /// `None` while no in-sync replica is up.
    pub(crate) leader: Option<NodeId>,
    pub(crate) leader_epoch: i32,
    pub(crate) log: PartitionLog,
}

// === impl Topic ===

impl Topic {
    /// Is it one that brokers make for themselves?
    pub(crate) fn is_internal(&self) -> bool {
        matches!(self.name.as_str(), "__consumer_offsets" | "__transaction_state")
    }

    pub(crate) fn partition(&self, number: i32) -> Option<&Partition> {
        self.partitions.get(usize::try_from(number).ok()?)
    }

    pub(crate) fn partition_mut(&mut self, number: i32) -> Option<&mut Partition> {
        self.partitions.get_mut(usize::try_from(number).ok()?)
    }
}

// === impl Partition ===

impl Partition {
    /// A new partition, led by the first replica.
    pub(crate) fn new(replicas: Vec<NodeId>) -> Self {
        let mut partition = Self {
            in_sync: replicas.clone(),
            leader: replicas.first().copied(),
            replicas,
            leader_epoch: 0,
            log: PartitionLog::default(),
        };
        partition.log.begin_epoch(0);
        partition
    }

    /// Makes `leader` lead in a new epoch.
    pub(crate) fn elect(&mut self, leader: Option<NodeId>) {
        self.leader = leader;
        self.leader_epoch += 1;
        if leader.is_some() {
            self.log.begin_epoch(self.leader_epoch);
        }
    }

    /// A broker is gone: it leaves the in-sync replicas unless it is the last, and leads no more.
    pub(crate) fn lose(&mut self, broker: NodeId, is_up: impl Fn(NodeId) -> bool) {
        if self.in_sync.len() > 1 {
            self.in_sync.retain(|replica| *replica != broker);
        }
        if self.leader == Some(broker) {
            let next = self.in_sync_in_order().find(|replica| is_up(*replica));
            self.elect(next);
        }
    }

    /// A broker is back: it catches up at once.
    pub(crate) fn regain(&mut self, broker: NodeId) {
        if !self.replicas.contains(&broker) {
            return;
        }
        if self.leader.is_none() {
            if self.in_sync.contains(&broker) {
                self.elect(Some(broker));
            }
            return;
        }
        if !self.in_sync.contains(&broker) {
            self.in_sync.push(broker);
        }
    }

    fn in_sync_in_order(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.replicas
            .iter()
            .copied()
            .filter(|replica| self.in_sync.contains(replica))
    }

    /// Does `broker` lead, in the epoch the client believes in (-1: any)?
    pub(crate) fn check_leader(&self, broker: NodeId, epoch: i32) -> Result<(), ErrorCode> {
        if self.leader != Some(broker) {
            return Err(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        }
        match epoch {
            ..0 => Ok(()),
            older if older < self.leader_epoch => Err(ErrorCode::FENCED_LEADER_EPOCH),
            newer if newer > self.leader_epoch => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }
}
