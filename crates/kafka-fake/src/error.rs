//! What can go wrong with an order to a cluster.

use std::io;

use kafka_record::RecordError;
use kafka_wire::{ErrorCode, NodeId, TopicPartition};

/// An order that could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum FakeError {
    /// No such topic.
    #[error("the cluster has no topic {topic}")]
    UnknownTopic { topic: String },
    /// No such partition.
    #[error("the cluster has no partition {tp}")]
    UnknownPartition { tp: TopicPartition },
    /// No such broker, or not one that could do this.
    #[error("the cluster has no broker {broker} for this")]
    UnknownBroker { broker: NodeId },
    /// A broker would answer with this code.
    #[error("refused with {code}: {reason}")]
    Refused { code: ErrorCode, reason: String },
    /// Bytes that are no batches, or no more.
    #[error("{tp} holds or was given bytes that cannot be read")]
    Unreadable {
        tp: TopicPartition,
        #[source]
        source: RecordError,
    },
    /// A broker cannot listen.
    #[error("broker {broker} cannot listen on {address}")]
    Listen {
        broker: NodeId,
        address: String,
        #[source]
        source: io::Error,
    },
}
