//! One word per thing: the names that the vocabulary of `docs/STYLE.md` rules out.

use crate::rust_source::RustSource;
use crate::tokens::{Token, TokenKind};
use crate::violation::{Report, Rule};

const EMPTY_NAME: Rule = Rule {
    name: "empty-name",
    reason: "manager, helper, util, common and misc say nothing about what is inside and attract everything; name the thing",
};

const TARGET: Rule = Rule {
    name: "target",
    reason: "the cluster we write to is the target, in every name: a second word makes readers look for a second thing",
};

const RECORD: Rule = Rule {
    name: "record",
    reason: "what Kafka stores is a record; a type called message leaves open whether a request, a batch or a record is meant",
};

const GETTER: Rule = Rule {
    name: "getter",
    reason: "a value is named by its noun: `position()`, not get_ and the noun; plain data has public fields",
};

const EMPTY_WORDS: &[&str] = &[
    "manager",
    "managers",
    "helper",
    "helpers",
    "util",
    "utils",
    "utility",
    "utilities",
    "common",
    "misc",
];
const TARGET_WORDS: &[&str] = &["dest", "dests", "destination", "destinations", "sink", "sinks"];
const RECORD_WORDS: &[&str] = &["message", "messages"];

/// Type names that may contain "message", each with its reason.
const MESSAGE_TYPES: &[(&str, &str)] = &[];

/// Where a name is declared, as far as single tokens tell.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// After `mod`, `struct`, `enum`, `trait`, `type` or `union`.
    TypeOrModule,
    Function,
    Other,
}

pub(crate) fn check(sources: &[RustSource<'_>], report: &mut Report) {
    for source in sources {
        check_path(source.path, report);
        let imported = imported_names(source);
        for at in 0..source.tokens.len() {
            let token = source.tokens[at];
            if token.kind == TokenKind::Ident && !is_foreign(source, at, &imported) {
                check_name(source.path, token, place_of(source, at), report);
            }
        }
    }
}

fn check_path(path: &str, report: &mut Report) {
    for part in path.trim_end_matches(".rs").split('/') {
        if words(part)
            .iter()
            .any(|word| EMPTY_WORDS.contains(&word.as_str()))
        {
            report.add(EMPTY_NAME, path, 0, format!("a file or folder called {part}"));
        }
    }
}

fn check_name(path: &str, token: Token<'_>, place: Place, report: &mut Report) {
    let words = words(token.text);
    let contains = |banned: &[&str]| words.iter().any(|word| banned.contains(&word.as_str()));
    let mut add = |rule| report.add(rule, path, token.line, token.text);
    if contains(TARGET_WORDS) {
        add(TARGET);
    }
    if place == Place::TypeOrModule {
        if contains(EMPTY_WORDS) {
            add(EMPTY_NAME);
        }
        let is_type = token.text.starts_with(char::is_uppercase);
        if is_type && contains(RECORD_WORDS) && !MESSAGE_TYPES.iter().any(|(name, _)| *name == token.text) {
            add(RECORD);
        }
    }
    if place == Place::Function && token.text.starts_with("get_") {
        add(GETTER);
    }
}

fn place_of(source: &RustSource<'_>, at: usize) -> Place {
    let Some(before) = at.checked_sub(1).map(|before| source.tokens[before].text) else {
        return Place::Other;
    };
    match before {
        "mod" | "struct" | "enum" | "trait" | "type" | "union" => Place::TypeOrModule,
        "fn" => Place::Function,
        _ => Place::Other,
    }
}

/// Names that others chose: what stands behind `.` or `::`, inside `use`, or was imported by name. A name of ours is
/// still found, because its declaration stands behind none of these.
fn is_foreign(source: &RustSource<'_>, at: usize, imported: &[&str]) -> bool {
    let behind_dot = at >= 1 && source.is_punct(at - 1, ".") && !(at >= 2 && source.is_punct(at - 2, "."));
    let behind_path = at >= 2 && source.is_path_separator(at - 2);
    let before_path = source.is_path_separator(at + 1);
    behind_dot || behind_path || before_path || imported.contains(&source.tokens[at].text)
}

/// Every name inside the file's `use` declarations.
fn imported_names<'a>(source: &RustSource<'a>) -> Vec<&'a str> {
    let mut names = Vec::new();
    let mut inside_use = false;
    for token in &source.tokens {
        match (token.kind, token.text) {
            (TokenKind::Ident, "use") => inside_use = true,
            (TokenKind::Punct, ";") => inside_use = false,
            (TokenKind::Ident, name) if inside_use => names.push(name),
            _ => {}
        }
    }
    names
}

