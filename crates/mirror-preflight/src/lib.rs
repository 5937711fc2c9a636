//! What can be known before the first record is mirrored: are both clusters there, may we do what we need to, and what
//! would become of each topic. Nothing is written to either cluster, and no offset is committed.
//!
//! | module | answers |
//! |---|---|
//! | [`check`] | can this configuration run: names, ports, protocol, versions, rights? |
//! | [`plan`] | what would become of each topic, and why? |
//! | [`log_survey`] | which codecs, formats and keys do the ends of a log show? |
//! | [`key_survey`] | which partitioner do the source's producers use? |
//!
//! Every question has a bound in time; what was not answered within it is a failed check, not a hang. Questions are
//! asked side by side, so that one dead broker costs its own time only.

#![forbid(unsafe_code)]

pub mod check;
mod connect;
mod fetch;
pub mod key_survey;
mod listing;
pub mod log_survey;
mod parallel;
mod peer;
pub mod plan;
#[cfg(test)]
mod testing;

/// A number with its noun: `1 broker`, `3 brokers`.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
