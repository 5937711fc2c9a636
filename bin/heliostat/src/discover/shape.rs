//! The forms in which hosts are printed: for a person, for a shell's `$(..)`, for a program, for the two kinds of files.

use std::io::{self, IsTerminal, stdout};

use clap::{Arg, ArgAction, ArgMatches, Command, ValueEnum, value_parser};

use super::found::{Found, Hosts};
use crate::output::{self, Cell, Table, Tone, number, text};

/// How the answer is written (`--output`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shape {
    /// Aligned columns, and where it was found.
    Table,
    /// host:port,host:port on a line for each role, ZooKeeper's first.
    List,
    /// One JSON document.
    Json,
    /// The cluster's section of a heliostat.toml.
    Toml,
    /// Lines of a consumer.properties or producer.properties.
    Properties,
}

/// Which hosts, and how they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Printing {
    /// `--zookeeper`: these alone.
    only_zookeeper: bool,
    /// `--brokers`: these alone.
    only_brokers: bool,
    shape: Option<Shape>,
    first: Option<usize>,
    /// The cluster's name in a heliostat.toml.
    name: Option<String>,
    pub(crate) zookeeper_port: u16,
    pub(crate) broker_port: u16,
}

/// Puts the common flags to a command.
pub(crate) fn describe(command: Command) -> Command {
    let port = |name: &'static str, default: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("PORT")
            .value_parser(value_parser!(u16).range(1..))
            .default_value(default)
            .help(help)
    };
    command
        .arg(
            Arg::new("zookeeper")
                .long("zookeeper")
                .action(ArgAction::SetTrue)
                .conflicts_with("brokers")
                .help("The ZooKeeper servers alone: one line, for $(..)"),
        )
        .arg(
            Arg::new("brokers")
                .long("brokers")
                .action(ArgAction::SetTrue)
                .help("The brokers alone: one line, for $(..)"),
        )
        .arg(
            Arg::new("first")
                .long("first")
                .value_name("N")
                .value_parser(value_parser!(u16).range(1..))
                .help("Print the first N of each; clients find the other brokers themselves"),
        )
        .arg(
            Arg::new("output")
                .long("output")
                .value_name("FORMAT")
                .value_parser(value_parser!(Shape))
                .help("How the answer is written [default: table on a terminal, else list]"),
        )
        .arg(
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .value_parser(label)
                .help("What a heliostat.toml calls the cluster"),
        )
        .arg(port(
            "zookeeper-port",
            "2181",
            "The port of the ZooKeeper servers, where it is not told",
        ))
        .arg(port(
            "broker-port",
            "9092",
            "The port of the brokers, which is not told",
        ))
}

/// What may be the name of a cluster in a heliostat.toml.
fn label(text: &str) -> Result<String, &'static str> {
    let is_label_character = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    if text.is_empty() || !text.chars().all(is_label_character) {
        return Err("use letters, digits, dots, dashes and underscores");
    }
    Ok(text.to_owned())
}

// === impl Printing ===

impl Printing {
    pub(crate) fn of(matches: &ArgMatches) -> Self {
        let port = |name, usual| matches.get_one::<u16>(name).copied().unwrap_or(usual);
        Self {
            only_zookeeper: matches.get_flag("zookeeper"),
            only_brokers: matches.get_flag("brokers"),
            shape: matches.get_one("output").copied(),
            first: matches.get_one::<u16>("first").copied().map(usize::from),
            name: matches.get_one("name").cloned(),
            zookeeper_port: port("zookeeper-port", 2181),
            broker_port: port("broker-port", 9092),
        }
    }

    /// Are the ZooKeeper servers asked for?
    pub(crate) fn wants_zookeeper(&self) -> bool {
        !self.only_brokers
    }

    /// Are the brokers asked for?
    pub(crate) fn wants_brokers(&self) -> bool {
        !self.only_zookeeper
    }

    /// Is one of them asked for alone?
    pub(crate) fn is_of_one(&self) -> bool {
        self.only_zookeeper || self.only_brokers
    }

    /// Gives the cluster this name where the user gave none.
    pub(crate) fn named(&self, name: &str) -> Self {
        Self {
            name: Some(self.name.clone().unwrap_or_else(|| name.to_owned())),
            ..self.clone()
        }
    }

    /// Does the answer not say where it stands?
    pub(super) fn leaves_origin_out(&self) -> bool {
        self.shape() == Shape::List
    }

    fn shape(&self) -> Shape {
        let usual = if stdout().is_terminal() && !self.is_of_one() {
            Shape::Table
        } else {
            Shape::List
        };
        self.shape.unwrap_or(usual)
    }

    pub(super) fn print(&self, found: &Found) -> io::Result<()> {
        let mut found = found.clone();
        if let Some(count) = self.first {
            found.keep_first(count);
        }
        match self.shape() {
            Shape::Table => output::print(&table(&found, output::is_coloured())),
            Shape::List => output::print(&list(&found)),
            Shape::Json => output::json(&found),
            Shape::Toml => output::print(&toml(&found, self.name.as_deref().unwrap_or("cluster"))),
            Shape::Properties => output::print(&properties(&found)),
        }
    }
}

fn table(found: &Found, coloured: bool) -> String {
    let mut table = Table::new(&[text("role"), text("host"), number("port"), text("state")]);
    for (role, hosts) in found.roles() {
        for host in &hosts.hosts {
            let tone = match (host.runs(), host.maintenance) {
                (false, _) => Tone::Bad,
                (true, true) => Tone::Caution,
                (true, false) => Tone::Good,
            };
            table.row([
                role.into(),
                (&host.name).into(),
                host.port.to_string().into(),
                Cell::new(host.condition(), tone),
            ]);
        }
    }
    let mut out = table.render(coloured);
    let from = found
        .roles()
        .map(|(role, hosts)| format!("\n{role}: from {}", hosts.from));
    out.extend(from);
    out.push('\n');
    out
}

