//! The wire crate against the generated messages of `kafka-protocol`, and against hostile bytes.
//!
//! `samples` builds a response of every API in every version with `kafka-protocol`'s encoder, together with what our
//! decoder must make of it; the other modules walk over those samples.

mod allocation;
mod conformance;
mod hostile;
mod requests;
mod samples;
