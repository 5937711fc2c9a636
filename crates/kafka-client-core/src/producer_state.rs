//! The idempotent producer of one target cluster.

mod types;

pub use types::{
    IN_FLIGHT_PER_PARTITION_MAX, Pending, ProduceBatchSet, ProducerConfig, ProducerEvent, ProducerStateError,
    Resolution, Sent, StopReason,
};
