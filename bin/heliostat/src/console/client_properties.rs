//! The properties of a Java client that a console command was given: by a file, by `key=value` flags, which win.
//!
//! Those that mean something here are asked for by name; what is left is named on standard error, so that a setting that
//! matters is not lost in silence. What asks for a connection that cannot be made is an error.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use mirror_config::known::{self, Side, Treatment};
use mirror_config::properties::Properties;

use super::flags::FlagError;
use crate::report;

/// Longest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct ClientProperties {
    values: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
}

// === impl ClientProperties ===

impl ClientProperties {
    /// `pairs` win over the file.
    pub(crate) fn read(file: Option<&str>, pairs: BTreeMap<String, String>) -> Result<Self, FlagError> {
        let mut values = match file {
            Some(file) => properties(file)?,
            None => BTreeMap::new(),
        };
        values.extend(pairs);
        Ok(Self {
            values,
            used: RefCell::default(),
        })
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.used.borrow_mut().insert(key.to_owned());
        self.values.get(key).map(|value| value.trim())
    }

    pub(crate) fn number<T: FromStr>(&self, key: &str) -> Result<Option<T>, FlagError> {
        let Some(text) = self.text(key) else {
            return Ok(None);
        };
        let number = text.parse().ok();
        number
            .map(Some)
            .ok_or_else(|| FlagError::Wrong(format!("{key}={text}: this is not a number that it can have")))
    }

    pub(crate) fn milliseconds(&self, key: &str) -> Result<Option<Duration>, FlagError> {
        Ok(self.number(key)?.map(Duration::from_millis))
    }

    /// Refuses what cannot be done and names what was not asked for.
    pub(crate) fn settle(&self, side: Side, command: &str) -> Result<(), FlagError> {
        let used = self.used.borrow();
        for (key, value) in self.values.iter().filter(|(key, _)| !used.contains(*key)) {
            let is_meant = |known: &&known::KnownProperty| known.name == key;
            match known::properties_of(side)
                .find(is_meant)
                .map(|known| known.treatment)
            {
                Some(Treatment::Refused {
                    harmless,
                    reason,
                    advice,
                }) if !harmless
                    .iter()
                    .any(|harmless| harmless.eq_ignore_ascii_case(value.trim())) =>
                {
                    return Err(FlagError::Wrong(format!("{key}: {reason}: {advice}")));
                }
                Some(Treatment::Refused { .. } | Treatment::NoMeaning(_)) => {}
                Some(Treatment::Honoured(_) | Treatment::Ceiling(_)) | None => {
                    report::line(&format!(
                        "{key} changes nothing for heliostat {command}: it is ignored"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The keys and values of a Java properties file.
pub(crate) fn properties(file: &str) -> Result<BTreeMap<String, String>, FlagError> {
    let wrong = |reason: String| FlagError::Wrong(format!("{file} cannot be read: {reason}"));
    let size = std::fs::metadata(Path::new(file)).map_err(|error| wrong(error.to_string()))?;
    if size.len() > FILE_BYTES_MAX {
        return Err(wrong(format!("it has more than {FILE_BYTES_MAX} bytes")));
    }
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    let read = Properties::parse(file, &bytes).map_err(|error| wrong(error.to_string()))?;
    let entries = read.in_file_order().into_iter();
    Ok(entries
        .map(|(key, entry)| (key.to_owned(), entry.value.clone()))
        .collect())
}
