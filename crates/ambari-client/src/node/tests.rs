//! Files as they lie on a node.

use std::fs;

use tempfile::TempDir;

use super::*;

fn command(hosts: &str) -> String {
    format!(r#"{{"clusterHostInfo":{{"kafka_broker_hosts":[{hosts}]}}}}"#)
}

/// A folder with these files in it.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn commands() -> TempDir {
    folder(&[
        ("command-9.json", &command(r#""old""#)),
        ("command-10.json", &command(r#""wn0","wn1""#)),
        ("auto_command-11.json", &command(r#""other""#)),
        ("status_command.json", &command(r#""other""#)),
        ("output-10.txt", ""),
    ])
}

#[test]
fn a_folder_a_pattern_and_a_list_of_files() {
    let folder = commands();
    let of = |names: &[&str]| {
        let paths: Vec<_> = names.iter().map(|name| folder.path().join(name)).collect();
        broker_hosts(&paths).unwrap()
    };
    // As a shell hands it on: expanded, or untouched by one that may not look into the folder.
    for names in [
        &[""][..],
        &["command-9.json", "command-10.json"],
        &["command-10.json", "command-9.json"],
        &["command-[0-9]*.json"],
        &["command-*.json"],
    ] {
        let found = of(names);
        assert_eq!(found.found, ["wn0", "wn1"], "{names:?}");
        assert!(found.file.ends_with("command-10.json"), "{names:?}");
        assert_eq!(
            (found.key, found.newer_without),
            ("clusterHostInfo.kafka_broker_hosts", 0)
        );
    }
    assert_eq!(of(&["command-9.json"]).found, ["old"]);
    assert_eq!(
        of(&["auto_command-11.json"]).found,
        ["other"],
        "a file that is named is read"
    );
}

#[test]
fn a_command_that_does_not_know_the_brokers_is_passed_over_and_counted() {
    let folder = commands();
    fs::write(folder.path().join("command-12.json"), "{}").unwrap();
    fs::write(folder.path().join("command-13.json"), command("")).unwrap();
    let found = broker_hosts(&[folder.path().to_owned()]).unwrap();
    assert_eq!((found.found.len(), found.newer_without), (2, 2));
    assert!(
        found.newest_without.is_some_and(|newest| newest != found.file),
        "it was not named"
    );
}

#[test]
fn files_that_are_not_there_or_hold_something_else() {
    let folder = folder(&[
        ("yarn-site.xml", "<configuration/>"),
        ("command-1.json", "{\"password\":\"canary\""),
    ]);
    let at = |name: &str| folder.path().join(name);
    let errors = [
        zookeeper_servers(&at("yarn-site.xml"), 2181).unwrap_err(),
        broker_hosts(&[at("")]).unwrap_err(),
        zookeeper_servers(&at("other.xml"), 2181).unwrap_err(),
        broker_hosts(&[at("command-2.json")]).unwrap_err(),
        broker_hosts(&[at("none/command-*.json")]).unwrap_err(),
    ];
    let expected = [
        "yarn-site.xml has no list of ZooKeeper servers",
        "command-1.json has no list of brokers",
        "other.xml: No such file",
        "command-2.json: No such file",
        "none: No such file",
    ];
    for (error, expected) in errors.iter().zip(expected) {
        let words = error.to_string();
        assert!(words.contains(expected) && !words.contains("canary"), "{words}");
    }
}

#[test]
fn for_want_of_rights_there_is_sudo() {
    let denied = unreadable(Path::new("x"), &io::Error::from(io::ErrorKind::PermissionDenied));
    assert_eq!(
        denied.to_string(),
        "cannot read x: permission denied: it belongs to root; put sudo in front"
    );
}

#[test]
fn the_servers_of_a_node() {
    let property = "<property><name>hadoop.zk.address</name><value>zk0:2182,zk1</value></property>";
    let folder = folder(&[("yarn-site.xml", property)]);
    let found = zookeeper_servers(&folder.path().join("yarn-site.xml"), 2181).unwrap();
    let shown: Vec<_> = found.found.iter().map(ToString::to_string).collect();
    assert_eq!(
        (shown.join(","), found.key),
        ("zk0:2182,zk1:2181".to_owned(), "hadoop.zk.address")
    );
}
