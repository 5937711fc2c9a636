//! Splitting a command line as jopt-simple 5 does for MirrorMaker (`new OptionParser(false)`).
//!
//! The rules, seen on MirrorMaker 3.9.2: `--x v`, `--x=v` and, with one dash, `-x v`, `-x=v`; an option that takes a
//! value takes the next argument whatever it looks like; a value given to an option that takes none is dropped; what
//! is no option is ignored; `--` ends the options; abbreviations are refused. Of ours, one that may stand alone takes `=v`
//! or the next argument, unless that is an option.
//!
//! What is ignored is kept ([`Arguments::ignored`]), to be told: a word that nobody reads is often half of a value that a
//! shell took apart.

use std::collections::BTreeMap;

use super::flags::UsageError;
use super::usage::{FLAGS, Flag};

/// The values of each flag that was given, in order; a flag without a value has an empty list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    values: BTreeMap<&'static str, Vec<String>>,
    ignored: Vec<String>,
}

// === impl Arguments ===

impl Arguments {
    pub(super) fn split(arguments: &[String]) -> Result<Self, UsageError> {
        let mut split = Self::default();
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                split.ignored.extend(rest.cloned());
                break;
            }
            let Some(written) = option(argument) else {
                split.ignored.push(argument.clone());
                continue;
            };
            let (name, attached) = match written.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (written, None),
            };
            let flag = recognise(name)?;
            let values = split.values.entry(flag.name).or_default();
            if flag.argument.is_none() {
                continue;
            }
            let next = attached.map(str::to_owned).or_else(|| match flag.alone {
                Some(_) => rest.next_if(|next| option(next).is_none()).cloned(),
                None => rest.next().cloned(),
            });
            match next.or_else(|| flag.alone.map(str::to_owned)) {
                Some(value) => values.push(value),
                None => return Err(UsageError::ArgumentMissing { flag: flag.name }),
            }
        }
        Ok(split)
    }

    /// The words that are no options, in order.
    pub(super) fn ignored(&self) -> &[String] {
        &self.ignored
    }

    pub(super) fn has(&self, flag: &'static str) -> bool {
        self.values.contains_key(flag)
    }

    /// The one value of a flag, if it was given.
    pub(super) fn single(&self, flag: &'static str) -> Result<Option<&str>, UsageError> {
        match self.values.get(flag).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(UsageError::SeveralArguments { flag }),
        }
    }
}

/// What is behind the dashes of an option. `-x` is one, too; `-` alone is not.
fn option(argument: &str) -> Option<&str> {
    let short_form = || argument.strip_prefix('-').filter(|option| !option.is_empty());
    argument.strip_prefix("--").or_else(short_form)
}

fn recognise(name: &str) -> Result<&'static Flag, UsageError> {
    FLAGS
        .iter()
        .find(|flag| flag.name == name || (flag.is_ours && flag.name == name.replace('-', ".")))
        .ok_or_else(|| UsageError::Unrecognised {
            name: name.to_owned(),
        })
}
