//! Is a target the mirror of its source? The judge of tests, of the simulation and of `heliostat demo`: pure, and without a line of the
//! code that it judges.
//!
//! What is absent: how records are read. Real clients write [`Dump`]s to files, the embedded brokers' logs are walked.

#![forbid(unsafe_code)]

mod compare;
pub mod dump;
pub mod record_file;

pub use compare::{
    Agreement, Duplicates, Finding, Mismatch, Partitioning, Place, Rule, Timestamps, compare, java_partition,
};
pub use dump::Dump;
pub use record_file::Record;
