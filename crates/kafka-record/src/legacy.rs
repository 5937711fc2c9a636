//! Message formats 0 and 1, as they were written before Kafka 0.11 and still lie in the logs of upgraded clusters.
//!
//! One entry (Kafka's `LegacyRecord.java`; all numbers big-endian, lengths -1 for null; there are no headers):
//! ```text
//!   offset i64 | size i32 | CRC-32 of what follows u32 | magic i8 | attributes i8 | timestamp i64 (format 1) | key | value
//! ```
//! An entry is one record, or a *wrapper*: a record whose value is a compressed set of entries. Its offset is that of its
//! last record. Inner offsets are absolute in format 0; in format 1 they count from the wrapper's first record. A wrapper
//! of format 1 may carry the append time, which is then the time of all records in it
//! (`AbstractLegacyRecordBatch.DeepRecordsIterator`).
//!
//! [`LegacyBatch`] is what a fetch returned of them; `up_convert` makes a record batch of it, so that nobody else needs to
//! know these formats; `down_convert` makes format 1 of a batch, for brokers that take nothing newer.

mod batch;
mod down_convert;
mod entry;
mod up_convert;

pub use batch::LegacyBatch;
pub(crate) use batch::{RUN_BYTES_MAX, may_join};
pub(crate) use down_convert::message_set_of;
pub use down_convert::{DownConversion, HeaderPolicy, down_convert};
pub use up_convert::up_convert;
pub(crate) use up_convert::up_converted;
