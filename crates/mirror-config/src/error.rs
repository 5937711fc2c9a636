//! What can be wrong with flags and files, each as one sentence: what, where, and what to do.

use std::fmt;

/// Where a setting was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A file as a whole.
    File {
        /// Its path as the user gave it.
        file: String,
    },
    /// One line of a file.
    Line {
        /// Its path as the user gave it.
        file: String,
        /// Natural line, from 1.
        line: usize,
        /// `key=value`, or only the key where the value may not be shown (a password, an unknown key).
        setting: Option<String>,
    },
    /// A flag of the command line.
    Flag {
        /// Its name without dashes.
        flag: &'static str,
        /// Its value.
        value: String,
    },
}

/// A reason not to start. The text has no `error: ` in front and no full stop behind it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be opened or read.
    #[error("cannot read the file: {reason} ({place}): check the path and the rights")]
    UnreadableFile {
        /// The flag that names the file.
        place: Place,
        /// The system's words.
        reason: String,
    },
    /// A `\u` in a `.properties` file without four hexadecimal digits behind it.
    #[error(
        "malformed \\uxxxx encoding ({place}): write four hexadecimal digits behind \\u, or a backslash as \\\\"
    )]
    MalformedEscape {
        /// The line.
        place: Place,
    },
    /// A setting that the job cannot do without.
    #[error("{key} is missing ({place}): {advice}")]
    MissingKey {
        /// Its name.
        key: &'static str,
        /// The file it belongs into.
        place: Place,
        /// What to write.
        advice: String,
    },
    /// A value outside of what the setting can be.
    #[error("{problem} ({place}): {advice}")]
    InvalidValue {
        /// What is wrong with it.
        problem: String,
        /// Where it stands.
        place: Place,
        /// What it can be.
        advice: String,
    },
    /// A setting that is understood and that cannot be done.
    #[error("{reason} ({place}): {advice}")]
    Refused {
        /// Why.
        reason: String,
        /// Where it stands.
        place: Place,
        /// What to do.
        advice: String,
    },
    /// No consumer group, so no place for positions.
    #[error(
        "a valid group.id is missing ({place}): {}add group.id=NAME, the group whose offsets are this mirror's positions",
        meant.map_or_else(String::new, |meant| format!("did you mean {meant}? Or "))
    )]
    MissingGroup {
        /// The consumer file, or a line of it that nearly has the name.
        place: Place,
        /// The name that was nearly written.
        meant: Option<&'static str>,
    },
    /// A line that is no TOML.
    #[error("{problem} ({place}): the file is read as TOML")]
    MalformedToml {
        /// The parser's words.
        problem: String,
        /// The line.
        place: Place,
    },
    /// A key that nobody knows. It is an error, because a typing error in the one line that matters otherwise looks like a
    /// mirror that ignores its file.
    #[error("unknown key {} in {section} ({place}): {advice}", Printable(key))]
    UnknownKey {
        /// Its name.
        key: String,
        /// Where it stands: `[[flows]]`.
        section: &'static str,
        /// The line.
        place: Place,
        /// The name that was nearly written, or where it belongs.
        advice: String,
    },
    /// A list of topics that is no regular expression. The first words are MirrorMaker's.
    #[error("{} is an invalid regex ({place}): {reason}", Printable(expression))]
    InvalidTopics {
        /// The list after MirrorMaker's normalisation.
        expression: String,
        /// The flag.
        place: Place,
        /// What is wrong with it.
        reason: String,
    },
}

/// All that was found wrong, in the order in which it was found; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// Something the user should know about a configuration that is used all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// How loudly to say it.
    pub level: NoticeLevel,
    /// One sentence.
    pub text: String,
}

/// How loudly to say a [`Notice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeLevel {
    /// It should be changed.
    Warn,
    /// It does something else than the user may think.
    Info,
    /// It does nothing here, and nothing is lost by that.
    Debug,
}

/// What a resolver collects on its way: it goes on after an error, so that all are reported together.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<ConfigError>,
    pub(crate) notices: Vec<Notice>,
}

// === impl ConfigError ===

impl ConfigError {
    /// Where it was found.
    pub fn place(&self) -> &Place {
        match self {
            Self::UnreadableFile { place, .. }
            | Self::MalformedEscape { place }
            | Self::MalformedToml { place, .. }
            | Self::MissingKey { place, .. }
            | Self::InvalidValue { place, .. }
            | Self::Refused { place, .. }
            | Self::MissingGroup { place, .. }
            | Self::UnknownKey { place, .. }
            | Self::InvalidTopics { place, .. } => place,
        }
    }
}

// === impl ConfigErrors ===

impl ConfigErrors {
    /// The exit code MirrorMaker 3.9 has for these: 255 for what only its mirror threads notice (the group and the
    /// topic list), 1 for everything that ends its `main`.
    pub fn exit_code(&self) -> u8 {
        let from_thread = |error: &ConfigError| {
            matches!(
                error,
                ConfigError::MissingGroup { .. } | ConfigError::InvalidTopics { .. }
            )
        };
        if self.0.iter().all(from_thread) { 255 } else { 1 }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            write!(formatter, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

// === impl Place ===

impl Place {
    /// The line, from 1; `None` for what is in no line of a file.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Line { line, .. } => Some(*line),
            Self::File { .. } | Self::Flag { .. } => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file } => formatter.write_str(file),
            Self::Line { file, line, setting } => {
                write!(formatter, "{file}:{line}")?;
                match setting {
                    None => Ok(()),
                    Some(setting) => write!(formatter, ": {}", Printable(setting)),
                }
            }
            Self::Flag { flag, value } => write!(formatter, "--{flag} {}", Printable(value)),
        }
    }
}

/// Text from a file, with control characters escaped: it may reach a terminal.
pub(crate) struct Printable<'a>(pub(crate) &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            if character.is_control() {
                write!(formatter, "{}", character.escape_default())?;
            } else {
                write!(formatter, "{character}")?;
            }
        }
        Ok(())
    }
}

// === impl Findings ===

impl Findings {
    pub(crate) fn error(&mut self, error: ConfigError) {
        self.errors.push(error);
    }

    pub(crate) fn warn(&mut self, text: impl Into<String>) {
        self.notice(NoticeLevel::Warn, text);
    }

    pub(crate) fn info(&mut self, text: impl Into<String>) {
        self.notice(NoticeLevel::Info, text);
    }

    pub(crate) fn notice(&mut self, level: NoticeLevel, text: impl Into<String>) {
        self.notices.push(Notice {
            level,
            text: text.into(),
        });
    }
}
