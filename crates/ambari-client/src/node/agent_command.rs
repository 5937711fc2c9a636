//! The brokers in a command file of Ambari's agent: `.clusterHostInfo.kafka_broker_hosts`, names in full.
//!
//! The agent numbers its commands, and a listing by name is not a listing by number: `command-9.json` comes behind
//! `command-10.json`. The newest is the one with the largest number.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::answer::is_host_name;

/// Where the list stands, as `jq` writes it.
pub(super) const KEY: &str = "clusterHostInfo.kafka_broker_hosts";
/// How names of command files begin.
pub(super) const START: &str = "command-";
/// How they end.
pub(super) const END: &str = ".json";

/// All else in the file, passwords included, is passed over without being kept.
#[derive(Deserialize)]
struct Command {
    #[serde(rename = "clusterHostInfo")]
    hosts: Option<ClusterHosts>,
}

#[derive(Deserialize)]
struct ClusterHosts {
    kafka_broker_hosts: Option<Vec<String>>,
}

/// The number in a name; `None` for one that is no command file's.
pub(super) fn number(file: &Path) -> Option<u128> {
    let name = file.file_name().and_then(OsStr::to_str)?;
    let rest = name.strip_prefix(START)?;
    let end = rest.find(|letter: char| !letter.is_ascii_digit());
    rest.get(..end.unwrap_or(rest.len()))?.parse().ok()
}

/// Puts the newest first; those without a number come last.
pub(super) fn newest_first(files: &mut [PathBuf]) {
    files.sort_by_key(|file| Reverse(number(file)));
}

/// The hosts, each once, in the order written. `None` where there are none, or where the content is no command.
pub(super) fn broker_hosts(json: &[u8]) -> Option<Vec<String>> {
    // What serde has to say could repeat a value of the file, and such values are passwords.
    let command: Command = serde_json::from_slice(json).ok()?;
    let mut hosts = command.hosts?.kafka_broker_hosts?;
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    let are_names = hosts.iter().all(|host| is_host_name(host));
    (are_names && !hosts.is_empty()).then_some(hosts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_the_largest_number() {
        let mut files: Vec<PathBuf> = [
            "d/command-10.json",
            "d/command-9.json",
            "d/copy.json",
            "d/command-100.json",
            "d/command-x.json",
        ]
        .map(PathBuf::from)
        .to_vec();
        newest_first(&mut files);
        let first: Vec<_> = files.iter().take(3).map(|file| file.to_str().unwrap()).collect();
        assert_eq!(
            first,
            ["d/command-100.json", "d/command-10.json", "d/command-9.json"]
        );
        assert_eq!(number(Path::new("auto_command-7.json")), None);
    }

    #[test]
    fn the_brokers_of_a_command() {
        let json = br#"{"commandType":"EXECUTION_COMMAND","configurations":{"x":{"password":"canary"}},
            "clusterHostInfo":{"all_hosts":["hn0.x","wn1.x","wn0.x"],"kafka_broker_hosts":["wn1.x","wn0.x","wn1.x"]}}"#;
        assert_eq!(broker_hosts(json).unwrap(), ["wn1.x", "wn0.x"]);
        for json in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"clusterHostInfo":null}"#,
            br#"{"clusterHostInfo":{"kafka_broker_hosts":[]}}"#,
            br#"{"clusterHostInfo":{"kafka_broker_hosts":"wn0"}}"#,
            br#"{"clusterHostInfo":{"kafka_broker_hosts":["wn0","a b"]}}"#,
        ] {
            assert_eq!(broker_hosts(json), None, "{}", String::from_utf8_lossy(json));
        }
    }
}
