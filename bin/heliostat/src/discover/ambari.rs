//! `heliostat discover ambari`: asks Ambari, as the walk-through's `curl | jq` lines do, for all hosts.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ambari_client::{Ambari, AmbariError, BaseUrl, ClusterName, Component, Password, Patience, UrlProblem};
use clap::{Arg, ArgMatches, Command, value_parser};

use super::found::{Found, Hosts};
use super::password::{NoPassword, obtain};
use super::shape::{self, Printing};
use super::{FAILED, USAGE, print};
use crate::preflight::{ask, broken};
use crate::{environment, report};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Taken apart at once: a URL with a password in it is kept nowhere.
    url: Option<Result<BaseUrl, UrlProblem>>,
    cluster: String,
    user: String,
    password_file: Option<PathBuf>,
    ca_file: Option<PathBuf>,
    limit: Duration,
    printing: Printing,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Password(NoPassword),
    #[error(transparent)]
    Ambari(#[from] AmbariError),
}

pub(crate) fn command() -> Command {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .long(name)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    let command = Command::new("ambari")
        .about("Ask Ambari, as of HDInsight and other Hadoop distributions")
        .after_help(format!(
            "The password is taken from --password-file, else from the environment variable {}, else asked for at the \
             terminal. There is no flag for it: command lines are read by others. It is sent over TLS, or over http:// to \
             this host alone, and only to the host of the URL.\n\n\
             Exit codes: 0 found; 1 Ambari did not tell; 2 the command line is wrong, or there is nobody to ask for the \
             password.",
            environment::AMBARI_PASSWORD
        ))
        .arg(
            Arg::new("url")
                .long("url")
                .value_name("URL")
                .help("Where Ambari answers [default: https://CLUSTER.azurehdinsight.net]"),
        )
        .arg(
            Arg::new("cluster")
                .long("cluster")
                .value_name("NAME")
                .required(true)
                .help("What Ambari calls the cluster; upper and lower case differ"),
        )
        .arg(
            Arg::new("user")
                .long("user")
                .value_name("NAME")
                .default_value("admin")
                .help("Who logs in to Ambari"),
        )
        .arg(path("password-file", "A file with the password in one line"))
        .arg(path(
            "ca-file",
            "Certificates of CAs to believe beside the system's, in PEM form",
        ))
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..=3600))
                .default_value("30")
                .help("Each question takes no longer"),
        );
    shape::describe(command)
}

pub(crate) fn of(matches: &ArgMatches) -> Option<Asked> {
    let text = |name| matches.get_one::<String>(name);
    Some(Asked {
        url: text("url").map(|url| url.parse()),
        cluster: text("cluster").cloned()?,
        user: text("user").cloned()?,
        password_file: matches.get_one("password-file").cloned(),
        ca_file: matches.get_one("ca-file").cloned(),
        limit: Duration::from_secs(matches.get_one("timeout").copied().unwrap_or(30)),
        printing: Printing::of(matches),
    })
}

/// Asks, prints and exits.
pub(crate) fn run(asked: &Asked) -> ExitCode {
    let (base, cluster) = match asked.place() {
        Ok(place) => place,
        Err(error) => {
            report::error(&error);
            return ExitCode::from(USAGE);
        }
    };
    match ask(asked.find(base, &cluster)) {
        Ok(Ok(found)) => print(&found, &asked.printing.named(cluster.as_str())),
        Ok(Err(Failure::Password(missing))) => missing.told(),
        Ok(Err(Failure::Ambari(error))) => {
            report::error(&error);
            ExitCode::from(FAILED)
        }
        Err(error) => broken(&error),
    }
}

// === impl Asked ===

impl Asked {
    fn place(&self) -> Result<(BaseUrl, ClusterName), AmbariError> {
        let cluster = ClusterName::new(&self.cluster)?;
        let base = match &self.url {
            Some(url) => url.clone().map_err(AmbariError::Url)?,
            None => BaseUrl::of_hdinsight(&cluster),
        };
        Ok((base, cluster))
    }

    async fn find(&self, base: BaseUrl, cluster: &ClusterName) -> Result<Found, Failure> {
        let question = format!("Password of {} at {base}: ", self.user);
        let password = obtain(self.password_file.as_deref(), &question).await;
        let password = password.map_err(Failure::Password)?;
        let ambari = self.ambari(base.clone(), cluster.clone(), &password)?;
        let hosts = async |wanted: bool, component: Component, port| -> Result<Option<Hosts>, AmbariError> {
            if !wanted {
                return Ok(None);
            }
            let hosts = ambari.hosts(component).await?;
            let from = format!("Ambari at {base}, cluster {cluster}, {}", component.name());
            Ok(Some(Hosts::of_ambari(from, hosts, port)))
        };
        let printing = &self.printing;
        let zookeeper = hosts(
            printing.wants_zookeeper(),
            Component::ZooKeeperServer,
            printing.zookeeper_port,
        );
        Ok(Found {
            zookeeper: zookeeper.await?,
            brokers: hosts(
                printing.wants_brokers(),
                Component::KafkaBroker,
                printing.broker_port,
            )
            .await?,
        })
    }

    fn ambari(
        &self,
        base: BaseUrl,
        cluster: ClusterName,
        password: &Password,
    ) -> Result<Ambari, AmbariError> {
        let ambari = Ambari::new(base, cluster, &self.user, password, self.ca_file.as_deref())?;
        let usual = Patience::default();
        Ok(ambari.with_patience(Patience {
            connect: usual.connect.min(self.limit),
            question: self.limit,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &[&str]) -> Asked {
        let matches = command().try_get_matches_from(line).unwrap();
        of(&matches).unwrap()
    }

    #[test]
    fn the_url_follows_from_the_cluster() {
        let place = |line: &[&str]| {
            let (base, cluster) = asked(line).place().unwrap();
            (base.to_string(), cluster.to_string())
        };
        assert_eq!(
            place(&["ambari", "--cluster", "Source-HDI"]),
            (
                "https://source-hdi.azurehdinsight.net".to_owned(),
                "Source-HDI".to_owned()
            )
        );
        assert_eq!(
            place(&["ambari", "--cluster", "c", "--url", "https://a.example:8443/"]),
            ("https://a.example:8443".to_owned(), "c".to_owned())
        );
        assert!(command().try_get_matches_from(["ambari"]).is_err());
    }

    #[test]
    fn a_password_in_the_url_is_kept_nowhere() {
        let url = format!("https://{}@a.example", "admin:canary");
        let asked = asked(&["ambari", "--cluster", "c", "--url", &url]);
        assert!(!format!("{asked:?}").contains("canary"));
        let error = asked.place().unwrap_err();
        assert!(!error.to_string().contains("canary"));
    }

    #[test]
    fn everyones_usual_name_is_admin() {
        assert_eq!(asked(&["ambari", "--cluster", "c"]).user, "admin");
        assert_eq!(asked(&["ambari", "--cluster", "c", "--user", "u"]).user, "u");
    }

    #[test]
    fn no_flag_takes_a_password() {
        let refused = command()
            .try_get_matches_from(["ambari", "--cluster", "c", "--password=canary"])
            .unwrap_err();
        assert!(!refused.to_string().contains("canary"), "{refused}");
    }
}
