//! How a line becomes a record: headers, key and value, as Kafka's `LineMessageReader` cuts them.
//!
//! ```text
//!   parse.headers and parse.key:  h1:v1,h2:v2 <headers.delimiter> key <key.separator> value
//! ```
//! Kafka's tool cuts characters, this cuts bytes; for UTF-8 that is the same. The order of the checks and the words of the
//! messages are Kafka's.

use crate::lines::Line;
use crate::producer::{NewHeader, NewRecord};
use crate::regular::literal;
use crate::truth::{NotTrueOrFalse, truth};

/// What the properties of the line reader say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineFormat {
    parse_key: bool,
    key_separator: Vec<u8>,
    parse_headers: bool,
    headers_delimiter: Vec<u8>,
    headers_separator: Vec<u8>,
    headers_key_separator: Vec<u8>,
    ignore_error: bool,
    null_marker: Option<Vec<u8>>,
}

/// Properties that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFormatError {
    /// Two of them could not be told apart in a line.
    #[error("{one} and {other} may not be equal")]
    Equal {
        /// One property.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
    /// `headers.separator` is a pattern.
    #[error(
        "headers.separator is a regular expression in Kafka's tool, and {character:?} makes {text:?} a pattern, which is not \
         supported: put a backslash before it to mean the character itself"
    )]
    Pattern {
        /// The value.
        text: String,
        /// What makes it a pattern.
        character: char,
    },
    /// A property is neither true nor false.
    #[error(transparent)]
    Truth(#[from] NotTrueOrFalse),
}

/// A line that is no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// A delimiter that was asked for is missing.
    #[error("No {delimiter} found on line number {number}: '{}'", shown(.line))]
    NoDelimiter {
        /// `headers delimiter` or `key separator`.
        delimiter: &'static str,
        /// The line's number.
        number: u64,
        /// The line.
        line: Vec<u8>,
    },
    /// A header without `headers.key.separator`.
    #[error("No header key separator found in pair '{}' on line number {number}", shown(.pair))]
    NoHeaderKeySeparator {
        /// The line's number.
        number: u64,
        /// The header as it stands there.
        pair: Vec<u8>,
    },
    /// A header whose key is `null.marker`.
    #[error(
        "Header keys should not be equal to the null marker '{}' as they can't be null (line number {number})",
        shown(.marker)
    )]
    NullHeaderKey {
        /// The line's number.
        number: u64,
        /// The marker.
        marker: Vec<u8>,
    },
}

/// Characters of a line that a message shows; more says less.
const SHOWN_MAX: usize = 200;

// === impl LineFormat ===

impl Default for LineFormat {
    /// The whole line is the value.
    fn default() -> Self {
        Self {
            parse_key: false,
            key_separator: b"\t".to_vec(),
            parse_headers: false,
            headers_delimiter: b"\t".to_vec(),
            headers_separator: b",".to_vec(),
            headers_key_separator: b":".to_vec(),
            ignore_error: false,
            null_marker: None,
        }
    }
}

impl LineFormat {
    /// The properties it has.
    pub const PROPERTIES: [&'static str; 8] = [
        "parse.key",
        "key.separator",
        "parse.headers",
        "headers.delimiter",
        "headers.separator",
        "headers.key.separator",
        "ignore.error",
        "null.marker",
    ];

    /// Looks each of [`Self::PROPERTIES`] up; `None` leaves its default.
    ///
    /// # Errors
    /// Separators that could not be told apart, a pattern in `headers.separator`, or a property that is neither true nor
    /// false where it has to be one of them.
    pub fn configured(property: impl Fn(&str) -> Option<String>) -> Result<Self, LineFormatError> {
        let default = Self::default();
        let text = |name, default: Vec<u8>| property(name).map_or(default, String::into_bytes);
        let is_true = |name| truth(name, property(name)).map(|is_true| is_true.unwrap_or(false));
        let headers_separator = property("headers.separator").map(|text| match literal(&text) {
            Ok(literal) => Ok(literal.into_bytes()),
            Err(character) => Err(LineFormatError::Pattern { text, character }),
        });
        let format = Self {
            parse_key: is_true("parse.key")?,
            key_separator: text("key.separator", default.key_separator),
            parse_headers: is_true("parse.headers")?,
            headers_delimiter: text("headers.delimiter", default.headers_delimiter),
            headers_separator: headers_separator.unwrap_or(Ok(default.headers_separator))?,
            headers_key_separator: text("headers.key.separator", default.headers_key_separator),
            ignore_error: is_true("ignore.error")?,
            null_marker: property("null.marker").map(String::into_bytes),
        };
        format.check()?;
        Ok(format)
    }

