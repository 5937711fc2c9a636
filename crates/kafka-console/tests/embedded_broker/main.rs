//! Topics, producer and consumer against embedded brokers, on pipes and under a paused clock.
#![forbid(unsafe_code)]

mod consume;
mod group;
mod odd_batches;
mod produce;
mod topics;
mod world;
