//! What the tests of several modules share.

use std::time::Instant;

/// The instant a test counts from. No test waits: time passes by adding to it.
#[expect(
    clippy::disallowed_methods,
    reason = "an Instant cannot be made without the clock; tests only need one to count from"
)]
pub(crate) fn start() -> Instant {
    Instant::now()
}
