//! From files and flags to one checked, typed [`Config`].
//!
//! Everything a user can write (MirrorMaker's flags, its two Java `.properties` files) is resolved here, once, at
//! start. Behind [`Config`] nothing knows which file was read, so a second file format is one more resolver and
//! no change anywhere else.

#![forbid(unsafe_code)]

mod config;
pub mod defaults;

pub use config::{
    ClusterConfig, CompressionConfig, Config, FetchConfig, FlowConfig, HostPort, IsolationLevel, LifeConfig,
    MemoryConfig, NullKeys, OnRefusedRecord, Partitioning, Positions, ProduceConfig, StartPolicy,
};
