//! A broker that this host cannot reach, in words: which one, by which name, what was tried, and the line to add.
//!
//! Between two networks this is the commonest reason why a mirror stands still: the bootstrap server answers, and the names
//! that it hands out lead nowhere.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A broker that could not be reached when that was last tried; part of a flow's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnreachableBroker {
    /// Alias of the cluster that names it.
    pub cluster: String,
    /// Its id.
    pub broker: i32,
    /// `host:port` that it advertises.
    pub advertised: String,
    /// What the address map puts in its place, if anything.
    pub mapped: Option<String>,
    /// What was tried and what came of it: the addresses of the name, each with its error.
    pub tried: String,
    /// The same process reached it before.
    pub was_reached: bool,
    /// What to do, with the line to add to the configuration.
    pub advice: String,
}

/// Where the user writes addresses in the place of others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressForm {
    /// In `heliostat.toml`, in the cluster's section.
    File,
    /// On the command line of `heliostat mirror-maker`, by the flag of this name.
    Flag(&'static str),
}

// === impl AddressForm ===

impl AddressForm {
    /// The line that says by which address a broker is reached; `ADDRESS` is left to fill in.
    pub fn line(self, advertised: &str) -> String {
        let port = advertised.rsplit_once(':').map_or("9092", |(_, port)| port);
        match self {
            Self::File => format!("addresses.\"{advertised}\" = \"ADDRESS:{port}\""),
            Self::Flag(flag) => format!("--{flag} {advertised}=ADDRESS:{port}"),
        }
    }

    /// What to do about a broker that was never reached at the address it advertises.
    pub fn advice(self, cluster: &str, advertised: &str) -> String {
        let line = self.line(advertised);
        let add = match self {
            Self::File => format!("add this line below [clusters.{cluster}]: {line}"),
            Self::Flag(_) => format!("add this flag (several entries with commas between them): {line}"),
        };
        format!(
            "make the name resolve and the port reachable from this host, or, with the address by which this host reaches the \
             broker, {add}"
        )
    }
}

// === impl UnreachableBroker ===

impl UnreachableBroker {
    /// The same broker with the advice that fits it.
    #[must_use]
    pub fn advised(self, form: AddressForm) -> Self {
        let advice = if self.was_reached {
            "it was reached before, so its address is right: look at the broker and at the network; it is tried again".to_owned()
        } else if let Some(mapped) = &self.mapped {
            format!(
                "correct the entry that puts {mapped} in the place of {}",
                self.advertised
            )
        } else {
            form.advice(&self.cluster, &self.advertised)
        };
        Self { advice, ..self }
    }
}

impl fmt::Display for UnreachableBroker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            broker,
            advertised,
            tried,
            advice,
            ..
        } = self;
        write!(
            formatter,
            "broker {broker} of cluster \"{cluster}\" advertises {advertised} and cannot be reached there"
        )?;
        if let Some(mapped) = &self.mapped {
            write!(formatter, ", which the address map says is {mapped}")?;
        }
        write!(formatter, ": {tried}; {advice}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broker() -> UnreachableBroker {
        UnreachableBroker {
            cluster: "source".to_owned(),
            broker: 1001,
            advertised: "wn0-source:9093".to_owned(),
            tried: "no address is known for wn0-source:9093: Name or service not known".to_owned(),
            ..UnreachableBroker::default()
        }
    }

    #[test]
    fn the_line_to_add_can_be_pasted() {
        assert_eq!(
            broker().advised(AddressForm::File).to_string(),
            "broker 1001 of cluster \"source\" advertises wn0-source:9093 and cannot be reached there: no address is known for \
             wn0-source:9093: Name or service not known; make the name resolve and the port reachable from this host, or, with \
             the address by which this host reaches the broker, add this line below [clusters.source]: \
             addresses.\"wn0-source:9093\" = \"ADDRESS:9093\""
        );
        let flag = broker().advised(AddressForm::Flag("source.addresses"));
        assert!(
            flag.advice
                .ends_with(": --source.addresses wn0-source:9093=ADDRESS:9093"),
            "{flag}"
        );
    }

    #[test]
    fn a_wrong_entry_and_a_broker_that_is_down_get_other_advice() {
        let mapped = UnreachableBroker {
            mapped: Some("10.0.0.4:9092".to_owned()),
            ..broker()
        };
        let said = mapped.advised(AddressForm::File).to_string();
        assert!(
            said.contains("cannot be reached there, which the address map says is 10.0.0.4:9092: "),
            "{said}"
        );
        assert!(
            said.ends_with("correct the entry that puts 10.0.0.4:9092 in the place of wn0-source:9093"),
            "{said}"
        );
        let down = UnreachableBroker {
            was_reached: true,
            ..broker()
        };
        assert!(!down.advised(AddressForm::File).advice.contains("add this line"));
    }
}
