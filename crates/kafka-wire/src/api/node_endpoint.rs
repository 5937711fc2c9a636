//! Leader hints in Fetch and Produce answers: who leads now, and where that broker listens (KIP-951).

use crate::error::Malformed;
use crate::ids::NodeId;
use crate::primitive::Reader;

/// The smallest endpoint: node id, port, an empty host, a null rack, no tagged fields.
const NODE_ENDPOINT_LEN_MIN: usize = 11;

/// The leader of a partition and the epoch it leads in, sent along with `NOT_LEADER_OR_FOLLOWER` and its kin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaderIdAndEpoch {
    /// The leader, or [`NodeId::NONE`] when the broker does not know it.
    pub leader_id: NodeId,
    /// Its leader epoch, or -1.
    pub leader_epoch: i32,
}

/// Where a broker listens that a leader hint names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: NodeId,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: i32,
    /// The rack of the broker, if it has one.
    pub rack: Option<String>,
}

// === impl LeaderIdAndEpoch ===

impl LeaderIdAndEpoch {
    pub(super) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let hint = Self {
            leader_id: reader.node_id()?,
            leader_epoch: reader.i32()?,
        };
        reader.end_struct()?;
        Ok(hint)
    }
}

// === impl NodeEndpoint ===

impl NodeEndpoint {
    pub(super) fn read_array(reader: &mut Reader) -> Result<Vec<Self>, Malformed> {
        reader.array(NODE_ENDPOINT_LEN_MIN, Self::read)
    }

    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let endpoint = Self {
            node_id: reader.node_id()?,
            host: reader.string()?,
            port: reader.i32()?,
            rack: reader.nullable_string()?,
        };
        reader.end_struct()?;
        Ok(endpoint)
    }
}
