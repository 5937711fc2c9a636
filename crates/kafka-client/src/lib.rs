//! The tokio shell around the pure client floors: sockets, one pair of tasks per connection, typed calls.
//!
//! What is absent: decisions. Which error is retried, what a fetch session asks for next and which sequence a batch
//! carries is decided in `kafka-client-core`; this crate moves bytes and keeps deadlines.

#![forbid(unsafe_code)]

mod address_map;
pub mod admin;
pub mod cluster;
pub mod connection;
pub mod error;
mod frame_reader;
mod frame_writer;
mod gate;
pub mod group;
mod handshake;
pub mod membership;
mod metadata;
pub mod offsets;
pub mod reach;
pub mod read_back;
mod task;
mod transport;
mod unreachable;
mod uptime;

pub use address_map::AddressMap;
pub use cluster::{Cluster, ClusterSettings};
pub use connection::{CallOptions, Connection, ConnectionSettings, InFlight};
pub use error::ClientError;
pub use gate::Gate;
pub use membership::Membership;
pub use transport::{Connecting, Dial, Network, ReadHalf, WriteHalf};
pub use unreachable::UnreachableBroker;
