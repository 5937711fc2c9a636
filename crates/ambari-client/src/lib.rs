//! Which hosts run `ZooKeeper` and Kafka's brokers, from where a Hadoop distribution knows it: Ambari's REST API, or the
//! files that Ambari left on a node.
//!
//! ```text
//!   BaseUrl, ClusterName, Password ─▶ Ambari ──get──▶ exchange ──TLS──▶ gateway ──▶ Ambari
//!                                       │  ▲              (hyper, tokio-rustls)
//!                          redirects,   │  └── Answer: status, content type, bounded body
//!                          credentials  ▼
//!                                    answer: hosts, or what is wrong and what to do
//! ```
//! | module | does | touches |
//! |---|---|---|
//! | `address`, `component`, `answer`, `base64` | where to ask, what to ask for, what an answer means | nothing |
//! | [`node`] | the same facts in files on a node: `yarn-site.xml`, the agent's command files | files, in one function |
//! | `password` | a password that shows itself to nobody but the server | the file it is in |
//! | `trust` | whose certificates are believed | the system's certificates, a file |
//! | `exchange`, `client` | one request; a question with its redirects and its deadline | sockets |
//!
//! A password leaves this crate only inside of a request to the address that the user gave: over TLS, or to this very host.
//! No error, no `Debug` text holds it, nor anything that the server answers beyond a short, cleaned piece of its words.

#![forbid(unsafe_code)]

mod address;
mod answer;
mod base64;
mod client;
mod component;
mod error;
mod exchange;
pub mod node;
mod password;
mod trust;

pub use address::{BaseUrl, UrlProblem};
pub use answer::ComponentHost;
pub use client::{Ambari, Patience};
pub use component::{ClusterName, Component};
pub use error::AmbariError;
pub use password::Password;
