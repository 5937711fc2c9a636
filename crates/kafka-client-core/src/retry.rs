//! What a Kafka error code means: the one place where codes are classified.
//!
//! The same code means different things to different requests, so there is one function per kind of request.
//! Sources: `org.apache.kafka.common.protocol.Errors` (which are retriable), and on the broker `UnifiedLog`, `Partition`,
//! `ProducerStateManager` and `DelayedProduce` (what was appended when a code is answered).

mod admin;
mod coordinator;
mod fetch;
mod membership;
mod produce;

pub use admin::{AdminDisposition, classify_admin};
pub use coordinator::{CoordinatorDisposition, classify_coordinator};
pub use fetch::{FetchDisposition, classify_fetch};
pub use membership::{MembershipDisposition, classify_membership};
pub use produce::{
    ProduceDisposition, asks_for_message_sets, classify_produce, produce_certainly_not_appended,
};
