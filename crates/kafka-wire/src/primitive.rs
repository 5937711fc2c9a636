//! The primitive types of the protocol: how numbers, texts, arrays and tagged fields stand in bytes.
//!
//! Two encodings exist side by side, chosen by API and version: the classic one with fixed-width lengths, and the
//! flexible one (KIP-482) with varint lengths and tagged fields at the end of every struct. [`Reader`] and
//! [`Writer`] know which one they are in, so that the code of an API reads the same for both.

mod reader;
mod writer;

pub use reader::{Reader, Tag};
pub use writer::Writer;

use crate::api_key::ApiKey;

/// How lengths are written, and whether structs end with tagged fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Fixed-width lengths (`i16` for texts, `i32` for bytes and arrays; -1 is null), no tagged fields.
    Classic,
    /// Varint lengths plus one (0 is null), tagged fields at the end of every struct.
    Flexible,
}

// === impl Encoding ===

impl Encoding {
    /// The encoding of the bodies of `api` in `version`.
    pub const fn of(api: ApiKey, version: i16) -> Self {
        if api.is_flexible(version) {
            Self::Flexible
        } else {
            Self::Classic
        }
    }
}
