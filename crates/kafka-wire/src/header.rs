//! What stands between the length of a frame and its body.
//!
//! A request header names API, version, correlation id and client id; with the flexible encoding (v2 of the
//! header) tagged fields follow. A response header is the correlation id alone, with tagged fields (v1) where the
//! body is flexible. The one exception: an `ApiVersions` response always has the old header, because it is read
//! before anybody knows what the broker speaks.

use bytes::Bytes;

use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::primitive::{Encoding, Reader};
use crate::request::RequestBuffer;

/// Writes the header of a request.
pub fn encode_request_header(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: &str,
    out: &mut RequestBuffer,
) -> Result<(), EncodeError> {
    let too_long = |_| EncodeError::TooLong {
        what: "the client id",
        length: client_id.len(),
    };
    let length = i16::try_from(client_id.len()).map_err(too_long)?;
    out.put_i16(api.code());
    out.put_i16(version);
    out.put_i32(correlation_id);
    // Written in the classic way in every version of the header (`RequestHeader.json`).
    out.put_i16(length);
    out.put_slice(client_id.as_bytes());
    if api.is_flexible(version) {
        out.put_unsigned_varint(0);
    }
    Ok(())
}

/// Reads the header of a response off the front of `frame` and returns the correlation id.
///
/// What remains of `frame` is the body.
pub fn decode_response_header(api: ApiKey, version: i16, frame: &mut Bytes) -> Result<i32, DecodeError> {
    let encoding = if api == ApiKey::ApiVersions {
        Encoding::Classic
    } else {
        Encoding::of(api, version)
    };
    let mut reader = Reader::new(frame.clone(), encoding);
    let correlation_id = read_header(&mut reader).map_err(|malformed| malformed.in_response(api, version))?;
    *frame = reader.into_rest();
    Ok(correlation_id)
}

fn read_header(reader: &mut Reader) -> Result<i32, Malformed> {
    let correlation_id = reader.i32()?;
    reader.end_struct()?;
    Ok(correlation_id)
}
