//! What every Rust file looks like from outside: it says what it is for, and it is short enough to be read.

use crate::rust_source::RustSource;
use crate::violation::{Report, Rule};

const OPENING: Rule = Rule {
    name: "opening",
    reason: "every file opens with `//!` and what it is for, so that nobody has to infer it from the code",
};

const LENGTH: Rule = Rule {
    name: "length",
    reason: "one file is one idea: above 600 non-test lines a second idea has moved in; split where the second noun appears",
};

const LINES_MAX: usize = 600;

/// Files that may be longer, each with its reason. Empty, and meant to stay so.
const LONGER: &[(&str, &str)] = &[];

pub(crate) fn check(sources: &[RustSource<'_>], report: &mut Report) {
    for source in sources {
        let first = source.text.lines().next().unwrap_or_default();
        let says_something = first
            .strip_prefix("//!")
            .is_some_and(|purpose| !purpose.trim().is_empty());
        if !says_something {
            report.add(OPENING, source.path, 1, "the first line is not `//! purpose`");
        }
        let lines = source.non_test_lines();
        if lines > LINES_MAX && !LONGER.iter().any(|(path, _)| *path == source.path) {
            report.add(
                LENGTH,
                source.path,
                LINES_MAX + 1,
                format!("{lines} non-test lines"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(path: &str, text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&[RustSource::new(path, text)], &mut report);
        report.places()
    }

    #[test]
    fn a_file_without_purpose_is_reported() {
        assert!(places("a.rs", "//! Says it.\n").is_empty());
        for bad in [
            "",
            "use a::b;\n//! Late.\n",
            "//!\n",
            "// Not a doc comment.\n",
            "\n//! Second line.\n",
        ] {
            assert_eq!(places("a.rs", bad), ["a.rs:1"], "{bad:?}");
        }
    }

    #[test]
    fn a_long_file_is_reported_but_its_tests_do_not_count() {
        let code = "fn a() {}\n".repeat(599);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "fn b() {}\n".repeat(500));
        assert!(places("a.rs", &format!("//! A.\n{code}{tests}")).is_empty());
        assert_eq!(places("a.rs", &format!("//! A.\n\n{code}{tests}")), ["a.rs:601"]);
        assert!(places("a/tests.rs", &format!("//! A.\n{}", "fn b() {}\n".repeat(900))).is_empty());
    }
}
