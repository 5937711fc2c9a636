//! The properties of a Java client that a console command was given: by a file, by `key=value` flags and by flags of their
//! own, which win.
//!
//! Those that mean something here are asked for by name; what is left is named on standard error, so that a setting that
//! matters is not lost in silence. What asks for a connection that cannot be made is an error. Each message names the file
//! and the line, or the flag.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use mirror_config::known::{self, Side, Treatment};
use mirror_config::properties::Properties;
use mirror_config::{ConfigError, Place, suggest};

use super::flag_error::FlagError;
use super::given::{Given, Pair};
use crate::report;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Properties by name.
#[derive(Debug, Default)]
pub(crate) struct ClientProperties {
    entries: BTreeMap<String, Property>,
    used: RefCell<BTreeSet<String>>,
}

/// A value and where it was written.
#[derive(Debug, Clone)]
struct Property {
    value: String,
    place: Place,
}

// === impl ClientProperties ===

impl ClientProperties {
    /// The file behind one of the flags `files`, and the pairs behind each of `pairs`, which win over it.
    pub(crate) fn read(
        given: &Given,
        files: &[&'static str],
        pairs: &[&'static str],
    ) -> Result<Self, FlagError> {
        let mut properties = Self::default();
        for flag in files {
            if let Some(file) = given.one(flag)? {
                properties.entries = entries(flag, file)?;
                break;
            }
        }
        for Pair { key, value, flag } in given.pairs(pairs) {
            let place = Given::place(flag, &known::setting(&key, &value));
            properties.entries.insert(key, Property { value, place });
        }
        Ok(properties)
    }

    /// A flag of its own for a property; it wins over what was read.
    pub(crate) fn set_by_flag(&mut self, key: &str, flag: &'static str, value: &str) {
        let property = Property {
            value: value.to_owned(),
            place: Given::place(flag, value),
        };
        self.entries.insert(key.to_owned(), property);
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.used.borrow_mut().insert(key.to_owned());
        self.entries.get(key).map(|property| property.value.trim())
    }

    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, FlagError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        let number = text.parse().ok();
        number.map(Some).ok_or_else(|| {
            self.wrong(
                key,
                &format!("{key} has no number that it can have"),
                "write a number as Kafka's documentation has it",
            )
        })
    }

    /// As Java's clients read it (`ConfigDef.parseType`): letters of any case, and nothing but the two words.
    pub(crate) fn truth(&self, key: &str) -> Result<Option<bool>, FlagError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        if text.eq_ignore_ascii_case("true") {
            Ok(Some(true))
        } else if text.eq_ignore_ascii_case("false") {
            Ok(Some(false))
        } else {
            let problem = format!("{key} is neither true nor false");
            Err(self.wrong(key, &problem, "write one of them"))
        }
    }

    pub(crate) fn milliseconds(&self, key: &str) -> Result<Option<Duration>, FlagError> {
        Ok(self.number(key)?.map(Duration::from_millis))
    }

    /// The property has a value that it cannot have: what is wrong, and what to write.
    pub(crate) fn wrong(&self, key: &str, problem: &str, advice: &str) -> FlagError {
        match self.entries.get(key) {
            Some(property) => FlagError::property(problem.to_owned(), property.place.clone(), advice),
            None => FlagError::Wrong(format!("{problem}: {advice}")),
        }
    }

    /// Refuses what cannot be done and names what was not asked for; `sides` are the clients whose properties fit.
    pub(crate) fn settle(&self, sides: &[Side], command: &str) -> Result<(), FlagError> {
        let used = self.used.borrow();
        for (key, Property { value, place }) in self.entries.iter().filter(|(key, _)| !used.contains(*key)) {
            let treatment = sides.iter().find_map(|side| known::treatment_of(*side, key));
            match treatment {
                Some(Treatment::Refused {
                    harmless,
                    reason,
                    advice,
                }) if !harmless
                    .iter()
                    .any(|harmless| harmless.eq_ignore_ascii_case(value.trim())) =>
                {
                    return Err(FlagError::Property(ConfigError::Refused {
                        reason: reason.to_owned(),
                        place: place.clone(),
                        advice: advice.to_owned(),
                    }));
                }
                Some(Treatment::Refused { .. } | Treatment::NoMeaning(_)) => {}
                Some(Treatment::Honoured(_) | Treatment::Ceiling(_)) => {
                    report::line(&format!(
                        "{key} changes nothing for heliostat {command} ({place}): it is ignored"
                    ));
                }
                None => {
                    let names = sides.iter().flat_map(|side| known::properties_of(*side));
                    let advice = nearly(key, names.map(|known| known.name));
                    let (key, place) = (key.escape_debug(), without_value(place));
                    report::line(&format!("unknown property {key} ({place}): {advice}"));
                }
            }
        }
        Ok(())
    }
}

/// What to say of a name that nobody knows.
fn nearly<'a>(key: &str, names: impl Iterator<Item = &'a str>) -> String {
    match suggest::closest(key, names) {
        Some(name) => format!("did you mean {name}? It is ignored"),
        None => "it is ignored".to_owned(),
    }
}

/// Where an unknown key stands. Its value may be a secret whose name was misspelt.
fn without_value(place: &Place) -> String {
    match place {
        Place::File { file } => file.clone(),
        Place::Line { file, line, .. } => format!("{file}:{line}"),
        Place::Flag { flag, .. } => format!("--{flag}"),
    }
}

/// The properties of a line reader or of a formatter: those of the file behind one flag, and pairs, which win. What is none
/// of `names` is named.
pub(crate) fn format_properties(
    given: &Given,
    file: &'static str,
    pairs: &[&'static str],
    names: &[&str],
    whose: &str,
) -> Result<BTreeMap<String, String>, FlagError> {
    let properties = ClientProperties::read(given, &[file], pairs)?;
    for (key, Property { place, .. }) in &properties.entries {
        if !names.contains(&key.as_str()) {
            let advice = nearly(key, names.iter().copied());
            let (key, place) = (key.escape_debug(), without_value(place));
            report::line(&format!(
                "{key} is no property of the {whose} ({place}): {advice}"
            ));
        }
    }
    let entries = properties.entries.into_iter();
    Ok(entries.map(|(key, property)| (key, property.value)).collect())
}

/// The keys and values of the Java properties file that a flag names.
fn entries(flag: &'static str, file: &str) -> Result<BTreeMap<String, Property>, FlagError> {
    let bytes = read_bounded(Path::new(file)).map_err(|error| {
        FlagError::Property(ConfigError::UnreadableFile {
            place: Given::place(flag, file),
            reason: error.to_string(),
        })
    })?;
    let read = Properties::parse(file, &bytes).map_err(|malformed| {
        FlagError::Property(ConfigError::MalformedEscape {
            place: line(file, malformed.line, None),
        })
    })?;
    let entries = read.in_file_order().into_iter().map(|(key, entry)| {
        let setting = known::setting(key, entry.value.trim());
        let property = Property {
            value: entry.value.clone(),
            place: line(file, entry.line, Some(setting)),
        };
        (key.to_owned(), property)
    });
    Ok(entries.collect())
}

fn line(file: &str, line: usize, setting: Option<String>) -> Place {
    Place::Line {
        file: file.to_owned(),
        line,
        setting,
    }
}

fn read_bounded(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(file)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= FILE_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(io::Error::other(format!(
            "it has more than {FILE_BYTES_MAX} bytes"
        )))
    }
}
