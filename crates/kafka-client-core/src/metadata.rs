//! What a cluster looks like: brokers, topics, leaders; and what changed since the last answer.
//!
//! Metadata answers come from any broker, and brokers learn of changes one after the other: an answer may be older than
//! the one before it. What can be ordered is kept from going backwards:
//!
//! - (A) A partition's leader epoch never decreases while the topic keeps its id; an answer (or a hint) with a lower
//!   one changes nothing in that partition. Brokers that send no epochs (before Metadata v7) are believed.
//! - (B) A topic id that was replaced by another one never comes back: answers with it are stale and ignored.
//!
//! That a topic is missing from an answer cannot be ordered. It is reported as gone and remembered, so that its return
//! under the same id is told apart from a re-creation; the caller should ask twice before it draws conclusions.

mod cache;
mod changes;

#[cfg(test)]
mod tests;

pub use cache::{Broker, MetadataCache, MetadataScope, PartitionMetadata, TopicMetadata};
pub use changes::{MetadataChanges, RecreatedTopic};
