//! The only door to the environment's variables.

use mirror_config::Environment;

/// `RUST_LOG`: which log lines are written (`info`, `mirror_runtime=debug`, …).
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn log_filter() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty())
}

/// `NO_COLOR`: any value asks for plain text (no-color.org).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// What says where state is kept: systemd's, the desktop's, the user's.
#[expect(clippy::disallowed_methods, reason = "as above")]
pub(crate) fn state() -> Environment {
    Environment {
        state_directory: std::env::var("STATE_DIRECTORY").ok(),
        xdg_state_home: std::env::var("XDG_STATE_HOME").ok(),
        home: std::env::var("HOME").ok(),
    }
}
