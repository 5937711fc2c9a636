//! `heliostat run -c heliostat.toml`: the daemon, from its file to its exit code.
//!
//! | code | when |
//! |---|---|
//! | 0 | a signal asked it to end, and it drained |
//! | 0 | with `--until-caught-up`: everything up to the goal is on the target, and its positions are stored |
//! | 3 | with `--until-caught-up`: something is missing, no topic of the source matches, or a signal came before |
//! | 4 | with `--until-caught-up`: all that is missing belongs to transactions that did not end |
//! | 1 | the file is wrong, a name cannot be resolved, or something else keeps it from starting |
//! | 2 | the command line is wrong |
//! | 130, 143 | a second SIGINT or SIGTERM did not let it drain |
//! | 255 | the mirror failed: the group or a position cannot be had, or a defect of ours |

use std::path::PathBuf;
use std::process::ExitCode;

use mirror_config::daemon_file;
use mirror_config::mirror_maker::LogFormat;

use mirror_core::catch_up::CatchUpGoal;

use crate::output::Format;
use crate::voice::Voice;
use crate::{environment, logging, process, report};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) file: PathBuf,
    pub(crate) log_format: LogFormat,
    /// When to end by itself; `None` leaves that to the file.
    pub(crate) until_caught_up: Option<CatchUpGoal>,
    /// How the end of such a run is told.
    pub(crate) format: Format,
}

/// Mirrors what the file asks for.
pub(crate) fn run(asked: &Run) -> ExitCode {
    logging::start(asked.log_format);
    match daemon_file::resolve(&asked.file, &environment::state()) {
        Ok(resolved) => {
            logging::notices(&resolved.notices);
            let mut config = resolved.config;
            config.life.until_caught_up = asked.until_caught_up.or(config.life.until_caught_up);
            let voice = Voice::daemon(&config);
            process::run(config, &voice, asked.format)
        }
        Err(errors) => {
            for error in &errors.0 {
                report::error(error);
            }
            ExitCode::FAILURE
        }
    }
}
