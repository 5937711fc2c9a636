//! `cargo xtask`: the project's own commands (house rules, the test command, test clusters by hand).
//!
//! Uses none of our crates, so it builds when they do not.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

mod errands;
mod fuzz;
mod layers;
mod metadata;
mod process;
mod requirements;
mod rust_source;
mod test_command;
mod test_summary;
mod tidy;
mod tokens;
mod tree;
mod violation;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "heliostat's own commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the house rules: allowed edges between crates, file shape, vocabulary, test habits, links
    Tidy,
    /// Run everything that must hold before a change lands: format, tidy, lints, build, all tests, docs, supply chain
    Test {
        /// Leave out the tests that start real Kafka brokers (for the inner loop)
        #[arg(long)]
        fast: bool,
    },
    /// Check licences, banned crates, version floors and sources of everything we link
    Deny,
    /// Write the reference pages of the documentation from the tables in the code
    Docs,
    /// The first minute: a load mirrored between two real Kafka clusters, every record compared
    Show,
    /// From every Kafka version of the table to every other, in every format and codec: prints a table
    Matrix,
    /// Benchmarks, in release: `cargo xtask bench race [options]` runs heliostat beside MirrorMaker
    Bench {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Fuzz one target of tests/fuzz, led by coverage; without a finding it ends when the time is over
    Fuzz {
        /// A folder of tests/fuzz/corpus
        target: String,
        /// How long
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Simulations of the whole mirror under faults, from seeds: `cargo xtask sim --seeds N`, or `--seed S` for one alone
    Sim {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Real Kafka clusters for trials by hand: `cargo xtask kafka up [options]`
    Kafka {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().command {
        Command::Tidy => tidy::run(&root),
        Command::Test { fast } => test_command::run(&root, fast),
        Command::Deny => errands::deny(&root),
        Command::Docs => errands::docs(&root),
        Command::Show => errands::show(&root),
        Command::Matrix => errands::matrix(&root),
        Command::Bench { arguments } => errands::bench(&root, &arguments),
        Command::Fuzz { target, seconds } => fuzz::run(&root, &target, seconds),
        Command::Sim { arguments } => errands::sim(&root, &arguments),
        Command::Kafka { arguments } => errands::kafka(&root, &arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The repository's root: two folders above this crate's manifest.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .unwrap_or_default()
}
