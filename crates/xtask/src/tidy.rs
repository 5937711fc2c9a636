//! `cargo xtask tidy`: the house rules, checked by program.
//!
//! Each rule is a function from the repository's files (or from `cargo metadata`) to violations, says why it exists, and
//! has a test that shows it failing. Exceptions stand in allow-lists beside the rule, each with its reason.

mod clippy_tables;
mod crate_roots;
mod edges;
mod file_shape;
mod floor_table;
mod foreign_decoder;
mod links;
mod places;
mod pure_floors;
mod test_habits;
mod top_level;
mod vocabulary;

use std::path::Path;

use anyhow::bail;

use crate::metadata;
use crate::tree::Tree;
use crate::violation::Report;

/// Runs every rule; an error names how many places break one.
pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let packages = metadata::read(root)?;
    let tree = Tree::read(root)?;
    let sources = tree.rust_sources();
    let mut report = Report::default();

    edges::check(&packages, &mut report);
    edges::check_unique_test_targets(&packages, &mut report);
    crate_roots::check(&packages, &tree, &mut report);
    top_level::check(&tree, &mut report);
    clippy_tables::check(&tree, &mut report);
    floor_table::check(&tree, &mut report);
    links::check(&tree, &mut report);
    places::check(&tree, &mut report);
    file_shape::check(&sources, &mut report);
    vocabulary::check(&sources, &mut report);
    test_habits::check(&sources, &mut report);
    test_habits::check_other_texts(&tree, &mut report);
    pure_floors::check(&sources, &mut report);
    foreign_decoder::check(&sources, &mut report);

    if report.is_empty() {
        println!(
            "tidy: {} Rust files, {} crates, no rule broken",
            sources.len(),
            packages.len()
        );
        return Ok(());
    }
    println!("{report}");
    bail!(
        "tidy: {} places break a house rule (listed above with the reasons)",
        report.len()
    )
}
