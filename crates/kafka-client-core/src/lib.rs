//! The decisions of a Kafka client, without sockets, clock, randomness or logging.
//!
//! Everything here is a plain state machine or a pure function: bytes and answers go in, requests and
//! events come out, [`std::time::Instant`] and seeds are arguments. `kafka-client` drives these machines
//! over real connections; the simulation drives them over a simulated network.
//!
//! | module | decides |
//! |---|---|
//! | [`retry`] | what a Kafka error code means: retry, refresh metadata, refuse, stop |
//! | [`backoff`] | how long to wait before the next attempt |
//! | [`metadata`] | which broker leads which partition, and what changed since the last answer |
//! | [`fetch_session`] | the smallest legal Fetch request (KIP-227) |
//! | [`consumer_protocol`] | what members of a group tell each other |
//! | [`assignor`] | who of a group gets which partition |
//! | [`group_member`] | what a member of a group sends when, and when its partitions are no longer its own |
//! | [`producer_state`] | which batch may be sent when, and with which sequence numbers (KIP-98) |
#![forbid(unsafe_code)]

pub mod assignor;
pub mod backoff;
pub mod consumer_protocol;
pub mod fetch_session;
pub mod group_member;
pub mod metadata;
pub mod producer_state;
pub mod retry;
#[cfg(feature = "seeded-bugs")]
pub mod seeded_bugs;

#[cfg(test)]
mod testing;
