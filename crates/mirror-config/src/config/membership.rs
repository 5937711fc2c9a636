//! As which members of which group a flow shares its partitions with other instances.

use std::time::Duration;

/// The group of a flow. With positions in the source's group it is that group, and Java's MirrorMaker can be a member
/// beside us; otherwise it is a group of ours on the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipConfig {
    /// The group; never empty.
    pub group_id: String,
    /// `consumer` where Java's consumers may be members, `heliostat` where only our instances understand each other.
    /// A coordinator keeps apart what differs here.
    pub protocol_type: &'static str,
    /// Ways to share partitions, in the order in which they are offered; never empty.
    pub assignors: Vec<Assignor>,
    /// A member that was not heard of for this long is taken for dead by the coordinator.
    pub session_timeout: Duration,
    /// Pause between two signs of life; shorter than `session_timeout`.
    pub heartbeat_interval: Duration,
    /// How long the coordinator waits for members to join again once the group changes: the deadline of a drain.
    pub rebalance_timeout: Duration,
    /// One client id per member (stream), `<group id>-<i>` from 0; never empty.
    pub client_ids: Vec<String>,
}

/// A way to share partitions between members, byte for byte as Java's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignor {
    /// Per topic, consecutive partitions to each member in turn.
    Range,
    /// All partitions of all topics, dealt out one by one.
    RoundRobin,
}

// === impl MembershipConfig ===

impl MembershipConfig {
    /// The group's full name. One of ours carries the id of the source cluster: flows of one name that read different
    /// clusters share nothing, least of all partitions.
    pub fn group_of(&self, source_cluster_id: &str) -> String {
        if self.protocol_type == crate::defaults::OUR_PROTOCOL_TYPE {
            format!("{}-{source_cluster_id}", self.group_id)
        } else {
            self.group_id.clone()
        }
    }
}

// === impl Assignor ===

impl Assignor {
    /// Its name in the group protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// Its class in Java.
    pub fn class(self) -> &'static str {
        match self {
            Self::Range => "org.apache.kafka.clients.consumer.RangeAssignor",
            Self::RoundRobin => "org.apache.kafka.clients.consumer.RoundRobinAssignor",
        }
    }
}
