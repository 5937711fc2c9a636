//! Sizes and durations with their unit beside the number: `64MiB`, `30s`.
//!
//! A number without a unit is read as bytes where a size is wanted; a duration always needs its unit, because half of
//! all programs mean seconds by a bare number and the other half milliseconds.

use std::time::Duration;

/// Units of a size and their bytes, longest name first.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Units of a duration and their milliseconds.
const DURATION_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("min", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Bytes of a size; `None` for what is none or has more than 64 bits.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    scaled(number, unit, &SIZE_UNITS)
}

/// A duration in whole milliseconds; `None` for what is none.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    scaled(number, unit, &DURATION_UNITS).map(Duration::from_millis)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start_matches(' ')))
}

fn scaled(number: u64, unit: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*scale)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, size};

    #[test]
    fn sizes() {
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("52428800"), Some(52_428_800));
        assert_eq!(size("64MiB"), Some(64 << 20));
        assert_eq!(size("64 MiB"), Some(64 << 20));
        assert_eq!(size("1kB"), Some(1_000));
        assert_eq!(size("18446744073709551615B"), Some(u64::MAX));
        for wrong in [
            "",
            "MiB",
            "-1",
            "1.5MiB",
            "1mib",
            "1M",
            "18446744073709551616",
            "18446744073709551615kB",
        ] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(duration("0s"), Some(Duration::ZERO));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5 min"), Some(Duration::from_mins(5)));
        assert_eq!(duration("1d"), Some(Duration::from_hours(24)));
        for wrong in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5m",
            "5 sec",
            "99999999999999999999s",
            "999999999999999999d",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }
}
