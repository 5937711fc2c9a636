//! How a mirroring process is watched and steered from outside: read-only over HTTP, commands over a Unix socket.
//!
//! | module | does |
//! |---|---|
//! | [`http`] | `/metrics`, `/healthz`, `/readyz`, `/status` |
//! | [`metrics`] | a status as Prometheus's text, and the list of all metrics |
//! | [`readiness`] | is every flow at work? |
//! | [`control`] | the control socket, both ends |
//!
//! Whatever happens here, the mirror goes on: an address that is taken is an error at the start, a client that is slow,
//! greedy or rude is dropped, and all of it is bounded.

#![forbid(unsafe_code)]

pub mod control;
mod error;
pub mod http;
pub mod metrics;
pub mod readiness;

pub use error::AdminError;
