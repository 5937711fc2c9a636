//! What a command of `heliostat topics` has to say when it is done: text for people, JSON for programs.

use std::io;

use serde_json::Value;

use crate::output::{self, Format};

/// The answer in both forms.
pub(super) struct Answer {
    /// Whole lines, or nothing.
    pub(super) text: String,
    pub(super) json: Value,
}

// === impl Answer ===

impl Answer {
    pub(super) fn print(&self, format: Format) -> io::Result<()> {
        match format {
            Format::Table => output::print(&self.text),
            Format::Json => output::json(&self.json),
        }
    }
}
