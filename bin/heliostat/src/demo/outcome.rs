//! The result of a demonstration, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use mirror_config::Partitioning;
use serde::Serialize;

use super::chaos::FaultCounts;
use super::verdict::Verdict;
use super::words::{counted, grouped, seconds};

/// What came out.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) outcome: Outcome,
    /// Records that the source acknowledged to the load.
    pub(super) written_records: u64,
    /// Records in the source's logs.
    pub(super) source_records: u64,
    /// Records in the target's logs.
    pub(super) target_records: u64,
    /// Records that are on the target more than once.
    pub(super) duplicates: u64,
    /// What is wrong, by kind.
    pub(super) findings: BTreeMap<&'static str, u64>,
    /// What is wrong, in words.
    pub(super) problems: Vec<String>,
    pub(super) faults: FaultCounts,
    pub(super) seconds: Times,
    #[serde(skip)]
    pub(super) partitioning: Partitioning,
}

/// Is the target the source's mirror?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Equal,
    Different,
}

/// How long things took.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Times {
    /// From the start of the process to the first record that the target acknowledged.
    #[serde(serialize_with = "as_seconds")]
    pub(super) to_first_record: Option<Duration>,
    /// From the first record written to the last one acknowledged by the target.
    #[serde(serialize_with = "as_seconds")]
    pub(super) mirroring: Option<Duration>,
    /// The comparison.
    #[serde(serialize_with = "as_seconds")]
    pub(super) check: Option<Duration>,
    /// From the start of the process to this result.
    #[serde(serialize_with = "as_seconds")]
    pub(super) total: Option<Duration>,
}

#[expect(clippy::ref_option, reason = "serde hands the field over like this")]
fn as_seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| time.as_secs_f64()).serialize(serializer)
}

// === impl Report ===

impl Report {
    /// `problems` are those that were seen before the comparison.
    pub(super) fn new(
        verdict: &Verdict,
        written_records: u64,
        mut problems: Vec<String>,
        partitioning: Partitioning,
    ) -> Self {
        if verdict.source_records < written_records {
            problems.push(format!(
                "the source holds {} records, fewer than it acknowledged",
                grouped(verdict.source_records)
            ));
        }
        problems.extend(verdict.mismatch.as_ref().map(ToString::to_string));
        Self {
            outcome: if problems.is_empty() {
                Outcome::Equal
            } else {
                Outcome::Different
            },
            written_records,
            source_records: verdict.source_records,
            target_records: verdict.target_records,
            duplicates: verdict.duplicates,
            findings: verdict.findings(),
            problems,
            faults: FaultCounts::default(),
            seconds: Times::default(),
            partitioning,
        }
    }

    pub(super) fn is_equal(&self) -> bool {
        self.outcome == Outcome::Equal
    }

    /// For people, with a line end behind each line.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |words: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{words}");
        };
        let place = match self.partitioning {
            Partitioning::Preserve => "in the same partition",
            Partitioning::ByKey => "in the partition of its key",
        };
        if self.is_equal() {
            line(format!(
                "equal: each of {} records of the source is on the target {place}, with key, value, headers and timestamp, \
                 in order",
                grouped(self.source_records)
            ));
        } else {
            line(format!(
                "DIFFERENT: {} records on the source, {} on the target",
                grouped(self.source_records),
                grouped(self.target_records)
            ));
            for problem in &self.problems {
                line(problem.clone());
            }
        }
        line(self.doubled());
        let FaultCounts {
            brokers_killed,
            leaders_moved,
        } = self.faults;
        if brokers_killed + leaders_moved > 0 {
            line(format!(
                "faults: {} killed and started again, {} moved by hand",
                counted(brokers_killed, "broker"),
                counted(leaders_moved, "leader")
            ));
        }
        line(self.times());
        text
    }

    fn doubled(&self) -> String {
        match self.duplicates {
            0 => "duplicates: none".to_owned(),
            count => format!(
                "duplicates: {}, as at-least-once allows after a fault",
                grouped(count)
            ),
        }
    }

    fn times(&self) -> String {
        let Times {
            to_first_record,
            mirroring,
            check,
            total,
        } = self.seconds;
        let named = [
            ("to the first mirrored record", to_first_record),
            ("mirroring", mirroring),
            ("comparing", check),
            ("in all", total),
        ];
        let known = named
            .into_iter()
            .filter_map(|(name, time)| Some(format!("{} {name}", seconds(time?))));
        format!("time: {}", known.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mirror_config::Partitioning;
    use mirror_oracle::{Dump, Record, Rule, compare};

    use super::{FaultCounts, Outcome, Report, Times, Verdict};

    fn verdict() -> Verdict {
        Verdict {
            source_records: 200_000,
            target_records: 200_003,
            duplicates: 3,
            mismatch: None,
        }
    }

    #[test]
    fn what_went_well() {
        let mut report = Report::new(&verdict(), 200_000, Vec::new(), Partitioning::Preserve);
        report.faults = FaultCounts {
            brokers_killed: 1,
            leaders_moved: 12,
        };
        report.seconds = Times {
            to_first_record: Some(Duration::from_millis(120)),
            total: Some(Duration::from_millis(4560)),
            ..Times::default()
        };
        assert!(report.is_equal());
        assert_eq!(
            report.text(),
            "equal: each of 200,000 records of the source is on the target in the same partition, with key, value, headers \
             and timestamp, in order\n\
             duplicates: 3, as at-least-once allows after a fault\n\
             faults: 1 broker killed and started again, 12 leaders moved by hand\n\
             time: 0.1 s to the first mirrored record, 4.6 s in all\n"
        );
    }

    #[test]
    fn what_is_lost_is_named() {
        let records: Vec<_> = (0..3)
            .map(|number| {
                Record::new("t")
                    .partition(0)
                    .timestamp(1)
                    .value(number.to_string())
            })
            .collect();
        let (source, target) = (Dump::of(&records).unwrap(), Dump::of(&records[1..]).unwrap());
        let mismatch = compare(&source, &target, &Rule::preserve()).unwrap_err();
        let verdict = Verdict {
            source_records: 3,
            target_records: 2,
            duplicates: 0,
            mismatch: Some(mismatch),
        };
        let report = Report::new(&verdict, 3, Vec::new(), Partitioning::Preserve);
        assert_eq!(report.outcome, Outcome::Different);
        let text = report.text();
        assert!(
            text.starts_with("DIFFERENT: 3 records on the source, 2 on the target\n"),
            "{text}"
        );
        assert!(text.contains("lost"), "{text}");
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(
            (&json["outcome"], &json["findings"]["lost"]),
            (&"different".into(), &1.into())
        );
    }

    #[test]
    fn an_acknowledged_record_that_the_source_lacks_is_a_difference() {
        let report = Report::new(&verdict(), 200_001, Vec::new(), Partitioning::Preserve);
        assert_eq!(report.outcome, Outcome::Different);
        assert!(report.text().contains("fewer than it acknowledged"));
    }

    #[test]
    fn a_problem_before_the_comparison_is_a_difference() {
        let problems = vec!["t:0 halted: because".to_owned()];
        let report = Report::new(&verdict(), 1, problems, Partitioning::ByKey);
        assert!(!report.is_equal());
        assert!(report.text().contains("t:0 halted: because\n"));
    }
}
