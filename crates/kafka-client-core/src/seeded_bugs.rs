//! A bug put in on purpose, to see a simulation find it. Without the feature `seeded-bugs` it does not exist.

#[cfg(feature = "seeded-bugs")]
thread_local! {
    static RESPLITS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Makes every producer of this thread cut the batches that it sends again anew: other bytes under the same sequences.
#[cfg(feature = "seeded-bugs")]
pub fn resplit_on_retry(is_on: bool) {
    RESPLITS.set(is_on);
}

#[cfg(feature = "seeded-bugs")]
pub(crate) fn resplits_on_retry() -> bool {
    RESPLITS.get()
}
