//! The allowed edges between crates, and the foreign crates each floor may use.

use std::collections::BTreeMap;

use crate::layers::{Foreign, Ours, layer};
use crate::metadata::{Dependency, DependencyKind, Package};
use crate::violation::{Report, Rule};

const EDGE: Rule = Rule {
    name: "edge",
    reason: "dependencies point down and only along the table in crates/xtask/src/layers.rs, so that each floor can be \
             understood and tested without those above; a new edge is a change of the table plus an ADR",
};

const FOREIGN: Rule = Rule {
    name: "foreign-crate",
    reason: "floors 0-2 decide without I/O, clock, random numbers or logs, so the crates they may use are listed one by \
             one; above, libraries have typed errors (no anyhow) and never touch kafka-protocol's decoders",
};

const UNIQUE_TESTS: Rule = Rule {
    name: "unique-test-target",
    reason: "the test command names every test target, so that one set of features serves build and all tests",
};

pub(crate) fn check(packages: &[Package], report: &mut Report) {
    for package in packages {
        let Some(row) = layer(&package.name) else {
            report.add(
                EDGE,
                &package.manifest,
                0,
                format!("{} has no row in layers.rs", package.name),
            );
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.is_ours {
                if !ours_allowed(row.ours, dependency) {
                    let what = format!("{} must not depend on {}", package.name, dependency.name);
                    report.add(EDGE, &package.manifest, 0, what);
                }
            } else if !foreign_allowed(row.foreign, dependency) {
                let what = format!("{} must not depend on {}", package.name, dependency.name);
                report.add(FOREIGN, &package.manifest, 0, what);
            }
        }
    }
}

/// A test target's name may occur once in the workspace.
pub(crate) fn check_unique_test_targets(packages: &[Package], report: &mut Report) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for package in packages {
        for target in package.targets.iter().filter(|target| target.kind == "test") {
            if let Some(first) = seen.insert(&target.name, &package.name) {
                let what = format!("test target {} also exists in {first}", target.name);
                report.add(UNIQUE_TESTS, &package.manifest, 0, what);
            }
        }
    }
}

fn ours_allowed(ours: Ours, dependency: &Dependency) -> bool {
    let name = dependency.name.as_str();
    match ours {
        Ours::Any => true,
        Ours::Only(names) => names.contains(&name),
        Ours::OnlyWithTests { normal, dev } => {
            normal.contains(&name) || (dependency.kind == DependencyKind::Dev && dev.contains(&name))
        }
    }
}

fn foreign_allowed(foreign: Foreign, dependency: &Dependency) -> bool {
    let name = dependency.name.as_str();
    match (foreign, dependency.kind) {
        (Foreign::Except(banned), _) => !banned.contains(&name),
        (Foreign::Only { normal, dev }, DependencyKind::Dev) => dev.contains(&name) || normal.contains(&name),
        (Foreign::Only { normal, .. }, DependencyKind::Normal) => normal.contains(&name),
        (Foreign::Only { .. }, DependencyKind::Build) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Target;

    fn package(name: &str, dependencies: &[(&str, DependencyKind, bool)]) -> Package {
        Package {
            name: name.to_owned(),
            manifest: format!("crates/{name}/Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|&(name, kind, is_ours)| Dependency {
                    name: name.to_owned(),
                    kind,
                    is_ours,
                })
                .collect(),
            targets: Vec::new(),
        }
    }

    fn broken(name: &str, dependency: (&str, DependencyKind, bool)) -> bool {
        let mut report = Report::default();
        check(&[package(name, &[dependency])], &mut report);
        !report.is_empty()
    }

    #[test]
    fn an_edge_that_is_not_in_the_table_is_reported() {
        use DependencyKind::{Build, Dev, Normal};
        assert!(broken("kafka-wire", ("kafka-record", Normal, true)));
        assert!(broken("mirror-router", ("mirror-core", Normal, true)));
        assert!(
            broken("mirror-router", ("kafka-wire", Dev, true)),
            "tests see no further than the code"
        );
        assert!(broken("kafka-fake", ("kafka-client-core", Normal, true)));
        assert!(broken("xtask", ("kafka-wire", Build, true)));
        assert!(!broken("mirror-router", ("kafka-record", Normal, true)));
        assert!(!broken("integration", ("mirror-runtime", Dev, true)));
    }

    #[test]
    fn a_crate_without_a_row_is_reported() {
        let mut report = Report::default();
        check(&[package("kafka-new", &[])], &mut report);
        assert_eq!(report.places(), ["crates/kafka-new/Cargo.toml:0"]);
    }

    #[test]
    fn a_foreign_crate_on_the_wrong_floor_is_reported() {
        use DependencyKind::{Build, Dev, Normal};
        assert!(broken("kafka-client-core", ("tokio", Normal, false)));
        assert!(broken("kafka-client-core", ("rand", Dev, false)));
        assert!(broken("mirror-core", ("tracing", Normal, false)));
        assert!(
            broken("kafka-record", ("proptest", Normal, false)),
            "a test crate is not for the product"
        );
        assert!(
            broken("kafka-wire", ("bytes", Build, false)),
            "floors 0-2 have no build scripts"
        );
        assert!(broken("mirror-runtime", ("anyhow", Normal, false)));
        assert!(broken("kafka-client", ("kafka-protocol", Normal, false)));
        assert!(!broken("kafka-client", ("tokio", Normal, false)));
        assert!(!broken("kafka-record", ("proptest", Dev, false)));
    }

    #[test]
    fn two_test_targets_of_one_name_are_reported() {
        let target = Target {
            name: "peer".into(),
            kind: "test".into(),
            root: "a.rs".into(),
            required_features: Vec::new(),
        };
        let mut first = package("kafka-client", &[]);
        first.targets = vec![target.clone()];
        let mut second = package("mirror-runtime", &[]);
        second.targets = vec![target];
        let mut report = Report::default();
        check_unique_test_targets(&[first, second], &mut report);
        assert_eq!(report.places(), ["crates/mirror-runtime/Cargo.toml:0"]);
    }
}
