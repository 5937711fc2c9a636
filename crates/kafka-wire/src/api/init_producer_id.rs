//! `InitProducerId` (key 22): a producer id and epoch for an idempotent or transactional producer (KIP-98).
//!
//! Version notes: v2 flexible; v3 the current identity, so that a producer can have its epoch bumped (KIP-360);
//! v4 `PRODUCER_FENCED`; v5 `TRANSACTION_ABORTABLE`.

use bytes::Bytes;
use kafka_protocol::messages::{InitProducerIdRequest as Generated, ProducerId, TransactionalId};

use super::generated::nullable_text;
use crate::api_key::ApiKey;
use crate::error::{DecodeError, EncodeError, Malformed};
use crate::error_code::ErrorCode;
use crate::ids::ProducerIdentity;
use crate::primitive::Reader;
use crate::request::{Request, RequestBuffer, decode_body, encode_generated};
use crate::version::VersionRange;

/// Asks any broker for a producer id; with a transactional id, that id's coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitProducerIdRequest {
    /// The transactional id; `None` for idempotence alone.
    pub transactional_id: Option<String>,
    /// How long a transaction may stay open, in milliseconds; without a transactional id it means nothing.
    pub transaction_timeout_ms: i32,
    /// The identity to go on from (v3+), or [`ProducerIdentity::NONE`] for a new one.
    pub current: ProducerIdentity,
}

/// The identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InitProducerIdResponse {
    /// How long to be silent on this connection, in milliseconds.
    pub throttle_time_ms: i32,
    /// Why there is none, if so.
    pub error_code: ErrorCode,
    /// The producer id and epoch to write with.
    pub identity: ProducerIdentity,
}

// === impl InitProducerIdRequest ===

impl Request for InitProducerIdRequest {
    const API: ApiKey = ApiKey::InitProducerId;
    const VERSIONS: VersionRange = VersionRange::new(0, 5);
    type Response = InitProducerIdResponse;

    fn encode(&self, version: i16, out: &mut RequestBuffer) -> Result<(), EncodeError> {
        let request = Generated::default()
            .with_transactional_id(nullable_text(self.transactional_id.as_deref()).map(TransactionalId))
            .with_transaction_timeout_ms(self.transaction_timeout_ms)
            .with_producer_id(ProducerId(self.current.id))
            .with_producer_epoch(self.current.epoch);
        encode_generated::<Self>(&request, version, out)
    }

    fn decode_response(version: i16, body: Bytes) -> Result<InitProducerIdResponse, DecodeError> {
        decode_body::<Self>(version, body, read_response)
    }
}

fn read_response(reader: &mut Reader) -> Result<InitProducerIdResponse, Malformed> {
    let response = InitProducerIdResponse {
        throttle_time_ms: reader.i32()?,
        error_code: reader.error_code()?,
        identity: ProducerIdentity {
            id: reader.i64()?,
            epoch: reader.i16()?,
        },
    };
    reader.end_struct()?;
    Ok(response)
}
