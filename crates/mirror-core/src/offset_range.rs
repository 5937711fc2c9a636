//! A half-open range of source offsets, `[from, to)`, as halts, commands and the audit name it: `4711..4800`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The offsets from `from` up to, but not including, `to`. Never empty, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ends")]
pub struct OffsetRange {
    from: i64,
    to: i64,
}

/// A text or a pair of numbers that is no range of offsets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{written} is no range of offsets: FROM..TO is expected, both at least 0 and TO, which is not part of it, behind FROM"
)]
pub struct InvalidOffsetRange {
    /// The range as it was given.
    pub written: String,
}

/// What arrives before it was looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ends {
    from: i64,
    to: i64,
}

// === impl OffsetRange ===

impl OffsetRange {
    /// The range `[from, to)`; `None` when that is empty or begins below 0.
    pub fn new(from: i64, to: i64) -> Option<Self> {
        (0 <= from && from < to).then_some(Self { from, to })
    }

    /// The first offset.
    pub fn from(self) -> i64 {
        self.from
    }

    /// The offset behind the last one.
    pub fn to(self) -> i64 {
        self.to
    }

    /// How many offsets: at least as many as records, because compaction and transactions leave gaps.
    pub fn offsets(self) -> u64 {
        self.to.abs_diff(self.from)
    }
}

impl fmt::Display for OffsetRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

impl FromStr for OffsetRange {
    type Err = InvalidOffsetRange;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        let ends = written
            .split_once("..")
            .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        ends.and_then(|(from, to)| Self::new(from, to))
            .ok_or_else(|| InvalidOffsetRange {
                written: written.to_owned(),
            })
    }
}

impl TryFrom<Ends> for OffsetRange {
    type Error = InvalidOffsetRange;

    fn try_from(Ends { from, to }: Ends) -> Result<Self, Self::Error> {
        Self::new(from, to).ok_or_else(|| InvalidOffsetRange {
            written: format!("{from}..{to}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OffsetRange;

    #[test]
    fn the_text_of_a_range_is_read_back() {
        let range = OffsetRange::new(4711, 4800).unwrap();
        assert_eq!(range.to_string(), "4711..4800");
        assert_eq!("4711..4800".parse(), Ok(range));
        assert_eq!(range.offsets(), 89);
        assert_eq!(OffsetRange::new(0, i64::MAX).unwrap().offsets(), i64::MAX as u64);
    }

    #[test]
    fn what_is_no_range_is_refused_and_told() {
        for written in [
            "", "..", "7", "7..", "..7", "7..7", "8..7", "-1..7", "7...9", "a..b", "7..=9",
        ] {
            let error = written.parse::<OffsetRange>().unwrap_err();
            assert!(error.to_string().starts_with(written), "{error}");
        }
    }
}
