//! How a console tool's flags are described: for reading them, for help and for shell completion.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ValueHint};

/// One flag of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Without dashes.
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) help: &'static str,
    /// The words that its value can be, for help and completion; empty: it is no word of a few.
    pub(crate) words: &'static [&'static str],
    /// Taken because scripts have it; not shown.
    pub(crate) is_old: bool,
}

/// Does a flag take a value? The text is the value's name in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Value(&'static str),
    Optional(&'static str),
}

/// The name of a value that is a file's path: a shell completes it so.
const FILE: &str = "FILE";

pub(crate) const HELP: Flag = switch("help", "Show this");
pub(crate) const VERSION: Flag = switch("version", "Show heliostat's version");

/// Flags that have one letter as well, which stands behind one dash.
pub(crate) const LETTERS: [(char, &str); 2] = [('h', HELP.name), ('V', VERSION.name)];

// === impl Flag ===

pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    of(name, Takes::Value(value), help)
}

pub(crate) const fn optional(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    of(name, Takes::Optional(value), help)
}

pub(crate) const fn switch(name: &'static str, help: &'static str) -> Flag {
    of(name, Takes::Nothing, help)
}

/// The same flag by a name that is out of use, or one that means nothing here.
pub(crate) const fn old(flag: Flag) -> Flag {
    Flag { is_old: true, ..flag }
}

/// The same flag, whose value is one of these.
pub(crate) const fn one_of(words: &'static [&'static str], flag: Flag) -> Flag {
    Flag { words, ..flag }
}

const fn of(name: &'static str, takes: Takes, help: &'static str) -> Flag {
    Flag {
        name,
        takes,
        help,
        words: &[],
        is_old: false,
    }
}

impl Flag {
    /// The flag as clap describes and completes it; [`super::given::Given`] reads it.
    pub(crate) fn described(&self) -> Arg {
        let letter = LETTERS.into_iter().find(|(_, name)| *name == self.name);
        let argument = Arg::new(self.name)
            .long(self.name)
            .help(self.help)
            .hide(self.is_old);
        let argument = match letter {
            Some((letter, _)) => argument.short(letter),
            None => argument,
        };
        let argument = match self.takes {
            Takes::Nothing => return argument.action(ArgAction::SetTrue),
            Takes::Value(name) => argument.value_name(name),
            Takes::Optional(name) => argument.value_name(name).num_args(0..=1),
        };
        match self.takes {
            _ if !self.words.is_empty() => {
                // The help says what each word means.
                let words = PossibleValuesParser::new(self.words);
                argument.value_parser(words).hide_possible_values(true)
            }
            Takes::Value(FILE) => argument.value_hint(ValueHint::FilePath),
            Takes::Value(_) | Takes::Optional(_) | Takes::Nothing => argument.value_hint(ValueHint::Other),
        }
    }
}
