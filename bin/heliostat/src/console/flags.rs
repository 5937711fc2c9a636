//! Splitting a command line as jopt-simple does for Kafka's console tools (`new OptionParser(false)`).
//!
//! `--x v`, `--x=v` and, with one dash, `-x v`, `-x=v`; an option that takes a value takes the next argument whatever it
//! looks like; one whose value is optional takes it unless that looks like an option; abbreviations are refused. Unlike
//! Kafka's tools this one also refuses what is no option: they ignore it, and a typing error with it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::str::FromStr;

/// One flag of a tool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Without dashes.
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) help: &'static str,
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

/// A command line that cannot be used. The words are jopt-simple's where it has some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlagError {
    #[error("{0} is not a recognized option: --help shows what there is")]
    Unrecognised(String),
    #[error("{0:?} is no option: values stand behind the option they belong to, and options begin with --")]
    NoOption(String),
    #[error("option {0} requires an argument: write --{0} VALUE")]
    ArgumentMissing(&'static str),
    #[error("found multiple arguments for option {0}, but you asked for only one: give --{0} once")]
    Several(&'static str),
    #[error("cannot parse argument {value:?} of option {flag}: {advice}")]
    Invalid {
        flag: &'static str,
        value: String,
        advice: String,
    },
    #[error("Missing required argument \"[{0}]\"")]
    Required(&'static str),
    #[error("{0:?} is no text of this system's encoding (UTF-8)")]
    NoText(OsString),
    /// Flags that do not go together, or ask for what there is not.
    #[error("{0}")]
    Wrong(String),
}

/// What was given: the values of each flag, in order; a flag without a value has an empty list.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: BTreeMap<&'static str, Vec<String>>,
}

// === impl Flag ===

pub(crate) const fn value(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        takes: Takes::Value(value),
        help,
        is_old: false,
    }
}

pub(crate) const fn optional(name: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        takes: Takes::Optional(value),
        help,
        is_old: false,
    }
}

pub(crate) const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        takes: Takes::Nothing,
        help,
        is_old: false,
    }
}

/// The same flag by a name that is out of use, or one that means nothing here.
pub(crate) const fn old(flag: Flag) -> Flag {
    Flag { is_old: true, ..flag }
}

// === impl Given ===

