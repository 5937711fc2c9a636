//! One file while it is read: its text, the places in it, and what was found.
//!
//! The parsed document is walked instead of deriving a `Deserialize`: a derived one ends at the first wrong value, and
//! knows neither its line nor which name was nearly right.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;

use crate::error::{ConfigError, Findings, Place};

/// A file that is being read, and what was found so far.
pub(super) struct Reading<'a> {
    pub(super) file: &'a str,
    text: &'a str,
    /// Where each line ends, so that a file in which every line is wrong is not read from its start for each of them.
    line_ends: Vec<usize>,
    pub(super) findings: RefCell<Findings>,
    /// Every key that was asked for, so that a test can hold it against the tables.
    #[cfg(test)]
    pub(super) asked: RefCell<std::collections::BTreeSet<(&'static str, &'static str)>>,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// Longest piece of the file that a message shows.
const SHOWN_MAX: usize = 60;

// === impl Reading ===

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str, text: &'a str) -> Self {
        Self {
            file,
            text,
            line_ends: text.match_indices('\n').map(|(end, _)| end).collect(),
            findings: RefCell::default(),
            #[cfg(test)]
            asked: RefCell::default(),
        }
    }

    pub(super) fn error(&self, error: ConfigError) {
        self.findings.borrow_mut().error(error);
    }

    /// Something that its author should change; the file is used all the same.
    pub(super) fn warn(&self, text: impl Into<String>) {
        self.findings.borrow_mut().warn(text);
    }

    /// A value that its key cannot have.
    pub(super) fn invalid(&self, problem: impl Into<String>, place: &Place, advice: impl Display) {
        self.error(ConfigError::InvalidValue {
            problem: problem.into(),
            place: place.clone(),
            advice: advice.to_string(),
        });
    }

    /// The line, from 1, and what is written there if it may be shown.
    pub(super) fn place(&self, at: usize, setting: Option<String>) -> Place {
        Place::Line {
            file: self.file.to_owned(),
            line: self.line_ends.partition_point(|end| *end < at) + 1,
            setting,
        }
    }

    /// The value as the user wrote it; of one over several lines, or a long one, the beginning.
    pub(super) fn written(&self, span: Range<usize>) -> String {
        let text = self.text.get(span).unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        let shown: String = line.chars().take(SHOWN_MAX).collect();
        if shown.len() == text.len() {
            shown
        } else {
            format!("{shown}…")
        }
    }
}
