//! `heliostat.toml`: clusters, flows between them, and the process around them, resolved into a [`Config`].
//!
//! ```text
//!   bytes --toml--> tables with places --Section--> values --clusters, flows, process--> Config
//!                                                     └─ routes: flows that would feed each other
//! ```
//! Everything wrong in a file is reported at once, each with its line, and so is every key that nobody knows.

mod ambari;
mod clusters;
mod compression;
mod flows;
pub mod keys;
mod membership;
mod own_topics;
mod policies;
mod process;
mod reading;
mod routes;
mod section;
mod topics;

use std::path::Path;

use toml::de::DeTable;

use crate::config::Config;
use crate::error::{ConfigError, ConfigErrors, Findings, Place};
use crate::resolved::Resolved;
use crate::state_folder::Environment;
use crate::text_file;
use reading::Reading;
use section::Section;

/// Reads the file and puts everything together.
pub fn resolve(file: &Path, environment: &Environment) -> Result<Resolved, ConfigErrors> {
    let name = file.display().to_string();
    let unreadable = |reason| {
        ConfigErrors(vec![ConfigError::UnreadableFile {
            place: Place::File { file: name.clone() },
            reason,
        }])
    };
    let bytes = text_file::read(file).map_err(unreadable)?;
    match String::from_utf8(bytes) {
        Ok(text) => resolve_text(&name, &text, environment),
        Err(_not_utf8) => Err(unreadable("it is not UTF-8".to_owned())),
    }
}

/// As [`resolve`], for the content of a file; `file` is the name that messages will show.
pub fn resolve_text(file: &str, text: &str, environment: &Environment) -> Result<Resolved, ConfigErrors> {
    let reading = Reading::new(file, text);
    let (document, mistakes) = DeTable::parse_recoverable(text);
    for mistake in &mistakes {
        let at = mistake.span().map_or(0, |span| span.start);
        reading.error(ConfigError::MalformedToml {
            // The parser's words may go on below with the line, which the place has.
            problem: mistake.message().lines().collect::<Vec<_>>().join(", "),
            place: reading.place(at, None),
        });
    }
    // What a broken line leaves behind would only add mistakes that nobody made.
    let config = mistakes
        .is_empty()
        .then(|| {
            read(
                &Section::open(&reading, &keys::ROOT, document.get_ref(), 0),
                environment,
            )
        })
        .flatten();
    let Findings { mut errors, notices } = reading.findings.into_inner();
    errors.sort_by_key(|error| error.place().line());
    match config {
        Some(config) if errors.is_empty() => Ok(Resolved { config, notices }),
        _ => Err(ConfigErrors(errors)),
    }
}

/// `None` where there is no flow to run; the findings then say why.
fn read(root: &Section<'_>, environment: &Environment) -> Option<Config> {
    let clusters = clusters::read(root);
    let flows = flows::read(root, &clusters);
    let memory = process::memory(root);
    let life = process::life(root);
    let admin = process::admin(root);
    let state = process::state(root, environment);
    (!flows.is_empty()).then_some(Config {
        flows,
        memory,
        life,
        admin,
        state,
    })
}

#[cfg(test)]
mod tests;
