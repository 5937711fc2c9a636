//! `heliostat halts`: which partitions stand still, since when, why, and what to type.

use std::process::ExitCode;

use clap::Command;
use mirror_core::control::{ControlReply, ControlRequest, HaltedPartition};
use mirror_core::timestamp::Timestamp;
use serde::Serialize;

use crate::admin::{self, Answers, FAILED, Place, describe};
use crate::output::{self, Cell, Format, Table, Tone, number, text};

/// At least one partition is halted.
const HALTED: u8 = 3;

/// A halted partition and the process that has it.
#[derive(Debug, Serialize)]
struct Row {
    process: String,
    #[serde(flatten)]
    halted: HaltedPartition,
}

pub(crate) fn command() -> Command {
    describe(
        Command::new("halts")
            .about("List the partitions that stand still, with the reason and the way out")
            .after_help(
                "Exit codes: 0 none is halted; 1 a process could not be asked, or none is running; 2 the command line is \
                 wrong; 3 at least one is halted.",
            ),
    )
}

/// Asks, prints and exits.
pub(crate) fn run(place: &Place) -> ExitCode {
    let asked = place
        .processes()
        .and_then(|processes| processes.ask_all(&ControlRequest::Halts));
    let Answers { answers, incomplete } = match asked {
        Ok(answers) => answers,
        Err(code) => return code,
    };
    let mut rows = Vec::new();
    for answer in answers {
        if let ControlReply::Halts(halts) = answer.reply {
            rows.extend(halts.into_iter().map(|mut halted| {
                halted.halt.advice = place.reach().name_in(&halted.halt.advice);
                Row {
                    process: answer.process.clone(),
                    halted,
                }
            }));
        }
    }
    let printed = match place.format {
        Format::Table => output::print(&table(&rows, output::is_coloured())),
        Format::Json => output::json(&rows),
    };
    match printed {
        Err(error) => admin::broken(&error),
        Ok(()) if incomplete => ExitCode::from(FAILED),
        Ok(()) if rows.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(HALTED),
    }
}

fn table(rows: &[Row], coloured: bool) -> String {
    if rows.is_empty() {
        return "no partition is halted\n".to_owned();
    }
    let mut table = Table::new(&[
        text("process"),
        text("flow"),
        text("partition"),
        text("since (UTC)"),
        text("reason"),
        number("mirrored below"),
        text("offsets concerned"),
    ]);
    for Row { process, halted } in rows {
        let halt = &halted.halt;
        table.row([
            process.into(),
            (&halted.flow).into(),
            format!("{}:{}", halted.topic, halted.partition).into(),
            time(halt.since_ms).into(),
            Cell::new(&halt.reason, Tone::Bad),
            mirrored_below(halted.acked_offset).into(),
            match (halt.from, halt.to) {
                (Some(from), Some(to)) => format!("{from}..{to}"),
                (Some(from), None) => format!("{from}.."),
                (None, _) => String::new(),
            }
            .into(),
        ]);
        table.note(&halt.text);
        table.note(format!("→ {}", halt.advice));
    }
    table.render(coloured)
}

fn mirrored_below(offset: i64) -> String {
    u64::try_from(offset).map_or_else(|_unknown| "?".to_owned(), |offset| offset.to_string())
}

/// A time of a status, to the second.
pub(crate) fn time(ms: u64) -> String {
    let seconds = i64::try_from(ms / 1000).unwrap_or(0);
    Timestamp(seconds * 1000).to_string()
}

#[cfg(test)]
mod tests {
    use mirror_core::status::HaltStatus;

    use super::*;

    #[test]
    fn a_row_per_halt_with_the_way_out_below() {
        let halted = HaltedPartition {
            flow: "a-to-b".to_owned(),
            topic: "orders".to_owned(),
            partition: 3,
            acked_offset: 100,
            halt: HaltStatus {
                reason: "retention_loss".to_owned(),
                text: "the source deleted something".to_owned(),
                from: Some(100),
                to: Some(250),
                advice: "Do this: heliostat resume orders:3".to_owned(),
                since_ms: 1_795_258_636_250,
            },
        };
        let rows = [Row {
            process: "a-to-b/0".to_owned(),
            halted,
        }];
        let expected = "\
process   flow    partition  since (UTC)           reason          mirrored below  offsets concerned
a-to-b/0  a-to-b  orders:3   2026-11-21T10:57:16Z  retention_loss             100  100..250
    the source deleted something
    → Do this: heliostat resume orders:3
";
        assert_eq!(table(&rows, false), expected);
        assert_eq!(table(&[], false), "no partition is halted\n");
    }
}
