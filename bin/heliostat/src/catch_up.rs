//! How a run with `--until-caught-up` tells what it came to: a summary and a table of what is missing, or JSON.

use std::process::ExitCode;

use mirror_core::catch_up::{CatchUpGoal, CatchUpOutcome, CatchUpReport, FlowCatchUp, MissingKind};
use mirror_preflight::counted;

use crate::output::{self, Cell, Format, Table, Tone, number, text};
use crate::report;

/// Prints it to standard output; the exit code is the outcome's.
pub(crate) fn tell(report: &CatchUpReport, format: Format) -> ExitCode {
    let printed = match format {
        Format::Table => output::print(&words(report, output::is_coloured())),
        Format::Json => output::json(report),
    };
    if let Err(error) = printed {
        report::error(&error);
    }
    ExitCode::from(report.outcome.exit_code())
}

fn words(report: &CatchUpReport, coloured: bool) -> String {
    let table = missing(report).render(coloured);
    let mut lines = Vec::new();
    // A blank line between the two.
    lines.extend((!table.is_empty()).then_some(table));
    lines.push(summary(report));
    let elsewhere: usize = report.flows.iter().map(|flow| flow.elsewhere).sum();
    if elsewhere > 0 {
        lines.push(format!(
            "{} of other members of the group: not waited for, and not counted",
            counted(elsewhere, "partition")
        ));
    }
    lines.extend(report.flows.iter().flat_map(left_out));
    let open = report.flows.iter().flat_map(|flow| &flow.open_transactions);
    lines.extend(open.map(|open| {
        let (topic, partition) = (&open.topic, open.partition);
        format!("not part of this run: in {topic}:{partition} {open}; a later run mirrors its records once they are committed")
    }));
    lines.join("\n") + "\n"
}

fn summary(report: &CatchUpReport) -> String {
    let sum = |of: fn(&FlowCatchUp) -> usize| report.flows.iter().map(of).sum::<usize>();
    let records: u64 = report.flows.iter().map(|flow| flow.records).sum();
    let (seconds, tenths) = (report.took_ms / 1000, report.took_ms / 100 % 10);
    let missing = sum(|flow| flow.missing.len());
    let goal = match report.goal {
        CatchUpGoal::Start => "what the source held at the start",
        CatchUpGoal::Lag => "what the source held at the last look",
    };
    let came_out = match report.outcome {
        CatchUpOutcome::CaughtUp => {
            let caught_up = counted(sum(|flow| flow.caught_up), "partition");
            format!("caught up: {goal} is on the target, in {caught_up}")
        }
        CatchUpOutcome::Lost => {
            let caught_up = counted(sum(|flow| flow.caught_up), "partition");
            format!("NOT all of {goal} is on the target: {caught_up} are caught up, and something is LOST")
        }
        CatchUpOutcome::Incomplete => format!("NOT caught up: {}", behind(report, missing, goal)),
        CatchUpOutcome::NoTopics => {
            let empty = flows(report, |flow| flow.begun && flow.problem.is_some());
            format!("NOTHING to mirror: no topic of the source matches in {empty}")
        }
        CatchUpOutcome::OpenTransactions => {
            let missing = counted(missing, "partition");
            format!("NOT caught up: transactions did not end in {missing}")
        }
        CatchUpOutcome::Interrupted => {
            let behind = behind(report, missing, goal);
            format!("NOT caught up, a signal came before: {behind}")
        }
        CatchUpOutcome::PositionsNotStored => {
            format!(
                "{goal} is on the target, but the last positions are not stored: the next run repeats records"
            )
        }
    };
    let plural = if records == 1 { "" } else { "s" };
    format!("{came_out}; {records} record{plural} in {seconds}.{tenths} s")
}

/// What did not arrive where it belongs, though nothing waits for it any more.
fn left_out(flow: &FlowCatchUp) -> Vec<String> {
    let counts = [
        (
            flow.dropped_records,
            "LOST: the target refused them, and a setting left them out; the log names each",
        ),
        (
            flow.accepted_loss_offsets,
            "given up on the source by on_loss or by resume --accept-loss (offsets); the audit lines of the log name them",
        ),
        (
            flow.dead_lettered_records,
            "in the dead-letter topic instead of their own",
        ),
    ];
    let told = counts.into_iter().filter(|(count, _)| *count > 0);
    told.map(|(count, words)| format!("flow {}: {count} {words}", flow.flow))
        .collect()
}

/// What is not there: partitions, and flows that do not even know theirs.
fn behind(report: &CatchUpReport, missing: usize, goal: &str) -> String {
    let verb = if missing == 1 { "is" } else { "are" };
    let partitions = format!("{} {verb} behind {goal}", counted(missing, "partition"));
    if report.flows.iter().all(|flow| flow.begun) {
        return partitions;
    }
    let never = format!("{} never began", flows(report, |flow| !flow.begun));
    if missing == 0 {
        return never;
    }
    format!("{partitions}, and {never}")
}

/// The names of those flows.
fn flows(report: &CatchUpReport, which: fn(&FlowCatchUp) -> bool) -> String {
    let names: Vec<_> = report
        .flows
        .iter()
        .filter(|flow| which(flow))
        .map(|flow| flow.flow.as_str())
        .collect();
    let noun = if names.len() == 1 { "flow" } else { "flows" };
    format!("{noun} {}", names.join(", "))
}

