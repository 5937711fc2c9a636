//! `heliostat check`: can this configuration run? A row per check, the advice below what failed.

use std::io;
use std::process::ExitCode;

use mirror_config::{NoticeLevel, Resolved};
use mirror_preflight::check::{self, Check, CheckReport, Outcome};
use mirror_preflight::counted;

use crate::output::{self, Cell, Format, Table, Tone, number, text};
use crate::preflight::{FAILED, Question, WARNINGS, ask, broken};

/// Checks, prints and exits.
pub(crate) fn run(question: &Question) -> ExitCode {
    let report = match question.resolve() {
        Ok(Ok(resolved)) => match ask(check::check(&resolved.config.flows, question.limit)) {
            Ok(report) => report.with(of_file(&resolved)),
            Err(error) => return broken(&error),
        },
        Ok(Err(errors)) => {
            let failed = |error: &_| Check::of_configuration(Outcome::Failed, format!("{error}"));
            CheckReport::new(errors.0.iter().map(failed).collect())
        }
        Err(code) => return code,
    };
    match print(&report, question.format) {
        Ok(()) => exit_code(report.outcome),
        Err(error) => broken(&error),
    }
}

/// What the author of the files should know.
fn of_file(resolved: &Resolved) -> Vec<Check> {
    let warnings = resolved
        .notices
        .iter()
        .filter(|notice| notice.level == NoticeLevel::Warn);
    let warnings: Vec<_> = warnings
        .map(|notice| Check::of_configuration(Outcome::Warning, notice.text.clone()))
        .collect();
    if warnings.is_empty() {
        let words = counted(resolved.config.flows.len(), "flow");
        return vec![Check::of_configuration(Outcome::Ok, words)];
    }
    warnings
}

fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Ok | Outcome::Skipped => ExitCode::SUCCESS,
        Outcome::Warning => ExitCode::from(WARNINGS),
        Outcome::Failed => ExitCode::from(FAILED),
    }
}

fn print(report: &CheckReport, format: Format) -> io::Result<()> {
    match format {
        Format::Table => output::print(&table(report, output::is_coloured())),
        Format::Json => output::json(report),
    }
}

fn table(report: &CheckReport, coloured: bool) -> String {
    let mut table = Table::new(&[
        text("result"),
        text("check"),
        text("of"),
        text("subject"),
        text("found"),
    ]);
    for check in report.checks.iter().filter(|check| !is_in_brokers(report, check)) {
        table.row([
            Cell::new(check.outcome.name(), tone(check.outcome)),
            check.name.into(),
            (&check.scope).into(),
            (&check.subject).into(),
            (&check.words).into(),
        ]);
        if let Some(advice) = &check.advice {
            table.note(format!("→ {advice}"));
        }
    }
    let mut out = brokers(report).render(coloured);
    if !out.is_empty() {
        out.push('\n');
    }
    out.push_str(&table.render(coloured));
    out.push('\n');
    out.push_str(&summary(report));
    out
}

/// What came out well for a broker stands in its row among the brokers.
fn is_in_brokers(report: &CheckReport, check: &Check) -> bool {
    check.outcome == Outcome::Ok && ["broker", "versions"].contains(&check.name) && !report.brokers.is_empty()
}

/// The way to every broker.
fn brokers(report: &CheckReport) -> Table {
    let mut table = Table::new(&[
        text("cluster"),
        number("broker"),
        text("advertised"),
        text("connects to"),
        text("result"),
        number("took"),
        text("Kafka"),
        text("verdict"),
    ]);
    for broker in &report.brokers {
        let resolved = broker.resolved.join(", ");
        let connects_to = match &broker.mapped {
            Some(mapped) if resolved.is_empty() => format!("{mapped} (map)"),
            Some(mapped) => format!("{mapped} (map), {resolved}"),
            None => resolved,
        };
        let took = broker
            .connect_us
            .map(|took| format!("{}.{} ms", took / 1000, took / 100 % 10));
        table.row([
            (&broker.cluster).into(),
            broker.broker.to_string().into(),
            (&broker.advertised).into(),
            connects_to.into(),
            (&broker.result).into(),
            took.unwrap_or_default().into(),
            broker.kafka.unwrap_or_default().into(),
            Cell::new(broker.verdict.name(), tone(broker.verdict)),
        ]);
    }
    table
}

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Ok => Tone::Good,
        Outcome::Skipped => Tone::Faint,
        Outcome::Warning => Tone::Caution,
        Outcome::Failed => Tone::Bad,
    }
}

