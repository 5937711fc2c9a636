//! What Ambari is asked for: a component of a service of a cluster.

use std::fmt;

use crate::AmbariError;

/// A component whose hosts we want to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Component {
    /// The servers that `zookeeper.connect` lists.
    ZooKeeperServer,
    /// The brokers.
    KafkaBroker,
}

/// What Ambari calls a cluster. It is part of a path, so its characters are bounded; upper and lower case differ, although
/// they do not in the DNS name of an `HDInsight` cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterName(String);

/// Longest name that is taken; Ambari's own limit is 100.
const NAME_CHARACTERS_MAX: usize = 100;

/// The properties of a host that we look at. Only `host_name` comes without being asked for.
const FIELDS: [&str; 3] = ["host_name", "state", "maintenance_state"];

// === impl Component ===

impl Component {
    /// The service that it is part of, as Ambari writes it.
    pub fn service(self) -> &'static str {
        match self {
            Self::ZooKeeperServer => "ZOOKEEPER",
            Self::KafkaBroker => "KAFKA",
        }
    }

    /// Its own name, as Ambari writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZooKeeperServer => "ZOOKEEPER_SERVER",
            Self::KafkaBroker => "KAFKA_BROKER",
        }
    }

    /// The port that it listens at where nobody chose another. Ambari's answer does not tell the port.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::ZooKeeperServer => 2181,
            Self::KafkaBroker => 9092,
        }
    }

    /// Where Ambari keeps it: the path that the walk-through's `curl` lines ask, with the fields that we look at.
    pub(crate) fn path(self, cluster: &ClusterName) -> String {
        let fields = FIELDS.map(|field| format!("host_components/HostRoles/{field}"));
        format!(
            "/api/v1/clusters/{cluster}/services/{}/components/{}?fields={}",
            self.service(),
            self.name(),
            fields.join(",")
        )
    }
}

/// Where Ambari lists the clusters that it knows.
pub(crate) const CLUSTERS_PATH: &str = "/api/v1/clusters";

// === impl ClusterName ===

impl ClusterName {
    /// Takes letters, digits, dots, dashes and underscores.
    ///
    /// # Errors
    /// Anything else would be another path.
    pub fn new(name: &str) -> Result<Self, AmbariError> {
        let is_name_character = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = !name.is_empty()
            && name.len() <= NAME_CHARACTERS_MAX
            && name.bytes().all(is_name_character)
            && !name.bytes().all(|byte| byte == b'.');
        if is_name {
            Ok(Self(name.to_owned()))
        } else {
            Err(AmbariError::ClusterName)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_the_walk_through() {
        let cluster = ClusterName::new("source-hdi").unwrap();
        let paths =
            [Component::ZooKeeperServer, Component::KafkaBroker].map(|component| component.path(&cluster));
        for (path, expected) in paths.iter().zip([
            "/api/v1/clusters/source-hdi/services/ZOOKEEPER/components/ZOOKEEPER_SERVER",
            "/api/v1/clusters/source-hdi/services/KAFKA/components/KAFKA_BROKER",
        ]) {
            let (path, query) = path.split_once('?').unwrap();
            assert_eq!(path, expected);
            assert_eq!(
                query,
                "fields=host_components/HostRoles/host_name,host_components/HostRoles/state,\
                 host_components/HostRoles/maintenance_state"
            );
        }
    }

    #[test]
    fn a_name_that_is_another_path_is_refused() {
        for name in [
            "",
            ".",
            "..",
            "a/b",
            "a?b",
            "a b",
            "a#b",
            "a%2fb",
            "é",
            &"a".repeat(101),
        ] {
            assert!(
                matches!(ClusterName::new(name), Err(AmbariError::ClusterName)),
                "{name}"
            );
        }
        assert_eq!(ClusterName::new("My_Cluster.2").unwrap().as_str(), "My_Cluster.2");
    }
}
