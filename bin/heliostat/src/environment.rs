//! The only door to the environment's variables.

/// `RUST_LOG`: which log lines are written (`info`, `mirror_runtime=debug`, …).
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn log_filter() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty())
}

/// `NO_COLOR`: any value asks for plain text (no-color.org).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
