//! What `heliostat topics`, `produce` and `consume` have in common: they take the flags of Kafka's own tools, find the
//! brokers they name, and exit as those do: 0, or 1 whatever was wrong.

pub(crate) mod client_properties;
pub(crate) mod connect;
pub(crate) mod flag_error;
pub(crate) mod flags;
pub(crate) mod given;
pub(crate) mod tool;
pub(crate) mod work;

use std::error::Error;
use std::process::ExitCode;

use crate::report;

/// Says why a command line cannot be used, or what failed.
pub(crate) fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    report::error(error);
    ExitCode::FAILURE
}
