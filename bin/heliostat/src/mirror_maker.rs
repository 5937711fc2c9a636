//! `heliostat mirror-maker`: MirrorMaker 1's command line, from the arguments to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use mirror_config::mirror_maker::{self, Command, Flags, LogFormat};

use crate::output::Format;
use crate::voice::Voice;
use crate::{environment, logging, process, report};

/// Does what the arguments behind the command's name ask for.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    // A path that is not UTF-8 keeps what can be kept; opening it then fails with the path in the message.
    let arguments: Vec<_> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    match mirror_maker::parse(&arguments) {
        Ok(Command::Mirror(flags)) => mirror(&flags),
        Ok(Command::Version) => version(),
        Ok(Command::Help) => {
            report::line(mirror_maker::usage().trim_end());
            ExitCode::FAILURE
        }
        Err(error) => {
            report::error(&error);
            if error.shows_usage() {
                report::line(mirror_maker::usage().trim_end());
            }
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "the answer to --version belongs on standard output"
)]
fn version() -> ExitCode {
    println!("heliostat {}", env!("CARGO_PKG_VERSION"));
    ExitCode::SUCCESS
}

fn mirror(flags: &Flags) -> ExitCode {
    logging::start(flags.log_format);
    match mirror_maker::resolve(flags, &environment::state()) {
        Ok(resolved) => {
            logging::notices(&resolved.notices);
            let voice = Voice::mirror_maker(&resolved.config);
            let format = match flags.log_format {
                LogFormat::Text => Format::Table,
                LogFormat::Json => Format::Json,
            };
            process::run(resolved.config, &voice, format)
        }
        Err(errors) => {
            for error in &errors.0 {
                report::error(error);
            }
            ExitCode::from(errors.exit_code())
        }
    }
}
