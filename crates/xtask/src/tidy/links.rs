//! Links between the documents, and the numbering of the ADRs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::tree::Tree;
use crate::violation::{Report, Rule};

const LINK: Rule = Rule {
    name: "dead-link",
    reason: "a map with a road that does not exist is worse than no map: every local link of README.md and docs resolves, \
             the heading after its # included",
};

const ADR_NUMBER: Rule = Rule {
    name: "adr-number",
    reason: "decisions are cited by number, so docs/adr holds NNNN-title.md from 0001 on, each number once",
};

pub(crate) fn check(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts().filter(|(path, _)| is_document(path)) {
        for (line, target) in links(text) {
            if let Some(problem) = problem_of(tree, path, &target) {
                report.add(LINK, path, line, problem);
            }
        }
    }
    check_adr_numbers(tree, report);
}

fn is_document(path: &str) -> bool {
    is_markdown(path) && (path == "README.md" || path.starts_with("docs/"))
}

fn is_markdown(path: &str) -> bool {
    Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "md")
}

fn problem_of(tree: &Tree, from: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, heading) = target
        .split_once('#')
        .map_or((target, None), |(file, heading)| (file, Some(heading)));
    let path = if file.is_empty() {
        Some(from.to_owned())
    } else {
        resolve(from, file)
    };
    let Some(path) = path.filter(|path| tree.has(path)) else {
        return Some(format!("{target} does not exist"));
    };
    let heading = heading?;
    let known = is_markdown(&path) && headings(tree.text(&path)?).any(|known| known == heading);
    (!known).then(|| format!("{path} has no heading #{heading}"))
}

/// `../a/b.md` seen from the file `from`; `None` when it leaves the repository.
fn resolve(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.trim_end_matches('/').split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// The lines outside of fenced code, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// Targets of `[text](target)` and `[name]: target`, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code_spans(line);
        if let Some((_, target)) = line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")) {
            found.push((number, target.trim().to_owned()));
        }
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
    }
    found
}

/// The line with every `code span` removed: what stands inside is no link.
fn without_code_spans(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// Headings as their anchors: lower case, punctuation gone, spaces as hyphens, `-1`, `-2` for repeats.
fn headings(text: &str) -> impl Iterator<Item = String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    prose(text)
        .filter(|(_, line)| line.starts_with('#'))
        .map(move |(_, line)| {
            let anchor: String = line
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect();
            let repeats = seen.entry(anchor.clone()).or_default();
            *repeats += 1;
            if *repeats == 1 {
                anchor
            } else {
                format!("{anchor}-{}", *repeats - 1)
            }
        })
}

fn check_adr_numbers(tree: &Tree, report: &mut Report) {
    let names = tree.paths().filter_map(|path| path.strip_prefix("docs/adr/"));
    for (expected, name) in (1_usize..).zip(names) {
        let number = name
            .split_once('-')
            .and_then(|(number, _)| number.parse::<usize>().ok());
        if number != Some(expected) || name.find('-') != Some(4) || !is_markdown(name) {
            report.add(
                ADR_NUMBER,
                &format!("docs/adr/{name}"),
                0,
                format!("expected {expected:04}-title.md"),
            );
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(files: &[(&str, &str)]) -> Vec<String> {
        let mut report = Report::default();
        check(&Tree::of(files), &mut report);
        report.places()
    }

    #[test]
    fn a_link_to_nowhere_is_reported() {
        let text = "# A\n[ok](adr/0001-a.md) [up](../README.md) [web](https://example.org)\n[bad](GONE.md)\n\n[ref]: missing.md\n";
        let files = [
            ("docs/A.md", text),
            ("docs/adr/0001-a.md", "# a"),
            ("README.md", "[d](docs/A.md) [f](docs/adr/)"),
        ];
        assert_eq!(places(&files), ["docs/A.md:3", "docs/A.md:5"]);
    }

    #[test]
    fn a_missing_heading_is_reported() {
        let text = "# The life, of a Batch\n[a](#the-life-of-a-batch) [b](B.md#two-1)\n[c](#gone)\n[d](B.md#three)\n";
        assert_eq!(
            places(&[("docs/A.md", text), ("docs/B.md", "# two\n## two\n")]),
            ["docs/A.md:3", "docs/A.md:4"]
        );
    }

    #[test]
    fn code_is_not_read_as_links() {
        assert!(places(&[("docs/A.md", "`a[0](x)`\n```\n[b](gone.md)\n```\n")]).is_empty());
    }

    #[test]
    fn a_link_out_of_the_repository_is_reported() {
        assert_eq!(places(&[("README.md", "[a](../x.md)")]), ["README.md:1"]);
    }

    #[test]
    fn adr_numbers_have_no_gaps_and_no_twins() {
        assert_eq!(
            places(&[("docs/adr/0001-a.md", ""), ("docs/adr/0003-b.md", "")]),
            ["docs/adr/0003-b.md:0"]
        );
        assert_eq!(
            places(&[("docs/adr/0001-a.md", ""), ("docs/adr/0001-b.md", "")]),
            ["docs/adr/0001-b.md:0"]
        );
        assert!(places(&[("docs/adr/0001-a.md", ""), ("docs/adr/0002-b.md", "")]).is_empty());
    }
}
