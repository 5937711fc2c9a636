//! A few bytes of Kafka's protocol written by hand, for what no client library writes: header names that are not UTF-8, batches of an exact
//! shape, odd attributes; and for looking at the batches as they lie in a log.
//!
//! This is the tests' own reading of the protocol (Produce v3, Fetch v4 and v2, record batch v2 of KIP-98, and the heads of older entries) and shares nothing with heliostat's. It
//! speaks to one broker, which must lead the partition.

mod batch;
mod connection;
mod entry;

pub use batch::{Batch, BatchHead, COMPRESSION_MASK, LOG_APPEND_TIME, heads};
pub use connection::{fetch, fetch_message_set, produce};
pub use entry::{Entry, entries};
