//! The floor table of `docs/ARCHITECTURE.md` names every crate, on the floor it stands on.

use std::collections::BTreeMap;

use crate::layers::{Floor, LAYERS, Layer};
use crate::tree::Tree;
use crate::violation::{Report, Rule};

const FLOOR_TABLE: Rule = Rule {
    name: "floor-table",
    reason: "whoever carries on reads the map first: a crate that is missing there is found by accident",
};

const MAP: &str = "docs/ARCHITECTURE.md";

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    check_layers(LAYERS, tree, report);
}

fn check_layers(layers: &[Layer], tree: &Tree, report: &mut Report) {
    let text = tree.text(MAP).unwrap_or_default();
    let rows: BTreeMap<&str, &str> = text.lines().filter_map(row).collect();
    for layer in layers {
        let Floor::Number(floor) = layer.floor else {
            continue;
        };
        let shown = rows.get(layer.name).copied();
        if shown != Some(floor.to_string().as_str()) {
            let shown = shown.map_or("nowhere".to_owned(), |shown| format!("on floor {shown}"));
            report.add(
                FLOOR_TABLE,
                MAP,
                0,
                format!("{} stands on floor {floor} and is shown {shown}", layer.name),
            );
        }
    }
}

/// Crate and floor of a row: `| 2 | `mirror-core` | .. |`. A path is shortened to its last part.
fn row(line: &str) -> Option<(&str, &str)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let (floor, name) = (cells.next()?, cells.next()?);
    let name = name.strip_prefix('`')?.strip_suffix('`')?;
    Some((name.rsplit('/').next()?, floor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Foreign, Ours};

    fn layer(name: &'static str, floor: u8) -> Layer {
        Layer {
            name,
            floor: Floor::Number(floor),
            ours: Ours::Any,
            foreign: Foreign::Except(&[]),
        }
    }

    #[test]
    fn a_crate_that_the_map_lacks_or_shows_elsewhere_is_reported() {
        let map = "| floor | crate |\n| 1 | `a` | x | 0 |\n| 7 | `bin/b` | x |\n";
        let tree = Tree::of(&[(MAP, map)]);
        let found = |layers: &[Layer]| {
            let mut report = Report::default();
            check_layers(layers, &tree, &mut report);
            report.len()
        };
        assert_eq!(found(&[layer("a", 1), layer("b", 7)]), 0);
        assert_eq!(found(&[layer("a", 2)]), 1, "another floor");
        assert_eq!(found(&[layer("c", 1)]), 1, "no row");
    }
}
