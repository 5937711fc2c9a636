//! What a checker sees of groups and transactions without being their client, and what it can make happen to them.

use std::collections::BTreeMap;

use kafka_wire::{NodeId, TopicPartition};

use super::FakeCluster;
use crate::group::{CommittedOffset, DescribedGroup, ListedGroup};
use crate::transaction::{DescribedTransaction, ListedTransaction};

// === impl FakeCluster ===

impl FakeCluster {
    /// The broker that coordinates a group or a transactional id; `None` while no broker is up.
    pub fn coordinator_of(&self, id: &str) -> Option<NodeId> {
        self.shared.state().coordinator_of(id)
    }

    /// All groups, by name.
    pub fn groups(&self) -> Vec<ListedGroup> {
        self.shared
            .coordinate(|state, _| state.coordinators.groups.list())
    }

    /// A group's state and members.
    pub fn group(&self, group_id: &str) -> Option<DescribedGroup> {
        self.shared
            .coordinate(|state, _| state.coordinators.groups.describe(group_id))
    }

    /// What a group has committed, transactions that are still open left out.
    pub fn committed_offsets(&self, group_id: &str) -> BTreeMap<TopicPartition, CommittedOffset> {
        let fetched = self
            .shared
            .coordinate(|state, _| state.coordinators.groups.fetch_offsets(group_id, None, false));
        fetched
            .into_iter()
            .map(|fetched| (fetched.partition, fetched.committed))
            .collect()
    }

    /// Forgets one committed offset, as a broker does after `offsets.retention.minutes`. Was there one?
    pub fn expire_offset(&self, group_id: &str, partition: &TopicPartition) -> bool {
        self.shared
            .coordinate(|state, _| state.coordinators.groups.expire_offset(group_id, partition))
    }

    /// All transactional ids, by name.
    pub fn transactions(&self) -> Vec<ListedTransaction> {
        self.shared
            .coordinate(|state, _| state.coordinators.transactions.list())
    }

    /// One transactional id and its transaction.
    pub fn transaction(&self, transactional_id: &str) -> Option<DescribedTransaction> {
        self.shared
            .coordinate(|state, _| state.coordinators.transactions.describe(transactional_id))
    }
}
