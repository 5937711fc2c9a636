//! `heliostat status`: how every running process of a state folder is doing.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use mirror_core::control::{ControlReply, ControlRequest};
use mirror_core::status::{FlowState, FlowStatus, PartitionState, ProcessStatus};
use serde::Serialize;

use crate::admin::{self, Answers, FAILED, Place, describe};
use crate::halts::time;
use crate::output::{self, Cell, Format, Table, Tone, number, text};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    place: Place,
    partitions: bool,
}

/// A process and how it is doing.
#[derive(Debug, Serialize)]
struct Row {
    process: String,
    status: ProcessStatus,
}

pub(crate) fn command() -> Command {
    let command = Command::new("status")
        .about("Say how the running processes are doing")
        .after_help(
            "Exit codes: 0 every process answered; 1 one could not be asked, or none is running; 2 the command line is \
             wrong.",
        )
        .arg(
            Arg::new("partitions")
                .long("partitions")
                .action(ArgAction::SetTrue)
                .help("List every partition, too (JSON always does)"),
        );
    describe(command)
}

pub(crate) fn of(matches: &ArgMatches) -> Status {
    Status {
        place: Place::of(matches),
        partitions: matches.get_flag("partitions"),
    }
}

/// Asks, prints and exits.
pub(crate) fn run(asked: &Status) -> ExitCode {
    let answers = asked
        .place
        .processes()
        .and_then(|processes| processes.ask_all(&ControlRequest::Status));
    let Answers { answers, incomplete } = match answers {
        Ok(answers) => answers,
        Err(code) => return code,
    };
    let mut rows = Vec::new();
    for answer in answers {
        if let ControlReply::Status(status) = answer.reply {
            rows.push(Row {
                process: answer.process,
                status,
            });
        }
    }
    let coloured = output::is_coloured();
    let printed = match asked.place.format {
        Format::Table => {
            let mut out = flows(&rows).render(coloured);
            if asked.partitions {
                out.push('\n');
                out.push_str(&partitions(&rows).render(coloured));
            }
            output::print(&out)
        }
        Format::Json => output::json(&rows),
    };
    match printed {
        Err(error) => admin::broken(&error),
        Ok(()) if incomplete => ExitCode::from(FAILED),
        Ok(()) => ExitCode::SUCCESS,
    }
}

fn flows(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        text("process"),
        text("flow"),
        text("from → to"),
        text("state"),
        number("members"),
        number("partitions"),
        number("halted"),
        number("lag (offsets)"),
        number("records"),
        text("in flight"),
        text("since (UTC)"),
    ]);
    for Row { process, status } in rows {
        for flow in &status.flows {
            table.row(flow_row(process, status, flow));
            if let Some(problem) = &flow.problem {
                table.note(problem);
            }
            for broker in &flow.unreachable_brokers {
                table.note(broker.to_string());
            }
        }
    }
    table
}

fn flow_row(process: &str, status: &ProcessStatus, flow: &FlowStatus) -> [Cell; 11] {
    let halted = flow
        .partitions
        .iter()
        .filter(|partition| partition.state == PartitionState::Halted)
        .count();
    let lag: u64 = flow
        .partitions
        .iter()
        .filter_map(|partition| partition.lag_offsets)
        .sum();
    let members = flow
        .membership
        .as_ref()
        .map_or(0, |membership| membership.members.len());
    let in_flight = i64::try_from(status.memory.in_flight_bytes).unwrap_or(i64::MAX);
    [
        process.into(),
        (&flow.name).into(),
        format!("{} → {}", flow.source, flow.target).into(),
        Cell::new(flow.state.name(), flow_tone(flow.state)),
        members.to_string().into(),
        flow.partitions.len().to_string().into(),
        Cell::new(
            halted.to_string(),
            if halted > 0 { Tone::Bad } else { Tone::Plain },
        ),
        lag.to_string().into(),
        flow.totals.acked_records.to_string().into(),
        output::bytes(in_flight).into(),
        time(status.started_at_ms).into(),
    ]
}

fn flow_tone(state: FlowState) -> Tone {
    match state {
        FlowState::Mirroring => Tone::Good,
        FlowState::Connecting | FlowState::Joining | FlowState::Revoking | FlowState::Draining => {
            Tone::Caution
        }
        FlowState::Failed => Tone::Bad,
    }
}

fn partitions(rows: &[Row]) -> Table {
    let mut table = Table::new(&[
        text("process"),
        text("flow"),
        text("partition"),
        text("on the target"),
        text("state"),
        number("mirrored below"),
        number("fetched below"),
        number("end of log"),
        number("lag (offsets)"),
        number("batches in flight"),
    ]);
    for Row { process, status } in rows {
        for flow in &status.flows {
            for partition in &flow.partitions {
                let tone = match partition.state {
                    PartitionState::Mirroring => Tone::Good,
                    PartitionState::Waiting => Tone::Caution,
                    PartitionState::Halted => Tone::Bad,
                };
                table.row([
                    process.into(),
                    (&flow.name).into(),
                    format!("{}:{}", partition.topic, partition.partition).into(),
                    (&partition.target_topic).into(),
                    Cell::new(partition.state.name(), tone),
                    known(u64::try_from(partition.acked_offset).ok()).into(),
                    known(u64::try_from(partition.fetched_offset).ok()).into(),
                    known(partition.high_watermark).into(),
                    known(partition.lag_offsets).into(),
                    partition.batches_in_flight.to_string().into(),
                ]);
            }
        }
    }
    table
}

/// A number that may not be known yet.
fn known(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use mirror_core::status::{MemoryStatus, PartitionStatus};

    use super::*;

    fn rows() -> Vec<Row> {
        let partition = |number, state, lag_offsets| PartitionStatus {
            topic: "orders".to_owned(),
            partition: number,
            target_topic: "a.orders".to_owned(),
            acked_offset: 100,
            fetched_offset: 120,
            lag_offsets,
            state,
            ..PartitionStatus::default()
        };
        let flow = FlowStatus {
            name: "a-to-b".to_owned(),
            source: "a".to_owned(),
            target: "b".to_owned(),
            state: FlowState::Mirroring,
            problem: Some("the source is slow".to_owned()),
            partitions: vec![
                partition(0, PartitionState::Mirroring, Some(7)),
                partition(1, PartitionState::Halted, None),
            ],
            ..FlowStatus::default()
        };
        vec![Row {
            process: "a-to-b/0".to_owned(),
            status: ProcessStatus {
                started_at_ms: 1_795_258_636_250,
                flows: vec![flow],
                memory: MemoryStatus {
                    in_flight_bytes: 1536,
                    in_flight_bytes_max: 4096,
                },
                ..ProcessStatus::default()
            },
        }]
    }

    #[test]
    fn a_row_per_flow() {
        let expected = "\
process   flow    from → to  state      members  partitions  halted  lag (offsets)  records  in flight  since (UTC)
a-to-b/0  a-to-b  a → b      mirroring        0           2       1              7        0  1.5 KiB    2026-11-21T10:57:16Z
    the source is slow
";
        assert_eq!(flows(&rows()).render(false), expected);
    }

    #[test]
    fn a_row_per_partition_and_a_question_mark_for_what_is_not_known() {
        let shown = partitions(&rows()).render(false);
        let lines: Vec<Vec<_>> = shown
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            lines[1],
            [
                "a-to-b/0",
                "a-to-b",
                "orders:0",
                "a.orders",
                "mirroring",
                "100",
                "120",
                "?",
                "7",
                "0"
            ]
        );
        assert_eq!(lines[2][8], "?");
    }
}
