//! What was asked for: the name we were started under and the first argument decide.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use mirror_config::mirror_maker::{FLAGS, LogFormat};
use mirror_core::catch_up::CatchUpGoal;

use crate::admin::Place;
use crate::demo::{self, Demo};
use crate::discover::{self, Discover};
use crate::output::Format;
use crate::preflight::{self, Question};
use crate::resume::Resume;
use crate::run::Run;
use crate::skip::Skip;
use crate::status::Status;
use crate::{consume, halts, mirror_maker_flags, produce, resume, skip, status, topics};

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Invocation {
    /// Mirror, by MirrorMaker 1's command line: these are the arguments behind the command's name.
    MirrorMaker(Vec<OsString>),
    /// Mirror, by a file of ours.
    Run(Run),
    /// Look whether a configuration can run.
    Check(Question),
    /// Say what would become of each topic.
    Plan(Question),
    /// Say how running processes are doing.
    Status(Status),
    /// List the partitions that stand still.
    Halts(Place),
    /// Let a halted partition go on.
    Resume(Resume),
    /// Leave out a refused record.
    Skip(Skip),
    /// Show a mirror at work, with clusters of its own.
    Demo(Demo),
    /// Find ZooKeeper and the brokers.
    Discover(Discover),
    /// Create, list, describe, grow and delete topics, by `kafka-topics.sh`'s arguments.
    Topics(Vec<OsString>),
    /// Write lines as records, by `kafka-console-producer.sh`'s arguments.
    Produce(Vec<OsString>),
    /// Write records to standard output, by `kafka-console-consumer.sh`'s arguments.
    Consume(Vec<OsString>),
    /// Print a shell's completion script.
    Completions(Shell),
}

const MIRROR_MAKER: &str = "mirror-maker";
const CHECK: &str = "check";
const PLAN: &str = "plan";
const RUN: &str = "run";

/// Names under which Kafka ships MirrorMaker: a link of that name to this binary takes its place.
const MIRROR_MAKER_SCRIPTS: [&str; 2] = ["kafka-mirror-maker", "kafka-mirror-maker.sh"];

/// An invocation with the arguments behind a name.
type OfArguments = fn(Vec<OsString>) -> Invocation;

/// The commands that take the arguments of one of Kafka's tools.
const KAFKAS_TOOLS: [(&str, OfArguments); 4] = [
    (MIRROR_MAKER, Invocation::MirrorMaker),
    (topics::TOOL.name, Invocation::Topics),
    (produce::TOOL.name, Invocation::Produce),
    (consume::TOOL.name, Invocation::Consume),
];

/// Kafka's names of its console tools: links of these names stand in for them.
const CONSOLE_SCRIPTS: [(&str, OfArguments); 3] = [
    ("kafka-topics", Invocation::Topics),
    ("kafka-console-producer", Invocation::Produce),
    ("kafka-console-consumer", Invocation::Consume),
];

fn console_tool(program: &OsStr) -> Option<OfArguments> {
    let name = program.to_str()?;
    let name = name.strip_suffix(".sh").unwrap_or(name);
    let mut scripts = CONSOLE_SCRIPTS.into_iter();
    scripts.find(|(script, _)| *script == name).map(|(_, tool)| tool)
}

/// Reads the whole command line. The error is what clap has to say, help and version included.
pub(crate) fn read(arguments: Vec<OsString>) -> Result<Invocation, clap::Error> {
    let mut rest = arguments.iter();
    let program = rest.next().map(Path::new).and_then(Path::file_name);
    if program.is_some_and(|program| MIRROR_MAKER_SCRIPTS.iter().any(|script| program == *script)) {
        return Ok(Invocation::MirrorMaker(rest.cloned().collect()));
    }
    if let Some(tool) = program.and_then(console_tool) {
        return Ok(tool(rest.cloned().collect()));
    }
    // The flags of Kafka's tools follow jopt-simple's rules, which clap does not know; clap only describes them.
    if let Some((_, tool)) = rest
        .next()
        .and_then(|first| KAFKAS_TOOLS.into_iter().find(|(name, _)| first == *name))
    {
        return Ok(tool(rest.cloned().collect()));
    }
    let mut command = command();
    let matches = command.try_get_matches_from_mut(arguments)?;
    let asked = matches.subcommand().and_then(|(name, matches)| match name {
        RUN => run(matches).map(Invocation::Run),
        CHECK => Some(Invocation::Check(Question::of(matches))),
        PLAN => Some(Invocation::Plan(Question::of(matches))),
        "status" => Some(Invocation::Status(status::of(matches))),
        "halts" => Some(Invocation::Halts(Place::of(matches))),
        "resume" => resume::of(matches).map(Invocation::Resume),
        "skip" => skip::of(matches).map(Invocation::Skip),
        "demo" => Some(Invocation::Demo(demo::of(matches))),
        "discover" => discover::of(matches).map(Invocation::Discover),
        _ => matches.get_one("shell").copied().map(Invocation::Completions),
    });
    asked.ok_or_else(|| command.error(ErrorKind::MissingSubcommand, "a command is missing"))
}