/// `TopicPlan`, `topic_plan`, `TOPIC_PLAN`, `topic-plan` -> topic, plan.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous_lower = false;
    for character in name.chars() {
        if !character.is_alphanumeric() || (previous_lower && character.is_uppercase()) {
            words.push(String::new());
        }
        if character.is_alphanumeric() {
            let last = words
                .last_mut()
                .expect("never empty: starts with one word and only grows");
            last.extend(character.to_lowercase());
        }
        previous_lower = character.is_lowercase() || character.is_numeric();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut report = Report::default();
        check(&[RustSource::new("crates/a/src/a.rs", text)], &mut report);
        report.places()
    }

    #[test]
    fn empty_names_are_reported_for_types_modules_and_files() {
        for bad in [
            "mod util;",
            "struct TopicManager;",
            "enum Helpers {}",
            "trait CommonThing {}",
            "type Misc = u8;",
        ] {
            assert_eq!(found(bad), ["crates/a/src/a.rs:1"], "{bad}");
        }
        let mut report = Report::default();
        check(
            &[RustSource::new("crates/a/src/helpers/b.rs", "//! b\n")],
            &mut report,
        );
        assert_eq!(report.places(), ["crates/a/src/helpers/b.rs:0"]);
        assert!(found("fn common_prefix() {} struct Utilisation; mod commons_park;").is_empty());
    }

    #[test]
    fn other_words_for_the_target_are_reported_where_we_choose_the_name() {
        for bad in [
            "fn f(dest: u8) {}",
            "let sink_offset = 1;",
            "struct DestinationTopic;",
            "struct A { destination: u8 }",
            "const DEST: u8 = 1;",
        ] {
            assert_eq!(found(bad).len(), 1, "{bad}");
        }
        for fine in [
            "use futures::Sink; fn f(s: impl Sink) {}",
            "let a = route.destination; route.dest(1);",
            "let a = std::io::sink();",
            "// the destination\nlet a = \"dest\";",
            "let sinking = 1; let destroy = 2;",
        ] {
            assert!(found(fine).is_empty(), "{fine}");
        }
    }

    #[test]
    fn a_range_does_not_hide_a_name() {
        assert_eq!(found("for i in 0..dest {}").len(), 1);
    }

    #[test]
    fn types_called_message_are_reported() {
        assert_eq!(found("struct ProducedMessage;").len(), 1);
        assert_eq!(found("enum Message {}").len(), 1);
        assert!(
            found("let error_message = 1; const MESSAGE_TOO_LARGE: i16 = 10; fn max_message_bytes() {}")
                .is_empty()
        );
    }

    #[test]
    fn getters_are_reported() {
        assert_eq!(found("fn get_position() {}").len(), 1);
        assert!(found("fn position() { map.get_mut(&1); let get_it = 1; }").is_empty());
    }

    #[test]
    fn names_fall_into_words() {
        assert_eq!(words("TopicPlan2Go"), ["topic", "plan2", "go"]);
        assert_eq!(words("MAX_BYTES"), ["max", "bytes"]);
        assert_eq!(words("kafka-wire"), ["kafka", "wire"]);
    }
}
