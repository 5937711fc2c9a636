//! A console command that runs until its input or its output ends: under signals, with the exit code that scripts know.

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use tokio::sync::oneshot;

use super::failed;
use super::flag_error::FlagError;
use super::given::Given;
use super::tool::Tool;
use crate::preflight::ask;
use crate::supervise::{self, End, EndSignals};

/// Reads what the arguments behind the command's name ask for, and does it. A first SIGINT or SIGTERM asks the work to end,
/// by the receiver it is given; a second one ends the process.
pub(crate) fn run<Asked, Work: Future<Output = ExitCode>>(
    tool: &Tool,
    arguments: &[OsString],
    read: impl FnOnce(&Given) -> Result<Asked, FlagError>,
    work: impl FnOnce(Asked, oneshot::Receiver<()>) -> Work,
) -> ExitCode {
    let asked = match tool.asked(arguments, read) {
        Ok(asked) => asked,
        Err(code) => return code,
    };
    let ended: io::Result<io::Result<_>> = ask(async {
        let signals = EndSignals::listen()?;
        let run = |stopped| work(asked, stopped);
        Ok(match supervise::until_end(run, signals).await {
            End::Run(code) => code,
            End::Killed(signal) => supervise::killed_by(signal),
        })
    });
    match ended.and_then(|ended| ended) {
        Ok(code) => code,
        Err(error) => failed(&error),
    }
}
