//! What is said to the person at the terminal, beside the log: errors in one form, `error: what (where): what to do`.

use std::error::Error;
use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use crate::environment;

/// Says an error and its causes in one line.
pub(crate) fn error(error: &dyn Error) {
    let text = chain(error);
    let mark = if is_coloured() {
        "\u{1b}[1;31merror:\u{1b}[0m"
    } else {
        "error:"
    };
    line(&format!("{mark} {text}"));
}

/// An error and its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Writes a text to standard error, with a line end behind it.
pub(crate) fn line(text: &str) {
    // Nobody is left to be told when standard error is gone.
    let _ = writeln!(stderr(), "{text}");
}

/// Prints what clap has to say, help and version included, where it belongs.
pub(crate) fn command_line(answer: &clap::Error) -> ExitCode {
    // As in `line`.
    let _ = answer.print();
    u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Colour only on a terminal, and only for those who do not mind.
pub(crate) fn is_coloured() -> bool {
    stderr().is_terminal() && !environment::no_color()
}
