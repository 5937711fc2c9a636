//! Why a console tool's command line cannot be used, in jopt-simple's words where it has some, and what to write instead.

use std::ffi::OsString;

use mirror_config::{ConfigError, Place, suggest};
use mirror_core::topic_filter::TopicFilter;

use super::flags::Flag;
use super::given::Given;
use super::tool::Tool;

/// Letters of an abbreviation from which on the flags that begin so are named.
const ABBREVIATION_LETTERS_MIN: usize = 3;

/// Flags that are named together at most.
const NAMED_MAX: usize = 3;

/// A command line that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlagError {
    #[error("{name} is not a recognized option: {advice}")]
    Unrecognised { name: String, advice: String },
    #[error("{0:?} is no option: write it behind the option it belongs to, as in --topic {0}")]
    NoOption(String),
    /// The first word, where a tool has several things to do.
    #[error("{word:?} is nothing that can be done: {advice}")]
    NoAction { word: String, advice: String },
    #[error(
        "option {0} requires an argument: write --{0} VALUE (if a shell variable stands there: is it set?)"
    )]
    ArgumentMissing(&'static str),
    /// jopt-simple would take the next option for the value.
    #[error(
        "option {flag} requires an argument, and {next} follows it: if a shell variable stands there, is it set? (A value \
         that begins so is written --{flag}={next})"
    )]
    ArgumentIsOption { flag: &'static str, next: String },
    #[error("--{0} is empty: is the shell variable set?")]
    Empty(&'static str),
    #[error("found multiple arguments for option {0}, but you asked for only one: give --{0} once")]
    Several(&'static str),
    #[error("cannot parse argument {value:?} of option {flag}: {advice}")]
    Invalid {
        flag: &'static str,
        value: String,
        advice: String,
    },
    #[error("Missing required argument \"[{0}]\": add --{0}")]
    Required(&'static str),
    #[error("{0:?} is no text of this system's encoding (UTF-8)")]
    NoText(OsString),
    /// A property of a Java client, or the file it stands in.
    #[error(transparent)]
    Property(ConfigError),
    /// Flags that do not go together, or ask for what there is not.
    #[error("{0}")]
    Wrong(String),
}

// === impl FlagError ===

impl FlagError {
    /// A name that is none of the tool's flags.
    pub(crate) fn unrecognised(tool: &Tool, name: &str) -> Self {
        Self::Unrecognised {
            name: name.to_owned(),
            advice: advice(tool, name),
        }
    }

    /// A first word that is none of the tool's actions.
    pub(crate) fn no_action(tool: &Tool, word: &str) -> Self {
        let advice = match suggest::closest(word, tool.actions.iter().copied()) {
            Some(action) => format!("did you mean {action}?"),
            None => format!("use {}", alternatives(tool.actions)),
        };
        Self::NoAction {
            word: word.to_owned(),
            advice,
        }
    }

    /// A property that has a value it cannot have.
    pub(crate) fn property(problem: String, place: Place, advice: &str) -> Self {
        Self::Property(ConfigError::InvalidValue {
            problem,
            place,
            advice: advice.to_owned(),
        })
    }
}

/// A list of topics as MirrorMaker and Kafka's tools read it.
pub(crate) fn topic_filter(flag: &'static str, list: &str) -> Result<TopicFilter, FlagError> {
    TopicFilter::mirror_maker(list).map_err(|error| {
        FlagError::Property(ConfigError::InvalidTopics {
            expression: error.expression,
            place: Given::place(flag, list),
            reason: error.cause.to_string(),
        })
    })
}

pub(crate) fn invalid(flag: &'static str, value: &str, advice: &str) -> FlagError {
    FlagError::Invalid {
        flag,
        value: value.to_owned(),
        advice: advice.to_owned(),
    }
}

/// `a, b or c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

fn advice(tool: &Tool, name: &str) -> String {
    if let Some((_, advice)) = tool.absent.iter().find(|(absent, _)| *absent == name) {
        return format!("Kafka's tool has it, heliostat {} has not: {advice}", tool.name);
    }
    let shown = || {
        tool.flags
            .iter()
            .filter(|flag| !flag.is_old)
            .map(|flag| flag.name)
    };
    if let Some(flag) = suggest::closest(name, shown()) {
        return format!("did you mean --{flag}?");
    }
    let begin_so: Vec<_> = shown()
        .filter(|flag| name.chars().count() >= ABBREVIATION_LETTERS_MIN && flag.starts_with(name))
        .map(|flag| format!("--{flag}"))
        .collect();
    if begin_so.is_empty() || begin_so.len() > NAMED_MAX {
        return format!("heliostat {} --help shows what there is", tool.name);
    }
    let begin_so: Vec<&str> = begin_so.iter().map(String::as_str).collect();
    format!(
        "did you mean {}? Names are not abbreviated",
        alternatives(&begin_so)
    )
}

/// Is this argument an option of the tool, by its whole name?
pub(crate) fn is_option_of(flags: &[Flag], argument: &str) -> bool {
    argument.strip_prefix("--").is_some_and(|option| {
        let name = option.split_once('=').map_or(option, |(name, _)| name);
        flags.iter().any(|flag| flag.name == name)
    })
}
