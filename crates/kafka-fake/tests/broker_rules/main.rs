//! What a broker does, rule by rule, as seen through our own reading of the protocol (`kafka-wire`) on pipes with a
//! paused clock.

#![forbid(unsafe_code)]

mod client;
mod epochs;
mod faults;
mod fetch;
mod produce;
mod releases;
mod sessions;
mod tcp;
mod topics;
