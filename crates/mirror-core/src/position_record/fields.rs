//! A line of text as a record holds it: a kind, a version, and fields in any order.

use std::fmt::{self, Display, Write as _};
use std::str::FromStr;

use super::{CLAIM, POSITION, PositionRecordError};

const VERSION: &str = "1";

/// Characters of foreign bytes that an error shows.
const SHOWN_CHARACTERS: usize = 40;

/// Writes a line.
pub(super) struct Line<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
}

/// The fields of a line that was read.
pub(super) struct Fields<'a> {
    kind: &'static str,
    text: &'a str,
}

// === impl Line ===

impl<'a, 'b> Line<'a, 'b> {
    pub(super) fn begin(out: &'a mut fmt::Formatter<'b>, kind: &str) -> Result<Self, fmt::Error> {
        write!(out, "{kind}/{VERSION}")?;
        Ok(Self { out })
    }

    /// A field whose text needs no escape.
    pub(super) fn plain(&mut self, name: &str, value: impl Display) -> fmt::Result {
        write!(self.out, " {name}={value}")
    }

    /// A field that may hold anything.
    pub(super) fn text(&mut self, name: &str, value: &str) -> fmt::Result {
        write!(self.out, " {name}=")?;
        for byte in value.bytes() {
            if byte.is_ascii_graphic() && byte != b'%' {
                self.out.write_char(char::from(byte))?;
            } else {
                write!(self.out, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

// === impl Fields ===

impl<'a> Fields<'a> {
    /// Reads a line of either kind.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<(&'static str, Self), PositionRecordError> {
        let foreign = || PositionRecordError::Foreign { found: shown(bytes) };
        let text = std::str::from_utf8(bytes).map_err(|_not_text| foreign())?;
        let (head, text) = text.split_once(' ').unwrap_or((text, ""));
        let (kind, version) = head.split_once('/').ok_or_else(foreign)?;
        let kind = [POSITION, CLAIM]
            .into_iter()
            .find(|known| *known == kind)
            .ok_or_else(foreign)?;
        if version != VERSION {
            return Err(PositionRecordError::UnknownVersion {
                kind,
                version: shown(version.as_bytes()),
            });
        }
        Ok((kind, Self { kind, text }))
    }

    /// Reads a line that must be of `kind`.
    pub(super) fn parse_kind(bytes: &'a [u8], kind: &'static str) -> Result<Self, PositionRecordError> {
        let (found, fields) = Self::parse(bytes)?;
        if found == kind {
            Ok(fields)
        } else {
            Err(PositionRecordError::OtherKind {
                kind,
                found: shown(bytes),
            })
        }
    }

    pub(super) fn text(&self, field: &'static str) -> Result<String, PositionRecordError> {
        let raw = self.raw(field).ok_or_else(|| self.missing(field))?;
        unescape(raw).ok_or_else(|| self.invalid(field, raw))
    }

    /// A number that is at least `min`.
    pub(super) fn number<N: FromStr + PartialOrd + Copy>(
        &self,
        field: &'static str,
        min: N,
    ) -> Result<N, PositionRecordError> {
        self.optional_number(field, min)?
            .ok_or_else(|| self.missing(field))
    }

    /// A number that is at least `min` if it is there.
    pub(super) fn optional_number<N: FromStr + PartialOrd + Copy>(
        &self,
        field: &'static str,
        min: N,
    ) -> Result<Option<N>, PositionRecordError> {
        let number = self.optional(field)?;
        match number {
            Some(number) if number < min => Err(self.invalid(field, self.raw(field).unwrap_or_default())),
            number => Ok(number),
        }
    }

    pub(super) fn optional<T: FromStr>(&self, field: &'static str) -> Result<Option<T>, PositionRecordError> {
        self.raw(field)
            .map(|raw| raw.parse().map_err(|_unreadable| self.invalid(field, raw)))
            .transpose()
    }

    /// The first field of this name, still escaped.
    fn raw(&self, field: &str) -> Option<&'a str> {
        self.text
            .split(' ')
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| *name == field)
            .map(|(_, value)| value)
    }

    fn missing(&self, field: &'static str) -> PositionRecordError {
        PositionRecordError::Missing {
            kind: self.kind,
            field,
        }
    }

    fn invalid(&self, field: &'static str, raw: &str) -> PositionRecordError {
        PositionRecordError::Invalid {
            kind: self.kind,
            field,
            found: shown(raw.as_bytes()),
        }
    }
}

/// Undoes the escapes; `None` if one is cut or the bytes are not UTF-8.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The beginning of foreign bytes, for an error.
fn shown(bytes: &[u8]) -> String {
    // A character takes at most 4 bytes; no more of a record is looked at than is shown.
    let beginning = bytes.get(..4 * SHOWN_CHARACTERS).unwrap_or(bytes);
    String::from_utf8_lossy(beginning)
        .chars()
        .take(SHOWN_CHARACTERS)
        .collect()
}
