//! `heliostat run -c heliostat.toml`: the daemon, from its file to its exit code.
//!
//! | code | when |
//! |---|---|
//! | 0 | a signal asked it to end, and it drained |
//! | 1 | the file is wrong, a name cannot be resolved, or something else keeps it from starting |
//! | 2 | the command line is wrong |
//! | 130, 143 | a second SIGINT or SIGTERM did not let it drain |
//! | 255 | the mirror failed: the group or a position cannot be had, or a defect of ours |

use std::path::Path;
use std::process::ExitCode;

use mirror_config::daemon_file;
use mirror_config::mirror_maker::LogFormat;

use crate::voice::Voice;
use crate::{environment, logging, process, report};

/// Mirrors what the file asks for.
pub(crate) fn run(file: &Path, log_format: LogFormat) -> ExitCode {
    logging::start(log_format);
    match daemon_file::resolve(file, &environment::state()) {
        Ok(resolved) => {
            logging::notices(&resolved.notices);
            let voice = Voice::daemon(&resolved.config);
            process::run(resolved.config, &voice)
        }
        Err(errors) => {
            for error in &errors.0 {
                report::error(error);
            }
            ExitCode::FAILURE
        }
    }
}
