//! Bytes to typed Kafka requests and responses, and back. Ground floor of the workspace.
//!
//! - [`ids`]: topic-partitions, topic ids, node ids, producer identities.
//! - [`error_code`], [`api_key`], [`version`]: the numbers of the protocol and how versions are negotiated.
//! - [`request`]: the [`Request`] trait that ties a request, its response and their version
//!   range together, and the buffer a request is written into.
//! - [`primitive`]: the bounded reader every response goes through, and the writer for requests.
//! - [`header`], [`frame`]: what stands around a body on the wire.
//! - [`api`]: one file per Kafka API.
//!
//! What is absent: sockets, clocks, retries, and any knowledge of what a record batch looks like inside.
//!
//! # Where bytes are trusted
//! Nowhere. Every response is decoded by [`primitive::Reader`], which checks each count and each length against
//! the bytes that are really there before it allocates. The crate `kafka-protocol`, whose decoders do not, is
//! used to *encode* the rarely sent requests only.
#![forbid(unsafe_code)]

pub mod api;
pub mod api_key;
mod buffer;
mod error;
pub mod error_code;
pub mod frame;
pub mod header;
pub mod ids;
pub mod primitive;
pub mod request;
pub mod version;

pub use api_key::ApiKey;
pub use error_code::ErrorCode;
pub use ids::{NodeId, ProducerIdentity, TopicId, TopicPartition};
pub use request::{DecodeError, EncodeError, Request, RequestBuffer};
pub use version::{BrokerVersions, UnsupportedApi, VersionRange};
