//! Every property name of Kafka's Java clients, and what heliostat does with it.
//!
//! Invariant: each name is in exactly one table of a side, and a name that is honoured is read by that side's
//! resolver (both tested). A name in no table is reported with its place, because a typing error in the one line that
//! matters otherwise looks like a mirror that ignores its file.

mod both_clients;
mod consumer;
mod producer;
mod retired;

use crate::error::{ConfigError, Findings, NoticeLevel, Place, Printable};
use crate::properties::{Entry, Properties};
use crate::suggest;

pub(crate) use retired::ZOOKEEPER_ERA;

/// A property of a Java client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownProperty {
    /// Its name in the file. A name that ends in `.` stands for all names that begin with it.
    pub name: &'static str,
    /// What is done with it.
    pub treatment: Treatment,
}

/// What heliostat does with a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It means what it means in Java; the text says how.
    Honoured(&'static str),
    /// It lowers one of our own bounds; the text says which.
    Ceiling(&'static str),
    /// It changes nothing, and the text says why nothing is lost by that.
    NoMeaning(&'static str),
    /// It cannot be done.
    Refused {
        /// The values, compared without regard to case, that ask for nothing special and pass.
        harmless: &'static [&'static str],
        /// Why.
        reason: &'static str,
        /// What to do.
        advice: &'static str,
    },
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The consumer's: the source cluster.
    Consumer,
    /// The producer's: the target cluster.
    Producer,
}

/// Properties whose value is never shown.
const SECRET: [&str; 9] = [
    "sasl.jaas.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.client.credentials.client.secret",
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.password",
    "ssl.truststore.certificates",
    "ssl.truststore.password",
];

/// Every name that one side knows, in the order of the tables.
pub fn properties_of(side: Side) -> impl Iterator<Item = &'static KnownProperty> {
    let tables = match side {
        Side::Consumer => [consumer::TABLE, both_clients::TABLE, retired::CONSUMER],
        Side::Producer => [producer::TABLE, both_clients::TABLE, retired::PRODUCER],
    };
    tables.into_iter().flatten()
}

/// Looks at every line of a file: refuses what is refused, names what is unknown, notes what has no meaning.
pub(crate) fn review(side: Side, properties: &Properties, findings: &mut Findings) {
    for (key, entry) in properties.in_file_order() {
        match treatment_of(side, key) {
            None => findings.warn(unknown(side, properties, key, entry)),
            Some(Treatment::Honoured(_) | Treatment::Ceiling(_)) => {}
            Some(Treatment::NoMeaning(why)) => {
                let place = place(properties, key, entry);
                findings.notice(
                    NoticeLevel::Debug,
                    format!("{key} changes nothing here ({place}): {why}"),
                );
            }
            Some(Treatment::Refused {
                harmless,
                reason,
                advice,
            }) => {
                let value = entry.value.trim();
                if !harmless
                    .iter()
                    .any(|harmless| harmless.eq_ignore_ascii_case(value))
                {
                    findings.error(ConfigError::Refused {
                        reason: reason.to_owned(),
                        place: place(properties, key, entry),
                        advice: advice.to_owned(),
                    });
                }
            }
        }
    }
}

/// The place of a known key, with its value unless that is a secret.
pub(crate) fn place(properties: &Properties, key: &str, entry: &Entry) -> Place {
    Place::Line {
        file: properties.file().to_owned(),
        line: entry.line,
        setting: Some(setting(key, entry.value.trim())),
    }
}

/// A key with its value as messages show it: `key=value`, or the key alone where the value is a secret.
pub fn setting(key: &str, value: &str) -> String {
    if SECRET.contains(&key) {
        key.to_owned()
    } else {
        format!("{key}={value}")
    }
}

/// What is done with a property; `None` if no client of Java has it.
pub fn treatment_of(side: Side, key: &str) -> Option<Treatment> {
    let is_meant = |known: &&KnownProperty| {
        known.name == key || (known.name.ends_with('.') && key.starts_with(known.name))
    };
    properties_of(side).find(is_meant).map(|known| known.treatment)
}

fn unknown(side: Side, properties: &Properties, key: &str, entry: &Entry) -> String {
    let file = properties.file();
    let line = entry.line;
    let shown = Printable(key);
    let names = properties_of(side).map(|known| known.name);
    if key.starts_with("\u{ef}\u{bb}\u{bf}") {
        format!(
            "unknown property {shown} ({file}:{line}): the file begins with a byte order mark, which Java reads as \
             part of the first name; save the file without it"
        )
    } else if let Some(name) = suggest::closest(key, names) {
        format!("unknown property {shown} ({file}:{line}): did you mean {name}? It is ignored")
    } else {
        format!("unknown property {shown} ({file}:{line}): it is ignored")
    }
}

// === Short forms for the tables ===

const fn honoured(name: &'static str, how: &'static str) -> KnownProperty {
    let treatment = Treatment::Honoured(how);
    KnownProperty { name, treatment }
}

const fn ceiling(name: &'static str, of: &'static str) -> KnownProperty {
    let treatment = Treatment::Ceiling(of);
    KnownProperty { name, treatment }
}

const fn no_meaning(name: &'static str, why: &'static str) -> KnownProperty {
    let treatment = Treatment::NoMeaning(why);
    KnownProperty { name, treatment }
}

const fn refused(
    name: &'static str,
    harmless: &'static [&'static str],
    reason: &'static str,
    advice: &'static str,
) -> KnownProperty {
    let treatment = Treatment::Refused {
        harmless,
        reason,
        advice,
    };
    KnownProperty { name, treatment }
}

#[cfg(test)]
mod tests;
