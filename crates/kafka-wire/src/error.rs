//! What can go wrong between bytes and values.

use crate::api_key::ApiKey;
use crate::version::VersionRange;

/// A request cannot be written in the version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// This crate does not write that version.
    #[error("{api} v{version} cannot be written: we speak {ours}")]
    UnsupportedVersion {
        /// The API.
        api: ApiKey,
        /// The version that was asked for.
        version: i16,
        /// The versions this crate writes.
        ours: VersionRange,
    },
    /// A text, an array or the whole request is longer than its length field can say.
    #[error("{what} of length {length} does not fit into its length field")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length, in bytes or elements.
        length: usize,
    },
    /// A field must be set in this version and is not.
    #[error("{api} v{version} needs {what}")]
    Missing {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// What is missing.
        what: &'static str,
    },
    /// A field is set that this version cannot carry.
    #[error("{api} v{version} cannot be written: {reason}")]
    NotExpressible {
        /// The API.
        api: ApiKey,
        /// The version.
        version: i16,
        /// Which field, or the encoder's own text.
        reason: String,
    },
}

/// The bytes of a response are not what its API and version demand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("malformed response to {api} v{version}, byte {at}: {problem}")]
pub struct DecodeError {
    /// The API of the request that was answered.
    pub api: ApiKey,
    /// The version of the request that was answered.
    pub version: i16,
    /// Where in the response body, in bytes from its start.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// A place in some bytes that cannot be read as what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("byte {at}: {problem}")]
pub struct Malformed {
    /// Where, in bytes from the start of the input.
    pub at: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a byte sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The input ends before the value does.
    #[error("{needed} bytes are needed and {remaining} are left")]
    Truncated {
        /// Bytes the value needs.
        needed: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// An array claims more elements than the remaining bytes can hold.
    #[error("{count} elements cannot fit into the {remaining} bytes that are left")]
    CountTooLarge {
        /// The claimed number of elements (or of tagged fields).
        count: usize,
        /// Bytes that are left.
        remaining: usize,
    },
    /// An array of any other length where exactly one element answers the request.
    #[error("{count} elements where exactly one must be")]
    NotOneElement {
        /// How many there are.
        count: usize,
    },
    /// A length or count below -1.
    #[error("the length {length} is negative")]
    NegativeLength {
        /// The length as read.
        length: i32,
    },
    /// An unsigned varint of more than 32 bits.
    #[error("a varint of more than 32 bits")]
    OverlongVarint,
    /// An identifier that is not UTF-8.
    #[error("a text that is not UTF-8")]
    NotUtf8,
    /// Null where the protocol allows none.
    #[error("null where a value must be")]
    UnexpectedNull,
    /// The value is complete and bytes are left over.
    #[error("{count} bytes are left over")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// This crate does not read that version.
    #[error("this version cannot be read")]
    UnsupportedVersion,
}

// === impl Malformed ===

impl Malformed {
    /// The same, naming the response it was found in.
    pub(crate) fn in_response(self, api: ApiKey, version: i16) -> DecodeError {
        DecodeError {
            api,
            version,
            at: self.at,
            problem: self.problem,
        }
    }
}
