//! Java's regular expressions in the dialect of our engine, as far as topic names need it.
//!
//! Most of the syntax is the same on both sides. Translated: quoting by `\Q…\E`, the POSIX classes of `\p{…}`, `\uXXXX`,
//! and escaped punctuation. Refused with a clear text: what our engine lacks, or, worse, gives another meaning
//! (`\h` is horizontal white space in Java and a hexadecimal digit elsewhere).

use super::ExpressionError;

/// Java's classes that are ASCII-only there and unknown or wider here. As nested classes they are right inside and
/// outside of `[…]`.
const POSIX_CLASSES: [(&str, &str); 13] = [
    ("Lower", "[:lower:]"),
    ("Upper", "[:upper:]"),
    ("ASCII", "[:ascii:]"),
    ("Alpha", "[:alpha:]"),
    ("Digit", "[:digit:]"),
    ("Alnum", "[:alnum:]"),
    ("Punct", "[:punct:]"),
    ("Graph", "[:graph:]"),
    ("Print", "[:print:]"),
    ("Blank", "[:blank:]"),
    ("Cntrl", "[:cntrl:]"),
    ("XDigit", "[:xdigit:]"),
    ("Space", "[:space:]"),
];

/// Letters after a backslash that mean the same in Java and here. Digits are back references in both.
const SAME_ESCAPES: &str = "dDsSwWbBAzZtnrfae";

/// The expression in our engine's dialect.
pub(super) fn translate(expression: &str) -> Result<String, ExpressionError> {
    let mut translation = Translation {
        characters: expression.chars().collect(),
        at: 0,
        class_depth: 0,
        out: String::new(),
    };
    while let Some(character) = translation.take() {
        match character {
            '\\' => translation.escape()?,
            '{' if translation.class_depth == 0 => translation.repetition()?,
            '[' => {
                translation.class_depth += 1;
                translation.out.push('[');
            }
            ']' if translation.class_depth > 0 => {
                translation.class_depth -= 1;
                translation.out.push(']');
            }
            _ => translation.out.push(character),
        }
    }
    Ok(translation.out)
}

struct Translation {
    characters: Vec<char>,
    at: usize,
    class_depth: usize,
    out: String,
}

// === impl Translation ===

impl Translation {
    fn take(&mut self) -> Option<char> {
        let character = self.characters.get(self.at).copied()?;
        self.at += 1;
        Some(character)
    }

    /// The characters up to `end`, which is consumed, too.
    fn take_until(&mut self, end: char, what: &'static str) -> Result<String, ExpressionError> {
        let mut taken = String::new();
        loop {
            match self.take() {
                Some(character) if character == end => return Ok(taken),
                Some(character) => taken.push(character),
                None => return Err(ExpressionError::Incomplete { what }),
            }
        }
    }

    fn unsupported(&self, syntax: String) -> ExpressionError {
        let at = self.at.saturating_sub(syntax.chars().count());
        ExpressionError::Unsupported { syntax, at }
    }

    /// A brace outside of a class must be `{n}`, `{n,}` or `{n,m}`; the engine would take any other as a literal.
    fn repetition(&mut self) -> Result<(), ExpressionError> {
        let at = self.at - 1;
        let bounds = self.take_until('}', "a repetition {…}")?;
        let (least, most) = bounds.split_once(',').unwrap_or((&bounds, ""));
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if least.is_empty() || !is_number(least) || !is_number(most) {
            return Err(ExpressionError::Brace { at });
        }
        self.out.push('{');
        self.out.push_str(&bounds);
        self.out.push('}');
        Ok(())
    }

    fn escape(&mut self) -> Result<(), ExpressionError> {
        let Some(escaped) = self.take() else {
            return Err(ExpressionError::Incomplete {
                what: "an escape (a backslash is the last character)",
            });
        };
        match escaped {
            'Q' => self.quotation(),
            'p' | 'P' => return self.property(escaped),
            'u' => return self.code_unit(),
            'x' => self.out.push_str("\\x"),
            'k' => {
                let name = self.take_until('>', "a back reference \\k<…>")?;
                self.out.push_str("\\k");
                self.out.push_str(&name);
                self.out.push('>');
            }
            '1'..='9' => {
                self.out.push('\\');
                self.out.push(escaped);
            }
            _ if escaped.is_ascii_alphanumeric() => {
                if !SAME_ESCAPES.contains(escaped) {
                    return Err(self.unsupported(format!("\\{escaped}")));
                }
                self.out.push('\\');
                self.out.push(escaped);
            }
            _ => self.literal(escaped),
        }
        Ok(())
    }

    fn quotation(&mut self) {
        while let Some(character) = self.take() {
            if character == '\\' && self.characters.get(self.at) == Some(&'E') {
                self.at += 1;
                return;
            }
            self.literal(character);
        }
        // Without \E the quotation reaches to the end, in Java as well.
    }

    fn literal(&mut self, character: char) {
        if character.is_ascii_punctuation() && !matches!(character, '<' | '>' | '_') {
            self.out.push('\\');
        }
        self.out.push(character);
    }

    fn property(&mut self, letter: char) -> Result<(), ExpressionError> {
        let name = match self.take() {
            Some('{') => self.take_until('}', "a class \\p{…}")?,
            Some(short) => short.to_string(),
            None => {
                return Err(ExpressionError::Incomplete {
                    what: "a class \\p{…}",
                });
            }
        };
        if let Some((_, class)) = POSIX_CLASSES.iter().find(|(java, _)| *java == name) {
            self.out.push_str(if letter == 'P' { "[^" } else { "[" });
            self.out.push_str(class);
            self.out.push(']');
        } else if name.starts_with("java") || name.starts_with("In") {
            return Err(self.unsupported(format!("\\{letter}{{{name}}}")));
        } else {
            let name = name.strip_prefix("Is").unwrap_or(&name);
            self.out.push('\\');
            self.out.push(letter);
            self.out.push('{');
            self.out.push_str(name);
            self.out.push('}');
        }
        Ok(())
    }

    fn code_unit(&mut self) -> Result<(), ExpressionError> {
        self.out.push_str("\\x{");
        for _ in 0..4 {
            match self.take() {
                Some(digit) if digit.is_ascii_hexdigit() => self.out.push(digit),
                _ => {
                    return Err(ExpressionError::Incomplete {
                        what: "a character \\uXXXX",
                    });
                }
            }
        }
        self.out.push('}');
        Ok(())
    }
}
