//! The per-partition router: source batches in, target batches out. No I/O, no clock, no logging.
//!
//! [`PartitionRouter`] answers each batch of one source partition, cheapest first:
//!
//! | answer | when |
//! |---|---|
//! | forward | the batch goes on as it came, still compressed |
//! | forward after a look | by key: all its keys lead to one target partition |
//! | re-frame | same records, new batch: gaps from compaction, `LogAppendTime`, a batch that begins before our position, another codec asked for, a batch larger than the target takes |
//! | up-convert | message formats 0 and 1: a batch of the present format is made of the entries, then routed as any other |
//! | split | by key: its records are regrouped by target partition |
//! | merge | small batches of one target partition become one |
//! | drop | control records, aborted transactions, what is mirrored already, batches emptied by compaction; counted |
//!
//! For a target that takes message sets only ([`TargetFormat::MessageSetV1`]) all batches are taken apart, and leave merged.
//!
//! Every batch's checksum is verified before anything else: a mirror must not launder corruption.
//!
//! ```text
//!   fetch response ─Batches─► route() ─► Entry, RoutedBatch* ─► producer ─► acks ─► progress
//!                             flush() ─► RoutedBatch*        (no more data waits, or the caller's linger is over)
//! ```
//!
//! Invariants, each checked by the property test in `tests/routing`:
//! - (A) every visible record leaves exactly once: key, value, headers and timestamp as readers of the source see them;
//! - (B) first in, first out for each pair of source and target partition, across all answers (docs/traps.md);
//! - (C) a record's target partition depends on the mode, its key and the source partition's number only (and, for
//!   keyless records under `NullKeys::Spread`, on what came before);
//! - (D) records of entry `e` are still to come if and only if [`PartitionRouter::held_from`] is at most `e`;
//! - (E) no batch that leaves is larger than the target takes, and none has offset gaps;
//! - (F) an error leaves the router as it was before the call (see [`RouteError`] for the one exception).

#![forbid(unsafe_code)]

mod config;
mod error;
mod lane;
mod lanes;
mod routed;
mod router;
mod size_split;
mod source_batch;
mod survey;
mod target;
mod workbench;

pub use config::{Isolation, MergeBelow, NullKeys, Partitioning, RouterConfig, TargetFormat};
pub use error::RouteError;
pub use kafka_record::{AbortedTransactions, murmur2, partition_for_key};
pub use routed::{Answer, DropCounts, Entry, Routed, RoutedBatch};
pub use router::PartitionRouter;
pub use size_split::{SplitError, split_in_two, split_oversized};
pub use workbench::Workbench;
