//! From files and flags to one checked, typed [`Config`].
//!
//! Everything a user can write (MirrorMaker's flags, its two Java `.properties` files, `heliostat.toml`) is resolved here, once, at
//! start. Behind [`Config`] nothing knows which file was read.
//!
//! | module | answers |
//! |---|---|
//! | [`mirror_maker`] | what do MirrorMaker's command line and files ask for? |
//! | [`daemon_file`] | what does `heliostat.toml` ask for? |
//! | [`properties`] | what does a Java `.properties` file say, and on which line? |
//! | [`known`] | what does heliostat do with this property of a Java client? |
//! | [`suggest`] | which name was nearly written? |
//! | [`mod@reference`] | what do the generated pages of the documentation say? |
//! | [`defaults`] | what holds where nothing is said, and why that? |

#![forbid(unsafe_code)]

mod address_map;
mod bootstrap;
mod cluster;
mod config;
mod consumer_properties;
pub mod daemon_file;
pub mod defaults;
mod error;
pub mod known;
pub mod mirror_maker;
mod producer_properties;
pub mod properties;
pub mod reference;
mod resolved;
mod settings;
mod state_folder;
pub mod suggest;
mod text_file;
mod units;
mod zookeeper;

pub use config::{
    AdminConfig, AmbariCluster, Assignor, Bootstrap, BrakeConfig, ClusterConfig, CompressionConfig, Config,
    FetchConfig, FlowConfig, HostPort, IsolationLevel, LifeConfig, MembershipConfig, MemoryConfig, NullKeys,
    OnLoss, OnRefusedRecord, Partitioning, Positions, ProduceConfig, Rename, StartPolicy, StateConfig,
    ZooKeeperConnect, ZooKeeperOffsets,
};
pub use error::{ConfigError, ConfigErrors, Notice, NoticeLevel, Place};
pub use resolved::Resolved;
pub use state_folder::Environment;
