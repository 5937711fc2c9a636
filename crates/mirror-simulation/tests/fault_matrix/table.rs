//! `docs/faults.md` and the tests say the same: no row without a test or a reason, no test without a row, no dead name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

/// Rows of the matrix.
const ROWS: u32 = 45;
/// The column that names tests, or says what a row waits for.
const TESTS_COLUMN: usize = 4;

/// The top of the repository.
fn repository() -> PathBuf {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    crates.components().collect()
}

/// The tests in a folder's files, at any depth.
fn tests_below(folder: &Path) -> Result<BTreeSet<String>> {
    let mut tests = BTreeSet::new();
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            tests.extend(tests_below(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            tests.extend(tests_of(&fs::read_to_string(&path)?));
        }
    }
    Ok(tests)
}

/// The functions that stand below `#[test]` or `#[tokio::test]`.
fn tests_of(text: &str) -> Vec<String> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        let function = line
            .strip_prefix("async fn ")
            .or_else(|| line.strip_prefix("fn "));
        match function.and_then(|function| function.split_once('(')) {
            Some((name, _)) if is_test => tests.push(name.to_owned()),
            _ => {}
        }
        // Further attributes may stand between.
        is_test = line.starts_with("#[test")
            || line.starts_with("#[tokio::test")
            || (is_test && line.starts_with("#["));
    }
    tests
}

/// The table's cells by row.
fn table() -> Result<BTreeMap<u32, Vec<String>>> {
    let text = fs::read_to_string(repository().join("docs/faults.md"))?;
    let mut rows = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("| ")) {
        let cells: Vec<String> = line
            .split(" | ")
            .map(|cell| cell.trim_matches([' ', '|']).to_owned())
            .collect();
        if let Some(row) = cells.first().and_then(|cell| cell.parse().ok()) {
            ensure!(rows.insert(row, cells).is_none(), "row {row} is there twice");
        }
    }
    Ok(rows)
}

/// The words between backquotes.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn the_table_names_every_row_and_every_test_of_this_matrix() -> Result<()> {
    let table = table()?;
    let rows: Vec<u32> = table.keys().copied().collect();
    ensure!(rows == (1..=ROWS).collect::<Vec<_>>(), "{rows:?}");
    let here = tests_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fault_matrix"))?;
    let ours: BTreeSet<&str> = here
        .iter()
        .map(String::as_str)
        .filter(|name| name.starts_with("row_"))
        .collect();
    let mut named = BTreeSet::new();
    for (row, cells) in &table {
        let tests = cells.get(TESTS_COLUMN - 1).context("a row without its tests")?;
        ensure!(!tests.is_empty(), "row {row} has neither test nor reason");
        for name in quoted(tests).filter(|name| name.starts_with("row_")) {
            ensure!(
                name.starts_with(&format!("row_{row:02}_")),
                "row {row} names {name}"
            );
            ensure!(
                ours.contains(name),
                "row {row} names {name}, which does not exist"
            );
            named.insert(name);
        }
    }
    let unnamed: Vec<_> = ours.difference(&named).collect();
    ensure!(unnamed.is_empty(), "not in docs/faults.md: {unnamed:?}");
    Ok(())
}

#[test]
fn the_tests_elsewhere_that_the_table_names_exist() -> Result<()> {
    let repository = repository();
    let mut known = tests_below(&repository.join("tests/e2e"))?;
    known.extend(tests_below(&repository.join("crates"))?);
    for (row, cells) in table()? {
        let tests = cells.get(TESTS_COLUMN - 1).context("a row without its tests")?;
        // A test's name has words; other code in backquotes has not.
        for name in quoted(tests).filter(|name| name.matches('_').count() >= 3) {
            let name = name.rsplit([' ', ':']).next().unwrap_or(name);
            ensure!(
                known.contains(name),
                "row {row} names {name}, which does not exist"
            );
        }
    }
    Ok(())
}
