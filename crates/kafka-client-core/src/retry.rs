//! What a Kafka error code means: the one place where codes are classified.
//!
//! Sources: `org.apache.kafka.common.protocol.Errors` (which are retriable), the broker's
//! `UnifiedLog`, `Partition`, `ProducerStateManager` and `DelayedProduce` (what was appended when a code is answered).

mod produce;

pub use produce::{ProduceDisposition, classify_produce, produce_certainly_not_appended};
