//! Which test targets there are, and the cargo calls that run them.

use crate::metadata::{self, Package};
use crate::process::words;

/// Names of the test targets, those on real Kafka (`tests/e2e`) first, all others second.
pub(super) fn test_targets(packages: &[Package]) -> (Vec<String>, Vec<String>) {
    let targets = packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind == "test" && target.required_features.is_empty());
    let (kafka, others): (Vec<_>, Vec<_>) = targets.partition(|target| target.root.starts_with("tests/e2e/"));
    let names = |targets: Vec<&metadata::Target>| targets.iter().map(|target| target.name.clone()).collect();
    (names(kafka), names(others))
}

/// Test targets that are only built with features of their package: each with them, as cargo wants them written.
pub(super) fn featured_test_targets(packages: &[Package]) -> Vec<(String, Vec<String>)> {
    let of_package = |package: &Package| {
        let targets = package.targets.iter().filter(|target| target.kind == "test");
        let featured = targets.filter(|target| !target.required_features.is_empty());
        let named = featured.map(|target| {
            let features = target.required_features.iter();
            let features = features.map(|feature| format!("{}/{feature}", package.name));
            (target.name.clone(), features.collect())
        });
        named.collect::<Vec<_>>()
    };
    packages.iter().flat_map(of_package).collect()
}

pub(super) fn featured_line(featured: &[(String, Vec<String>)]) -> Vec<String> {
    let features: Vec<&str> = featured
        .iter()
        .flat_map(|(_, features)| features.iter().map(String::as_str))
        .collect();
    let mut line = words("cargo test --workspace --locked --features");
    line.push(features.join(","));
    line.extend(
        featured
            .iter()
            .flat_map(|(name, _)| ["--test".to_owned(), name.clone()]),
    );
    line
}

pub(super) fn kafka_line(targets: &[String], threads: usize) -> Vec<String> {
    let mut line = words("cargo test --workspace --locked");
    line.extend(
        targets
            .iter()
            .flat_map(|name| ["--test".to_owned(), name.clone()]),
    );
    line.extend(words(&format!("-- --test-threads={threads}")));
    line
}
