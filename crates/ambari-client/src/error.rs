//! What can be wrong between us and Ambari's hosts, each as one sentence: what, where, and what to do.

use std::path::PathBuf;
use std::time::Duration;

use crate::{ClusterName, UrlProblem};

/// Why there are no hosts. No text here holds a password.
#[derive(Debug, thiserror::Error)]
pub enum AmbariError {
    // === What we were given ===
    /// A URL that cannot be asked.
    #[error("{0}")]
    Url(UrlProblem),
    /// A name that no cluster has.
    #[error(
        "the cluster's name is not one of Ambari's: write up to 100 letters, digits, dots, dashes and underscores"
    )]
    ClusterName,
    /// A name that basic authentication cannot carry.
    #[error(
        "the user's name is empty, or has a colon or a control character in it: write the name that logs in to Ambari"
    )]
    User,
    /// A text that is no password.
    #[error("the password cannot be used: {problem}")]
    Password {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The file with the password.
    #[error("cannot use the password's file: {reason} ({}): it holds the password in one line, and nothing else", .file.display())]
    PasswordFile {
        /// Its path.
        file: PathBuf,
        /// The system's words, or what is wrong inside.
        reason: String,
    },
    /// The file with certificates.
    #[error("cannot use the CA's file: {reason} ({}): it holds certificates in PEM form, -----BEGIN CERTIFICATE-----", .file.display())]
    CaFile {
        /// Its path.
        file: PathBuf,
        /// The system's words, or what is wrong inside.
        reason: String,
    },
    /// This host believes nobody.
    #[error(
        "this host has no certificates of CAs ({reason}): install the system's (the package is called ca-certificates), or \
         name a CA's file"
    )]
    NoRoots {
        /// What was found instead.
        reason: String,
    },

    // === On the way ===
    /// No address for the name.
    #[error(
        "the name {host} cannot be resolved: {reason}: check the cluster's name, and that this host can look names up"
    )]
    NameNotFound {
        /// The name.
        host: String,
        /// The resolver's words.
        reason: String,
    },
    /// Nobody listens at any address.
    #[error("cannot connect to {origin} ({}): check the URL, and whether a firewall stands between", .tried.join("; "))]
    Unreachable {
        /// Scheme, host and port.
        origin: String,
        /// Each address with the system's words.
        tried: Vec<String>,
    },
    /// The certificate is not that of the host, or not signed by anybody we know; or it is no TLS at all.
    #[error("no safe connection to {origin}: {reason}")]
    Tls {
        /// Scheme, host and port.
        origin: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It took too long.
    #[error("no answer from {origin} within {} s ({during}): try again, or allow more time", .limit.as_secs_f32())]
    TimedOut {
        /// Scheme, host and port.
        origin: String,
        /// How long the whole question may take.
        limit: Duration,
        /// What it was waiting for.
        during: &'static str,
    },
    /// The connection ended, or what came is no HTTP.
    #[error("the connection to {origin} broke before the whole answer was there: is this Ambari's address?")]
    Broken {
        /// Scheme, host and port.
        origin: String,
        /// hyper's words.
        #[source]
        source: hyper::Error,
    },
    /// More bytes than a list of hosts has.
    #[error("the answer of {origin} has more than {limit} bytes: is this Ambari's address?")]
    TooLarge {
        /// Scheme, host and port.
        origin: String,
        /// The bound.
        limit: usize,
    },
    /// A redirect that is not followed.
    #[error("{origin} redirects to where we do not go: {problem}")]
    Redirect {
        /// Scheme, host and port.
        origin: String,
        /// Why not.
        problem: UrlProblem,
    },
    /// A circle, as a rule.
    #[error("{origin} redirects again and again: check the URL")]
    TooManyRedirects {
        /// Scheme, host and port of the last.
        origin: String,
    },
    /// The new place asks for the password, which was not given for it.
    #[error(
        "{origin} redirects to {to}, which asks for the password; it is only sent to the address that it was given for: \
         if {to} is Ambari's, give that as the URL"
    )]
    RedirectedAway {
        /// Where we were sent.
        origin: String,
        /// Where we were redirected to.
        to: String,
    },

    // === What the server says ===
    /// 401 or 403.
    #[error(
        "{origin} does not let user {user} in with this password ({said}): check the password and the user's name, which \
         was chosen when the cluster was made"
    )]
    NotAdmitted {
        /// Scheme, host and port.
        origin: String,
        /// Whose password it is.
        user: String,
        /// Status and the server's words.
        said: String,
    },
    /// 404: the name of the cluster.
    #[error("Ambari at {origin} has no cluster {cluster} ({said}): {}", advice_for_cluster(.known))]
    UnknownCluster {
        /// Scheme, host and port.
        origin: String,
        /// Its name as we were given it.
        cluster: ClusterName,
        /// Status and the server's words.
        said: String,
        /// The clusters that it has.
        known: Vec<String>,
    },
    /// 404: the service or its component.
    #[error(
        "cluster {cluster} has no service {service} ({said}): it is not a cluster of the kind that runs it, or another \
         cluster was meant"
    )]
    NoService {
        /// The cluster.
        cluster: ClusterName,
        /// `ZOOKEEPER` or `KAFKA`.
        service: &'static str,
        /// Status and the server's words.
        said: String,
    },
    /// The service is there, on no host.
    #[error("no host of cluster {cluster} has {component}: is the cluster still being made?")]
    NoHosts {
        /// The cluster.
        cluster: ClusterName,
        /// `ZOOKEEPER_SERVER` or `KAFKA_BROKER`.
        component: &'static str,
    },
    /// 502, 503 and 504: the gateway is there, Ambari behind it is not.
    #[error(
        "the gateway at {origin} gets no answer from Ambari ({said}): try again in a minute; if that does not help, look \
         whether the cluster runs"
    )]
    Gateway {
        /// Scheme, host and port.
        origin: String,
        /// Status and the server's words.
        said: String,
    },
    /// Any other status.
    #[error("{origin} answers with an error ({said}): check the URL, and what Ambari's own page says")]
    Status {
        /// Scheme, host and port.
        origin: String,
        /// Status and the server's words.
        said: String,
    },
    /// Something else than Ambari.
    #[error("{origin} answers, but not as Ambari does ({problem}): check the URL")]
    NotAmbari {
        /// Scheme, host and port.
        origin: String,
        /// What came instead.
        problem: String,
    },

    // === Files on a node ===
    /// A file of a node that cannot be read.
    #[error("cannot read {}: {reason}{}", .file.display(), if *.denied { ": it belongs to root; put sudo in front" } else { "" })]
    NodeFile {
        /// Its path.
        file: PathBuf,
        /// The system's words.
        reason: String,
        /// For want of rights.
        denied: bool,
    },
    /// A file of a node without what is looked for.
    #[error("{} has no {wanted}: {advice}", .file.display())]
    NotInFile {
        /// Its path.
        file: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// Where it may be.
        advice: &'static str,
    },
}

// === impl AmbariError ===

impl AmbariError {
    /// May the same question be answered in a minute? All else must be mended by whoever asks.
    pub fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::Broken { .. }
                | Self::Gateway { .. }
                | Self::Status { .. }
                | Self::NoHosts { .. }
        )
    }
}

fn advice_for_cluster(known: &[String]) -> String {
    let case = "upper and lower case differ";
    if known.is_empty() {
        format!("check its name; {case}")
    } else {
        format!("it has {}; {case}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clusters_that_there_are_are_named() {
        let error = |known: &[&str]| AmbariError::UnknownCluster {
            origin: "https://a.example".to_owned(),
            cluster: ClusterName::new("Source").unwrap(),
            said: "404".to_owned(),
            known: known.iter().map(ToString::to_string).collect(),
        };
        assert_eq!(
            error(&["source"]).to_string(),
            "Ambari at https://a.example has no cluster Source (404): it has source; upper and lower case differ"
        );
        assert_eq!(
            error(&[]).to_string(),
            "Ambari at https://a.example has no cluster Source (404): check its name; upper and lower case differ"
        );
    }
}