fn list(found: &Found) -> String {
    let lines = found.roles().map(|(_, hosts)| hosts.list() + "\n");
    lines.collect()
}

/// The brokers are asked first; where they are known, the ZooKeeper servers only stand by.
fn toml(found: &Found, name: &str) -> String {
    let quoted = |hosts: &Hosts| {
        let quoted: Vec<_> = hosts
            .hosts
            .iter()
            .map(|host| format!("\"{}\"", host.address()))
            .collect();
        quoted.join(", ")
    };
    // A dot would begin a table inside the table.
    let key = if name.contains('.') {
        format!("\"{name}\"")
    } else {
        name.to_owned()
    };
    let lines = match (&found.brokers, &found.zookeeper) {
        (Some(brokers), None) => format!("bootstrap = [{}]\n", quoted(brokers)),
        (Some(brokers), Some(zookeeper)) => format!(
            "bootstrap = [{}]\n# instead, where the brokers are to be looked up:\n# zookeeper = \"{}\"\n",
            quoted(brokers),
            zookeeper.list()
        ),
        (None, Some(zookeeper)) => format!("zookeeper = \"{}\"\n", zookeeper.list()),
        (None, None) => String::new(),
    };
    format!("{}[clusters.{key}]\n{lines}", comment(found))
}

fn properties(found: &Found) -> String {
    let lines = match (&found.brokers, &found.zookeeper) {
        (Some(brokers), None) => format!("bootstrap.servers={}\n", brokers.list()),
        (Some(brokers), Some(zookeeper)) => format!(
            "bootstrap.servers={}\n# instead, and never beside it, in the consumer.properties of an old MirrorMaker:\n\
             #zookeeper.connect={}\n",
            brokers.list(),
            zookeeper.list()
        ),
        (None, Some(zookeeper)) => format!("zookeeper.connect={}\n", zookeeper.list()),
        (None, None) => String::new(),
    };
    comment(found) + &lines
}

/// Where it was found, in both kinds of files.
fn comment(found: &Found) -> String {
    let lines = found
        .roles()
        .map(|(role, hosts)| format!("# {role}: from {}\n", hosts.from));
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::super::found::Host;
    use super::*;

    fn hosts(from: &str, hosts: &[&str], port: u16) -> Hosts {
        Hosts {
            from: from.to_owned(),
            warning: None,
            hosts: hosts
                .iter()
                .map(|host| Host::of_file((*host).to_owned(), port))
                .collect(),
        }
    }

    fn found() -> Found {
        Found {
            zookeeper: Some(hosts("there", &["zk0", "zk1", "zk6"], 2181)),
            brokers: Some(hosts("here", &["wn0", "wn1"], 9092)),
        }
    }

    fn zookeeper() -> Found {
        Found {
            brokers: None,
            ..found()
        }
    }

    #[test]
    fn lines_as_the_walk_through_prints_them() {
        assert_eq!(list(&found()), "zk0:2181,zk1:2181,zk6:2181\nwn0:9092,wn1:9092\n");
        let mut first = zookeeper();
        first.keep_first(2);
        assert_eq!(list(&first), "zk0:2181,zk1:2181\n");
        first.keep_first(9);
        assert_eq!(list(&first), "zk0:2181,zk1:2181\n");
    }

    #[test]
    fn a_table_for_people() {
        let mut found = found();
        let brokers = found.brokers.as_mut().unwrap();
        brokers.hosts[0].state = Some("STARTED".to_owned());
        brokers.hosts[0].maintenance = true;
        brokers.hosts[1].state = Some("INSTALLED".to_owned());
        let expected = "\
role       host  port  state
zookeeper  zk0   2181
zookeeper  zk1   2181
zookeeper  zk6   2181
broker     wn0   9092  STARTED, maintenance
broker     wn1   9092  INSTALLED

zookeeper: from there
broker: from here
";
        assert_eq!(table(&found, false), expected);
        assert_eq!(
            found.warnings(),
            ["broker wn1:9092 does not run: Ambari says INSTALLED"]
        );
    }

    #[test]
    fn sections_of_a_toml_file() {
        let expected = "\
# zookeeper: from there
# broker: from here
[clusters.source-hdi]
bootstrap = [\"wn0:9092\", \"wn1:9092\"]
# instead, where the brokers are to be looked up:
# zookeeper = \"zk0:2181,zk1:2181,zk6:2181\"
";
        assert_eq!(toml(&found(), "source-hdi"), expected);
        assert_eq!(
            toml(&zookeeper(), "a.b"),
            "# zookeeper: from there\n[clusters.\"a.b\"]\nzookeeper = \"zk0:2181,zk1:2181,zk6:2181\"\n"
        );
    }

    #[test]
    fn lines_of_a_properties_file() {
        let expected = "\
# zookeeper: from there
# broker: from here
bootstrap.servers=wn0:9092,wn1:9092
# instead, and never beside it, in the consumer.properties of an old MirrorMaker:
#zookeeper.connect=zk0:2181,zk1:2181,zk6:2181
";
        assert_eq!(properties(&found()), expected);
        assert_eq!(
            properties(&zookeeper()),
            "# zookeeper: from there\nzookeeper.connect=zk0:2181,zk1:2181,zk6:2181\n"
        );
    }

    #[test]
    fn names_of_clusters() {
        assert!(label("source-hdi.2_x").is_ok());
        for text in ["", "a b", "a]", "ä"] {
            assert!(label(text).is_err(), "{text}");
        }
    }
}
