//! `heliostat mirror-maker`: MirrorMaker 1's command line, from the arguments to the exit code.

use std::ffi::OsString;
use std::process::ExitCode;

use mirror_config::Config;
use mirror_config::mirror_maker::{self, Command, Flags};
use mirror_runtime::Outcome;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use crate::supervise::{self, End, EndSignals};
use crate::{logging, names, report};

/// MirrorMaker's exit code when the target refused a record for good: `sys.exit(-1)`.
const ABORTED_ON_SEND_FAILURE: u8 = 255;

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
    match mirror_maker::resolve(flags) {
        Ok(resolved) => {
            logging::notices(&resolved.notices);
            start(resolved.config)
        }
        Err(errors) => {
            for error in &errors.0 {
                report::error(error);
            }
            ExitCode::from(errors.exit_code())
        }
    }
}

fn start(config: Config) -> ExitCode {
    match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(run_until_end(config));
            leave(runtime);
            code
        }
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// Whatever still runs after the drain, or after a second signal, is not waited for.
fn leave(runtime: Runtime) {
    runtime.shutdown_background();
}

async fn run_until_end(config: Config) -> ExitCode {
    for cluster in [&config.source, &config.target] {
        if let Err(error) = names::check(cluster).await {
            report::error(&error);
            return ExitCode::FAILURE;
        }
    }
    let signals = match EndSignals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            report::error(&error);
            return ExitCode::FAILURE;
        }
    };
    tracing::info!("Starting mirror maker");
    let run = |asked: oneshot::Receiver<()>| {
        // The sender is dropped only with this whole process.
        mirror_runtime::run(config, async { drop(asked.await) })
    };
    match supervise::until_end(run, signals).await {
        End::Run(Ok(Outcome::Drained)) => ExitCode::SUCCESS,
        End::Run(Ok(Outcome::AbortedOnSendFailure)) => ExitCode::from(ABORTED_ON_SEND_FAILURE),
        End::Run(Err(error)) => {
            report::error(&error);
            u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        End::Killed(signal) => supervise::killed_by(signal),
    }
}
