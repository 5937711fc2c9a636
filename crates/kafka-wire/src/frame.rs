//! The frames on a connection: four bytes of length, then a header, then a body.

use bytes::Bytes;

use crate::error::EncodeError;
use crate::header::encode_request_header;
use crate::request::{Request, RequestBuffer};

/// The smallest response: a correlation id.
const FRAME_LENGTH_MIN: i32 = 4;

/// The four bytes at the front of a response cannot be the length of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A TLS record where a length should be.
    #[error("the peer answers in TLS: this looks like a TLS port, and the connection is plaintext")]
    LooksLikeTls,
    /// The status line of HTTP where a length should be.
    #[error("the peer answers in HTTP: this is not the port of a Kafka broker")]
    LooksLikeHttp,
    /// Smaller than the smallest response.
    #[error("a frame of {length} bytes is too short for a response")]
    TooShort {
        /// The length as read.
        length: i32,
    },
    /// Larger than the response that is waited for may be.
    #[error("a frame of {length} bytes is larger than the {cap} bytes allowed here")]
    TooLong {
        /// The length as read, in bytes.
        length: i32,
        /// The largest length allowed, in bytes.
        cap: usize,
    },
}

/// Writes a whole request: length, header and body, in pieces for one vectored write.
pub fn encode_frame<R: Request>(
    request: &R,
    version: i16,
    correlation_id: i32,
    client_id: &str,
) -> Result<Vec<Bytes>, EncodeError> {
    let mut out = RequestBuffer::new();
    out.put_i32(0);
    encode_request_header(R::API, version, correlation_id, client_id, &mut out)?;
    request.encode(version, &mut out)?;
    let length = out.len() - size_of::<i32>();
    let too_long = |_| EncodeError::TooLong {
        what: "a request",
        length,
    };
    out.patch_first_i32(i32::try_from(length).map_err(too_long)?);
    Ok(out.into_parts())
}

/// Checks the length of a response before anything is reserved for it.
///
/// `length` is what the first four bytes say; `cap` is the largest response to expect, in bytes. Returns the
/// number of bytes that follow.
pub fn check_frame_length(length: i32, cap: usize) -> Result<usize, FrameError> {
    let bytes = length.to_be_bytes();
    // What a cap already allows is a length, however odd it looks.
    match usize::try_from(length) {
        Ok(fits) if length >= FRAME_LENGTH_MIN && fits <= cap => Ok(fits),
        _ if is_tls_record(bytes) => Err(FrameError::LooksLikeTls),
        _ if &bytes == b"HTTP" => Err(FrameError::LooksLikeHttp),
        Ok(_) if length >= FRAME_LENGTH_MIN => Err(FrameError::TooLong { length, cap }),
        _ => Err(FrameError::TooShort { length }),
    }
}

/// A TLS record opens with its kind (21 alert, 22 handshake) and the version 3.x.
fn is_tls_record(bytes: [u8; 4]) -> bool {
    matches!(bytes, [21 | 22, 3, 0..=4, _])
}

#[cfg(test)]
mod tests;
