//! `heliostat skip TOPIC:PARTITION@OFFSET`: leaves out the record that the target refuses, and goes on behind it.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use mirror_core::control::ControlRequest;
use mirror_core::control::written::{WrittenPartition, WrittenRecord};

use crate::admin::{self, Place, describe, flow_argument};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Skip {
    place: Place,
    record: WrittenRecord,
    dead_letter: Option<String>,
    flow: Option<String>,
}

pub(crate) fn command() -> Command {
    let command = Command::new("skip")
        .about("Leave out the one record that the target refuses, and go on behind it")
        .after_help("Exit codes: 0 it goes on; 1 refused; 2 the command line is wrong.")
        .arg(
            Arg::new("record")
                .value_name("TOPIC:PARTITION@OFFSET")
                .required(true)
                .value_parser(value_parser!(WrittenRecord))
                .help("The record on the source, as heliostat halts shows it"),
        )
        .arg(
            Arg::new("dead-letter")
                .long("dead-letter")
                .value_name("TOPIC")
                .value_parser(clap::builder::NonEmptyStringValueParser::new())
                .help("A topic on the target that gets the record instead"),
        )
        .arg(flow_argument());
    describe(command)
}

pub(crate) fn of(matches: &ArgMatches) -> Option<Skip> {
    Some(Skip {
        place: Place::of(matches),
        record: matches.get_one("record").cloned()?,
        dead_letter: matches.get_one("dead-letter").cloned(),
        flow: matches.get_one("flow").cloned(),
    })
}

/// Asks, says how it ended, and exits.
pub(crate) fn run(asked: &Skip) -> ExitCode {
    let WrittenRecord { tp, offset } = asked.record.clone();
    let partition = WrittenPartition(tp.clone());
    let request = |flow| ControlRequest::Skip {
        flow: Some(flow),
        tp,
        offset,
        dead_letter: asked.dead_letter.clone(),
    };
    let reply = asked
        .place
        .processes()
        .and_then(|processes| processes.change(&partition, asked.flow.as_deref(), request));
    match reply {
        Ok(reply) => admin::ended(&reply, &asked.place),
        Err(code) => code,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_named_by_its_offset() {
        let read = |line: &[&str]| command().try_get_matches_from(line).map(|matches| of(&matches));
        let asked = read(&["skip", "orders:3@4711", "--dead-letter", "lost"])
            .unwrap()
            .unwrap();
        assert_eq!(asked.record.offset, 4711);
        assert_eq!(asked.dead_letter.as_deref(), Some("lost"));
        for line in [
            &["skip"][..],
            &["skip", "orders:3"],
            &["skip", "orders:3@4711", "--dead-letter", ""],
        ] {
            assert_eq!(read(line).unwrap_err().exit_code(), 2, "{line:?}");
        }
    }
}
