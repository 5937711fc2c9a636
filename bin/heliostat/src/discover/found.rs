//! What was found: hosts in their roles, and where that stands.

use ambari_client::ComponentHost;
use serde::Serialize;

/// The hosts that were asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) zookeeper: Option<Hosts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) brokers: Option<Hosts>,
}

/// Hosts of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the JSON output")]
pub(crate) struct Hosts {
    /// Where that stands, for people.
    pub(crate) from: String,
    /// Why that may not be true any more; it goes to standard error.
    #[serde(skip)]
    pub(crate) warning: Option<String>,
    /// In the order in which it stands there.
    pub(crate) hosts: Vec<Host>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Host {
    #[serde(rename = "host")]
    pub(crate) name: String,
    pub(crate) port: u16,
    /// `STARTED`, `INSTALLED`, …; files do not tell it.
    pub(crate) state: Option<String>,
    pub(crate) maintenance: bool,
}

// === impl Found ===

impl Found {
    /// Keeps the first hosts of each role, as the walk-through's `cut -d, -f1,2` does.
    pub(crate) fn keep_first(&mut self, count: usize) {
        for hosts in [&mut self.zookeeper, &mut self.brokers].into_iter().flatten() {
            hosts.hosts.truncate(count);
        }
    }

    /// Roles by the names that a reader knows them by.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&'static str, &Hosts)> {
        [("zookeeper", &self.zookeeper), ("broker", &self.brokers)]
            .into_iter()
            .filter_map(|(role, hosts)| hosts.as_ref().map(|hosts| (role, hosts)))
    }

    /// What may be out of date, and hosts that are listed and do not run: whoever starts with them alone waits.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let old = self.roles().filter_map(|(_, hosts)| hosts.warning.clone());
        let stopped = self.roles().flat_map(|(role, hosts)| {
            let stopped = hosts.hosts.iter().filter(|host| !host.runs());
            stopped.map(move |host| {
                format!(
                    "{role} {} does not run: Ambari says {}",
                    host.address(),
                    host.condition()
                )
            })
        });
        old.chain(stopped).collect()
    }
}

// === impl Hosts ===

impl Hosts {
    /// `host:port,host:port`, as `zookeeper.connect` and `bootstrap.servers` want it.
    pub(crate) fn list(&self) -> String {
        let addresses: Vec<_> = self.hosts.iter().map(Host::address).collect();
        addresses.join(",")
    }

    /// The hosts of one of Ambari's components.
    pub(crate) fn of_ambari(from: String, hosts: Vec<ComponentHost>, port: u16) -> Self {
        let hosts = hosts.into_iter().map(|host| Host {
            name: host.name,
            port,
            state: host.state,
            maintenance: host.is_in_maintenance,
        });
        Self {
            from,
            warning: None,
            hosts: hosts.collect(),
        }
    }
}

// === impl Host ===

impl Host {
    /// A host of which no more is known.
    pub(crate) fn of_file(name: String, port: u16) -> Self {
        Self {
            name,
            port,
            state: None,
            maintenance: false,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("{}:{}", self.name, self.port)
    }

    pub(crate) fn runs(&self) -> bool {
        self.state.as_deref().is_none_or(|state| state == "STARTED")
    }

    /// Its state in Ambari's words.
    pub(crate) fn condition(&self) -> String {
        let state = self.state.as_deref().unwrap_or_default();
        match (state, self.maintenance) {
            ("", false) => String::new(),
            ("", true) => "maintenance".to_owned(),
            (state, false) => state.to_owned(),
            (state, true) => format!("{state}, maintenance"),
        }
    }
}