/// How many rows came out how, the worst first. What is not well with a broker has a row among the checks, too, and counts
/// there.
fn summary(report: &CheckReport) -> String {
    let checks = report.checks.iter().filter(|check| !is_in_brokers(report, check));
    let brokers = report.brokers.iter().map(|broker| broker.verdict);
    let outcomes: Vec<_> = checks
        .map(|check| check.outcome)
        .chain(brokers.filter(|verdict| *verdict == Outcome::Ok))
        .collect();
    let all = [Outcome::Failed, Outcome::Warning, Outcome::Skipped, Outcome::Ok];
    let counts = all.into_iter().filter_map(|outcome| {
        let count = outcomes.iter().filter(|other| **other == outcome).count();
        (count > 0).then(|| format!("{count} {}", outcome.name()))
    });
    let mut line = counts.collect::<Vec<_>>().join(", ");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use mirror_preflight::check::BrokerRow;

    use super::*;

    fn check(name: &'static str, outcome: Outcome) -> Check {
        Check {
            name,
            scope: "cluster source".to_owned(),
            subject: "1 a:9092".to_owned(),
            outcome,
            words: "words".to_owned(),
            advice: None,
        }
    }

    #[test]
    fn a_healthy_broker_had_three_rows() {
        let broker = |broker, verdict| BrokerRow {
            cluster: "source".to_owned(),
            broker,
            advertised: "a:9092".to_owned(),
            mapped: None,
            resolved: vec!["10.0.0.4".to_owned()],
            result: "connected".to_owned(),
            connect_us: Some(1200),
            kafka: Some("2.4"),
            verdict,
        };
        let well = [check("broker", Outcome::Ok), check("versions", Outcome::Ok)];
        let mut checks = vec![check("cluster", Outcome::Ok)];
        checks.extend(well.clone());
        let report = CheckReport::new(checks).with_brokers(vec![broker(1, Outcome::Ok)]);
        let said = table(&report, false);
        assert_eq!(
            said.matches("a:9092").count(),
            2,
            "its own and the cluster's: {said}"
        );
        assert!(said.ends_with("\n2 ok\n"), "{said}");

        let mut checks = well.to_vec();
        checks.extend([
            check("broker", Outcome::Failed),
            check("versions", Outcome::Skipped),
        ]);
        let brokers = vec![broker(1, Outcome::Ok), broker(2, Outcome::Failed)];
        let report = CheckReport::new(checks).with_brokers(brokers);
        let said = table(&report, false);
        assert!(
            said.contains("failed   broker") && said.contains("skipped  versions"),
            "{said}"
        );
        assert!(said.ends_with("\n1 failed, 1 skipped, 1 ok\n"), "{said}");
    }

    #[test]
    fn a_row_per_check_and_the_advice_below() {
        let check = |name, outcome, words: &str, advice: Option<&str>| Check {
            name,
            scope: "cluster source".to_owned(),
            subject: "a:9092".to_owned(),
            outcome,
            words: words.to_owned(),
            advice: advice.map(str::to_owned),
        };
        let report = CheckReport::new(vec![
            check(
                "bootstrap",
                Outcome::Failed,
                "this is a TLS port",
                Some("name another"),
            ),
            check("cluster", Outcome::Skipped, "nobody answers", None),
        ]);
        let expected = "\
result   check      of              subject  found
failed   bootstrap  cluster source  a:9092   this is a TLS port
    → name another
skipped  cluster    cluster source  a:9092   nobody answers

1 failed, 1 skipped
";
        assert_eq!(table(&report, false), expected);
    }
}
