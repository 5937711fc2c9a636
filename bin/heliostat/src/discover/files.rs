//! `heliostat discover files`: on a node of the cluster, from the files that Ambari left there; without a password.

use std::path::PathBuf;
use std::process::ExitCode;

use ambari_client::AmbariError;
use ambari_client::node::{self, AGENT_COMMANDS, YARN_SITE};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::found::{Found, Host, Hosts};
use super::shape::{self, Printing};
use super::{FAILED, print};
use crate::report;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    yarn_site: Option<PathBuf>,
    agent_commands: Vec<PathBuf>,
    printing: Printing,
}

pub(crate) fn command() -> Command {
    let command = Command::new("files")
        .about("Read Ambari's files on a node of the cluster")
        .after_help(
            "The agent's command files belong to root. In the newest, the one with the largest number, stand the brokers; \
             a folder or a pattern in quotes may stand for all of them. Without --yarn-site and --agent-command both are \
             read where a node has them; with one of them alone, the other is not.\n\n\
             Exit codes: 0 found; 1 a file cannot be read, or does not tell; 2 the command line is wrong.",
        )
        .arg(
            Arg::new("yarn-site")
                .long("yarn-site")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help(format!("Hadoop's settings, which name the ZooKeeper servers [default: {YARN_SITE}]")),
        )
        .arg(
            Arg::new("agent-command")
                .long("agent-command")
                .value_name("FILE")
                .num_args(1..)
                .value_parser(value_parser!(PathBuf))
                .help(format!(
                    "Command files of Ambari's agent, which name the brokers [default: {AGENT_COMMANDS}/command-*.json]"
                )),
        );
    shape::describe(command)
}

pub(crate) fn of(matches: &ArgMatches) -> Asked {
    let commands = matches.get_many::<PathBuf>("agent-command");
    Asked {
        yarn_site: matches.get_one("yarn-site").cloned(),
        agent_commands: commands.map(|files| files.cloned().collect()).unwrap_or_default(),
        printing: Printing::of(matches),
    }
}

/// Reads, prints and exits.
pub(crate) fn run(asked: &Asked) -> ExitCode {
    match asked.find() {
        Ok(found) => {
            if asked.printing.leaves_origin_out() {
                for (role, hosts) in found.roles() {
                    report::line(&format!("{role}: from {}", hosts.from));
                }
            }
            print(&found, &asked.printing)
        }
        Err(error) => {
            report::error(&error);
            ExitCode::from(FAILED)
        }
    }
}

// === impl Asked ===

impl Asked {
    fn find(&self) -> Result<Found, AmbariError> {
        let (zookeeper, brokers) = self.wanted();
        let zookeeper = zookeeper.then(|| self.zookeeper()).transpose()?;
        let brokers = brokers.then(|| self.brokers()).transpose()?;
        Ok(Found { zookeeper, brokers })
    }

    /// What `--zookeeper` or `--brokers` says; else what files were named for; else both.
    fn wanted(&self) -> (bool, bool) {
        let named = (self.yarn_site.is_some(), !self.agent_commands.is_empty());
        if self.printing.is_of_one() || named == (false, false) {
            (self.printing.wants_zookeeper(), self.printing.wants_brokers())
        } else {
            named
        }
    }

    fn zookeeper(&self) -> Result<Hosts, AmbariError> {
        let file = self.yarn_site.clone().unwrap_or_else(|| PathBuf::from(YARN_SITE));
        let servers = node::zookeeper_servers(&file, self.printing.zookeeper_port)?;
        let hosts = servers.found.into_iter();
        Ok(Hosts {
            from: format!("{}, {}", servers.file.display(), servers.key),
            warning: None,
            hosts: hosts
                .map(|server| Host::of_file(server.host, server.port))
                .collect(),
        })
    }

    fn brokers(&self) -> Result<Hosts, AmbariError> {
        let found = if self.agent_commands.is_empty() {
            node::broker_hosts(&[PathBuf::from(AGENT_COMMANDS)])?
        } else {
            node::broker_hosts(&self.agent_commands)?
        };
        let newer = found.newest_without.map(|newest| (found.newer_without, newest));
        let without = match &newer {
            None => String::new(),
            Some((count, newest)) => format!(" ({count} newer without it, up to {})", newest.display()),
        };
        let warning = newer.map(|(count, newest)| {
            format!(
                "the {count} newest of Ambari's command files, up to {}, name no brokers; these are from {} and may be out of date",
                newest.display(),
                found.file.display()
            )
        });
        let hosts = found.found.into_iter();
        Ok(Hosts {
            from: format!("{}, {}{without}", found.file.display(), found.key),
            warning,
            hosts: hosts
                .map(|host| Host::of_file(host, self.printing.broker_port))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_follows_from_what_was_named() {
        for (line, expected) in [
            (&["files"][..], (true, true)),
            (&["files", "--zookeeper"], (true, false)),
            (&["files", "--brokers"], (false, true)),
            (&["files", "--yarn-site", "y"], (true, false)),
            (&["files", "--agent-command", "a", "b"], (false, true)),
            (
                &["files", "--agent-command", "a", "--yarn-site", "y"],
                (true, true),
            ),
            (&["files", "--brokers", "--yarn-site", "y"], (false, true)),
        ] {
            let matches = command().try_get_matches_from(line).unwrap();
            assert_eq!(of(&matches).wanted(), expected, "{line:?}");
        }
    }

    #[test]
    fn a_shells_expansion_is_one_flag() {
        let line = [
            "files",
            "--agent-command",
            "command-1.json",
            "command-2.json",
            "--brokers",
        ];
        let asked = of(&command().try_get_matches_from(line).unwrap());
        assert_eq!(asked.agent_commands.len(), 2);
    }
}
