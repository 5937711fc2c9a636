//! `heliostat demo`: two embedded clusters, a load, a mirror between them, and a comparison of every record; nothing is
//! needed but this program.
//!
//! | code | when |
//! |---|---|
//! | 0 | the target is the source's mirror |
//! | 1 | it is not, or the demonstration could not be carried through |
//! | 2 | the command line is wrong |
//! | 130, 143 | a second SIGINT or SIGTERM did not let it compare |

mod chaos;
mod clusters;
mod course;
mod flow_file;
mod load;
mod mirror;
mod outcome;
mod random;
mod records;
mod screen;
mod verdict;
mod watch;
mod words;

use std::io;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use kafka_fake::FakeError;
use mirror_admin::AdminError;
use mirror_config::mirror_maker::LogFormat;
use mirror_config::{ConfigErrors, Partitioning};
use mirror_runtime::RunError;
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tracing_subscriber::filter::LevelFilter;

use crate::supervise::{self, End, EndSignals};
use crate::{logging, output, report};
use load::{LoadError, LoadPlan};
use outcome::Report;
use screen::Screen;
use verdict::CheckError;

/// Without `--records` the load ends here: the embedded brokers keep everything in memory, some 350 MB by then with what the
/// comparison needs.
const RECORDS_MAX: u64 = 1_000_000;
/// Records per second where nobody waits for the end: slow enough to watch.
const RATE_TO_WATCH: u64 = 1000;
/// Records per second where the number of records is given.
const RATE_TO_END: u64 = 50_000;
/// With faults a load lasts at least this long, or few faults would meet it.
const CHAOS_SECONDS: u64 = 4;
/// Tasks that were left behind have this long to let go of the folder.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(1);

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Demo {
    /// The load ends after so many.
    records: Option<u64>,
    /// The process ends after the comparison.
    exits: bool,
    /// Records per second.
    rate: Option<u64>,
    chaos: bool,
    partitioning: Partitioning,
    /// The result is JSON.
    in_json: bool,
    seed: u64,
}