    fn check(&self) -> Result<(), LineFormatError> {
        let marker = self.null_marker.as_ref();
        let delimiter = ("headers.delimiter", Some(&self.headers_delimiter));
        let separator = ("headers.separator", Some(&self.headers_separator));
        let key_separator = ("headers.key.separator", Some(&self.headers_key_separator));
        let marker = ("null.marker", marker);
        for ((one, left), (other, right)) in [
            (delimiter, separator),
            (delimiter, key_separator),
            (separator, key_separator),
            (marker, ("key.separator", Some(&self.key_separator))),
            (marker, separator),
            (marker, delimiter),
            (marker, key_separator),
        ] {
            if left.is_some() && left == right {
                return Err(LineFormatError::Equal { one, other });
            }
        }
        Ok(())
    }

    /// The record that a line stands for.
    ///
    /// # Errors
    /// Something that was asked for is missing in the line, and `ignore.error` is not set.
    pub fn parse(&self, line: Line) -> Result<NewRecord, LineError> {
        let mut value_from = 0;
        let headers = self.part(
            self.parse_headers,
            &line,
            0,
            &self.headers_delimiter,
            "headers delimiter",
        )?;
        if let Some(headers) = headers {
            value_from += headers.len() + self.headers_delimiter.len();
        }
        let key = self.part(
            self.parse_key,
            &line,
            value_from,
            &self.key_separator,
            "key separator",
        )?;
        if let Some(key) = key {
            value_from += key.len() + self.key_separator.len();
        }
        let headers = match headers {
            Some(headers) if !self.is_null(headers) => self.headers(headers, line.number)?,
            Some(_) | None => Vec::new(),
        };
        let key = key.filter(|key| !self.is_null(key)).map(<[u8]>::to_vec);
        let mut value = line.bytes;
        value.drain(..value_from);
        let value = Some(value).filter(|value| !self.is_null(value));
        Ok(NewRecord {
            line: line.number,
            key,
            value,
            headers,
        })
    }

    /// What stands before a delimiter, if it is to be looked for.
    fn part<'a>(
        &self,
        is_asked: bool,
        line: &'a Line,
        from: usize,
        delimiter: &[u8],
        delimiter_name: &'static str,
    ) -> Result<Option<&'a [u8]>, LineError> {
        if !is_asked {
            return Ok(None);
        }
        let rest = line.bytes.get(from..).unwrap_or_default();
        match find(rest, delimiter) {
            Some(at) => Ok(rest.get(..at)),
            None if self.ignore_error => Ok(None),
            None => Err(LineError::NoDelimiter {
                delimiter: delimiter_name,
                number: line.number,
                line: line.bytes.clone(),
            }),
        }
    }

    fn headers(&self, headers: &[u8], number: u64) -> Result<Vec<NewHeader>, LineError> {
        let pairs = split(headers, &self.headers_separator);
        pairs.into_iter().map(|pair| self.header(pair, number)).collect()
    }

    fn header(&self, pair: &[u8], number: u64) -> Result<NewHeader, LineError> {
        let Some(at) = find(pair, &self.headers_key_separator) else {
            return if self.ignore_error {
                Ok((pair.to_vec(), None))
            } else {
                Err(LineError::NoHeaderKeySeparator {
                    number,
                    pair: pair.to_vec(),
                })
            };
        };
        let (key, rest) = pair.split_at(at);
        if self.is_null(key) {
            return Err(LineError::NullHeaderKey {
                number,
                marker: key.to_vec(),
            });
        }
        let value = rest.get(self.headers_key_separator.len()..).unwrap_or_default();
        Ok((
            key.to_vec(),
            Some(value)
                .filter(|value| !self.is_null(value))
                .map(<[u8]>::to_vec),
        ))
    }

    fn is_null(&self, field: &[u8]) -> bool {
        self.null_marker.as_deref() == Some(field)
    }
}

/// Where `needle` first stands; an empty one stands at the beginning, as for Java's `indexOf`.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    if needle.is_empty() {
        return Some(0);
    }
    hay.windows(needle.len()).position(|window| window == needle)
}

/// Java's `Pattern.split`: empty pieces at the end fall away, and what has no separator is one piece.
fn split<'a>(text: &'a [u8], separator: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !separator.is_empty()
        && let Some(at) = find(rest, separator)
    {
        pieces.push(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + separator.len()..).unwrap_or_default();
    }
    pieces.push(rest);
    if pieces.len() > 1 {
        while pieces.pop_if(|piece| piece.is_empty()).is_some() {}
    }
    pieces
}

fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut shown: String = text.chars().take(SHOWN_MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
