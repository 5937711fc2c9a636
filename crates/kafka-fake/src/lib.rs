//! Kafka brokers inside this process, for the demonstration, the fault matrix and the simulation.
//!
//! A cluster has one or several brokers, listens on TCP or on pipes in memory, and keeps its logs in memory. It shares
//! with the client only the ground floors (`kafka-wire`, `kafka-record`). Its requests are read and its answers written
//! by the generated crate `kafka-protocol`, not by `kafka-wire`: two independent readings of the protocol catch each
//! other's mistakes.
//!
//! ```text
//!   FakeCluster ── start_tcp ──▶ listeners ─┐
//!               └─ start_memory ▶ pipes ────┴▶ connection: frame ▶ intercept ▶ api/<name>.rs ▶ answer
//!                                                                                │ one lock
//!                                                          State: brokers, topics ▼ partitions ▶ log
//! ```
//!
//! # Deterministic where a simulation needs it
//! On pipes, with a paused tokio clock and one thread, a run depends on its seed alone: time comes from tokio's clock
//! over a fixed wall-clock base, random numbers from the builder's seed, and what can be iterated is ordered.
//!
//! # What it trusts
//! `kafka-protocol`'s decoders reserve memory by counts from the wire
//! (`docs/adr/0002-bytes-from-a-socket-never-make-us-allocate.md`). Listeners are bound to the loopback address for that
//! reason: their peers are programs that the same person started.

#![forbid(unsafe_code)]

mod api;
mod builder;
mod call;
mod clock;
mod cluster;
mod coordinators;
mod error;
mod fault;
mod fetch_session;
pub mod group;
mod log;
mod network;
mod proxy;
mod random;
mod release;
mod server;
mod settings;
mod shared;
mod state;
mod tasks;
mod throttled;
mod topic;
pub mod transaction;

pub use builder::FakeClusterBuilder;
pub use cluster::{FakeCluster, LogView, StoredRecord};
pub use error::FakeError;
pub use fault::{Action, Alter, Gate, InterceptedRequest, Interception};
pub use log::{AbortedTransaction, Tombstones, TransactionMarker};
pub use network::MemoryNetwork;
pub use proxy::{AcceptedConnection, Direction, Link};
pub use release::KafkaRelease;
