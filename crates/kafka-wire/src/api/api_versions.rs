//! `ApiVersions` (key 18, KIP-35): what a broker speaks.
//!
//! Version notes: v1 adds the throttle time; v3 is flexible and adds the client's name and version to the request
//! (KIP-511); v4 allows a feature to start at version 0. The response header stays v0 in every version.
//!
//! A broker that does not know the version of the request answers in **v0** with `UNSUPPORTED_VERSION[35]`: the
//! client asks again with a lower version (from 2.4 on the answer says which; before, the list is empty).

use bytes::Bytes;
use kafka_protocol::messages::ApiVersionsRequest as Generated;

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::primitive::{Encoding, Reader};
use crate::request::{Request, RequestBuffer, check_version, decode_body, encode_generated};
use crate::version::{BrokerVersions, VersionRange};

/// An entry is three 16-bit numbers.
const API_VERSION_LEN_MIN: usize = 6;

/// Asks a broker for the versions it speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersionsRequest {
    /// Name of the client software (v3+). Letters, digits, `-` and `.`, else the broker answers `INVALID_REQUEST`.
    pub client_software_name: String,
    /// Version of the client software (v3+); same alphabet.
    pub client_software_version: String,
}

/// What the broker speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiVersionsResponse {
    /// `UNSUPPORTED_VERSION` when the request's version is not known to the broker.
    pub error_code: ErrorCode,
    /// One entry for each API, also for those this crate has no name for.
    pub api_keys: Vec<ApiVersion>,
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
}

/// The versions of one API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersion {
    /// The number of the API key.
    pub api_key: i16,
    /// Lowest version the broker accepts.
    pub min_version: i16,
    /// Highest version the broker accepts.
    pub max_version: i16,
}

// === impl ApiVersionsRequest ===

impl Request for ApiVersionsRequest {
    const API: ApiKey = ApiKey::ApiVersions;
    const VERSIONS: VersionRange = VersionRange::new(0, 4);
    type Response = ApiVersionsResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        check_version::<Self>(version)?;
        let request = if version >= 3 {
            Generated::default()
                .with_client_software_name(text(&self.client_software_name))
                .with_client_software_version(text(&self.client_software_version))
        } else {
            Generated::default()
        };
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<ApiVersionsResponse, DecodeError> {
        if body.starts_with(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()) {
            let mut reader = Reader::new(body, Encoding::Classic);
            return read_response(&mut reader, 0)
                .and_then(|response| reader.expect_end().map(|()| response))
                .map_err(|malformed| malformed.in_response(Self::API, version));
        }
        decode_body::<Self>(version, body, |reader| read_response(reader, version))
    }
}

fn read_response(reader: &mut Reader, version: i16) -> Result<ApiVersionsResponse, Malformed> {
    let response = ApiVersionsResponse {
        error_code: reader.error_code()?,
        api_keys: reader.array(API_VERSION_LEN_MIN, read_api_version)?,
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
    };
    // The tagged fields of v3 tell the features of the cluster, which a mirror does not ask for.
    reader.end_struct()?;
    Ok(response)
}

fn read_api_version(reader: &mut Reader) -> Result<ApiVersion, Malformed> {
    let versions = ApiVersion {
        api_key: reader.i16()?,
        min_version: reader.i16()?,
        max_version: reader.i16()?,
    };
    reader.end_struct()?;
    Ok(versions)
}

// === impl ApiVersionsResponse ===

impl ApiVersionsResponse {
    /// The table to negotiate with.
    pub fn broker_versions(&self) -> BrokerVersions {
        BrokerVersions::new(self.api_keys.iter().map(|entry| {
            (
                entry.api_key,
                VersionRange::new(entry.min_version, entry.max_version),
            )
        }))
    }
}