fn run(matches: &ArgMatches) -> Option<Run> {
    let file: &PathBuf = matches.get_one("config")?;
    let log_format: Option<&String> = matches.get_one("log-format");
    let log_format = match log_format.map(String::as_str) {
        Some("json") => LogFormat::Json,
        _ => LogFormat::Text,
    };
    let goal: Option<&String> = matches.get_one("until-caught-up");
    Some(Run {
        file: file.clone(),
        log_format,
        until_caught_up: goal.map(|goal| match goal.as_str() {
            "lag" => CatchUpGoal::Lag,
            _ => CatchUpGoal::Start,
        }),
        format: matches.get_one("output").copied().unwrap_or_default(),
    })
}

/// Prints the script to standard output.
pub(crate) fn completions(shell: Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "heliostat", &mut script);
    // Nobody is left to be told when standard output is gone.
    let _ = std::io::stdout().write_all(&script);
    ExitCode::SUCCESS
}

fn command() -> Command {
    Command::new("heliostat")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Mirrors Kafka topics from one cluster to another, in MirrorMaker's place")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(mirror_maker_command())
        .subcommand(preflight::describe(Command::new(CHECK).about(
            "Look whether a configuration can run: files, names, ports, versions, rights",
        )))
        .subcommand(preflight::describe(Command::new(PLAN).about(
            "Say what would become of each topic: created, grown or refused, with which settings, and why",
        )))
        .subcommand(run_command())
        .subcommand(status::command())
        .subcommand(halts::command())
        .subcommand(resume::command())
        .subcommand(skip::command())
        .subcommand(demo::command())
        .subcommand(discover::command())
        .subcommand(topics::TOOL.command())
        .subcommand(produce::TOOL.command())
        .subcommand(consume::TOOL.command())
        .subcommand(completions_command())
}

fn mirror_maker_command() -> Command {
    Command::new(MIRROR_MAKER)
        .about("Mirror with MirrorMaker 1's flags and files, and its exit codes")
        .disable_help_flag(true)
        .args(FLAGS.iter().map(mirror_maker_flags::argument))
}

fn run_command() -> Command {
    Command::new(RUN)
        .about("Mirror what a heliostat.toml asks for: any number of flows in one process")
        .after_help(
            "Exit codes: 0 drained after a signal, or caught up; 3 ended by --until-caught-up and something is missing or \
             no topic matches; 4 something is missing, and all of it belongs to open transactions; 1 it cannot start; 2 the command line is wrong; 130 and 143 a second \
             signal; 255 the mirror failed.",
        )
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file: clusters, flows between them, and the process"),
        )
        .arg(
            Arg::new("log-format")
                .long("log-format")
                .value_name("FORMAT")
                .value_parser(["text", "json"])
                .default_value("text")
                .help("How log lines are written to standard error"),
        )
        .arg(
            Arg::new("until-caught-up")
                .long("until-caught-up")
                .value_name("GOAL")
                .value_parser(["start", "lag"])
                .visible_alias("until.caught.up")
                .num_args(0..=1)
                .default_missing_value("start")
                .help("End by itself: when what the source held at the start is on the target, or, with lag, when nothing is left to mirror"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(value_parser!(Format))
                .default_value("table")
                .help("How --until-caught-up tells what came out, on standard output"),
        )
}

fn completions_command() -> Command {
    Command::new("completions")
        .about("Print the completion script of a shell")
        .arg(
            Arg::new("shell")
                .required(true)
                .value_parser(value_parser!(Shell)),
        )
}

#[cfg(test)]
mod tests {
    use clap_complete::Shell;

    use mirror_config::mirror_maker::LogFormat;
    use mirror_core::catch_up::CatchUpGoal;

    use super::{Invocation, command, mirror_maker_command, read};
    use crate::output::Format;
    use crate::run::Run;

