//! The only door to the environment's variables.

use std::ffi::OsString;

use mirror_config::Environment;

/// The variable with Ambari's password, for who cannot write a file.
pub(crate) const AMBARI_PASSWORD: &str = "HELIOSTAT_AMBARI_PASSWORD";

/// `RUST_LOG`: which log lines are written (`info`, `mirror_runtime=debug`, …).
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub(crate) fn log_filter() -> Option<String> {
    std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty())
}

/// `NO_COLOR`: any value asks for plain text (no-color.org).
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Ambari's password, if it is set.
pub(crate) fn ambari_password() -> Option<OsString> {
    std::env::var_os(AMBARI_PASSWORD)
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
