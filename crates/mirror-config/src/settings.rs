//! Typed reading of one file's values, as Java's `ConfigDef.parseType` converts them: trimmed, whole numbers only,
//! ranges checked. A wrong value becomes a finding and reads as absent, so that all wrong values are found in one go.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::HostPort;
use crate::error::{ConfigError, Findings, Place};
use crate::properties::Properties;
use crate::{address_map, bootstrap, known, suggest};

/// A file whose values are being read, and what was found wrong with them so far.
pub(crate) struct Settings<'a> {
    pub(crate) properties: &'a Properties,
    pub(crate) findings: &'a mut Findings,
    /// Every key that was asked for, so that a test can hold it against the tables.
    #[cfg(test)]
    pub(crate) asked: std::collections::BTreeSet<&'static str>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) place: Place,
}

/// Milliseconds of a Java `int` or `long`, the largest we read: 24 days. Nothing that waits longer is meant to end.
const MILLISECONDS_MAX: i64 = i32::MAX as i64;

// === impl Settings ===

impl<'a> Settings<'a> {
    pub(crate) fn new(properties: &'a Properties, findings: &'a mut Findings) -> Self {
        Self {
            properties,
            findings,
            #[cfg(test)]
            asked: std::collections::BTreeSet::new(),
        }
    }

    /// The file as a place.
    pub(crate) fn file(&self) -> Place {
        Place::File {
            file: self.properties.file().to_owned(),
        }
    }

    /// The line that nearly has one of these names, and the name; where nothing comes close, the file.
    pub(crate) fn nearly(&self, names: &[&'static str]) -> (Place, Option<&'static str>) {
        let misspelt = self
            .properties
            .in_file_order()
            .into_iter()
            .find_map(|(key, entry)| {
                let meant = suggest::closest(key, names.iter().copied()).filter(|meant| *meant != key)?;
                let place = Place::Line {
                    file: self.properties.file().to_owned(),
                    line: entry.line,
                    // Not its value, which may be anything.
                    setting: Some(key.to_owned()),
                };
                Some((place, Some(meant)))
            });
        misspelt.unwrap_or_else(|| (self.file(), None))
    }

    /// The value as it is written, without the blanks around it.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<Setting<&'a str>> {
        #[cfg(test)]
        self.asked.insert(key);
        let entry = self.properties.entry(key)?;
        Some(Setting {
            value: entry.value.trim(),
            place: known::place(self.properties, key, entry),
        })
    }

    /// As [`Settings::text`], where an empty value is as good as none.
    pub(crate) fn non_empty(&mut self, key: &'static str) -> Option<Setting<&'a str>> {
        self.text(key).filter(|setting| !setting.value.is_empty())
    }

    /// A whole number within `range`.
    pub(crate) fn integer(&mut self, key: &'static str, range: RangeInclusive<i64>) -> Option<i64> {
        let setting = self.text(key)?;
        let advice = between(&range);
        match setting.value.parse::<i64>() {
            Ok(number) if range.contains(&number) => Some(number),
            Ok(number) => self.invalid(&setting, format!("{key} cannot be {number}"), advice),
            Err(_) => self.invalid(&setting, format!("{key} is not a whole number"), advice),
        }
    }

    /// A number of bytes, at least `min`; what a Java `long` can say and a Java `int` cannot is read as the largest int.
    pub(crate) fn bytes(&mut self, key: &'static str, min: i32) -> Option<i32> {
        let bytes = self.integer(key, i64::from(min)..=i64::MAX)?;
        Some(i32::try_from(bytes).unwrap_or(i32::MAX))
    }

    /// A time in milliseconds, at least `min`.
    pub(crate) fn milliseconds(&mut self, key: &'static str, min: u32) -> Option<Duration> {
        let milliseconds = self
            .integer(key, i64::from(min)..=i64::MAX)?
            .min(MILLISECONDS_MAX);
        u64::try_from(milliseconds).ok().map(Duration::from_millis)
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<Setting<bool>> {
        let setting = self.text(key)?;
        let value = match setting.value.to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => self.invalid(
                &setting,
                format!("{key} is not a truth value"),
                "use true or false",
            )?,
        };
        Some(Setting {
            value,
            place: setting.place,
        })
    }

    /// One of a few words, written exactly so.
    pub(crate) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<Setting<T>> {
        let setting = self.text(key)?;
        if let Some(&(_, value)) = words.iter().find(|(word, _)| *word == setting.value) {
            return Some(Setting {
                value,
                place: setting.place,
            });
        }
        let all: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        let problem = format!("{key} cannot be {:?}", setting.value);
        self.invalid(&setting, problem, format!("use one of {}", all.join(", ")))
    }

    /// The addresses of `bootstrap.servers`; a finding if there are none, for nothing starts without.
    ///
    /// `instead` may stand in its place, and is what a misspelt line may have meant, too.
    pub(crate) fn bootstrap(&mut self, instead: &[&'static str], advice_if_missing: &str) -> Vec<HostPort> {
        const KEY: &str = "bootstrap.servers";
        let Some(setting) = self.text(KEY) else {
            let (place, meant) = self.nearly(&[&[KEY], instead].concat());
            let advice = match meant {
                Some(meant) => format!("did you mean {meant}? Or {advice_if_missing}"),
                None => advice_if_missing.to_owned(),
            };
            self.findings.error(ConfigError::MissingKey {
                key: KEY,
                place,
                advice,
            });
            return Vec::new();
        };
        bootstrap::parse(setting.value).unwrap_or_else(|problem| {
            let problem = format!("invalid url in {KEY}: {problem}");
            self.invalid::<Vec<_>>(&setting, problem, "write HOST:PORT,HOST:PORT")
                .unwrap_or_default()
        })
    }

    /// Addresses in the place of those that brokers advertise: a key of ours, which Java's clients warn of and ignore.
    pub(crate) fn addresses(&mut self) -> BTreeMap<HostPort, HostPort> {
        const KEY: &str = "heliostat.addresses";
        let Some(setting) = self.non_empty(KEY) else {
            return BTreeMap::new();
        };
        address_map::parse(setting.value).unwrap_or_else(|problem| {
            self.invalid::<BTreeMap<_, _>>(&setting, format!("invalid {KEY}: {problem}"), address_map::ADVICE)
                .unwrap_or_default()
        })
    }

    /// Records a wrong value; always `None`.
    pub(crate) fn invalid<T>(
        &mut self,
        setting: &Setting<&str>,
        problem: impl Into<String>,
        advice: impl Display,
    ) -> Option<T> {
        self.findings.error(ConfigError::InvalidValue {
            problem: problem.into(),
            place: setting.place.clone(),
            advice: advice.to_string(),
        });
        None
    }
}

fn between(range: &RangeInclusive<i64>) -> String {
    if *range.end() == i64::MAX {
        format!("use a number of at least {}", range.start())
    } else {
        format!("use a number from {} to {}", range.start(), range.end())
    }
}
