//! Tests that wait, tests that are switched off, and work left for later.

use std::path::Path;

use crate::rust_source::RustSource;
use crate::tree::Tree;
use crate::violation::{Report, Rule};

const NO_SLEEP: Rule = Rule {
    name: "no-sleep",
    reason: "a test that sleeps is slow on a fast machine and flaky on a slow one: wait for a state with a deadline",
};

const NO_IGNORE: Rule = Rule {
    name: "no-ignore",
    reason: "a test that does not run is a comment that rots: fix it or delete it",
};

const NO_LATER: Rule = Rule {
    name: "no-later",
    reason: "work left for later belongs into the issue tracker; what is committed is finished",
};

/// A function that may pause between two looks at a state.
struct PollFunction {
    path: &'static str,
    function: &'static str,
    reason: &'static str,
}

/// The only places in test code where a pause is allowed. Each must exist.
const POLL_FUNCTIONS: &[PollFunction] = &[
    PollFunction {
        path: "tests/src/wait.rs",
        function: "wait_for",
        reason: "looks at a state again and again until a deadline: what tests use instead of a pause",
    },
    PollFunction {
        path: "tests/src/wait.rs",
        function: "hold",
        reason: "keeps a fault in place while a workload goes on; nothing is waited for",
    },
];

const SLEEPS: &[&str] = &["sleep", "sleep_until", "sleep_ms", "park_timeout"];

/// Written apart, so that this file does not contain the words it looks for.
const LATER_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
const LATER_MACROS: &[&str] = &["todo", "unimplemented"];

pub(crate) fn check(sources: &[RustSource<'_>], report: &mut Report) {
    check_with(sources, POLL_FUNCTIONS, report);
}

fn check_with(sources: &[RustSource<'_>], poll_functions: &[PollFunction], report: &mut Report) {
    let mut used = vec![false; poll_functions.len()];
    for source in sources {
        for at in 0..source.tokens.len() {
            let line = source.tokens[at].line;
            if is_sleep(source, at) && (source.is_test_line(line) || source.path.starts_with("tests/")) {
                let function = source.function_around(at).unwrap_or_default();
                let allowed = poll_functions
                    .iter()
                    .position(|poll| poll.path == source.path && poll.function == function);
                match allowed {
                    Some(index) => used[index] = true,
                    None => report.add(NO_SLEEP, source.path, line, format!("a pause in {function}")),
                }
            }
            if source.is_ident(at, "ignore")
                && at >= 2
                && source.is_punct(at - 1, "[")
                && source.is_punct(at - 2, "#")
            {
                report.add(NO_IGNORE, source.path, line, "a test that is switched off");
            }
            let name = source.tokens[at].text;
            if LATER_MACROS.contains(&name) && source.is_punct(at + 1, "!") {
                report.add(NO_LATER, source.path, line, format!("{name}!"));
            }
        }
        for comment in &source.comments {
            check_words(source.path, comment.text, comment.line, report);
        }
    }
    for (poll, _) in poll_functions.iter().zip(used).filter(|(_, used)| !used) {
        let what = format!(
            "the exception for {} ({}) is no longer needed",
            poll.function, poll.reason
        );
        report.add(NO_SLEEP, poll.path, 0, what);
    }
}

/// Manifests, scripts and settings: everything that is neither Rust (whose comments [`check`] reads) nor prose.
pub(crate) fn check_other_texts(tree: &Tree, report: &mut Report) {
    for (path, text) in tree.texts() {
        let extension = Path::new(path)
            .extension()
            .and_then(|extension| extension.to_str());
        if !matches!(extension, Some("rs" | "md" | "lock")) && path != "LICENSE" {
            check_words(path, text, 1, report);
        }
    }
}

fn is_sleep(source: &RustSource<'_>, at: usize) -> bool {
    SLEEPS.contains(&source.tokens[at].text)
        && source.is_punct(at + 1, "(")
        && !(at >= 1 && source.is_ident(at - 1, "fn"))
}

fn check_words(path: &str, text: &str, first_line: usize, report: &mut Report) {
    for (line, content) in (first_line..).zip(text.lines()) {
        let mut words = content.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| LATER_WORDS.contains(word)) {
            report.add(NO_LATER, path, line, word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: PollFunction = PollFunction {
        path: "tests/src/wait.rs",
        function: "wait_until",
        reason: "polls a state",
    };

    fn found(path: &str, text: &str, poll_functions: &[PollFunction]) -> Vec<String> {
        let mut report = Report::default();
        check_with(&[RustSource::new(path, text)], poll_functions, &mut report);
        report.places()
    }

    #[test]
    fn a_pause_in_a_test_is_reported_and_one_in_the_product_is_not() {
        let text = "async fn f() { tokio::time::sleep(d).await; }\n#[cfg(test)]\nmod tests {\n  fn g() { thread::sleep(d); }\n}\n";
        assert_eq!(found("crates/a/src/a.rs", text, &[]), ["crates/a/src/a.rs:4"]);
        assert_eq!(found("crates/a/tests/a.rs", text, &[]).len(), 2);
        assert_eq!(
            found("tests/src/kit.rs", text, &[]).len(),
            2,
            "the kit is test code too"
        );
    }

    #[test]
    fn the_named_poll_function_may_pause_and_no_other() {
        let text = "fn wait_until() { sleep(STEP); }\nfn other() { sleep(STEP); }\n";
        assert_eq!(found("tests/src/wait.rs", text, &[POLL]), ["tests/src/wait.rs:2"]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_reported() {
        assert_eq!(
            found("tests/src/wait.rs", "fn wait_until() {}\n", &[POLL]),
            ["tests/src/wait.rs:0"]
        );
    }

    #[test]
    fn a_switched_off_test_is_reported() {
        assert_eq!(
            found("a.rs", "#[test]\n#[ignore = \"slow\"]\nfn f() {}\n", &[]),
            ["a.rs:2"]
        );
        assert!(found("a.rs", "let ignore = [1]; // #[ignore]\n", &[]).is_empty());
    }

    #[test]
    fn unfinished_work_is_reported() {
        assert_eq!(
            found(
                "a.rs",
                "fn f() { todo!() }\nfn g() { unimplemented!(\"x\") }\n",
                &[]
            ),
            ["a.rs:1", "a.rs:2"]
        );
        let comment = format!(
            "/// fine\n// {}: later\nlet a = \"{}\";\n",
            LATER_WORDS[0], LATER_WORDS[1]
        );
        assert_eq!(found("a.rs", &comment, &[]), ["a.rs:2"]);
        let mut report = Report::default();
        let text = format!("a = 1\n# {} b\n", LATER_WORDS[1]);
        check_other_texts(
            &Tree::of(&[("Cargo.toml", &text), ("docs/STYLE.md", &text)]),
            &mut report,
        );
        assert_eq!(report.places(), ["Cargo.toml:2"]);
    }
}