fn missing(report: &CatchUpReport) -> Table {
    let mut table = Table::new(&[
        text("flow"),
        text("partition"),
        text("state"),
        number("mirrored below"),
        number("goal"),
    ]);
    let known = |offset: Option<i64>| offset.map_or_else(|| "?".to_owned(), |offset| offset.to_string());
    for flow in &report.flows {
        if let Some(problem) = &flow.problem {
            table.row([
                Cell::from(&flow.flow),
                "".into(),
                Cell::new(if flow.begun { "no_topics" } else { "not_begun" }, Tone::Bad),
            ]);
            table.note(problem);
        }
        for missing in &flow.missing {
            let tone = match missing.kind {
                MissingKind::Halted => Tone::Bad,
                MissingKind::Behind | MissingKind::NotStarted | MissingKind::OpenTransaction => Tone::Caution,
            };
            table.row([
                (&flow.flow).into(),
                format!("{}:{}", missing.topic, missing.partition).into(),
                Cell::new(missing.kind.name(), tone),
                known(missing.position).into(),
                known(missing.goal).into(),
            ]);
            table.note(&missing.words);
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use mirror_core::catch_up::{Missing, OpenTransaction};

    use super::*;

    fn report(outcome: CatchUpOutcome, missing: Vec<Missing>) -> CatchUpReport {
        CatchUpReport {
            outcome,
            goal: CatchUpGoal::Start,
            took_ms: 3250,
            flows: vec![FlowCatchUp {
                flow: "a-to-b".to_owned(),
                begun: true,
                records: 1200,
                dropped_records: 0,
                accepted_loss_offsets: 0,
                dead_lettered_records: 0,
                caught_up: 7,
                elsewhere: 2,
                missing,
                open_transactions: Vec::new(),
                problem: None,
            }],
        }
    }

    #[test]
    fn what_is_missing_and_why() {
        let halted = Missing {
            topic: "orders".to_owned(),
            partition: 3,
            kind: MissingKind::Halted,
            position: Some(40),
            goal: Some(100),
            words: "the target refuses a record".to_owned(),
        };
        let expected = "\
flow    partition  state   mirrored below  goal
a-to-b  orders:3   halted              40   100
    the target refuses a record

NOT caught up: 1 partition is behind what the source held at the start; 1200 records in 3.2 s
2 partitions of other members of the group: not waited for, and not counted
";
        assert_eq!(
            words(&report(CatchUpOutcome::Incomplete, vec![halted]), false),
            expected
        );
    }

    fn without_partitions(outcome: CatchUpOutcome, begun: bool, problem: &str) -> CatchUpReport {
        let mut report = report(outcome, Vec::new());
        report.flows[0] = FlowCatchUp {
            begun,
            records: 0,
            caught_up: 0,
            elsewhere: 0,
            problem: Some(problem.to_owned()),
            ..report.flows[0].clone()
        };
        report
    }

    #[test]
    fn a_source_that_was_never_reached_ended_as_no_partition_behind() {
        let problem = "cluster source was never reached: cannot connect to a:9092: refused";
        let expected = "\
flow    partition  state      mirrored below  goal
a-to-b             not_begun
    cluster source was never reached: cannot connect to a:9092: refused

NOT caught up: flow a-to-b never began; 0 records in 3.2 s
";
        let report = without_partitions(CatchUpOutcome::Incomplete, false, problem);
        assert_eq!(words(&report, false), expected);
    }

    #[test]
    fn a_list_that_matches_nothing_ended_as_caught_up() {
        let report = without_partitions(CatchUpOutcome::NoTopics, true, "no topic matches");
        let said = words(&report, false);
        assert!(said.contains("no_topics\n    no topic matches\n"), "{said}");
        assert!(
            said.contains("\nNOTHING to mirror: no topic of the source matches in flow a-to-b; 0 records"),
            "{said}"
        );
    }

    #[test]
    fn what_was_left_out_is_told_and_is_no_success() {
        let mut report = report(CatchUpOutcome::Lost, Vec::new());
        report.flows[0].dropped_records = 2;
        report.flows[0].dead_lettered_records = 1;
        let expected = "\
NOT all of what the source held at the start is on the target: 7 partitions are caught up, and something is LOST; 1200 records in 3.2 s
2 partitions of other members of the group: not waited for, and not counted
flow a-to-b: 2 LOST: the target refused them, and a setting left them out; the log names each
flow a-to-b: 1 in the dead-letter topic instead of their own
";
        assert_eq!(words(&report, false), expected);
    }

    #[test]
    fn an_open_transaction_that_was_left_out_is_told() {
        let mut report = report(CatchUpOutcome::CaughtUp, Vec::new());
        report.flows[0].elsewhere = 0;
        report.flows[0].open_transactions = vec![OpenTransaction {
            topic: "orders".to_owned(),
            partition: 1,
            last_stable_offset: 40,
            high_watermark: 100,
            open_since_ms: None,
        }];
        let said = words(&report, false);
        let expected = "caught up: what the source held at the start is on the target, in 7 partitions; 1200 records in 3.2 s\n\
                        not part of this run: in orders:1 a transaction is open from offset 40 (last stable offset) on";
        assert!(said.starts_with(expected), "{said}");
    }
}
