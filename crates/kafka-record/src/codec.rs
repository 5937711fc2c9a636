//! The compression codecs of record batches, and the contexts that run them.

mod contexts;
mod gzip;
mod lz4;
mod output;
mod snappy;
mod zstd;

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

pub use self::contexts::CodecContexts;
use crate::RecordError;

/// How a batch's records are compressed; the numbers are those of attribute bits 0-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// Not at all.
    None = 0,
    /// A gzip stream.
    Gzip = 1,
    /// Snappy blocks in the framing of xerial's snappy-java.
    Snappy = 2,
    /// An LZ4 frame.
    Lz4 = 3,
    /// A Zstandard frame (Kafka 2.1 and later).
    Zstd = 4,
}

/// A text that names no codec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown codec {text:?}: expected none, gzip, snappy, lz4 or zstd")]
pub struct ParseCodecError {
    /// The text.
    pub text: String,
}

// === impl Codec ===

impl Codec {
    /// All codecs, by number.
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// The number in attribute bits 0-2.
    pub fn id(self) -> i16 {
        self as i16
    }

    pub(crate) fn from_id(id: u16) -> Result<Self, RecordError> {
        Ok(match id {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            other => {
                return Err(RecordError::UnknownCodec {
                    id: u8::try_from(other).unwrap_or(u8::MAX),
                });
            }
        })
    }

    /// The compression levels the codec knows, `None` if it has no levels. Bounds are those of Kafka's
    /// `compression.<codec>.level`; lz4's levels need another encoder than ours.
    pub fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::Gzip => Some(1..=9),
            Self::Zstd => Some(-131_072..=22),
            Self::None | Self::Snappy | Self::Lz4 => None,
        }
    }

    /// The name in Kafka's `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Codec {
    type Err = ParseCodecError;

    fn from_str(text: &str) -> Result<Self, ParseCodecError> {
        let named = Self::ALL.into_iter().find(|codec| codec.name() == text);
        named.ok_or_else(|| ParseCodecError {
            text: text.to_owned(),
        })
    }
}
