//! What there is to say of a mirror's progress: as much as fits into a line, the most important first to stay.

use std::time::Duration;

use crate::catch_up::Left;

/// How a process stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) records: u64,
    pub(super) records_per_second: f64,
    pub(super) megabytes_per_second: f64,
    pub(super) lag: u64,
    pub(super) halted: usize,
    /// For a run that ends by itself.
    pub(super) way: Option<Way>,
}

/// How far a run that ends by itself has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) left: Left,
    /// How long it is on its way.
    pub(super) since: Duration,
}

/// A piece of the line.
#[derive(Debug)]
struct Part {
    /// Those of lower numbers have the room first.
    rank: u8,
    text: String,
}

const SEPARATOR: &str = " | ";
/// Characters of a whole bar.
const BAR: u64 = 20;

// === impl Line ===

impl Line {
    /// One line of at most `columns` characters.
    pub(super) fn text(&self, columns: usize) -> String {
        let mut parts = match self.way {
            Some(way) => way.parts(),
            None => vec![
                part(0, format!("{} records", self.records)),
                part(2, format!("lag {} offsets", self.lag)),
            ],
        };
        if self.halted > 0 {
            parts.push(part(1, format!("{} HALTED", partitions(self.halted))));
        }
        parts.push(part(5, format!("{:.0} records/s", self.records_per_second)));
        parts.push(part(6, bytes_per_second(self.megabytes_per_second)));
        fitting(parts, columns).chars().take(columns).collect()
    }

    /// The same in the log.
    pub(super) fn log(&self, in_flight_bytes: u64) {
        if let Some(way) = &self.way {
            tracing::info!(
                percent = way.percent(),
                offsets_left = way.left.offsets,
                offsets_total = way.left.total,
                partitions_not_begun = way.left.not_begun,
                seconds_left = way.time_left().map(|left| left.as_secs()),
                records_per_second = self.records_per_second.round(),
                halted_partitions = self.halted,
                "catching up"
            );
            return;
        }
        tracing::info!(
            records = self.records,
            records_per_second = self.records_per_second.round(),
            megabytes_per_second = (self.megabytes_per_second * 10.0).round() / 10.0,
            lag_offsets = self.lag,
            halted_partitions = self.halted,
            in_flight_bytes,
            "mirroring"
        );
    }
}

// === impl Way ===

impl Way {
    fn done(self) -> u64 {
        self.left.total.saturating_sub(self.left.offsets)
    }

    /// 100 only when nothing is left.
    fn percent(self) -> u64 {
        let of_known = self.done().saturating_mul(100).checked_div(self.left.total);
        of_known.unwrap_or(if self.left.is_known() { 100 } else { 0 })
    }

    /// At the speed so far; `None` while nothing was done.
    fn time_left(self) -> Option<Duration> {
        let done = self.done();
        let milliseconds = u128::from(self.left.offsets) * self.since.as_millis();
        let left = milliseconds.checked_div(u128::from(done))?;
        u64::try_from(left).ok().map(Duration::from_millis)
    }

    fn parts(self) -> Vec<Part> {
        let Left {
            offsets,
            total,
            not_begun,
            flows_not_begun,
        } = self.left;
        let mut parts = Vec::new();
        // A bar of nothing would stand there until the first position is known.
        if total > 0 || self.left.is_known() {
            parts.push(part(0, format!("{} {} %", self.bar(), self.percent())));
            parts.push(part(3, format!("{offsets} of {total} offsets left")));
        } else {
            parts.push(part(0, "not begun yet".to_owned()));
        }
        if flows_not_begun > 0 {
            let plural = if flows_not_begun == 1 { "" } else { "s" };
            parts.push(part(2, format!("{flows_not_begun} flow{plural} not connected")));
        }
        if not_begun > 0 {
            parts.push(part(2, format!("{} not begun", partitions(not_begun))));
        }
        match self.time_left().filter(|_| offsets > 0) {
            Some(time) if time >= Duration::from_mins(2) => {
                parts.push(part(4, format!("ETA {} min", time.as_secs() / 60)));
            }
            Some(time) => parts.push(part(4, format!("ETA {} s", time.as_secs()))),
            None => {}
        }
        parts
    }

    fn bar(self) -> String {
        let full = usize::try_from(self.percent() * BAR / 100).unwrap_or(0);
        let empty = usize::try_from(BAR).unwrap_or(0).saturating_sub(full);
        format!("[{}{}]", "#".repeat(full), ".".repeat(empty))
    }
}

