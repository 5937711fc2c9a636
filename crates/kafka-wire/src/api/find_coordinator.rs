//! `FindCoordinator` (key 10): which broker looks after a group or a transactional id.
//!
//! Version notes: v1 key types, throttle time and error messages; v3 flexible; v4 many keys in one request, and the
//! answer in a list (KIP-699): one key is sent and one answer expected here; v5 `TRANSACTION_ABORTABLE`; v6 share
//! groups.

use bytes::Bytes;
use kafka_protocol::messages::FindCoordinatorRequest as Generated;

use super::generated::text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::NodeId;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// The key is the id of a consumer group.
pub const GROUP: i8 = 0;
/// The key is a transactional id (v1+).
pub const TRANSACTION: i8 = 1;

/// Key, node id, host, port, error code and error message, no tagged fields (v4+).
const COORDINATOR_LEN_MIN: usize = 14;

/// Asks any broker for a coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinatorRequest {
    /// The group's id or the transactional id.
    pub key: String,
    /// [`GROUP`] or [`TRANSACTION`].
    pub key_type: i8,
}

/// The coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindCoordinatorResponse {
    /// How long to be silent on this connection, in milliseconds (v1+).
    pub throttle_time_ms: i32,
    /// Why there is none, if so; the fields below then mean nothing.
    pub error_code: ErrorCode,
    /// The broker's explanation (v1+).
    pub error_message: Option<String>,
    /// The broker, or [`NodeId::NONE`].
    pub node_id: NodeId,
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: i32,
}

// === impl FindCoordinatorRequest ===

impl Request for FindCoordinatorRequest {
    const API: ApiKey = ApiKey::FindCoordinator;
    const VERSIONS: VersionRange = VersionRange::new(0, 6);
    type Response = FindCoordinatorResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let request = Generated::default().with_key_type(self.key_type);
        let request = if version >= 4 {
            request.with_coordinator_keys(vec![text(&self.key)])
        } else {
            request.with_key(text(&self.key))
        };
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<FindCoordinatorResponse, DecodeError> {
        decode_body::<Self>(version, body, |reader| {
            if version >= 4 {
                read_list(reader)
            } else {
                read_single(reader, version)
            }
        })
    }
}

/// The layout up to v3.
fn read_single(reader: &mut Reader, version: i16) -> Result<FindCoordinatorResponse, Malformed> {
    let response = FindCoordinatorResponse {
        throttle_time_ms: if version >= 1 { reader.i32()? } else { 0 },
        error_code: reader.error_code()?,
        error_message: if version >= 1 {
            reader.nullable_text()?
        } else {
            None
        },
        node_id: reader.node_id()?,
        host: reader.string()?,
        port: reader.i32()?,
    };
    reader.end_struct()?;
    Ok(response)
}

/// The layout from v4 on.
fn read_list(reader: &mut Reader) -> Result<FindCoordinatorResponse, Malformed> {
    let throttle_time_ms = reader.i32()?;
    let mut response = reader.array_of_one(COORDINATOR_LEN_MIN, read_coordinator)?;
    reader.end_struct()?;
    response.throttle_time_ms = throttle_time_ms;
    Ok(response)
}

fn read_coordinator(reader: &mut Reader) -> Result<FindCoordinatorResponse, Malformed> {
    reader.skip_string()?;
    let (node_id, host, port) = (reader.node_id()?, reader.string()?, reader.i32()?);
    let coordinator = FindCoordinatorResponse {
        throttle_time_ms: 0,
        error_code: reader.error_code()?,
        error_message: reader.nullable_text()?,
        node_id,
        host,
        port,
    };
    reader.end_struct()?;
    Ok(coordinator)
}
