//! One Kafka request: how it is written and how its response is read.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::primitive::{Encoding, Reader};
use crate::version::VersionRange;

pub use crate::buffer::RequestBuffer;
pub use crate::error::{DecodeError, EncodeError, Malformed, Problem};

/// A request of one API, tied to its response and to the versions this crate speaks.
///
/// Both methods handle the *body* alone: headers are in [`header`](crate::header), the length in front of
/// everything in [`frame`](crate::frame).
pub trait Request {
    /// The API this is a request of.
    const API: ApiKey;
    /// The versions both methods accept.
    const VERSIONS: VersionRange;
    /// What a broker answers.
    type Response;

    /// Writes the body in `version` to the end of `out`.
    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError>;

    /// Reads the body of the response to a request of `version`.
    ///
    /// Allocates in proportion to `body`, whatever its bytes claim. Every byte of `body` must belong to the
    /// response.
    fn decode_response(version: i16, body: Bytes) -> Result<Self::Response, DecodeError>;
}

/// Is `version` one that `R` can be written in?
pub(crate) fn check_version<R: Request>(version: i16) -> Result<(), EncodeError> {
    if R::VERSIONS.contains(version) {
        Ok(())
    } else {
        Err(EncodeError::UnsupportedVersion {
            api: R::API,
            version,
            ours: R::VERSIONS,
        })
    }
}

/// Writes `body`, a message of `kafka-protocol`, after a look at the version.
pub(crate) fn encode_generated<R: Request>(
    body: &impl kafka_protocol::protocol::Encodable,
    version: i16,
    out: &mut RequestBuffer,
) -> Result<(), EncodeError> {
    check_version::<R>(version)?;
    body.encode(out.copied_mut(), version)
        .map_err(|error| EncodeError::NotExpressible {
            api: R::API,
            version,
            reason: error.to_string(),
        })
}

/// Runs `read` over the whole of a response body; nothing may be left over.
pub(crate) fn decode_body<R: Request>(
    version: i16,
    body: Bytes,
    read: impl FnOnce(&mut Reader) -> Result<R::Response, Malformed>,
) -> Result<R::Response, DecodeError> {
    if !R::VERSIONS.contains(version) {
        return Err(DecodeError {
            api: R::API,
            version,
            at: 0,
            problem: Problem::UnsupportedVersion,
        });
    }
    let mut reader = Reader::new(body, Encoding::of(R::API, version));
    read(&mut reader)
        .and_then(|response| reader.expect_end().map(|()| response))
        .map_err(|malformed| malformed.in_response(R::API, version))
}
