//! What floors 0-2 must not contain, and what no crate may contain.

use crate::layers::is_pure_path;
use crate::rust_source::RustSource;
use crate::violation::{Report, Rule};

const PURE: Rule = Rule {
    name: "pure-floor",
    reason: "floors 0-2 decide and do nothing else: time is an argument, a seed comes from the caller, events are returned \
             for others to log; that is why every decision can be tested without waiting and replayed from a seed",
};

const IDS_ONLY: Rule = Rule {
    name: "ids-only",
    reason: "mirror-core knows what is mirrored, not how it travels: of kafka-wire it uses names and numbers only",
};

const UNSAFE: Rule = Rule {
    name: "unsafe",
    reason: "memory safety is why this is written in Rust; an exception needs an audited module, a SAFETY comment and a bench",
};

/// Files that may contain `unsafe`, each with its reason.
const UNSAFE_FILES: &[(&str, &str)] = &[
    (
        "crates/kafka-wire/tests/wire/allocation.rs",
        "an allocator that counts is how a test proves that bytes from a socket never make us allocate",
    ),
    (
        "tests/fuzz/replay/counting_allocator.rs",
        "the same for every fuzz target, in the replay and in the fuzzer",
    ),
];

/// Crates whose paths must not appear, even behind a re-export. (Which crates may be dependencies at all: `layers.rs`.)
const BANNED_CRATES: &[&str] = &["tokio", "tracing", "rand"];

/// Modules of kafka-wire that are about bytes, requests and versions.
const WIRE_MODULES: &[&str] = &[
    "api",
    "api_key",
    "frame",
    "header",
    "primitive",
    "request",
    "tagged",
    "version",
];

pub(crate) fn check(sources: &[RustSource<'_>], report: &mut Report) {
    for source in sources {
        let is_pure = is_pure_path(source.path);
        for at in 0..source.tokens.len() {
            let token = source.tokens[at];
            if source.is_ident(at, "unsafe") && !UNSAFE_FILES.iter().any(|(path, _)| *path == source.path) {
                report.add(UNSAFE, source.path, token.line, "unsafe code");
            }
            if is_pure && let Some(what) = impurity(source, at) {
                report.add(PURE, source.path, token.line, what);
            }
            if source.path.starts_with("crates/mirror-core/")
                && let Some(module) = wire_module(source, at)
            {
                report.add(IDS_ONLY, source.path, token.line, format!("kafka_wire::{module}"));
            }
        }
    }
}

fn impurity(source: &RustSource<'_>, at: usize) -> Option<String> {
    let token = source.tokens[at];
    let calls_now = source.is_path_separator(at + 1) && source.is_ident(at + 3, "now");
    let is_clock = matches!(token.text, "Instant" | "SystemTime") && calls_now;
    // A test has no other way to make an `Instant`; what it hands in is still an argument.
    if is_clock && !(token.text == "Instant" && source.is_test_line(token.line)) {
        return Some(format!("{}::now", token.text));
    }
    let starts_path = source.is_path_separator(at + 1) && !(at >= 2 && source.is_path_separator(at - 2));
    let is_used = at >= 1 && (source.is_ident(at - 1, "use") || source.is_ident(at - 1, "crate"));
    (BANNED_CRATES.contains(&token.text) && (starts_path || is_used)).then(|| token.text.to_owned())
}

/// The forbidden module in `kafka_wire::module`, also inside `kafka_wire::{a, b::c}`.
fn wire_module<'a>(source: &RustSource<'a>, at: usize) -> Option<&'a str> {
    if !source.is_ident(at, "kafka_wire") || !source.is_path_separator(at + 1) {
        return None;
    }
    let path_end =
        |token: &&crate::tokens::Token<'_>| !matches!(token.text, ";" | "(" | ")" | "<" | ">" | "=");
    if source.is_punct(at + 3, "{") {
        let group = source.tokens[at + 4..].iter().take_while(path_end);
        return group
            .map(|token| token.text)
            .find(|name| WIRE_MODULES.contains(name));
    }
    let first = source.tokens.get(at + 3)?.text;
    WIRE_MODULES.contains(&first).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        let mut report = Report::default();
        check(&[RustSource::new(path, text)], &mut report);
        report.len()
    }

    #[test]
    fn clocks_randomness_runtimes_and_logs_are_reported_in_floors_0_to_2_only() {
        for bad in [
            "let now = Instant::now();",
            "let now = std::time::SystemTime::now();",
            "use tokio::time;",
            "tracing::info!(\"a\");",
            "let x: u8 = rand::random();",
        ] {
            assert_eq!(found("crates/mirror-router/src/a.rs", bad), 1, "{bad}");
            assert_eq!(found("crates/mirror-runtime/src/a.rs", bad), 0, "{bad}");
        }
        for fine in [
            "fn handle(&mut self, now: Instant) {}",
            "let tracing = 1; self.rand(tracing);",
            "// tokio::time and Instant::now are for others\nlet a = \"tokio::x\";",
            "use crate::tracing_free::Entry; let rand = 1;",
        ] {
            assert_eq!(found("crates/mirror-router/src/a.rs", fine), 0, "{fine}");
        }
    }

    #[test]
    fn a_test_may_make_an_instant() {
        let text = "#[cfg(test)]\nmod tests {\n fn f() { let t = Instant::now(); }\n}\n";
        assert_eq!(found("crates/kafka-client-core/src/a.rs", text), 0);
        assert_eq!(
            found(
                "crates/kafka-client-core/src/a.rs",
                &text.replace("Instant", "SystemTime")
            ),
            1
        );
    }

    #[test]
    fn mirror_core_uses_names_and_numbers_only() {
        let path = "crates/mirror-core/src/a.rs";
        assert_eq!(found(path, "use kafka_wire::api::fetch::FetchResponse;"), 1);
        assert_eq!(
            found(path, "use kafka_wire::{ids::TopicId, frame::encode_frame};"),
            1
        );
        assert_eq!(
            found(
                path,
                "use kafka_wire::{TopicId, error_code::ErrorCode}; use crate::version::A;"
            ),
            0
        );
    }

    #[test]
    fn unsafe_code_is_reported_everywhere() {
        assert_eq!(found("tests/src/a.rs", "fn f() { unsafe { g() } }"), 1);
        assert_eq!(found("tests/src/a.rs", "#![forbid(unsafe_code)] // unsafe"), 0);
    }
}