    fn invocation(line: &[&str]) -> Result<Invocation, clap::Error> {
        read(line.iter().map(Into::into).collect())
    }

    #[test]
    fn the_description_for_clap_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn the_name_of_the_program_decides() {
        for program in ["/opt/kafka/bin/kafka-mirror-maker.sh", "kafka-mirror-maker"] {
            let asked = invocation(&[program, "--help", "--", "x"]).unwrap();
            let arguments = ["--help", "--", "x"].map(Into::into).to_vec();
            assert_eq!(asked, Invocation::MirrorMaker(arguments), "{program}");
        }
    }

    #[test]
    fn the_first_argument_decides() {
        let asked = invocation(&["heliostat", "mirror-maker", "-include", "--", "a"]).unwrap();
        let arguments = ["-include", "--", "a"].map(Into::into).to_vec();
        assert_eq!(asked, Invocation::MirrorMaker(arguments));
        let asked = invocation(&["heliostat", "completions", "bash"]).unwrap();
        assert_eq!(asked, Invocation::Completions(Shell::Bash));
    }

    #[test]
    fn kafkas_console_tools_are_taken_by_command_and_by_name() {
        let arguments = |words: &[&str]| words.iter().map(Into::into).collect();
        for line in [
            &["heliostat", "topics", "--list", "-topic", "--"][..],
            &["/opt/kafka/bin/kafka-topics.sh", "--list", "-topic", "--"],
            &["kafka-topics", "--list", "-topic", "--"],
        ] {
            let expected = Invocation::Topics(arguments(&["--list", "-topic", "--"]));
            assert_eq!(invocation(line).unwrap(), expected, "{line:?}");
        }
        let produce = invocation(&["kafka-console-producer.sh", "--topic", "t"]).unwrap();
        assert_eq!(produce, Invocation::Produce(arguments(&["--topic", "t"])));
        let consume = invocation(&["heliostat", "consume", "--topic", "t"]).unwrap();
        assert_eq!(consume, Invocation::Consume(arguments(&["--topic", "t"])));
    }

    #[test]
    fn a_run_has_a_file() {
        let asked = invocation(&["heliostat", "run", "-c", "a.toml", "--log-format", "json"]).unwrap();
        let expected = |log_format, until_caught_up| {
            Invocation::Run(Run {
                file: "a.toml".into(),
                log_format,
                until_caught_up,
                format: Format::Table,
            })
        };
        assert_eq!(asked, expected(LogFormat::Json, None));
        let asked = invocation(&["heliostat", "run", "--config=a.toml"]).unwrap();
        assert_eq!(asked, expected(LogFormat::Text, None));
        for (flag, goal) in [
            ("--until-caught-up", CatchUpGoal::Start),
            ("--until-caught-up=start", CatchUpGoal::Start),
            ("--until-caught-up=lag", CatchUpGoal::Lag),
            ("--until-caught-up lag", CatchUpGoal::Lag),
            ("--until.caught.up lag", CatchUpGoal::Lag),
        ] {
            let line = format!("heliostat run {flag} -c a.toml");
            let asked = invocation(&line.split(' ').collect::<Vec<_>>()).unwrap();
            assert_eq!(asked, expected(LogFormat::Text, Some(goal)));
        }
        assert!(invocation(&["heliostat", "run", "-c", "a", "--until-caught-up=soon"]).is_err());
        assert!(invocation(&["heliostat", "run"]).is_err());
        assert!(invocation(&["heliostat", "run", "-c", "a", "--log-format", "xml"]).is_err());
    }

    #[test]
    fn completions_knew_our_flags_by_one_of_their_two_spellings() {
        let mut script = Vec::new();
        clap_complete::generate(Shell::Bash, &mut command(), "heliostat", &mut script);
        let script = String::from_utf8(script).unwrap();
        for spelling in ["--until-caught-up ", "--until.caught.up ", "--bytes-per-second "] {
            assert!(script.contains(spelling), "{spelling}");
        }
        let help = mirror_maker_command().render_long_help().to_string();
        assert!(help.contains("[alias: --until-caught-up]"), "{help}");
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        for line in [
            &["heliostat"][..],
            &["heliostat", "mirror"],
            &["heliostat", "completions", "tcl"],
            &[],
        ] {
            let error = invocation(line).unwrap_err();
            assert!(error.use_stderr() && error.exit_code() == 2, "{line:?}: {error}");
        }
    }
}
