//! The goals a race is held against, one verdict each.

use crate::plan::{Mode, Peer};
use crate::report::{Report, Row};

/// One goal, and what the race says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub goal: &'static str,
    pub met: bool,
    /// The worst row and its figure.
    pub found: String,
}

struct Goal {
    text: &'static str,
    most: f64,
    unit: &'static str,
    /// The figure of one of heliostat's rows; `None` where the goal says nothing of it.
    figure: fn(&Report, &Row) -> Option<f64>,
}

const GOALS: &[Goal] = &[
    Goal {
        text: "pass-through at most 1/10 of MirrorMaker 1's CPU per GB",
        most: 0.1,
        unit: "of MirrorMaker 1",
        figure: |report, row| share_in(report, row, Mode::PassThrough),
    },
    Goal {
        text: "split to 3 partitions with lz4 at most 1/3 of MirrorMaker 1's CPU per GB",
        most: 1.0 / 3.0,
        unit: "of MirrorMaker 1",
        figure: |report, row| share_in(report, row, Mode::ByKeyThree),
    },
    Goal {
        text: "peak resident memory at most 96 MB",
        most: 96.0,
        unit: "MB",
        figure: |_, row| Some(row.peak_memory_mb),
    },
    Goal {
        text: "first record within 0.5 s",
        most: 0.5,
        unit: "s",
        figure: |_, row| Some(row.first_record_seconds),
    },
];

fn share_in(report: &Report, row: &Row, mode: Mode) -> Option<f64> {
    (row.leg.mode == mode)
        .then(|| report.share_of_mirror_maker(row))
        .flatten()
}

/// One verdict per goal for which there is a figure, by heliostat's worst row.
pub fn of(report: &Report) -> Vec<Verdict> {
    let ours = || report.rows.iter().filter(|row| row.leg.peer == Peer::Heliostat);
    GOALS
        .iter()
        .filter_map(|goal| {
            let (figure, row) = ours()
                .filter_map(|row| Some(((goal.figure)(report, row)?, row)))
                .max_by(|(one, _), (other, _)| one.total_cmp(other))?;
            Some(Verdict {
                goal: goal.text,
                met: figure <= goal.most,
                found: format!(
                    "at worst {figure:.3} {} ({} {})",
                    goal.unit, row.leg.codec, row.leg.mode
                ),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::plan::{Codec, Leg};

    fn row(peer: Peer, mode: Mode, cpu: f64, memory: f64) -> Row {
        Row {
            leg: Leg {
                codec: Codec::Lz4,
                mode,
                peer,
            },
            cpu_seconds_per_gb: cpu,
            peak_memory_mb: memory,
            first_record_seconds: 0.2,
            mb_per_second: 1.0,
            stop_seconds: 0.1,
            source_broker_seconds_per_gb: 1.0,
            target_broker_seconds_per_gb: 1.0,
            checksum_compared: false,
        }
    }

    fn report(rows: Vec<Row>) -> Report {
        let machine = Machine {
            cpu: String::new(),
            cores: 1,
            kernel: String::new(),
            load: String::new(),
        };
        Report {
            machine,
            gigabytes: 1.0,
            limits: Vec::new(),
            rows,
        }
    }

    #[test]
    fn the_worst_row_of_ours_decides_and_the_peer_has_no_goals() {
        let report = report(vec![
            row(Peer::MirrorMaker1, Mode::ByKeySame, 10.0, 400.0),
            row(Peer::Heliostat, Mode::PassThrough, 1.1, 50.0),
            row(Peer::Heliostat, Mode::ByKeySame, 5.0, 97.0),
        ]);
        let verdicts: Vec<(bool, String)> = of(&report)
            .into_iter()
            .map(|verdict| (verdict.met, verdict.found))
            .collect();
        let expected = [
            (false, "at worst 0.110 of MirrorMaker 1 (lz4 pass-through)"),
            (false, "at worst 97.000 MB (lz4 by-key-same)"),
            (true, "at worst 0.200 s (lz4 by-key-same)"),
        ];
        assert_eq!(verdicts, expected.map(|(met, found)| (met, found.to_owned())));
    }
}
