//! The whole mirror on one thread under a paused clock: embedded clusters on pipes, a mirror between them, faults from a seed.
//!
//! ```text
//!   seed ─► Plan ─► World: source FakeCluster ══pipes══ Mirror ══pipes══ target FakeCluster
//!                     │                           │
//!                     └ faults over time          └ checkers: what was written, committed, held in memory
//! ```
//!
//! Nothing here waits in real time: tokio's clock jumps to the next timer as soon as every task waits, so an hour of
//! outages takes as long as the work that is done in it. No sockets, no threads, no random number but the seed's: the same
//! seed is the same run, byte for byte, which [`trace::Trace`] shows.
//!
//! [`World`] is also what the fault matrix (`tests/fault_matrix`) is written on.

#![forbid(unsafe_code)]

pub mod batch;
mod checkers;
mod dump;
mod instance;
mod ledger;
mod load;
pub mod old_log;
pub mod plan;
pub mod random;
mod runtime;
pub mod seeds;
mod simulation;
pub mod trace;
mod weather;
mod world;

pub use dump::Isolation;
pub use instance::Watcher;
pub use runtime::run;
pub use simulation::{Failure, Report, Totals, simulate};
pub use world::{Adjust, POSITIONS_TOPIC, WALL_CLOCK_START_MS, World, WorldSettings};
