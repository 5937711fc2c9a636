//! The real-Kafka test kit: brokers of any listed version on this machine, Kafka's own Java clients and librdkafka as independent readers
//! and writers, and the oracle that compares a source with its mirror record by record.
//!
//! Nothing here uses heliostat's own protocol code: the kit is its judge. What it needs beside Rust: Java 17 and Maven (the jars go to a
//! cache folder, see [`cache`]), and Python 3 for librdkafka. A missing tool is an error, never a skipped test.
//!
//! ```no_run
//! use integration::admin::NewTopic;
//! use integration::heliostat::Heliostat;
//! use integration::oracle::Rule;
//! use integration::produce::{Load, Producer};
//! use integration::scenario::scenario;
//!
//! scenario("orders", |world| {
//!     let topic = world.topic("orders");
//!     world.source.admin().create_topic(&NewTopic::new(&topic, 8))?;
//!     Producer::open(&world.source.bootstrap, &[("compression.type", "lz4")])?.generate(&Load::new(&topic, 10_000))?;
//!     let mut mirror = Heliostat::start(&world.mirroring().preserve())?;
//!     mirror.wait_until_caught_up(&[topic], std::time::Duration::from_secs(60))?;
//!     mirror.stop()?;
//!     world.compare(&Rule::preserve()).map(drop)
//! });
//! ```
#![forbid(unsafe_code)]

pub mod admin;
pub mod ambari;
mod archives;
pub mod broker;
pub mod cache;
pub mod cluster;
mod cluster_id;
pub mod daemon;
pub mod dump;
mod guard;
pub mod heliostat;
pub mod http;
pub mod jars;
pub mod java;
mod key_store;
pub mod librdkafka;
pub mod matrix;
pub mod membership;
pub mod mirror_maker;
pub mod mirroring;
pub mod old_producer;
pub mod oracle;
pub mod page;
pub mod ports;
pub mod process;
pub mod produce;
pub mod program;
pub mod prometheus;
pub mod raw;
pub mod record_file;
pub mod samples;
pub mod scenario;
pub mod scratch;
mod server_properties;
pub mod shell;
pub mod steady_load;
pub mod tool;
pub mod wait;
pub mod znodes;
pub mod zookeeper;
