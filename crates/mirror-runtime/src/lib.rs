//! The tasks of a mirror, their supervision and their drain.
//!
//! ```text
//!   mirror (process) ─► flow (clusters, group) ─► generation (what the group assigned)
//!                                                  │
//!        ┌─ fetcher (one per source broker) ─ chunks ─▶ routing (one per source partition) ─┐
//!        │                                                                                  ▼
//!        └─ committer ◀── acked positions ── producer (one per generation) ─▶ target brokers
//! ```
//!
//! Decisions live below: this crate waits, moves bytes and keeps time.

#![forbid(unsafe_code)]

mod abilities;
mod adoption;
mod anchors;
mod catch_up;
mod committer;
mod connect;
mod control;
mod counters;
mod dead_letter;
mod events;
mod fetch_shares;
mod fetched;
mod fetcher;
mod flow;
mod generation;
mod join;
mod member_home;
mod memory;
mod mirror;
mod ownership;
mod partition;
mod position_store;
mod producer;
mod progress_report;
mod reachability;
mod routing;
mod run_error;
pub mod seeded_bugs;
mod settings;
mod shared;
mod start_positions;
mod state_folder;
mod status;
mod target_topics;
mod tasks;
mod throttle;
mod zookeeper_group;

pub use mirror::{ControlOrder, Mirror, Outcome};
pub use run_error::RunError;
pub use state_folder::StateFolderError;
pub use status::StatusView;
pub use tasks::TaskPanicked;
