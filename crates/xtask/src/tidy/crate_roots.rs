//! What every crate of the workspace has in common: its manifest's inherited fields and the ban on `unsafe`.

use crate::metadata::Package;
use crate::tree::Tree;
use crate::violation::{Report, Rule};

const FORBID_UNSAFE: Rule = Rule {
    name: "forbid-unsafe",
    reason: "`#![forbid(unsafe_code)]` in the crate root cannot be lifted further down, so a reader need not look",
};

const MANIFEST: Rule = Rule {
    name: "manifest",
    reason: "lints, version, edition, licence and `publish = false` are said once, in the workspace's manifest, and a \
             crate's folder has its name",
};

const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Packages whose folder is fixed by the repository's top level instead of by their name.
const FOLDERS: &[(&str, &str)] = &[
    ("integration", "tests"),
    ("fuzz", "tests/fuzz"),
    ("benches", "benches"),
    ("heliostat", "bin/heliostat"),
];

pub(crate) fn check(packages: &[Package], tree: &Tree, report: &mut Report) {
    for package in packages {
        check_manifest(package, tree, report);
        for target in package
            .targets
            .iter()
            .filter(|target| matches!(target.kind.as_str(), "lib" | "bin"))
        {
            // A file that only exists on disk half-way through someone's edit has no text yet: cargo reports that.
            let forbids = tree
                .text(&target.root)
                .is_none_or(|text| text.lines().any(|line| line == "#![forbid(unsafe_code)]"));
            if !forbids {
                report.add(
                    FORBID_UNSAFE,
                    &target.root,
                    1,
                    "the crate root lacks #![forbid(unsafe_code)]",
                );
            }
        }
    }
}

fn check_manifest(package: &Package, tree: &Tree, report: &mut Report) {
    let path = package.manifest.as_str();
    let expected = FOLDERS
        .iter()
        .find(|(name, _)| *name == package.name)
        .map_or_else(
            || format!("crates/{}", package.name),
            |(_, folder)| (*folder).to_owned(),
        );
    if path != format!("{expected}/Cargo.toml") {
        report.add(
            MANIFEST,
            path,
            0,
            format!("{} belongs into {expected}", package.name),
        );
    }
    let Some(manifest) = tree.text(path).and_then(|text| text.parse::<toml::Table>().ok()) else {
        report.add(MANIFEST, path, 0, "not a readable TOML file");
        return;
    };
    let inherits = |table: &str, key: Option<&str>| {
        let table = manifest.get(table);
        let value = key.map_or(table, |key| table?.get(key));
        value
            .and_then(|value| value.get("workspace"))
            .and_then(toml::Value::as_bool)
            == Some(true)
    };
    if !inherits("lints", None) {
        report.add(MANIFEST, path, 0, "[lints] workspace = true is missing");
    }
    for key in INHERITED.iter().filter(|key| !inherits("package", Some(key))) {
        report.add(MANIFEST, path, 0, format!("{key}.workspace = true is missing"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::Target;

    const GOOD: &str = "[package]\nname = \"kafka-a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n[lints]\nworkspace = true\n";

    fn places(manifest: &str, root: &str) -> Vec<String> {
        let package = Package {
            name: "kafka-a".into(),
            manifest: "crates/kafka-a/Cargo.toml".into(),
            dependencies: Vec::new(),
            targets: vec![Target {
                name: "kafka_a".into(),
                kind: "lib".into(),
                root: "crates/kafka-a/src/lib.rs".into(),
                required_features: Vec::new(),
            }],
        };
        let tree = Tree::of(&[
            ("crates/kafka-a/Cargo.toml", manifest),
            ("crates/kafka-a/src/lib.rs", root),
        ]);
        let mut report = Report::default();
        check(&[package], &tree, &mut report);
        report.places()
    }

    #[test]
    fn a_root_without_the_attribute_is_reported() {
        assert!(places(GOOD, "//! a\n#![forbid(unsafe_code)]\n").is_empty());
        assert_eq!(places(GOOD, "//! a\n"), ["crates/kafka-a/src/lib.rs:1"]);
    }

    #[test]
    fn a_manifest_that_goes_its_own_way_is_reported() {
        let root = "//! a\n#![forbid(unsafe_code)]\n";
        let own_version = GOOD.replace("version.workspace = true\ne", "version = \"1.0.0\"\ne");
        assert_eq!(places(&own_version, root), ["crates/kafka-a/Cargo.toml:0"]);
        let own_lints = GOOD.replace("[lints]\nworkspace = true\n", "");
        assert_eq!(places(&own_lints, root), ["crates/kafka-a/Cargo.toml:0"]);
    }

    #[test]
    fn a_crate_in_a_folder_of_another_name_is_reported() {
        let package = Package {
            name: "kafka-b".into(),
            manifest: "crates/kafka-a/Cargo.toml".into(),
            ..Package::default()
        };
        let mut report = Report::default();
        check(
            &[package],
            &Tree::of(&[("crates/kafka-a/Cargo.toml", GOOD)]),
            &mut report,
        );
        assert_eq!(report.len(), 1);
    }
}
