//! A request's frame and header.

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{self as kafka, RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use kafka_wire::ApiKey;
use tokio::io::{AsyncRead, AsyncReadExt};

/// A request whose header was read.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) api: ApiKey,
    pub(super) version: i16,
    pub(super) correlation_id: i32,
    /// Empty if the client gave none.
    pub(super) client_id: String,
    pub(super) body: Bytes,
}

/// Reads one frame; `None` if the peer is gone or says that it is longer than `bytes_max`.
pub(super) async fn read_frame(stream: &mut (impl AsyncRead + Unpin), bytes_max: usize) -> Option<Bytes> {
    let length = usize::try_from(stream.read_i32().await.ok()?).ok()?;
    if length > bytes_max {
        return None;
    }
    // Grows with what is there, not with what is promised.
    let mut frame = BytesMut::new();
    let mut limited = stream.take(u64::try_from(length).ok()?);
    while frame.len() < length {
        if limited.read_buf(&mut frame).await.ok()? == 0 {
            return None;
        }
    }
    Some(frame.freeze())
}

// === impl Request ===

impl Request {
    /// Reads the header; `None` for an API or a header that nobody here knows, which closes the connection.
    pub(super) fn parse(mut frame: Bytes) -> Option<Self> {
        let mut start = frame.get(..4)?;
        let (code, version) = (start.get_i16(), start.get_i16());
        let api = ApiKey::from_code(code)?;
        let header_version = kafka::ApiKey::try_from(code)
            .ok()?
            .request_header_version(version);
        let header = RequestHeader::decode(&mut frame, header_version).ok()?;
        Some(Self {
            api,
            version,
            correlation_id: header.correlation_id,
            client_id: header.client_id.map(|id| id.to_string()).unwrap_or_default(),
            body: frame,
        })
    }

    /// Puts the header before an answer's body. `None` if the answer cannot be told in its version.
    pub(super) fn answer(&self, body: &[u8], version: i16) -> Option<Vec<u8>> {
        let header_version = kafka::ApiKey::try_from(self.api.code())
            .ok()?
            .response_header_version(version);
        let mut out = BytesMut::with_capacity(body.len() + 5);
        ResponseHeader::default()
            .with_correlation_id(self.correlation_id)
            .encode(&mut out, header_version)
            .ok()?;
        out.extend_from_slice(body);
        Some(out.into())
    }
}
