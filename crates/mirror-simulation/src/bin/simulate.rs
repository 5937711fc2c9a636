//! `cargo xtask sim`: seeds by the minute, and the replay of one.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use std::process::ExitCode;

use clap::Parser;
use mirror_simulation::seeds::{self, Seeds};
use mirror_simulation::{Failure, simulate};

#[derive(Parser)]
#[command(
    name = "cargo xtask sim",
    about = "Simulations of the whole mirror under faults"
)]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// One seed alone, with its plan
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// With --seed: every request
    #[arg(long, requires = "seed")]
    trace: bool,
    /// With --seed: what the mirror says, as in `debug` or `kafka_client=trace`
    #[arg(long, requires = "seed")]
    log: Option<String>,
    /// Seeds side by side; as many as there are processors otherwise
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.seed {
        Some(seed) => replay(seed, &arguments),
        None => run(&arguments),
    }
}

fn replay(seed: u64, arguments: &Arguments) -> ExitCode {
    if let Some(filter) = &arguments.log {
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    print!("{}", mirror_simulation::plan::Plan::of(seed));
    match simulate(seed) {
        Ok(report) => {
            if arguments.trace {
                for request in report.trace.snapshot() {
                    println!("{request}");
                }
            }
            println!(
                "seed {seed} holds: {:?} in {:?}, trace {:016x} of {} requests",
                report.agreement,
                report.elapsed,
                report.trace.hash(),
                report.trace.snapshot().len()
            );
            ExitCode::SUCCESS
        }
        Err(Failure { error, .. }) => {
            eprintln!("seed {seed} fails: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> ExitCode {
    let range = Seeds {
        from: arguments.from,
        count: arguments.seeds,
        threads: arguments.threads.unwrap_or_else(seeds::threads),
    };
    let summary = seeds::run(&range, |failure| {
        eprintln!("{failure}");
    });
    println!("{summary}");
    if summary.failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