/// A slow mirror is not one of 0.0 MB/s.
fn bytes_per_second(megabytes: f64) -> String {
    if megabytes < 1.0 {
        return format!("{:.0} kB/s", megabytes * 1000.0);
    }
    format!("{megabytes:.1} MB/s")
}

fn part(rank: u8, text: String) -> Part {
    Part { rank, text }
}

/// The most important part, and of the others in turn what still fits; each keeps its place.
fn fitting(parts: Vec<Part>, columns: usize) -> String {
    let mut by_rank: Vec<_> = parts.into_iter().enumerate().collect();
    by_rank.sort_by_key(|(_, part)| part.rank);
    let mut kept: Vec<(usize, String)> = Vec::new();
    let mut width = 0;
    for (place, part) in by_rank {
        let more = part.text.chars().count();
        if kept.is_empty() {
            width = more;
        } else if width + SEPARATOR.len() + more <= columns {
            width += SEPARATOR.len() + more;
        } else {
            continue;
        }
        kept.push((place, part.text));
    }
    kept.sort_unstable();
    let texts: Vec<_> = kept.into_iter().map(|(_, text)| text).collect();
    texts.join(SEPARATOR)
}

fn partitions(count: usize) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} partition{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(left: Left, seconds: u64) -> Line {
        Line {
            records: 5000,
            records_per_second: 500.0,
            megabytes_per_second: 1.25,
            lag: 7,
            halted: 0,
            way: Some(Way {
                left,
                since: Duration::from_secs(seconds),
            }),
        }
    }

    fn left(offsets: u64, total: u64) -> Left {
        Left {
            offsets,
            total,
            ..Left::default()
        }
    }

    #[test]
    fn the_bar_and_the_time_that_is_left() {
        let said = |offsets, seconds| line(left(offsets, 1000), seconds).text(200);
        assert_eq!(
            said(750, 10),
            "[#####...............] 25 % | 750 of 1000 offsets left | ETA 30 s | 500 records/s | 1.2 MB/s"
        );
        assert!(said(999, 1).contains("0 % | 999 of 1000 offsets left | ETA 16 min |"));
        assert!(!said(1000, 5).contains("ETA"), "nothing was done yet");
        assert!(said(1, 1000).contains(" 99 % "));
        assert!(said(0, 10).starts_with("[####################] 100 % | 0 of 1000 offsets left | 500"));
    }

    #[test]
    fn the_line_was_wider_than_the_terminal_and_wrapped() {
        let line = Line {
            halted: 1,
            ..line(left(750_000_000, 1_000_000_000), 10)
        };
        for columns in 0..130 {
            let said = line.text(columns);
            assert!(said.chars().count() <= columns, "{columns}: {said}");
        }
        assert_eq!(
            line.text(60),
            "[#####...............] 25 % | ETA 30 s | 1 partition HALTED"
        );
        assert_eq!(line.text(30), "[#####...............] 25 %");
    }

    #[test]
    fn before_the_first_position_there_was_a_bar_of_zero_offsets() {
        let waiting = Left {
            flows_not_begun: 1,
            ..Left::default()
        };
        assert!(
            line(waiting, 0)
                .text(80)
                .starts_with("not begun yet | 1 flow not connected | ")
        );
        let some = Left {
            not_begun: 2,
            ..left(500, 1000)
        };
        let said = line(some, 5).text(120);
        assert!(
            said.contains("50 % | 500 of 1000 offsets left | 2 partitions not begun"),
            "{said}"
        );
        assert!(
            line(Left::default(), 0)
                .text(80)
                .contains("100 % | 0 of 0 offsets left"),
            "an empty source has nothing left"
        );
    }

    #[test]
    fn a_slow_mirror_was_one_of_no_megabytes() {
        assert_eq!(
            [0.0, 0.0614, 0.999, 12.34].map(bytes_per_second),
            ["0 kB/s", "61 kB/s", "999 kB/s", "12.3 MB/s"]
        );
    }

    #[test]
    fn a_mirror_without_an_end_has_no_bar() {
        let endless = Line {
            way: None,
            halted: 2,
            ..line(Left::default(), 0)
        };
        assert_eq!(
            endless.text(100),
            "5000 records | lag 7 offsets | 2 partitions HALTED | 500 records/s | 1.2 MB/s"
        );
    }
}
