//! A flow's positions in one compacted topic on the target, so that the source needs read rights only.
//!
//! | module | one idea |
//! |---|---|
//! | [`topic`] | open, read, claim, write: what a flow does with its topic |
//! | `creation` | the topic exists, is compacted, and outlives a broker |
//! | `log_reader` | every record of the topic, up to its end, in order |
//! | `log_writer` | one batch at a time, until the target has acknowledged it |
//! | `leader` | the broker that leads the topic's partition, followed as it moves |
//! | [`mod@reverse_flow`] | does another flow already bring these topics from the other side? |
//!
//! What stands in a record, and which record holds, is decided in [`mirror_core::position_record`].

#![forbid(unsafe_code)]

mod attempts;
mod creation;
pub mod error;
mod leader;
mod log_reader;
mod log_writer;
pub mod reverse_flow;
pub mod topic;

pub use error::PositionTopicError;
pub use mirror_core::position_record::{MirroredPartition, StoredPosition, StoredPositions};
pub use reverse_flow::{ReverseFlow, reverse_flow};
pub use topic::{PositionToWrite, PositionTopic, PositionTopicSettings, read_if_exists};
