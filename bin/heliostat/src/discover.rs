//! `heliostat discover`: which hosts run ZooKeeper and the brokers, in the forms in which they are needed next.
//!
//! Two places know it: Ambari, over its REST API (`discover ambari`), and the files that Ambari left on a node of the
//! cluster (`discover files`). Both answer with a [`Found`], and what is printed does not depend on which it was.

mod ambari;
mod files;
mod found;
mod password;
mod shape;
mod terminal;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use crate::report;
use found::Found;
use shape::Printing;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Discover {
    Ambari(ambari::Asked),
    Files(files::Asked),
}

/// The hosts cannot be told.
const FAILED: u8 = 1;
/// A command line that cannot be used.
const USAGE: u8 = 2;

pub(crate) fn command() -> Command {
    Command::new("discover")
        .about("Find the ZooKeeper servers and the brokers of a Hadoop distribution's cluster")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(ambari::command())
        .subcommand(files::command())
}

pub(crate) fn of(matches: &ArgMatches) -> Option<Discover> {
    match matches.subcommand()? {
        ("ambari", matches) => ambari::of(matches).map(Discover::Ambari),
        (_files, matches) => Some(Discover::Files(files::of(matches))),
    }
}

/// Looks, prints and exits.
pub(crate) fn run(asked: &Discover) -> ExitCode {
    match asked {
        Discover::Ambari(asked) => ambari::run(asked),
        Discover::Files(asked) => files::run(asked),
    }
}

/// Prints what was found; what should be known of it goes to standard error, which `$(..)` does not take.
fn print(found: &Found, printing: &Printing) -> ExitCode {
    for warning in found.warnings() {
        report::line(&format!("warning: {warning}"));
    }
    match printing.print(found) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(FAILED)
        }
    }
}
