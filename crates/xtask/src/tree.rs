//! The repository's files as the rules see them: everything that is, or would be, committed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use crate::rust_source::RustSource;

/// Path (relative, `/`-separated) to content; `None` where the file is not UTF-8 text.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, Option<String>>,
}

// === impl Tree ===

impl Tree {
    /// Tracked files plus new ones that git does not ignore: a rule must fail before the commit, not after it.
    pub(crate) fn read(root: &Path) -> anyhow::Result<Self> {
        let listing = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("git is needed to list the repository's files")?;
        ensure!(
            listing.status.success(),
            "git ls-files failed: {}",
            String::from_utf8_lossy(&listing.stderr).trim()
        );
        let names = String::from_utf8(listing.stdout).context("a file name is not UTF-8")?;
        let mut files = BTreeMap::new();
        for name in names.split('\0').filter(|name| !name.is_empty()) {
            // A tracked file that was deleted but not committed yet is still listed: it is no longer ours to check.
            let Ok(bytes) = std::fs::read(root.join(name)) else {
                continue;
            };
            files.insert(name.to_owned(), String::from_utf8(bytes).ok());
        }
        ensure!(
            !files.is_empty(),
            "{} holds no files: is it the repository's root?",
            root.display()
        );
        Ok(Self { files })
    }

    /// A tree made of samples, for the rules' own tests.
    #[cfg(test)]
    pub(crate) fn of(samples: &[(&str, &str)]) -> Self {
        let files = samples
            .iter()
            .map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned())))
            .collect();
        Self { files }
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path)?.as_deref()
    }

    /// Every text file with its content, in path order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// Is there a file, or a folder with at least one file, at `path`?
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files.contains_key(path)
            || self
                .files
                .range(folder.clone()..)
                .next()
                .is_some_and(|(next, _)| next.starts_with(&folder))
    }

    /// All Rust files, tokenised, each knowing which of its lines are test code.
    pub(crate) fn rust_sources(&self) -> Vec<RustSource<'_>> {
        let mut sources: Vec<RustSource<'_>> = self
            .texts()
            .filter(|(path, _)| {
                Path::new(path)
                    .extension()
                    .is_some_and(|extension| extension == "rs")
            })
            .map(|(path, text)| RustSource::new(path, text))
            .collect();
        let test_only: Vec<String> = sources
            .iter()
            .flat_map(RustSource::files_of_test_modules)
            .collect();
        for source in &mut sources {
            // `#[cfg(test)] mod cases;` makes `cases.rs` and everything below `cases/` test code.
            if test_only.iter().any(|stem| {
                source.path == format!("{stem}.rs") || source.path.starts_with(&format!("{stem}/"))
            }) {
                source.mark_all_as_test();
            }
        }
        sources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_counts_as_present_when_a_file_is_inside() {
        let tree = Tree::of(&[("docs/adr/0001-a.md", ""), ("docs-old.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/adr") && tree.has("docs/adr/0001-a.md"));
        assert!(!tree.has("doc") && !tree.has("docs/ad"));
    }

    #[test]
    fn the_file_of_a_test_module_is_test_code() {
        let tree = Tree::of(&[
            (
                "crates/a/src/lib.rs",
                "//! a\n#[cfg(test)]\nmod cases;\nmod plain;\n",
            ),
            ("crates/a/src/cases.rs", "//! c\nfn a() {}\n"),
            ("crates/a/src/cases/deep.rs", "//! d\nfn a() {}\n"),
            ("crates/a/src/plain.rs", "//! p\nfn a() {}\n"),
        ]);
        let test_lines: Vec<(String, bool)> = tree
            .rust_sources()
            .iter()
            .map(|source| (source.path.to_owned(), source.is_test_line(2)))
            .collect();
        assert_eq!(
            test_lines,
            [
                ("crates/a/src/cases.rs".to_owned(), true),
                ("crates/a/src/cases/deep.rs".to_owned(), true),
                ("crates/a/src/lib.rs".to_owned(), true),
                ("crates/a/src/plain.rs".to_owned(), false),
            ]
        );
    }
}
