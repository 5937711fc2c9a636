//! What Kafka keeps in ZooKeeper, read and written by a client of our own: brokers, and the groups of the consumers that
//! Kafka had before 2.0.
//!
//! | module | answers |
//! |---|---|
//! | [`session`] | one session with an ensemble: it outlives its connections, and what it holds ends with it |
//! | [`registration`] | what does a broker's JSON say, of all versions since 0.8? |
//! | [`discovery`] | which brokers can be asked, and what is wrong where there are none? |
//! | [`topic_settings`] | what does a topic set itself, where its brokers tell nobody? |
//! | [`pipeline`] | how are many calls not waited for one after the other? |
//! | [`consumer_group`] | `/consumers/GROUP`: who lives, who owns what, and which offsets are stored |
//! | [`answer`] | what do the bytes of an answer say? |
//!
//! Every byte of an answer is read by the bounded reader of `jute.rs`; the protocol is that of ZooKeeper 3.4, which later
//! servers speak, too.

#![forbid(unsafe_code)]

pub mod answer;
mod connection;
pub mod consumer_group;
pub mod discovery;
mod driver;
mod error;
mod jute;
mod operation;
pub mod pipeline;
pub mod registration;
pub mod session;
mod task;
pub mod topic_settings;

pub use error::{ErrorCode, ZooKeeperError};
pub use operation::Stat;
pub use session::{Ensemble, Session};
