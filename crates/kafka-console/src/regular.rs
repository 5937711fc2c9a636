//! Separators that Kafka's tool takes as regular expressions (`headers.separator`), where they mean plain text.

/// The text that a regular expression stands for, if it stands for exactly one: letters as they are, and what a backslash
/// protects. The error is the character that would make it a pattern.
pub(crate) fn literal(expression: &str) -> Result<String, char> {
    let mut text = String::with_capacity(expression.len());
    let mut characters = expression.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('t') => text.push('\t'),
                Some(escaped) if !escaped.is_alphanumeric() => text.push(escaped),
                Some(_) | None => return Err('\\'),
            },
            '.' | '*' | '+' | '?' | '(' | ')' | '[' | '{' | '|' | '^' | '$' => return Err(character),
            _ => text.push(character),
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::literal;

    #[test]
    fn what_is_no_pattern_is_its_text() {
        for (expression, text) in [
            (",", ","),
            ("---", "---"),
            ("::::", "::::"),
            (r"\|", "|"),
            (r"\t;", "\t;"),
            (r"\\", r"\"),
            ("]}", "]}"),
        ] {
            assert_eq!(literal(expression).as_deref(), Ok(text), "{expression}");
        }
    }

    #[test]
    fn patterns_are_told_apart() {
        for (expression, at) in [
            ("|", '|'),
            ("a.b", '.'),
            (r"\d", '\\'),
            ("[,;]", '['),
            (r"x\", '\\'),
        ] {
            assert_eq!(literal(expression), Err(at), "{expression}");
        }
    }
}
