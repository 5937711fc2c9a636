//! `race`: heliostat and `MirrorMaker` 1 over the same backlog, on this machine, in one run.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to its terminal"
)]

use anyhow::{Result, ensure};
use benches::course::{Course, RECORD_BYTES};
use benches::java::Digest;
use benches::machine::Machine;
use benches::plan::{self, Codec, Leg, Mode, Peer};
use benches::report::Report;
use clap::{Parser, ValueEnum};

/// Loads a backlog once per codec, lets every peer mirror it cold, and prints a table and a verdict per goal.
#[derive(Debug, Parser)]
struct Arguments {
    /// Uncompressed values to load, in units of 10^9 bytes
    #[arg(long, default_value_t = 2.0)]
    gigabytes: f64,
    /// Codecs of the source
    #[arg(long, value_enum, value_delimiter = ',', default_value = "none,lz4,zstd")]
    codecs: Vec<Codec>,
    /// Who runs
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "mirror-maker-1,heliostat"
    )]
    peers: Vec<Peer>,
    /// What is done with the records
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "pass-through,by-key-same,by-key-3"
    )]
    modes: Vec<Mode>,
    /// In which of heliostat's rows every key, value and timestamp is read back and compared (counts are compared in all rows)
    #[arg(long, value_enum, default_value = "one")]
    compare_bytes: CompareBytes,
    #[arg(long, value_enum, default_value = "table")]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CompareBytes {
    None,
    /// The last of heliostat's rows
    One,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        !cfg!(debug_assertions),
        "a race of unoptimised programs says nothing: run it with --release, after `cargo build --release --bin heliostat`"
    );
    let report = race(&arguments)?;
    match arguments.output {
        Output::Table => print!("{report}"),
        Output::Json => println!("{:#}", report.json()),
    }
    Ok(())
}

fn race(arguments: &Arguments) -> Result<Report> {
    let records = records(arguments.gigabytes)?;
    let legs: Vec<Vec<Leg>> = arguments
        .codecs
        .iter()
        .map(|&codec| plan::legs(codec, &arguments.modes, &arguments.peers))
        .collect();
    let last_of_ours = legs
        .iter()
        .flatten()
        .rfind(|leg| leg.peer == Peer::Heliostat)
        .copied();
    let compared = |leg: Leg| match arguments.compare_bytes {
        CompareBytes::None => false,
        CompareBytes::One => Some(leg) == last_of_ours,
        CompareBytes::All => leg.peer == Peer::Heliostat,
    };
    let mut report = Report {
        machine: Machine::look()?,
        gigabytes: arguments.gigabytes,
        limits: Vec::new(),
        rows: Vec::new(),
    };
    let mut course = Course::start(records)?;
    for (&codec, legs) in arguments.codecs.iter().zip(&legs) {
        eprintln!("{codec}: loading {records} records");
        let loaded = course.load(codec)?;
        report.limits.push(course.limits(&loaded)?);
        let mut source: Option<Digest> = None;
        for &leg in legs {
            eprintln!("{codec}: {} {}", leg.peer, leg.mode);
            if compared(leg) && source.is_none() {
                source = Some(course.source_digest(&loaded)?);
            }
            let expected = source.as_ref().filter(|_| compared(leg));
            report.rows.push(course.run(leg, &loaded, expected)?);
        }
        course.unload(&loaded)?;
    }
    Ok(report)
}

/// How many records make so many gigabytes.
fn records(gigabytes: f64) -> Result<u64> {
    ensure!(
        (0.001..=1000.0).contains(&gigabytes),
        "--gigabytes takes 0.001 to 1000"
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    let thousands = (gigabytes * 1000.0).round() as u64;
    // A thousandth of a GB is a thousand records of 1000 B.
    Ok(thousands * 1_000_000 / RECORD_BYTES)
}
