//! A process that mirrors, from its configuration to its exit code; what it was started by makes no difference here.

use std::process::ExitCode;

use mirror_config::Config;
use mirror_runtime::{Mirror, Outcome};
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use crate::output::Format;
use crate::outside::Outside;
use crate::supervise::{self, End, EndSignals};
use crate::voice::Voice;
use crate::{catch_up, names, report};

/// MirrorMaker's exit code when the target refused a record for good: `sys.exit(-1)`.
const ABORTED_ON_SEND_FAILURE: u8 = 255;

/// Mirrors until a signal, a failure, a refused record that ends the process, or until it has caught up where that is asked
/// for; `format` is how the last is told.
pub(crate) fn run(config: Config, voice: &Voice, format: Format) -> ExitCode {
    match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(run_until_end(config, voice, format));
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

async fn run_until_end(config: Config, voice: &Voice, format: Format) -> ExitCode {
    for cluster in config.flows.iter().flat_map(|flow| [&flow.source, &flow.target]) {
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
    voice.starting();
    let admin = config.admin.clone();
    let mirror = match Mirror::new(config) {
        Ok(mirror) => mirror,
        Err(error) => return failed(&error),
    };
    let _outside = match Outside::open(admin.as_ref(), &mirror).await {
        Ok(outside) => outside,
        Err(error) => {
            report::error(&error);
            return ExitCode::FAILURE;
        }
    };
    let heard = voice.clone();
    let run = |asked: oneshot::Receiver<()>| {
        // The sender is dropped only with this whole process.
        mirror.run(async move {
            if asked.await.is_ok() {
                heard.draining();
            }
        })
    };
    match supervise::until_end(run, signals).await {
        End::Run(Ok(Outcome::Drained)) => {
            voice.ended();
            ExitCode::SUCCESS
        }
        End::Run(Ok(Outcome::AbortedOnSendFailure)) => {
            voice.ended_by_refusal();
            ExitCode::from(ABORTED_ON_SEND_FAILURE)
        }
        End::Run(Ok(Outcome::CatchUp(report))) => {
            voice.ended();
            catch_up::tell(&report, format)
        }
        End::Run(Err(error)) => failed(&error),
        End::Killed(signal) => supervise::killed_by(signal),
    }
}

fn failed(error: &mirror_runtime::RunError) -> ExitCode {
    report::error(error);
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}
