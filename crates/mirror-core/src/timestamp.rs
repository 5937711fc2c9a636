//! Points in time as people write them, RFC 3339 (`2026-11-21T10:57:16.250Z`), and as Kafka counts them, milliseconds
//! since 1970 UTC.
//!
//! The calendar is the proleptic Gregorian one without leap seconds, as in Java and POSIX. The date arithmetic counts
//! years from March, so that a leap day is the last of its year.

use std::fmt;
use std::str::FromStr;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

/// A text that is no point in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{written} is no time: RFC 3339 is expected, as 2026-11-21T10:57:16Z or 2026-11-21T11:57:16.250+01:00"
)]
pub struct InvalidTimestamp {
    /// The text as it was given.
    pub written: String,
}

const MS_PER_DAY: i64 = 86_400_000;
const DAYS_PER_400_YEARS: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_FROM_MARCH_OF_YEAR_0: i64 = 719_468;

// === impl Timestamp ===

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339 with seconds and an offset; of a fraction the milliseconds count. Years 0000 to 9999.
    fn from_str(written: &str) -> Result<Self, Self::Err> {
        read(written).map(Self).ok_or_else(|| InvalidTimestamp {
            written: written.to_owned(),
        })
    }
}

impl fmt::Display for Timestamp {
    /// In UTC, with milliseconds only if there are any.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, of_day) = (self.0.div_euclid(MS_PER_DAY), self.0.rem_euclid(MS_PER_DAY));
        let (year, month, day) = date_of(days);
        let (seconds, ms) = (of_day / 1000, of_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
        )?;
        if ms > 0 {
            write!(f, ".{ms:03}")?;
        }
        f.write_str("Z")
    }
}

fn read(written: &str) -> Option<i64> {
    let (date, time) = written.split_once(['T', 't', ' '])?;
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);

    let (time, offset_minutes) = split_offset(time)?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, milliseconds(fraction)?),
        None => (time, 0),
    };
    let (hour, rest) = time.split_once(':')?;
    let (minute, second) = rest.split_once(':')?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);

    let days = days_of(year, month, day);
    // A day that its month does not have comes back as another date.
    let exists = date_of(days) == (year, month, day) && hour < 24 && minute < 60 && second < 60;
    let seconds = (hour * 60 + minute - offset_minutes) * 60 + second;
    exists.then(|| days * MS_PER_DAY + seconds * 1000 + fraction)
}

/// The time without its offset from UTC, and that offset in minutes.
fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let at = time.rfind(['+', '-'])?;
    let (time, offset) = time.split_at_checked(at)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    let total = hours * 60 + minutes;
    (hours < 24 && minutes < 60).then_some((time, if offset.starts_with('-') { -total } else { total }))
}

/// Exactly `count` decimal digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    let all_digits = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok())?
}

fn milliseconds(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("00".chars()).take(3).collect();
    padded.parse().ok()
}

/// Days since 1970-01-01.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = (month + 9) % 12;
    // Months from March have 31, 30, 31, 30, 31 days, over and over: 153 days in five months.
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * DAYS_PER_400_YEARS + day_of_era - EPOCH_FROM_MARCH_OF_YEAR_0
}

/// The year, month and day that is `days` after 1970-01-01.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_FROM_MARCH_OF_YEAR_0;
    let (era, of_era) = (
        days.div_euclid(DAYS_PER_400_YEARS),
        days.rem_euclid(DAYS_PER_400_YEARS),
    );
    // Without the leap days that came before, each year has 365 days.
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Timestamp;

    #[test]
    fn known_times() {
        for (written, ms) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-21T10:57:16Z", 1_795_258_636_000),
            ("2026-11-21t11:57:16.250+01:00", 1_795_258_636_250),
            ("2026-11-21 05:27:16.250999-05:30", 1_795_258_636_250),
            ("2000-02-29T23:59:59.9Z", 951_868_799_900),
            ("1969-12-31T23:59:59.999Z", -1),
        ] {
            assert_eq!(written.parse(), Ok(Timestamp(ms)), "{written}");
        }
        assert_eq!(Timestamp(1_795_258_636_000).to_string(), "2026-11-21T10:57:16Z");
        assert_eq!(Timestamp(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_no_time_is_refused_and_told() {
        for written in [
            "",
            "now",
            "2026-11-21",
            "2026-11-21T10:57:16",
            "2026-11-21T10:57Z",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-00T00:00:00Z",
            "2026-11-21T24:00:00Z",
            "2026-11-21T10:60:00Z",
            "2026-11-21T10:57:16.Z",
            "2026-11-21T10:57:16+1:00",
            "+026-11-21T10:57:16Z",
            "2026-11-21T10:57:16\u{b1}01:00",
        ] {
            let error = written.parse::<Timestamp>().unwrap_err();
            assert!(error.to_string().starts_with(written), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in -62_167_219_200_000_i64..253_402_300_800_000) {
            prop_assert_eq!(Timestamp(ms).to_string().parse(), Ok(Timestamp(ms)));
        }

        #[test]
        fn texts_never_panic(text in "[0-9TZ:.+ -]{0,30}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
