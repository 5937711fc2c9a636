//! What `heliostat topics`, `produce` and `consume` have in common: they take the flags of Kafka's own tools, find the
//! brokers they name, and exit as those do: 0, or 1 whatever was wrong.

pub(crate) mod client_properties;
pub(crate) mod connect;
pub(crate) mod flags;

use std::error::Error;
use std::process::ExitCode;

use clap::{Arg, ArgAction, Command};

use crate::report;
use flags::{Flag, Takes};

/// Describes flags to clap, for help and completion; [`flags::Given`] reads them.
pub(crate) fn describe(command: Command, flags: &'static [Flag]) -> Command {
    command.disable_help_flag(true).args(flags.iter().map(|flag| {
        let argument = Arg::new(flag.name)
            .long(flag.name)
            .help(flag.help)
            .hide(flag.is_old);
        match flag.takes {
            Takes::Nothing => argument.action(ArgAction::SetTrue),
            Takes::Value(name) => argument.value_name(name),
            Takes::Optional(name) => argument.value_name(name).num_args(0..=1),
        }
    }))
}

/// Prints what a command has to say of itself, on standard output.
pub(crate) fn help(mut command: Command) -> ExitCode {
    // Nobody is left to be told when standard output is gone.
    let _ = command.print_help();
    ExitCode::SUCCESS
}

/// Says why a command line cannot be used, or what failed.
pub(crate) fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    report::error(error);
    ExitCode::FAILURE
}
