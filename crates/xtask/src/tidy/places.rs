//! Places that belong to one machine: absolute paths and hosts.

use crate::tree::Tree;
use crate::violation::{Report, Rule};

const MACHINE_PATH: Rule = Rule {
    name: "machine-path",
    reason: "a path of one machine works on no other: use a path relative to the repository, a temporary folder or a setting",
};

const HOST: Rule = Rule {
    name: "host",
    reason: "the hosts a document may name are listed in crates/xtask/src/tidy/places.rs: nothing committed names a package \
             registry or a mirror of one, because every site has its own",
};

/// Written apart, so that this file does not contain what it looks for.
const MACHINE_PATHS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

/// Hosts that a URL may name: public references, XML namespaces, and names that never resolve.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "cwiki.apache.org",
    "doc.rust-lang.org",
    "docs.rs",
    "github.com",
    "headnodehost", // what every HDInsight cluster calls its own head node
    "issues.apache.org",
    "kafka.apache.org",
    "localhost",
    "maven.apache.org",
    "rustsec.org",
    "www.apache.org",
    "www.rfc-editor.org",
    "www.w3.org",
];
const RESERVED_ENDINGS: &[&str] = &[
    "example",
    ".example",
    "example.org",
    "example.com",
    ".test",
    ".invalid",
    // Every HDInsight cluster answers below this; what stands before it is the reader's own.
    ".azurehdinsight.net",
];

/// Files that others wrote or a tool writes.
const NOT_OURS: &[&str] = &["Cargo.lock", "LICENSE"];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts().filter(|(path, _)| !NOT_OURS.contains(path)) {
        for (number, line) in (1..).zip(text.lines()) {
            for needle in MACHINE_PATHS {
                if line
                    .match_indices(needle)
                    .any(|(at, _)| starts_a_path(&line[..at]))
                {
                    report.add(MACHINE_PATH, path, number, *needle);
                }
            }
            for host in hosts(line).filter(|host| !is_allowed(host)) {
                report.add(HOST, path, number, host);
            }
        }
    }
}

/// Is what follows `before` an absolute path, and not the tail of a relative one or of a URL?
fn starts_a_path(before: &str) -> bool {
    !before.ends_with(|c: char| {
        c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | ')' | '$' | '*' | '~')
    })
}

/// The hosts of every `http://` and `https://` in the line; placeholders (`http://{address}`) name none.
fn hosts(line: &str) -> impl Iterator<Item = &str> {
    line.split("://")
        .zip(line.split("://").skip(1))
        .filter_map(|(before, after)| {
            if !before.ends_with("http") && !before.ends_with("https") {
                return None;
            }
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-'))
                .unwrap_or(after.len());
            let host = after[..end].trim_end_matches('.');
            (!host.is_empty()).then_some(host)
        })
}

fn is_allowed(host: &str) -> bool {
    HOSTS.contains(&host) || RESERVED_ENDINGS.iter().any(|ending| host.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(line: &str) -> usize {
        let mut report = Report::default();
        check(&Tree::of(&[("docs/A.md", line)]), &mut report);
        report.len()
    }

    #[test]
    fn paths_of_one_machine_are_reported() {
        for needle in MACHINE_PATHS {
            assert_eq!(places(&format!("see {needle}main/a.rs")), 1);
            assert_eq!(places(&format!("\"{needle}main\"")), 1);
            assert_eq!(
                places(&format!(
                    "target{needle}x and ${{CACHE}}{needle}y and ..{needle}z"
                )),
                0
            );
        }
    }

    #[test]
    fn a_registry_host_is_reported_and_a_reference_is_not() {
        let scheme = "https:/";
        assert_eq!(
            places(&format!(
                "from {scheme}/registry.internal.corp/maven2 and {scheme}/docs.rs/bytes"
            )),
            1
        );
        assert_eq!(
            places(&format!("{scheme}/repo.{}/a", concat!("maven.", "org"))),
            1
        );
        assert_eq!(
            places("https://cwiki.apache.org/confluence/x http://127.0.0.1:9404/metrics http://{address}/"),
            0
        );
        assert_eq!(
            places("https://idp.example/token, PLAINTEXT://wn0-source:9092"),
            0
        );
    }
}
