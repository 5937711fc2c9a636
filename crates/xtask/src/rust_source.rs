//! A Rust file as tokens and comments, with the lines that are test code marked.
//!
//! The rules look at names and calls, so they must not be misled by a word inside a string or a comment. A tokeniser of
//! our own is enough for that: no macro expansion, no types, no dependency.

use crate::tokens::{Comment, Token, TokenKind, tokenise};

/// One Rust file, cut into tokens.
#[derive(Debug)]
pub(crate) struct RustSource<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
    pub(crate) tokens: Vec<Token<'a>>,
    pub(crate) comments: Vec<Comment<'a>>,
    /// Lines of `#[cfg(test)]` items, first and last inclusive, counted from 1.
    test_regions: Vec<(usize, usize)>,
    is_test_file: bool,
}

// === impl RustSource ===

impl<'a> RustSource<'a> {
    pub(crate) fn new(path: &'a str, text: &'a str) -> Self {
        let (tokens, comments) = tokenise(text);
        let test_regions = test_regions(&tokens);
        Self {
            path,
            text,
            tokens,
            comments,
            test_regions,
            is_test_file: is_test_path(path),
        }
    }

    pub(crate) fn mark_all_as_test(&mut self) {
        self.is_test_file = true;
    }

    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test_file
            || self
                .test_regions
                .iter()
                .any(|&(first, last)| (first..=last).contains(&line))
    }

    /// How many of the file's lines are not test code; blank lines and comments count.
    pub(crate) fn non_test_lines(&self) -> usize {
        (1..=self.text.lines().count())
            .filter(|&line| !self.is_test_line(line))
            .count()
    }

    pub(crate) fn is_ident(&self, index: usize, text: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == TokenKind::Ident && token.text == text)
    }

    pub(crate) fn is_punct(&self, index: usize, text: &str) -> bool {
        self.tokens
            .get(index)
            .is_some_and(|token| token.kind == TokenKind::Punct && token.text == text)
    }

    /// Does `::` stand at `index`?
    pub(crate) fn is_path_separator(&self, index: usize) -> bool {
        self.is_punct(index, ":") && self.is_punct(index + 1, ":")
    }

    /// The name of the nearest `fn` at or before token `index`, if any.
    pub(crate) fn function_around(&self, index: usize) -> Option<&'a str> {
        (0..index)
            .rev()
            .find(|&at| self.is_ident(at, "fn"))
            .and_then(|at| Some(self.tokens.get(at + 1)?.text))
    }

    /// Stems (path without `.rs`) of the files that `#[cfg(test)] mod name;` declares.
    pub(crate) fn files_of_test_modules(&self) -> Vec<String> {
        let Some(stem) = self.path.strip_suffix(".rs") else {
            return Vec::new();
        };
        let folder = match stem.rsplit_once('/') {
            Some((folder, "lib" | "main" | "mod")) => folder,
            _ => stem,
        };
        (0..self.tokens.len())
            .filter(|&at| {
                self.is_ident(at, "mod")
                    && self.is_punct(at + 2, ";")
                    && self.is_test_line(self.tokens[at].line)
            })
            .map(|at| format!("{folder}/{}", self.tokens[at + 1].text))
            .collect()
    }
}

/// Files that hold only tests: `tests.rs`, any `tests` folder of a crate, and the workspace's `tests` package except its
/// `src`, which is the test kit and held to the rules of ordinary code.
fn is_test_path(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    let file = folders.pop().unwrap_or_default();
    file == "tests.rs"
        || match folders.split_first() {
            Some((&"tests", inside)) => inside.first() != Some(&"src"),
            _ => folders.contains(&"tests"),
        }
}

fn test_regions(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let mut regions = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match attribute_end(tokens, at) {
            Some(end) if is_test_attribute(&tokens[at..end]) => {
                let last = item_end(tokens, end);
                let last_line = tokens.get(last).or(tokens.last()).map_or(0, |token| token.line);
                regions.push((tokens[at].line, last_line));
                at = last + 1;
            }
            Some(end) => at = end,
            None => at += 1,
        }
    }
    regions
}

/// The index after the `]` of an outer attribute that starts at `at`.
fn attribute_end(tokens: &[Token<'_>], at: usize) -> Option<usize> {
    if tokens.get(at)?.text != "#" || tokens.get(at + 1)?.text != "[" {
        return None;
    }
    closing(tokens, at + 1).map(|end| end + 1)
}

/// `#[cfg(test)]`, `#[cfg(any(test, ..))]`, `#[test]`, `#[tokio::test]`; not `#[cfg(not(test))]`.
fn is_test_attribute(attribute: &[Token<'_>]) -> bool {
    let names: Vec<&str> = attribute
        .iter()
        .filter(|token| token.kind == TokenKind::Ident)
        .map(|token| token.text)
        .collect();
    match names.split_first() {
        Some((&"cfg", inside)) => inside.contains(&"test") && !inside.contains(&"not"),
        Some((&"test", [])) => true,
        Some((&"tokio", inside)) => inside.first() == Some(&"test"),
        _ => false,
    }
}

/// The index of the token that ends the item which starts at `at`: its `;`, or the `}` of its body.
fn item_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" if token.kind == TokenKind::Punct => return at,
            "{" => return closing(tokens, at).unwrap_or(tokens.len()),
            "(" | "[" => at = closing(tokens, at).unwrap_or(tokens.len()),
            _ => {}
        }
        at += 1;
    }
    tokens.len()
}

/// The index of the bracket that closes the one at `open`.
fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != TokenKind::Punct {
            continue;
        }
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> RustSource<'_> {
        RustSource::new("crates/a/src/a.rs", text)
    }

    #[test]
    fn a_test_module_ends_with_its_brace() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { let x = [1; 2]; }\n}\nfn c() {}\n";
        let source = source(text);
        let marks: Vec<bool> = (1..=6).map(|line| source.is_test_line(line)).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
        assert_eq!(source.non_test_lines(), 2);
    }

    #[test]
    fn braces_in_strings_and_comments_do_not_end_a_test_module() {
        let text = "#[cfg(test)]\nmod tests {\n    // }\n    const A: &str = \"}\";\n    const B: char = '}';\n}\nfn c() {}\n";
        assert_eq!(source(text).non_test_lines(), 1);
    }

    #[test]
    fn an_item_without_a_body_ends_with_its_semicolon() {
        let source = source("#[cfg(test)]\nuse a::b;\nfn c() {}\n#[cfg(not(test))]\nfn d() {}\n");
        assert_eq!(source.non_test_lines(), 3);
    }

    #[test]
    fn paths_of_tests() {
        assert!(is_test_path("crates/a/src/a/tests.rs"));
        assert!(is_test_path("crates/a/tests/peer.rs"));
        assert!(is_test_path("tests/e2e/codecs.rs"));
        assert!(!is_test_path("tests/src/cluster.rs"));
        assert!(!is_test_path("crates/a/src/attests.rs"));
    }

    #[test]
    fn the_function_around_a_token() {
        let source = source("fn a() {}\nfn poll() { sleep(); }\n");
        let at = source
            .tokens
            .iter()
            .position(|token| token.text == "sleep")
            .expect("the call is there");
        assert_eq!(source.function_around(at), Some("poll"));
    }
}
