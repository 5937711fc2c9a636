//! `heliostat resume TOPIC:PARTITION --from ..`: lets a halted partition go on. What that would lose must be named.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use mirror_core::control::written::WrittenPartition;
use mirror_core::control::{ControlRequest, ResumeFrom};
use mirror_core::offset_range::OffsetRange;

use crate::admin::{self, Place, describe, flow_argument};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    place: Place,
    partition: WrittenPartition,
    from: ResumeFrom,
    accept_loss: Option<OffsetRange>,
    flow: Option<String>,
}

pub(crate) fn command() -> Command {
    let command = Command::new("resume")
        .about("Let a halted partition go on; what that would lose must be named")
        .after_help(
            "Without --accept-loss nothing can be lost: a resume that leaves offsets out is refused, and the refusal shows \
             the exact command that accepts it. Exit codes: 0 it goes on; 1 refused; 2 the command line is wrong.",
        )
        .arg(
            Arg::new("partition")
                .value_name("TOPIC:PARTITION")
                .required(true)
                .value_parser(value_parser!(WrittenPartition))
                .help("The source partition, as heliostat halts shows it"),
        )
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("WHERE")
                .required(true)
                .value_parser(value_parser!(ResumeFrom))
                .help("earliest, latest, an offset, a time as 2026-11-21T10:57:16Z, or position: where it stands"),
        )
        .arg(
            Arg::new("accept-loss")
                .long("accept-loss")
                .value_name("A..B")
                .value_parser(value_parser!(OffsetRange))
                .help("Exactly the offsets that are lost: A and all behind it up to B, without B"),
        )
        .arg(flow_argument());
    describe(command)
}

pub(crate) fn of(matches: &ArgMatches) -> Option<Resume> {
    Some(Resume {
        place: Place::of(matches),
        partition: matches.get_one("partition").cloned()?,
        from: matches.get_one("from").copied()?,
        accept_loss: matches.get_one("accept-loss").copied(),
        flow: matches.get_one("flow").cloned(),
    })
}

/// Asks, says how it ended, and exits.
pub(crate) fn run(asked: &Resume) -> ExitCode {
    let request = |flow| ControlRequest::Resume {
        flow: Some(flow),
        tp: asked.partition.0.clone(),
        from: asked.from,
        accept_loss: asked.accept_loss,
    };
    let reply = asked
        .place
        .processes()
        .and_then(|processes| processes.change(&asked.partition, asked.flow.as_deref(), request));
    match reply {
        Ok(reply) => admin::ended(&reply, &asked.place),
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[&str]) -> Result<Resume, clap::Error> {
        let matches = command().try_get_matches_from(line)?;
        Ok(of(&matches).unwrap())
    }

    #[test]
    fn the_commands_that_refusals_show_can_be_typed() {
        let asked = read(&[
            "resume",
            "orders:3",
            "--from",
            "250",
            "--accept-loss",
            "100..250",
            "--flow",
            "a",
        ])
        .unwrap();
        assert_eq!(asked.partition.to_string(), "orders:3");
        assert_eq!(asked.from, ResumeFrom::Offset(250));
        assert_eq!(asked.accept_loss, OffsetRange::new(100, 250));
        assert_eq!(asked.flow.as_deref(), Some("a"));
        for (written, from) in [
            ("earliest", ResumeFrom::Earliest),
            ("latest", ResumeFrom::Latest),
            ("position", ResumeFrom::Position),
            ("2026-11-21T10:57:16Z", ResumeFrom::Timestamp(1_795_258_636_000)),
        ] {
            assert_eq!(read(&["resume", "a:0", "--from", written]).unwrap().from, from);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_a_wrong_command_line() {
        for line in [
            &["resume"][..],
            &["resume", "orders:3"],
            &["resume", "orders", "--from", "earliest"],
            &["resume", "orders:3", "--from", "yesterday"],
            &["resume", "orders:3", "--from", "250", "--accept-loss", "250..100"],
            &["resume", "orders:3", "--from", "250", "--accept-loss", "all"],
        ] {
            let error = read(line).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line:?}");
        }
    }
}
