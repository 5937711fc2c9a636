//! The repository's top level.

use std::collections::BTreeSet;

use crate::tree::Tree;
use crate::violation::{Report, Rule};

const TOP_LEVEL: Rule = Rule {
    name: "top-level",
    reason: "whoever opens the repository sees the same few entries for ever; everything has a place below them",
};

const ALLOWED: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "benches",
    "bin",
    "clippy.toml",
    "crates",
    "deny.toml",
    "deploy",
    "docs",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    let entries: BTreeSet<&str> = tree.paths().filter_map(|path| path.split('/').next()).collect();
    for entry in entries
        .iter()
        .filter(|entry| !entry.starts_with('.') && !ALLOWED.contains(entry))
    {
        report.add(
            TOP_LEVEL,
            entry,
            0,
            "not one of the allowed entries (crates/xtask/src/tidy/top_level.rs)",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_entry_is_reported_and_dot_files_are_not() {
        let tree = Tree::of(&[
            ("Cargo.toml", ""),
            (".ci/run", ""),
            ("crates/a/a.rs", ""),
            ("scripts/x.sh", ""),
        ]);
        let mut report = Report::default();
        check(&tree, &mut report);
        assert_eq!(report.places(), ["scripts:0"]);
    }
}
