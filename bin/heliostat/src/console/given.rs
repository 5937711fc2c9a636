//! Splitting a command line as jopt-simple does for Kafka's console tools (`new OptionParser(false)`).
//!
//! `--x v`, `--x=v` and, with one dash, `-x v`, `-x=v`; an option that takes a value takes the next argument; one whose
//! value is optional takes it unless that looks like an option; abbreviations are refused. Unlike Kafka's tools this one
//! also refuses what is no option (they ignore it, and a typing error with it), an empty value, and an option of the tool
//! where a value should be: both are what a shell makes of a variable that is not set.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::str::FromStr;

use mirror_config::Place;

use super::flag_error::{FlagError, invalid, is_option_of};
use super::flags::{LETTERS, Takes};
use super::tool::Tool;

/// What was given: the values of each flag, in order; a flag without a value has an empty list.
#[derive(Debug, Default)]
pub(crate) struct Given {
    values: BTreeMap<&'static str, Vec<String>>,
}

/// `key=value` behind a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) flag: &'static str,
}

// === impl Given ===

impl Given {
    pub(crate) fn read(arguments: &[OsString], tool: &Tool) -> Result<Self, FlagError> {
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
                None => (by_letter(&argument).unwrap_or(option), None),
            };
            let flag = tool.flags.iter().find(|flag| flag.name == name);
            let flag = flag.ok_or_else(|| FlagError::unrecognised(tool, name))?;
            let values = given.values.entry(flag.name).or_default();
            match (flag.takes, attached) {
                (Takes::Nothing, _) => {}
                (Takes::Value(_) | Takes::Optional(_), Some(value)) => values.push(value),
                (Takes::Value(_), None) => {
                    let next = rest.next().ok_or(FlagError::ArgumentMissing(flag.name))?;
                    let next = text(next)?;
                    if is_option_of(tool.flags, &next) {
                        let flag = flag.name;
                        return Err(FlagError::ArgumentIsOption { flag, next });
                    }
                    values.push(next);
                }
                (Takes::Optional(_), None) => {
                    let is_value = |next: &&OsString| !next.as_encoded_bytes().starts_with(b"-");
                    values.extend(rest.next_if(is_value).map(text).transpose()?);
                }
            }
            if let Takes::Value(_) = flag.takes
                && values.iter().any(|value| value.trim().is_empty())
            {
                return Err(FlagError::Empty(flag.name));
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

    /// The place of a flag's value, for a message.
    pub(crate) fn place(flag: &'static str, value: &str) -> Place {
        Place::Flag {
            flag,
            value: value.to_owned(),
        }
    }

    /// `key=value` pairs, as `CommandLineUtils.parseKeyValueArgs` cuts them: a missing value is an empty one.
    pub(crate) fn pairs(&self, flags: &[&'static str]) -> Vec<Pair> {
        let of_flag = |flag: &&'static str| {
            let flag = *flag;
            let values = self.values.get(flag).into_iter().flatten();
            values.map(move |pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                Pair {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    flag,
                }
            })
        };
        flags.iter().flat_map(of_flag).collect()
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

/// `-h` and its like.
fn by_letter(argument: &str) -> Option<&'static str> {
    let mut letters = argument.strip_prefix('-')?.chars();
    let (letter, None) = (letters.next()?, letters.next()) else {
        return None;
    };
    let mut known = LETTERS.into_iter();
    known.find(|(known, _)| *known == letter).map(|(_, name)| name)
}

/// The arguments of a line, for tests.
#[cfg(test)]
pub(crate) fn arguments(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// What a line asks of a tool, or what is said instead.
#[cfg(test)]
pub(crate) fn asked<Asked>(
    tool: &Tool,
    read: impl FnOnce(&Given) -> Result<Asked, FlagError>,
    line: &str,
) -> Result<Asked, String> {
    let given = tool.given(&arguments(line)).and_then(|given| read(&given));
    given.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::flags::{HELP, VERSION, optional, switch, value};
    use super::*;

    static TOOL: Tool = Tool {
        name: "topics",
        about: "",
        flags: &[
            switch("list", ""),
            value("topic", "TOPIC", ""),
            value("bootstrap-server", "SERVERS", ""),
            value("max-messages", "COUNT", ""),
            value("property", "PROPERTY", ""),
            optional("compression-codec", "CODEC", ""),
            HELP,
            VERSION,
        ],
        actions: &["list"],
        absent: &[("topic-id", "use --topic")],
    };

    fn read(line: &str) -> Result<Given, FlagError> {
        Given::read(&arguments(line), &TOOL)
    }

    fn error(line: &str) -> String {
        let given = TOOL.given(&arguments(line));
        given.err().map(|error| error.to_string()).unwrap_or_default()
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
        assert_eq!(read("--topic -a").unwrap().one("topic"), Ok(Some("-a")));
        assert_eq!(read("--topic=--list").unwrap().one("topic"), Ok(Some("--list")));
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
        let expected = [("a", "b=c"), ("d", ""), ("e", "")].map(|(key, value)| Pair {
            key: key.to_owned(),
            value: value.to_owned(),
            flag: "property",
        });
        assert_eq!(given.pairs(&["property"]), expected);
    }

    #[test]
    fn help_and_version_have_a_letter() {
        for (line, name) in [
            ("-h", "help"),
            ("--help", "help"),
            ("-V", "version"),
            ("--version", "version"),
        ] {
            assert!(read(line).unwrap().has(name), "{line}");
        }
    }

    #[test]
    fn an_unset_shell_variable_is_asked_for() {
        assert_eq!(
            error("--bootstrap-server= --list"),
            "--bootstrap-server is empty: is the shell variable set?"
        );
        let quoted = ["--list", "--topic", ""].map(OsString::from);
        assert_eq!(Given::read(&quoted, &TOOL).err(), Some(FlagError::Empty("topic")));
        assert_eq!(
            error("--bootstrap-server --topic testtopic"),
            "option bootstrap-server requires an argument, and --topic follows it: if a shell variable stands there, is it \
             set? (A value that begins so is written --bootstrap-server=--topic)"
        );
        assert_eq!(
            error("--list --bootstrap-server"),
            "option bootstrap-server requires an argument: write --bootstrap-server VALUE (if a shell variable stands \
             there: is it set?)"
        );
    }

    #[test]
    fn an_unknown_flag_names_the_one_that_was_meant() {
        for (line, words) in [
            ("--topci a", "did you mean --topic?"),
            ("--bootstrap-servers a", "did you mean --bootstrap-server?"),
            ("--maxmessages 1", "did you mean --max-messages?"),
            (
                "--bootstrap a",
                "did you mean --bootstrap-server? Names are not abbreviated",
            ),
            (
                "--topic-id a",
                "Kafka's tool has it, heliostat topics has not: use --topic",
            ),
            ("--zzz", "heliostat topics --help shows what there is"),
            ("lsit", "\"lsit\" is nothing that can be done: did you mean list?"),
            ("zzz", "use list"),
        ] {
            let error = error(line);
            assert!(error.ends_with(words), "{line}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert!(
            error("--list yes").starts_with("\"yes\" is no option: write it behind the option it belongs to")
        );
        let twice = read("--topic a --topic b").unwrap();
        assert_eq!(twice.one("topic"), Err(FlagError::Several("topic")));
    }
}
