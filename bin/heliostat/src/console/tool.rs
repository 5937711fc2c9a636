//! A console command as a whole: its name, its flags, and what it says of itself.

use std::ffi::OsString;
use std::io::{Write, stderr, stdout};
use std::process::ExitCode;

use clap::{Arg, Command};

use super::failed;
use super::flag_error::FlagError;
use super::flags::{Flag, HELP, VERSION};
use super::given::Given;

/// One of the three commands.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Behind `heliostat`.
    pub(crate) name: &'static str,
    /// What it does, in one line.
    pub(crate) about: &'static str,
    pub(crate) flags: &'static [Flag],
    /// What can be done, each a flag that may also stand in front as a word; empty where there is only one thing to do.
    pub(crate) actions: &'static [&'static str],
    /// Flags that Kafka's tool has and this one has not, and what to do instead.
    pub(crate) absent: &'static [(&'static str, &'static str)],
}

// === impl Tool ===

impl Tool {
    /// The description for help and completion.
    pub(crate) fn command(&self) -> Command {
        let command = Command::new(self.name)
            .bin_name(format!("heliostat {}", self.name))
            .about(self.about)
            .version(env!("CARGO_PKG_VERSION"))
            .disable_help_flag(true)
            .disable_version_flag(true)
            .args(self.flags.iter().map(Flag::described));
        if self.actions.is_empty() {
            return command;
        }
        command.arg(
            Arg::new("action")
                .value_parser(self.actions.to_vec())
                .help("What to do; the same as the flag of that name"),
        )
    }

    /// What the arguments behind the command's name ask for. The error is the exit code, after what there was to say was
    /// said: help and version on standard output; errors, with the help if there was no argument at all, on standard error.
    pub(crate) fn asked<Asked>(
        &self,
        arguments: &[OsString],
        read: impl FnOnce(&Given) -> Result<Asked, FlagError>,
    ) -> Result<Asked, ExitCode> {
        let given = match self.given(arguments) {
            Ok(given) => given,
            Err(error) => return Err(failed(&error)),
        };
        if given.has(HELP.name) {
            // Nobody is left to be told when standard output is gone.
            let _ = write!(stdout(), "{}", self.command().render_help());
            return Err(ExitCode::SUCCESS);
        }
        if given.has(VERSION.name) {
            // As above.
            let _ = writeln!(stdout(), "heliostat {}", env!("CARGO_PKG_VERSION"));
            return Err(ExitCode::SUCCESS);
        }
        if arguments.is_empty() {
            // As above.
            let _ = writeln!(stderr(), "{}", self.command().render_help());
        }
        read(&given).map_err(|error| failed(&error))
    }

    /// The action as a word is the action as a flag.
    pub(crate) fn given(&self, arguments: &[OsString]) -> Result<Given, FlagError> {
        let mut arguments = arguments.to_vec();
        if let Some(first) = arguments.first_mut()
            && let Some(word) = first.to_str()
            && !self.actions.is_empty()
            && !word.starts_with('-')
        {
            if !self.actions.contains(&word) {
                return Err(FlagError::no_action(self, word));
            }
            *first = format!("--{word}").into();
        }
        Given::read(&arguments, self)
    }
}
