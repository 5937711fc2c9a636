//! What stands in the table, and what is said about those that are wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::config::{AmbariCluster, Bootstrap};
use crate::daemon_file::resolve_text;
use crate::resolved::Resolved;
use crate::state_folder::Environment;

/// A file whose source, at line 2, has this table.
fn resolve(table: &str) -> Result<Resolved, Vec<String>> {
    let text = format!(
        "[clusters.source]\n{table}\n[clusters.target]\nbootstrap = [\"b:2\"]\n[[flows]]\nfrom = \"source\"\nto = \
         \"target\"\ntopics = [\".*\"]\n"
    );
    resolve_text("heliostat.toml", &text, &Environment::default())
        .map_err(|errors| errors.0.iter().map(ToString::to_string).collect())
}

#[track_caller]
fn ambari(table: &str) -> AmbariCluster {
    match resolve(table).unwrap().config.flows.remove(0).source.bootstrap {
        Bootstrap::Ambari(cluster) => cluster,
        other @ (Bootstrap::Servers(_) | Bootstrap::ZooKeeper(_)) => panic!("{other}"),
    }
}

#[test]
fn the_shortest_table() {
    let found = ambari("ambari = { cluster = \"Source-HDI\", password_file = \"secret\" }");
    assert_eq!(found.url.to_string(), "https://source-hdi.azurehdinsight.net");
    assert_eq!(
        (found.cluster.as_str(), found.user.as_str(), found.port),
        ("Source-HDI", "admin", 9092)
    );
    assert_eq!(
        (found.password_file.to_str(), found.ca_file),
        (Some("secret"), None)
    );
}

#[test]
fn everything_that_can_be_said() {
    let found = ambari(
        "[clusters.source.ambari]\ncluster = \"c\"\nuser = \"u\"\npassword_file = \"p\"\nurl = \"https://ambari.example:8443/\"\n\
         ca_file = \"ca\"\nport = 9093",
    );
    assert_eq!(found.to_string(), "https://ambari.example:8443, cluster c");
    assert_eq!((found.user.as_str(), found.port), ("u", 9093));
    assert!(found.ca_file.is_some());
}

#[test]
fn what_is_missing_wrong_or_unknown() {
    let errors = resolve("ambari = { clustre = \"c\", url = \"http://a.example\", port = 0 }").unwrap_err();
    assert_eq!(
        errors,
        [
            "unknown key clustre in ambari (heliostat.toml:2): did you mean cluster?",
            "cluster is missing (heliostat.toml:2: ambari): add cluster, a text of letters, digits, dots, dashes and underscores",
            "the URL begins with http://, which would send the password readable over the network (heliostat.toml:2: url): write \
             https://, or ask through a tunnel to this host (ssh -L 8080:AMBARI:8080, then http://localhost:8080)",
            "password_file is missing (heliostat.toml:2: ambari): add password_file, the path of a file",
            "port cannot have this value (heliostat.toml:2: port = 0): write a number from 1 to 65535",
        ]
    );
    let errors =
        resolve("ambari = { cluster = \"a/b\", password_file = \"p\", password = \"canary\" }").unwrap_err();
    assert_eq!(errors.len(), 2);
    assert!(
        errors[0].starts_with("whoever reads this file, or a copy of it, would read the password (heliostat.toml:2: password): write it"),
        "{errors:?}"
    );
    assert!(!errors.concat().contains("canary"), "{errors:?}");
    let errors = resolve("ambari = \"source-hdi\"").unwrap_err();
    assert!(
        errors[0].contains("write { cluster = \"NAME\", password_file = \"FILE\" }"),
        "{errors:?}"
    );
}

#[test]
fn a_password_in_the_url_is_not_repeated() {
    let url = format!("https://{}@a.example", "admin:canary");
    let errors = resolve(&format!(
        "ambari = {{ cluster = \"c\", password_file = \"p\", url = \"{url}\" }}"
    ))
    .unwrap_err();
    assert_eq!(errors.len(), 1);
    assert!(
        errors[0].contains("a user's name or a password in it") && !errors[0].contains("canary"),
        "{errors:?}"
    );
}

#[test]
fn one_way_and_not_two() {
    let table = "bootstrap = [\"a:1\"]\nambari = { cluster = \"c\", password_file = \"p\" }";
    assert_eq!(
        resolve(table).unwrap_err(),
        [
            "bootstrap and ambari cannot be used together (heliostat.toml:2: bootstrap = [\"a:1\"]): keep one of them"
        ]
    );
    let table = "zookeeper = \"a:1\"\nambari = { cluster = \"c\", password_file = \"p\" }";
    assert!(resolve(table).unwrap_err()[0].starts_with("zookeeper and ambari cannot be used together"));
}

#[test]
fn a_password_that_everyone_may_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "canary").unwrap();
    let told = |mode| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        let table = format!(
            "ambari = {{ cluster = \"c\", password_file = \"{}\" }}",
            file.display()
        );
        let notices = resolve(&table).unwrap().notices;
        notices.iter().any(|notice| notice.text.contains("chmod 600"))
    };
    assert!(told(0o644) && !told(0o600));
}
