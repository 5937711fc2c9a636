//! What a person at a terminal does with a cluster: make topics and look at them, write lines as records, read records.
//!
//! ```text
//!   standard input ── Lines ── LineFormat ──▶ NewRecord ── Producer ──▶ cluster
//!   cluster ── Consumer ──▶ ReceivedRecord ── RecordFormat ──▶ standard output
//! ```
//! A small plain producer and consumer over `kafka-client`, with bounded memory and without threads of their own. The
//! mirror does not use them: it never looks into a record, and keeps its positions behind the target's acknowledgement.
//!
//! What is absent: command lines, files, terminals and log lines. Lines and records are read and written as Kafka's own
//! console tools do it; the source of each rule is named where it stands.

#![forbid(unsafe_code)]

mod consumer;
mod error;
mod line_format;
mod lines;
mod producer;
mod record_format;
mod regular;
pub mod topics;
mod truth;

pub use consumer::{
    CommitSettings, Consumer, ConsumerEvent, ConsumerSettings, ReadRecords, ReceivedRecord, StartAt,
    TimestampKind, TopicChoice,
};
pub use error::ConsoleError;
pub use line_format::{LineError, LineFormat, LineFormatError};
pub use lines::{LINE_BYTES_MAX, Line, Lines};
pub use producer::{Acks, NewHeader, NewRecord, NotWritten, Producer, ProducerSettings, Written};
pub use record_format::RecordFormat;
pub use truth::NotTrueOrFalse;
