//! Bugs put in on purpose, to see the simulation find them. Without the feature `seeded-bugs` none of them exists, and the
//! program is never built with it.

/// A bug that a mirror of this kind could plausibly have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeededBug {
    /// A position moves when its batches are sent, not when the target has acknowledged them.
    PositionBeforeAck,
    /// Batches that are sent again are cut anew: other bytes under the same sequences.
    ResplitOnRetry,
    /// Nobody acknowledges a transaction marker, so the position stays in front of it.
    LostMarker,
}

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<SeededBug>> = const { std::cell::Cell::new(None) };
}

/// Puts a bug into every mirror of this thread from now on; `None` takes it out again.
#[cfg(feature = "seeded-bugs")]
pub fn plant(bug: Option<SeededBug>) {
    PLANTED.set(bug);
    kafka_client_core::seeded_bugs::resplit_on_retry(bug == Some(SeededBug::ResplitOnRetry));
}

#[cfg(feature = "seeded-bugs")]
pub(crate) fn is_planted(bug: SeededBug) -> bool {
    PLANTED.get() == Some(bug)
}

#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn is_planted(_bug: SeededBug) -> bool {
    false
}
