//! Kafka's record format as a mirror needs it: see batches without copying them, forward them whole, rebuild them
//! when they must change.
//!
//! ```text
//!   fetched bytes --Batches--> RecordBatch --OutgoingBatch::forward--------------------> OutgoingBatch --stamp--> 61-byte header
//!                                  |                                                         ^                    + payload
//!                  |               +--CodecContexts::decompress--> Records --BatchBuilder----+
//!                  '--> LegacyBatch --up_convert--> RecordBatch                              '--down_convert--> message set
//! ```
//! Message sets are the formats from before Kafka 0.11 (magic 0 and 1).
//!
//! Everything here is pure: no I/O, no clock, no logging. Every length, count and offset that comes from the wire is
//! checked before use, and no allocation is made ahead of the bytes that justify it.

#![forbid(unsafe_code)]

mod aborted;
mod batch;
mod build;
mod codec;
mod control;
mod cursor;
mod error;
mod header;
mod legacy;
mod outgoing;
mod partitioner;
mod record;
mod varint;

pub use aborted::AbortedTransactions;
pub use batch::{Batch, Batches, FetchedPosition, RecordBatch, fetched_position, first_batch_size};
pub use build::BatchBuilder;
pub use codec::{Codec, CodecContexts, ParseCodecError};
pub use control::ControlRecord;
pub use error::RecordError;
pub use header::{Attributes, BatchHeader, HEADER_LEN};
pub use legacy::{DownConversion, HeaderPolicy, LegacyBatch, down_convert, up_convert};
pub use outgoing::OutgoingBatch;
pub use partitioner::{murmur2, partition_for_key};
pub use record::{RawHeaders, RecordHeader, RecordKey, RecordKeys, RecordView, Records};