impl Given {
    pub(crate) fn read(arguments: &[OsString], flags: &'static [Flag]) -> Result<Self, FlagError> {
        let mut given = Self::default();
        let text = |argument: &OsString| {
            let text = argument.to_str().map(str::to_owned);
            text.ok_or_else(|| FlagError::NoText(argument.clone()))
        };
        let mut rest = arguments.iter().peekable();
        while let Some(argument) = rest.next() {
            let argument = text(argument)?;
            let Some(option) = argument
                .strip_prefix("--")
                .or_else(|| argument.strip_prefix('-'))
                .filter(|option| !option.is_empty())
            else {
                return Err(FlagError::NoOption(argument));
            };
            let (name, attached) = match option.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (option, None),
            };
            let flag = flags.iter().find(|flag| flag.name == name);
            let flag = flag.ok_or_else(|| FlagError::Unrecognised(name.to_owned()))?;
            let values = given.values.entry(flag.name).or_default();
            match (flag.takes, attached) {
                (Takes::Nothing, _) => {}
                (Takes::Value(_) | Takes::Optional(_), Some(value)) => values.push(value),
                (Takes::Value(_), None) => {
                    let next = rest.next().ok_or(FlagError::ArgumentMissing(flag.name))?;
                    values.push(text(next)?);
                }
                (Takes::Optional(_), None) => {
                    let is_value = |next: &&OsString| !next.as_encoded_bytes().starts_with(b"-");
                    values.extend(rest.next_if(is_value).map(text).transpose()?);
                }
            }
        }
        Ok(given)
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.values.contains_key(flag)
    }

    /// The one value of a flag, if it was given.
    pub(crate) fn one(&self, flag: &'static str) -> Result<Option<&str>, FlagError> {
        match self.values.get(flag).map(Vec::as_slice) {
            None | Some([]) => Ok(None),
            Some([value]) => Ok(Some(value)),
            Some(_) => Err(FlagError::Several(flag)),
        }
    }

    /// The value of the first of these flags that was given: one flag by its names.
    pub(crate) fn by_names(&self, flags: &[&'static str]) -> Result<Option<&str>, FlagError> {
        for flag in flags {
            if let Some(value) = self.one(flag)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    pub(crate) fn required(&self, flag: &'static str) -> Result<&str, FlagError> {
        self.one(flag)?.ok_or(FlagError::Required(flag))
    }

    /// All values of a flag, in order.
    pub(crate) fn all(&self, flags: &[&'static str]) -> Vec<&str> {
        let given = flags.iter().filter_map(|flag| self.values.get(flag));
        given.flatten().map(String::as_str).collect()
    }

    /// A number; `advice` says which ones.
    pub(crate) fn number<T: FromStr>(
        &self,
        flag: &'static str,
        advice: &str,
    ) -> Result<Option<T>, FlagError> {
        let Some(value) = self.one(flag)? else {
            return Ok(None);
        };
        let number = value.parse().ok();
        number.map(Some).ok_or_else(|| invalid(flag, value, advice))
    }

    /// `key=value` pairs, as `CommandLineUtils.parseKeyValueArgs` cuts them: a missing value is an empty one.
    pub(crate) fn pairs(&self, flags: &[&'static str]) -> BTreeMap<String, String> {
        let pairs = self.all(flags).into_iter().map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key.to_owned(), value.to_owned())
        });
        pairs.collect()
    }

    /// Refuses flags that may not stand together.
    pub(crate) fn excludes(&self, one: &str, others: &[&str]) -> Result<(), FlagError> {
        match others.iter().find(|other| self.has(one) && self.has(other)) {
            None => Ok(()),
            Some(other) => Err(FlagError::Wrong(format!(
                "Option \"[{one}]\" can't be used with option \"[{other}]\""
            ))),
        }
    }
}

pub(crate) fn invalid(flag: &'static str, value: &str, advice: &str) -> FlagError {
    FlagError::Invalid {
        flag,
        value: value.to_owned(),
        advice: advice.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static FLAGS: &[Flag] = &[
        switch("list", ""),
        value("topic", "TOPIC", ""),
        value("property", "PROPERTY", ""),
        optional("compression-codec", "CODEC", ""),
    ];

    fn read(line: &str) -> Result<Given, FlagError> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Given::read(&arguments, FLAGS)
    }

    #[test]
    fn values_stand_behind_or_in_the_option() {
        for line in [
            "--topic a --list",
            "-topic a -list",
            "--list=x --topic=a",
            "-topic=a --list",
        ] {
            let given = read(line).unwrap();
            assert_eq!(
                (given.one("topic"), given.has("list")),
                (Ok(Some("a")), true),
                "{line}"
            );
        }
        assert_eq!(read("--topic --list").unwrap().one("topic"), Ok(Some("--list")));
        let codec = |line: &str| {
            read(line)
                .unwrap()
                .one("compression-codec")
                .unwrap()
                .map(str::to_owned)
        };
        assert_eq!(codec("--compression-codec gzip"), Some("gzip".to_owned()));
        assert_eq!(codec("--compression-codec --list"), None);
    }

    #[test]
    fn pairs_may_lack_their_value_and_hold_more_equal_signs() {
        let given = read("--property a=b=c --property d --property e=").unwrap();
        let expected =
            [("a", "b=c"), ("d", ""), ("e", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(given.pairs(&["property"]), BTreeMap::from(expected));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let error = |line: &str| read(line).unwrap_err().to_string();
        assert_eq!(
            error("--tipoc a"),
            "tipoc is not a recognized option: --help shows what there is"
        );
        assert_eq!(
            error("--topic"),
            "option topic requires an argument: write --topic VALUE"
        );
        assert!(error("--list yes").starts_with("\"yes\" is no option"));
        let twice = read("--topic a --topic b").unwrap();
        assert_eq!(twice.one("topic"), Err(FlagError::Several("topic")));
    }
}
