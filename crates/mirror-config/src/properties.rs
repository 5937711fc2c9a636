//! Java `.properties` files, read exactly as `java.util.Properties.load(InputStream)` of Java 17 reads them.
//!
//! Bytes are Latin-1; `\uXXXX` gives everything else. A logical line may go on over several natural lines behind an
//! odd number of backslashes. Unlike Java's table this one remembers the line of each key, so that a message about a
//! value can name it.

use std::collections::BTreeMap;
use std::fmt;
use std::iter::Peekable;

#[cfg(test)]
mod tests;

/// The keys and values of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    file: String,
    entries: BTreeMap<String, Entry>,
}

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value, escapes resolved; blanks at its end are part of it, as in Java.
    pub value: String,
    /// The natural line (from 1) on which its key begins.
    pub line: usize,
}

/// The only way in which Java refuses a `.properties` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed \\uxxxx encoding in line {line}")]
pub struct MalformedEscape {
    /// Natural line (from 1) on which the logical line begins.
    pub line: usize,
}

// === impl Properties ===

impl Properties {
    /// Reads the whole content of a file; `file` is the name that messages will show.
    ///
    /// A key that comes twice has its last value and that value's line.
    pub fn parse(file: impl Into<String>, bytes: &[u8]) -> Result<Self, MalformedEscape> {
        let mut entries = BTreeMap::new();
        let mut lines = LogicalLines::new(bytes);
        while let Some(LogicalLine { text, line }) = lines.next_line() {
            let (key, value) = split(&text);
            let malformed = |UnicodeEscape| MalformedEscape { line };
            let key = unescape(key).map_err(malformed)?;
            let value = unescape(value).map_err(malformed)?;
            entries.insert(key, Entry { value, line });
        }
        Ok(Self {
            file: file.into(),
            entries,
        })
    }

    /// The name given to [`Properties::parse`].
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The value of a key and its place, if the file has it.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// All keys with their values, ordered by line.
    pub fn in_file_order(&self) -> Vec<(&str, &Entry)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, entry)| (key.as_str(), entry))
            .collect();
        all.sort_by_key(|(_, entry)| entry.line);
        all
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.value)
    }
}

// === Logical lines: Properties.LineReader.readLine of Java 17 ===

/// One logical line: continuations joined, leading blanks gone, escapes still in place.
struct LogicalLine {
    text: Vec<u8>,
    line: usize,
}

struct LogicalLines<'a> {
    bytes: Peekable<std::iter::Copied<std::slice::Iter<'a, u8>>>,
    /// The natural line the next byte stands on.
    line: usize,
    /// Whether the last line end was, by its first byte, the end of the file: Java looks before it takes the `\n` of
    /// a `\r\n`.
    ended: bool,
}

impl<'a> LogicalLines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter().copied().peekable(),
            line: 1,
            ended: false,
        }
    }

    /// The next byte, with every line end (`\n`, `\r`, `\r\n`) counted and given as one `\n`.
    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.bytes.next()?;
        if byte != b'\r' && byte != b'\n' {
            return Some(byte);
        }
        self.ended = self.bytes.peek().is_none();
        if byte == b'\r' {
            self.bytes.next_if_eq(&b'\n');
        }
        self.line += 1;
        Some(b'\n')
    }

    fn skip_comment(&mut self) {
        while self.next_byte().is_some_and(|byte| byte != b'\n') {}
    }

    fn next_line(&mut self) -> Option<LogicalLine> {
        let mut text = Vec::new();
        let mut first_line = self.line;
        let mut skip_blanks = true;
        let mut continued = false;
        let mut behind_backslash = false;
        loop {
            let line = self.line;
            let Some(byte) = self.next_byte() else {
                if text.is_empty() {
                    return None;
                }
                break;
            };
            if skip_blanks {
                if is_blank(byte) || (byte == b'\n' && !continued) {
                    continue;
                }
                skip_blanks = false;
                continued = false;
            }
            // Java looks for a comment wherever the logical line is still empty, behind a lone backslash too.
            if text.is_empty() && matches!(byte, b'#' | b'!') {
                self.skip_comment();
                skip_blanks = true;
                continue;
            }
            if byte != b'\n' {
                if text.is_empty() {
                    first_line = line;
                }
                text.push(byte);
                behind_backslash = byte == b'\\' && !behind_backslash;
            } else if text.is_empty() {
                skip_blanks = true;
            } else if behind_backslash && !self.ended {
                text.pop();
                skip_blanks = true;
                continued = true;
                behind_backslash = false;
            } else {
                break;
            }
        }
        if behind_backslash {
            text.pop();
        }
        Some(LogicalLine {
            text,
            line: first_line,
        })
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 0x0c)
}

// === Key and value: Properties.load0 ===

/// Cuts a logical line at its separator: the first `=`, `:` or run of blanks that no backslash protects. Blanks
/// around it, and one `=` or `:` behind blanks, belong to it.
fn split(line: &[u8]) -> (&[u8], &[u8]) {
    let mut behind_backslash = false;
    let is_separator = |&byte: &u8| {
        let separates = !behind_backslash && (is_blank(byte) || matches!(byte, b'=' | b':'));
        behind_backslash = byte == b'\\' && !behind_backslash;
        separates
    };
    let Some(end) = line.iter().position(is_separator) else {
        return (line, &[]);
    };
    let (key, rest) = line.split_at(end);
    let mut value = skip_blanks(rest);
    if let [b'=' | b':', behind @ ..] = value {
        value = skip_blanks(behind);
    }
    (key, value)
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let start = bytes
        .iter()
        .position(|&byte| !is_blank(byte))
        .unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

// === Escapes: Properties.loadConvert ===

struct UnicodeEscape;

/// Resolves escapes. A surrogate without its other half, which a Java string could hold, becomes U+FFFD.
fn unescape(bytes: &[u8]) -> Result<String, UnicodeEscape> {
    let mut units: Vec<u16> = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            units.push(u16::from(byte));
            continue;
        }
        match rest.next() {
            Some(b'u') => units.push(hex_unit(&mut rest)?),
            Some(b't') => units.push(0x09),
            Some(b'n') => units.push(0x0a),
            Some(b'f') => units.push(0x0c),
            Some(b'r') => units.push(0x0d),
            Some(other) => units.push(u16::from(other)),
            None => break,
        }
    }
    Ok(String::from_utf16_lossy(&units))
}

fn hex_unit(bytes: &mut impl Iterator<Item = u8>) -> Result<u16, UnicodeEscape> {
    let mut unit = 0;
    for _ in 0..4 {
        let digit = bytes
            .next()
            .and_then(|byte| char::from(byte).to_digit(16))
            .ok_or(UnicodeEscape)?;
        unit = unit << 4 | digit;
    }
    u16::try_from(unit).or(Err(UnicodeEscape))
}
