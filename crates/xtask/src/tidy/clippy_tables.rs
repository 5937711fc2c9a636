//! The `clippy.toml` files of floors 0-2.

use toml::{Table, Value};

use crate::layers::LAYERS;
use crate::tree::Tree;
use crate::violation::{Report, Rule};

const CLIPPY_TABLE: Rule = Rule {
    name: "clippy-table",
    reason: "a crate's clippy.toml replaces the root's instead of adding to it: floors 0-2, which also ban the clock, must \
             repeat every threshold and every ban that can apply to them",
};

const BANS: &str = "disallowed-methods";
const CLOCK: &[&str] = &["std::time::Instant::now", "std::time::SystemTime::now"];

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    let Some(root) = table(tree, "clippy.toml") else {
        report.add(CLIPPY_TABLE, "clippy.toml", 0, "missing or not TOML");
        return;
    };
    for row in LAYERS.iter().filter(|row| row.floor.is_pure()) {
        let path = format!("crates/{}/clippy.toml", row.name);
        match table(tree, &path) {
            Some(own) => compare(&root, &own, &path, report),
            None => report.add(CLIPPY_TABLE, &path, 0, "missing or not TOML"),
        }
    }
}

fn compare(root: &Table, own: &Table, path: &str, report: &mut Report) {
    for (key, value) in root.iter().filter(|(key, _)| *key != BANS) {
        if own.get(key) != Some(value) {
            report.add(
                CLIPPY_TABLE,
                path,
                0,
                format!("{key} differs from the root's {value}"),
            );
        }
    }
    let own_bans = bans(own);
    // Bans of tokio's functions cannot apply where tokio is not a dependency, and clippy warns about such paths.
    let wanted = bans(root)
        .into_iter()
        .filter(|path| !path.starts_with("tokio::"))
        .chain(CLOCK.iter().copied());
    for ban in wanted.filter(|ban| !own_bans.contains(ban)) {
        report.add(CLIPPY_TABLE, path, 0, format!("{BANS} lacks {ban}"));
    }
}

fn bans(table: &Table) -> Vec<&str> {
    let list = table
        .get(BANS)
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    list.iter()
        .filter_map(|ban| ban.as_str().or_else(|| ban.get("path")?.as_str()))
        .collect()
}

fn table(tree: &Tree, path: &str) -> Option<Table> {
    tree.text(path)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "too-many-lines-threshold = 70\ndisallowed-methods = [\n  { path = \"tokio::spawn\", reason = \"a\" },\n  \
                        { path = \"std::env::var\", reason = \"b\" },\n]\n";
    const FLOOR: &str = "too-many-lines-threshold = 70\ndisallowed-methods = [\n  \"std::env::var\",\n  \
                         { path = \"std::time::Instant::now\", reason = \"a\" },\n  \
                         { path = \"std::time::SystemTime::now\", reason = \"a\" },\n]\n";

    fn violations(wire: &str) -> usize {
        let floors: Vec<String> = LAYERS
            .iter()
            .filter(|layer| layer.floor.is_pure())
            .map(|layer| format!("crates/{}/clippy.toml", layer.name))
            .collect();
        let mut files = vec![("clippy.toml", ROOT)];
        files.extend(floors.iter().map(|path| match path.as_str() {
            "crates/kafka-wire/clippy.toml" => (path.as_str(), wire),
            other => (other, FLOOR),
        }));
        let mut report = Report::default();
        check(&Tree::of(&files), &mut report);
        report.len()
    }

    #[test]
    fn a_full_copy_passes() {
        assert_eq!(violations(FLOOR), 0);
    }

    #[test]
    fn a_forgotten_threshold_or_ban_is_reported() {
        assert_eq!(violations(&FLOOR.replace("70", "90")), 1);
        assert_eq!(
            violations(&FLOOR.replace("std::time::Instant::now", "std::time::Instant::elapsed")),
            1
        );
        assert_eq!(violations(&FLOOR.replace("std::env::var", "std::env::vars")), 1);
        assert_eq!(violations("not toml"), 1);
    }
}
