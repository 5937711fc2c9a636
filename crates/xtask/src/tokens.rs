//! Cuts Rust text into tokens and comments, with line numbers.

/// What a token is, as far as the house rules care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Ident,
    Lifetime,
    /// String, byte string, character or number; `text` is the literal as written.
    Literal,
    /// One character of punctuation: `::` is two tokens.
    Punct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
    /// Counted from 1: the line on which the token starts.
    pub(crate) line: usize,
}

/// A comment with its markers; a block comment is one comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Comment<'a> {
    pub(crate) text: &'a str,
    pub(crate) line: usize,
}

/// The whole text as tokens and comments, both in order.
pub(crate) fn tokenise(text: &str) -> (Vec<Token<'_>>, Vec<Comment<'_>>) {
    let mut cutter = Cutter { rest: text, line: 1 };
    let mut tokens = Vec::new();
    let mut comments = Vec::new();
    while let Some(first) = cutter.rest.chars().next() {
        let line = cutter.line;
        if first.is_whitespace() {
            cutter.take(first.len_utf8());
        } else if cutter.rest.starts_with("//") {
            let length = cutter.rest.find('\n').unwrap_or(cutter.rest.len());
            comments.push(Comment {
                text: cutter.take(length),
                line,
            });
        } else if cutter.rest.starts_with("/*") {
            let length = block_comment_length(cutter.rest);
            comments.push(Comment {
                text: cutter.take(length),
                line,
            });
        } else {
            let (kind, length) = token_length(cutter.rest, first);
            tokens.push(Token {
                kind,
                text: cutter.take(length),
                line,
            });
        }
    }
    (tokens, comments)
}

struct Cutter<'a> {
    rest: &'a str,
    line: usize,
}

// === impl Cutter ===

impl<'a> Cutter<'a> {
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }
}

fn token_length(rest: &str, first: char) -> (TokenKind, usize) {
    if let Some(length) = string_length(rest) {
        return (TokenKind::Literal, length);
    }
    if first == '\'' {
        return character_or_lifetime(rest);
    }
    if first.is_ascii_digit() {
        return (TokenKind::Literal, number_length(rest));
    }
    if is_name_character(first) {
        let prefix = if rest.starts_with("r#") { 2 } else { 0 };
        return (TokenKind::Ident, prefix + name_length(&rest[prefix..]));
    }
    (TokenKind::Punct, first.len_utf8())
}

fn is_name_character(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

fn name_length(rest: &str) -> usize {
    rest.find(|character| !is_name_character(character))
        .unwrap_or(rest.len())
}

/// Digits, letters and `_`, plus one fraction: `1..2` stays a range and `1.max(2)` a call.
fn number_length(rest: &str) -> usize {
    let whole = name_length(rest);
    let mut after = rest[whole..].chars();
    match (after.next(), after.next()) {
        (Some('.'), Some(digit)) if digit.is_ascii_digit() => whole + 1 + name_length(&rest[whole + 1..]),
        _ => whole,
    }
}

/// The length of a string literal of any kind at the start of `rest`.
fn string_length(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix) && rest[prefix.len()..].starts_with(['"', '#']))?;
    let body = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = body.find(|character| character != '#')?;
        let inside = body[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", &body[..hashes]);
        let length = inside.find(&end).map_or(inside.len(), |at| at + end.len());
        return Some(prefix.len() + hashes + 1 + length);
    }
    let inside = body.strip_prefix('"')?;
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(prefix.len() + 1 + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

/// `'a'` and `'\n'` are characters, `'a` is a lifetime.
fn character_or_lifetime(rest: &str) -> (TokenKind, usize) {
    let mut inside = rest[1..].char_indices();
    match (inside.next(), inside.next()) {
        (Some((_, '\\')), Some((_, escaped))) => {
            // The escaped character itself may be a quote: look for the closing one behind it.
            let behind = 2 + escaped.len_utf8();
            let length = rest[behind..].find('\'').map_or(rest.len(), |at| behind + at + 1);
            (TokenKind::Literal, length)
        }
        (Some(_), Some((at, '\''))) => (TokenKind::Literal, 1 + at + 1),
        _ => (TokenKind::Lifetime, 1 + name_length(&rest[1..])),
    }
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokenise(text).0.iter().map(|token| token.text).collect()
    }

    #[test]
    fn strings_of_every_kind_are_one_token() {
        for literal in [
            r#""a \" b""#,
            "r\"a \\\"",
            "r#\"a \" b\"#",
            "br##\"x\"# y\"##",
            "b\"ab\"",
            "c\"ab\"",
            "'\\''",
            "'\"'",
            "b'a'",
            "'\\u{1F600}'",
        ] {
            let text = format!("x({literal}, y)");
            let found = texts(&text);
            let joined = found[2..found.len() - 3].concat();
            assert_eq!(joined, literal, "in {text}");
        }
    }

    #[test]
    fn lifetimes_are_not_characters() {
        assert_eq!(
            texts("fn f<'a>(x: &'a str, y: &'static u8)")
                .iter()
                .filter(|t| t.starts_with('\''))
                .count(),
            3
        );
    }

    #[test]
    fn numbers_ranges_and_methods() {
        assert_eq!(texts("1..2"), ["1", ".", ".", "2"]);
        assert_eq!(texts("1.5e3_f64"), ["1.5e3_f64"]);
        assert_eq!(texts("1.max(2)"), ["1", ".", "max", "(", "2", ")"]);
    }

    #[test]
    fn comments_nest_and_keep_their_line() {
        let (tokens, comments) = tokenise("a\n/* x /* y */ z */ b // c\nd");
        assert_eq!(
            tokens.iter().map(|t| (t.text, t.line)).collect::<Vec<_>>(),
            [("a", 1), ("b", 2), ("d", 3)]
        );
        assert_eq!(
            comments.iter().map(|c| (c.text, c.line)).collect::<Vec<_>>(),
            [("/* x /* y */ z */", 2), ("// c", 2)]
        );
    }

    #[test]
    fn raw_identifiers_are_names() {
        assert_eq!(tokenise("r#type").0[0].kind, TokenKind::Ident);
        assert_eq!(texts("r#type"), ["r#type"]);
    }
}
