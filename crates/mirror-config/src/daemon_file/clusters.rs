//! `[clusters.NAME]`: how to reach each cluster.

use std::collections::BTreeMap;
use std::time::Duration;

use super::section::Section;
use super::{ambari, keys};
use crate::config::{Bootstrap, ClusterConfig, HostPort, ZooKeeperConnect};
use crate::error::ConfigError;
use crate::{address_map, bootstrap, defaults, zookeeper};

/// Clusters by name.
pub(super) type Clusters<'a> = BTreeMap<&'a str, Cluster>;

/// A cluster before a flow uses it.
#[derive(Debug, Clone)]
pub(super) struct Cluster {
    config: ClusterConfig,
    /// Whether the file has a client id; otherwise each flow has its own.
    has_client_id: bool,
}

/// Reads all of them.
pub(super) fn read<'a>(root: &Section<'a>) -> Clusters<'a> {
    let sections = root.named_sections("clusters", &keys::CLUSTER);
    if sections.is_empty() && root.value("clusters").is_none() {
        root.missing("clusters");
    }
    let mut clusters = Clusters::new();
    for (name, section) in sections {
        if !is_label(name) {
            let problem = format!("{name:?} cannot name a cluster");
            let advice = "use letters, digits, dots, dashes and underscores";
            section.reading().invalid(problem, &section.place(), advice);
        }
        clusters.insert(name, cluster(name, &section));
    }
    clusters
}

/// May this stand in group names, client ids and metric labels?
pub(super) fn is_label(name: &str) -> bool {
    let is_label_character = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    !name.is_empty() && name.chars().all(is_label_character)
}

fn cluster(name: &str, section: &Section<'_>) -> Cluster {
    let millisecond = Duration::from_millis(1);
    let duration = |key, min, default| section.duration(key, min).unwrap_or(default);
    let client_id = section.text("client_id").map(|written| written.value.to_owned());
    let reconnect_backoff = duration(
        "reconnect_backoff",
        defaults::BACKOFF_MIN,
        defaults::RECONNECT_BACKOFF,
    );
    let reconnect_backoff_max = duration(
        "reconnect_backoff_max",
        defaults::BACKOFF_MIN,
        defaults::RECONNECT_BACKOFF_MAX,
    );
    let config = ClusterConfig {
        alias: name.to_owned(),
        bootstrap: first_brokers(section),
        addresses: addresses(section),
        client_id: client_id.clone().unwrap_or_default(),
        request_timeout: duration("request_timeout", millisecond, defaults::REQUEST_TIMEOUT),
        connect_timeout: duration("connect_timeout", millisecond, defaults::CONNECT_TIMEOUT),
        reconnect_backoff,
        reconnect_backoff_max: reconnect_backoff_max.max(reconnect_backoff),
        retry_backoff: duration("retry_backoff", defaults::BACKOFF_MIN, defaults::RETRY_BACKOFF),
        metadata_max_age: duration(
            "metadata_max_age",
            defaults::METADATA_MAX_AGE_MIN,
            defaults::METADATA_MAX_AGE,
        ),
        response_bytes_max: defaults::RESPONSE_BYTES_MAX,
    };
    Cluster {
        config,
        has_client_id: client_id.is_some(),
    }
}

/// The ways in which the first brokers can be named.
const WAYS: [&str; 3] = ["bootstrap", "zookeeper", "ambari"];

/// In one way, not in two.
fn first_brokers(section: &Section<'_>) -> Bootstrap {
    let written = WAYS.map(|way| section.value(way).map(|written| (way, written.place)));
    let written: Vec<_> = written.into_iter().flatten().collect();
    if let [(first, place), .., (last, _)] = &written[..] {
        section.reading().error(ConfigError::Refused {
            reason: format!("{first} and {last} cannot be used together"),
            place: place.clone(),
            advice: "keep one of them".to_owned(),
        });
    }
    let servers = brokers(section);
    let connect = zookeeper(section).map(Bootstrap::ZooKeeper);
    let ambari = ambari::read(section).map(Bootstrap::Ambari);
    connect.or(ambari).unwrap_or(Bootstrap::Servers(servers))
}

fn zookeeper(section: &Section<'_>) -> Option<ZooKeeperConnect> {
    let written = section.text("zookeeper")?;
    match zookeeper::parse(written.value) {
        Ok(connect) => Some(connect),
        Err(problem) => {
            let advice = "write \"HOST:2181,HOST:2181/CHROOT\"";
            section
                .reading()
                .invalid(format!("zookeeper: {problem}"), &written.place, advice);
            None
        }
    }
}

/// Not missed where `zookeeper` or `ambari` stands in its place.
fn brokers(section: &Section<'_>) -> Vec<HostPort> {
    let Some(written) = section.texts("bootstrap") else {
        if WAYS.iter().all(|way| section.value(way).is_none()) {
            section.missing("bootstrap");
        }
        return Vec::new();
    };
    if written.value.is_empty() {
        section.missing("bootstrap");
    }
    let mut brokers = Vec::new();
    for address in written.value {
        match bootstrap::parse_address(address.value.trim()) {
            Ok(broker) => brokers.push(broker),
            Err(problem) => {
                let advice = "write HOST:PORT, like \"broker-1:9092\"";
                section.reading().invalid(problem, &address.place, advice);
            }
        }
    }
    brokers
}

/// Each entry is a mistake of its own, with its own line.
fn addresses(section: &Section<'_>) -> BTreeMap<HostPort, HostPort> {
    const ADVICE: &str = "write \"NAME:PORT\" = \"HOST:PORT\", like \"wn0-source:9092\" = \"10.0.0.4:9092\"";
    let mut addresses = BTreeMap::new();
    for (name, address) in section.text_entries("addresses") {
        let entry = address_map::advertised_name(name).and_then(|advertised| {
            let address = bootstrap::parse_address(address.value.trim())?;
            if addresses.contains_key(&advertised) {
                return Err(format!("{advertised} stands there twice"));
            }
            Ok((advertised, address))
        });
        match entry {
            Ok((advertised, address)) => drop(addresses.insert(advertised, address)),
            Err(problem) => section.reading().invalid(problem, &address.place, ADVICE),
        }
    }
    addresses
}

// === impl Cluster ===

impl Cluster {
    /// The cluster as this flow calls it.
    pub(super) fn of_flow(&self, flow: &str) -> ClusterConfig {
        let mut config = self.config.clone();
        if !self.has_client_id {
            config.client_id = format!("{}{flow}", defaults::OURS);
        }
        config
    }
}