/// Why a demonstration has no result.
#[derive(Debug, thiserror::Error)]
enum DemoError {
    #[error("the embedded clusters do not work")]
    Clusters(#[source] FakeError),
    #[error("the demonstration cannot use a folder for temporary files")]
    Folder(#[source] io::Error),
    #[error("the demonstration's own heliostat.toml is refused")]
    File(#[source] ConfigErrors),
    #[error("the mirror failed")]
    Mirror(#[source] RunError),
    #[error("the mirror ended although nobody asked it to")]
    MirrorEnded,
    #[error("the mirror cannot be looked at")]
    Outside(#[source] AdminError),
    #[error("the load failed")]
    Load(#[source] LoadError),
    #[error(
        "somebody deleted {} on the source, and the demonstration has nothing to mirror and to compare any more: start it \
         again, and try deletions on a topic of your own",
        clusters::TOPIC
    )]
    TopicDeleted,
    #[error("both clusters cannot be compared")]
    Check(#[source] CheckError),
    #[error("the comparison failed by a defect of its own")]
    CheckPanicked,
}

/// In the place of a result in JSON.
#[derive(Debug, Serialize)]
struct NoResult {
    outcome: &'static str,
    problems: Vec<String>,
}

pub(crate) fn command() -> Command {
    Command::new("demo")
        .about("See a mirror work: two embedded clusters, a load, faults if you like, and a comparison of every record")
        .after_help(
            "The result is on standard output, everything else on standard error. RUST_LOG=info shows the mirror's log. \
             Nothing is left behind.\n\nExit codes: 0 the target is the source's mirror; 1 it is not, or the demonstration \
             failed; 2 the command line is wrong; 130 and 143 a second signal.",
        )
        .args([
            number("records", "N")
                .value_parser(value_parser!(u64).range(1..=10_000_000))
                .help("End the load after this many records [default: at Ctrl-C, or after a million]"),
            Arg::new("exit")
                .long("exit")
                .requires("records")
                .action(ArgAction::SetTrue)
                .help("End after the comparison instead of at Ctrl-C"),
            number("rate", "N")
                .value_parser(value_parser!(u64).range(1..=1_000_000))
                .help("Records per second [default: 1000; with --records up to 50000]"),
            Arg::new("chaos")
                .long("chaos")
                .action(ArgAction::SetTrue)
                .help("Kill and restart brokers of both clusters and move leaders while the load runs"),
            Arg::new("partitioning")
                .long("partitioning")
                .value_name("RULE")
                .value_parser(["preserve", "by-key"])
                .default_value("preserve")
                .help("The source's partition numbers, or the hash of the key over a target of other partitions"),
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(["text", "json"])
                .default_value("text")
                .help("How the result is written"),
            number("seed", "N")
                .value_parser(value_parser!(u64))
                .default_value("1")
                .help("What records and faults are drawn from"),
        ])
}

fn number(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value)
}

pub(crate) fn of(matches: &ArgMatches) -> Demo {
    let word = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    Demo {
        records: matches.get_one("records").copied(),
        exits: matches.get_flag("exit"),
        rate: matches.get_one("rate").copied(),
        chaos: matches.get_flag("chaos"),
        partitioning: match word("partitioning") {
            Some("by-key") => Partitioning::ByKey,
            _ => Partitioning::Preserve,
        },
        in_json: word("output") == Some("json"),
        seed: matches.get_one("seed").copied().unwrap_or_default(),
    }
}

/// Runs, says the result and exits.
pub(crate) fn run(demo: &Demo) -> ExitCode {
    logging::start_from(LogFormat::Text, LevelFilter::ERROR);
    match try_run(demo) {
        Ok(End::Run(Ok(report))) => ended(demo, &report),
        Ok(End::Run(Err(error))) | Err(error) => {
            report::error(&error);
            if demo.in_json {
                // Whoever reads the result reads why there is none; that it cannot be written changes nothing any more.
                let _ = output::json(&NoResult::of(&error));
            }
            ExitCode::FAILURE
        }
        Ok(End::Killed(signal)) => supervise::killed_by(signal),
    }
}

fn try_run(demo: &Demo) -> Result<End<Result<Report, DemoError>>, DemoError> {
    // Made before anything runs and removed after everything has ended.
    let folder = TempDir::with_prefix("heliostat-demo-").map_err(DemoError::Folder)?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(DemoError::Folder)?;
    let screen = Screen::new();
    let end = runtime.block_on(async {
        let signals = EndSignals::listen().map_err(DemoError::Folder)?;
        let run = |asked| course::run(demo, folder.path(), &screen, asked);
        Ok(supervise::until_end(run, signals).await)
    });
    screen.end();
    runtime.shutdown_timeout(LEAVE_TIMEOUT);
    folder.close().map_err(DemoError::Folder)?;
    end
}

fn ended(demo: &Demo, report: &Report) -> ExitCode {
    let printed = if demo.in_json {
        output::json(report)
    } else {
        output::print(&report.text())
    };
    match printed {
        Ok(()) if report.is_equal() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            report::error(&error);
            ExitCode::FAILURE
        }
    }
}

/// In ms since 1970.
fn wall_clock_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

// === impl NoResult ===

impl NoResult {
    fn of(error: &DemoError) -> Self {
        Self {
            outcome: "failed",
            problems: vec![report::chain(error)],
        }
    }
}

// === impl Demo ===

impl Demo {
    fn load_plan(&self) -> LoadPlan {
        let rate = match self.records {
            None => RATE_TO_WATCH,
            Some(records) if self.chaos => (records / CHAOS_SECONDS).clamp(1, RATE_TO_END),
            Some(_) => RATE_TO_END,
        };
        LoadPlan {
            records: self.records.unwrap_or(RECORDS_MAX),
            rate: self.rate.unwrap_or(rate),
            seed: self.seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Demo, command, of};

    fn demo(line: &str) -> Result<Demo, clap::Error> {
        let words = ["demo"].into_iter().chain(line.split_whitespace());
        command().try_get_matches_from(words).map(|matches| of(&matches))
    }

    #[test]
    fn the_load_of_a_command_line() {
        let plan = |line: &str| {
            let plan = demo(line).unwrap().load_plan();
            (plan.records, plan.rate)
        };
        assert_eq!(plan(""), (1_000_000, 1000));
        assert_eq!(plan("--records 200000"), (200_000, 50_000));
        assert_eq!(plan("--records 8000 --chaos"), (8000, 2000));
        assert_eq!(plan("--records 3 --chaos"), (3, 1));
        assert_eq!(plan("--records 8000 --chaos --rate 5"), (8000, 5));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--exit",
            "--records 0",
            "--rate 0",
            "--partitioning other",
            "--output xml",
            "--records 20000000",
        ] {
            assert!(demo(line).is_err(), "{line}");
        }
    }
}
