//! What `heliostat check` and `heliostat plan` have in common: their flags, the configuration they look at, and their
//! exit codes.
//!
//! The configuration is a `heliostat.toml` or MirrorMaker's own flags, so that a command line that mirrors becomes one
//! that looks ahead by another word in front.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Arg, ArgGroup, ArgMatches, Command, value_parser};
use mirror_config::mirror_maker::{self, FLAGS, Flag};
use mirror_config::{ConfigErrors, Resolved, daemon_file};
use tokio::runtime;

use crate::output::Format;
use crate::{environment, mirror_maker_flags, report};

/// Something is in the way of the mirror.
pub(crate) const FAILED: u8 = 1;
/// A command line that cannot be used.
const USAGE: u8 = 2;
/// Nothing is in the way, something is worth a look.
pub(crate) const WARNINGS: u8 = 3;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    configuration: Configuration,
    pub(crate) format: Format,
    /// How long the whole answer may take.
    pub(crate) limit: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Configuration {
    File(PathBuf),
    /// MirrorMaker's arguments.
    MirrorMaker(Vec<String>),
}

/// Flags of MirrorMaker that ask for something else than a mirror.
const NOT_OURS: [&str; 2] = ["help", "version"];

/// Puts the common flags to a command.
pub(crate) fn describe(command: Command) -> Command {
    let name = command.get_name();
    let usage = format!(
        "heliostat {name} -c heliostat.toml\n       heliostat {name} --consumer.config consumer.properties \
         --producer.config producer.properties --whitelist 'orders.*'"
    );
    command
        .override_usage(usage)
        // An error that names one of two ways leads those away who have the other's files.
        .group(
            ArgGroup::new("configuration")
                .args(["config", "consumer.config"])
                .required(true),
        )
        .arg(
            Arg::new("config")
                .short('c')
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .conflicts_with_all(["consumer.config", "producer.config"])
                .help("heliostat.toml; or give MirrorMaker's flags"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(value_parser!(Format))
                .default_value("table")
                .help("How the answer is written"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .default_value("30")
                .help("The whole answer takes no longer"),
        )
        .args(flags().map(mirror_maker_flags::argument))
}

fn flags() -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(|flag| !NOT_OURS.contains(&flag.name))
}

// === impl Question ===

impl Question {
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let configuration = match matches.get_one::<PathBuf>("config") {
            Some(file) => Configuration::File(file.clone()),
            None => Configuration::MirrorMaker(given(matches)),
        };
        Self {
            configuration,
            format: matches.get_one("output").copied().unwrap_or_default(),
            limit: Duration::from_secs(matches.get_one("timeout").copied().unwrap_or(30)),
        }
    }

    /// Reads the files.
    ///
    /// # Errors
    /// The exit code of a command line that cannot be used, which has been said by then, or what is wrong in the files.
    pub(crate) fn resolve(&self) -> Result<Result<Resolved, ConfigErrors>, ExitCode> {
        match &self.configuration {
            Configuration::File(file) => Ok(daemon_file::resolve(file, &environment::state())),
            Configuration::MirrorMaker(arguments) => match mirror_maker::parse(arguments) {
                Ok(mirror_maker::Command::Mirror(flags)) => {
                    Ok(mirror_maker::resolve(&flags, &environment::state()))
                }
                Ok(mirror_maker::Command::Help | mirror_maker::Command::Version) => {
                    Err(ExitCode::from(USAGE))
                }
                Err(error) => {
                    report::error(&error);
                    Err(ExitCode::from(USAGE))
                }
            },
        }
    }
}

/// MirrorMaker's flags as they were given.
fn given(matches: &ArgMatches) -> Vec<String> {
    let mut arguments = Vec::new();
    for flag in flags() {
        let name = format!("--{}", flag.name);
        if flag.argument.is_none() {
            arguments.extend(matches.get_flag(flag.name).then_some(name));
        } else if let Some(value) = matches.get_one::<String>(flag.name) {
            if flag.alone.is_some() {
                arguments.push(format!("{name}={value}"));
            } else {
                arguments.extend([name, value.clone()]);
            }
        }
    }
    arguments
}

/// Asks the clusters. What still runs after the answer, such as a resolver that hangs, is not waited for.
pub(crate) fn ask<T>(question: impl Future<Output = T>) -> io::Result<T> {
    let runtime = runtime::Builder::new_multi_thread().enable_all().build()?;
    let answer = runtime.block_on(question);
    runtime.shutdown_background();
    Ok(answer)
}

/// Says what went wrong with the command itself.
pub(crate) fn broken(error: &io::Error) -> ExitCode {
    report::error(error);
    ExitCode::from(FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(line: &[&str]) -> Result<Question, clap::Error> {
        let command = describe(Command::new("check"));
        let matches = command.try_get_matches_from(line)?;
        Ok(Question::of(&matches))
    }

    #[test]
    fn mirror_makers_flags_are_handed_on() {
        let asked = question(&[
            "check",
            "--whitelist",
            "a.*",
            "--consumer.config",
            "c",
            "--producer.config",
            "p",
            "--new.consumer",
            "--num.streams",
            "2",
            "--output",
            "json",
            "--timeout",
            "5",
        ])
        .unwrap();
        assert_eq!(
            (asked.format, asked.limit),
            (Format::Json, Duration::from_secs(5))
        );
        let Configuration::MirrorMaker(mut arguments) = asked.configuration else {
            panic!("no file was named")
        };
        arguments.sort();
        let expected = [
            "--consumer.config",
            "--new.consumer",
            "--num.streams",
            "--producer.config",
            "--whitelist",
            "2",
            "a.*",
            "c",
            "p",
        ];
        assert_eq!(arguments, expected);
    }

    #[test]
    fn without_arguments_only_one_of_the_two_ways_was_named() {
        let said = question(&["check"]).unwrap_err().to_string();
        for way in [
            "<--config <FILE>|--consumer.config <FILE>>",
            "heliostat check -c heliostat.toml",
            "heliostat check --consumer.config consumer.properties --producer.config producer.properties --whitelist",
        ] {
            assert!(said.contains(way), "{way}: {said}");
        }
    }

    #[test]
    fn until_caught_up_of_a_command_line_that_mirrors_is_handed_on_in_each_spelling() {
        let files = [
            "check",
            "--consumer.config",
            "c",
            "--producer.config",
            "p",
            "--include",
            "a",
        ];
        for (flag, expected) in [
            (&["--until-caught-up"][..], "--until.caught.up=start"),
            (&["--until.caught.up"], "--until.caught.up=start"),
            (&["--until-caught-up", "lag"], "--until.caught.up=lag"),
            (&["--until.caught.up=lag"], "--until.caught.up=lag"),
        ] {
            let asked = question(&[&files, flag].concat()).unwrap();
            let Configuration::MirrorMaker(arguments) = asked.configuration else {
                panic!("no file was named")
            };
            assert!(arguments.contains(&expected.to_owned()), "{arguments:?}");
        }
    }

    #[test]
    fn a_file_or_flags_and_not_both() {
        let asked = question(&["check", "-c", "heliostat.toml"]).unwrap();
        assert_eq!(asked.configuration, Configuration::File("heliostat.toml".into()));
        assert_eq!(
            (asked.format, asked.limit),
            (Format::Table, Duration::from_secs(30))
        );
        for line in [
            &["check"][..],
            &["check", "-c", "f", "--consumer.config", "c"],
            &["check", "-c", "f", "--timeout", "0"],
            &["check", "-c", "f", "--output", "xml"],
        ] {
            assert_eq!(question(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
