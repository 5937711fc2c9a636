//! Who listens at an address: a Kafka broker, a TLS port, another service, or nobody.
//!
//! A broker's port with TLS is the classic among wrong ports: in plain text it answers with an alert, closes the
//! connection or says nothing at all, and a client that only waits reports a time-out. So whoever does not answer as
//! Kafka does is asked a second time, in TLS: what answers with a TLS record is a TLS port.

mod client_hello;

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::frame::encode_frame;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What the first bytes of an answer are looked at for; the rest is not read.
const ANSWER_BYTES: usize = 64;

/// The correlation id of the question: Kafka repeats it, nobody else does.
const CORRELATION_ID: i32 = 0x6865_6c69;

/// No answer to `ApiVersions` is longer, in bytes: some hundred APIs of a dozen bytes each.
const ANSWER_LENGTH_MAX: i32 = 1 << 20;

/// Who answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A Kafka broker, 0.10 or later.
    Kafka,
    /// Somebody who speaks TLS.
    Tls,
    /// Somebody who speaks HTTP.
    Http,
    /// Somebody whose first bytes are these, unprintable ones escaped.
    Other(String),
    /// Somebody who ended the connection without a word.
    Closed,
    /// Somebody who accepts connections and says nothing within the time allowed.
    Silent,
}

/// Asks the peer on `stream` who it is, and at `address` again in TLS if it does not speak Kafka. Takes at most three
/// times `limit`.
pub(crate) async fn identify(stream: TcpStream, address: SocketAddr, limit: Duration) -> Peer {
    let peer = ask(stream, &question(), limit).await;
    if !matches!(peer, Peer::Closed | Peer::Silent) {
        return peer;
    }
    let Ok(Ok(stream)) = timeout(limit, TcpStream::connect(address)).await else {
        return peer;
    };
    match ask(stream, &client_hello::bytes(), limit).await {
        Peer::Tls => Peer::Tls,
        Peer::Kafka | Peer::Http | Peer::Other(_) | Peer::Closed | Peer::Silent => peer,
    }
}

/// `ApiVersions` in version 0, which every broker since 0.10 answers before anything else, authentication included.
fn question() -> Vec<u8> {
    let request = ApiVersionsRequest {
        client_software_name: "heliostat".to_owned(),
        client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let frame = encode_frame(&request, 0, CORRELATION_ID, "heliostat-check");
    let parts = frame.expect("invariant: ApiVersions has a version 0");
    parts.concat()
}

async fn ask(mut stream: TcpStream, question: &[u8], limit: Duration) -> Peer {
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    let conversation = async {
        // Who has closed may still have answered before.
        let _ = stream.write_all(question).await;
        while answer.len() < ANSWER_BYTES {
            let mut piece = [0; ANSWER_BYTES];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return Some(Peer::Closed),
                Ok(count) => answer.extend_from_slice(piece.get(..count).unwrap_or_default()),
            }
            if let Some(peer) = of_answer(&answer) {
                return Some(peer);
            }
        }
        None
    };
    let ended = timeout(limit, conversation).await.unwrap_or(Some(Peer::Silent));
    match ended {
        Some(ended @ (Peer::Closed | Peer::Silent)) if answer.is_empty() => ended,
        Some(Peer::Closed | Peer::Silent) | None => other(&answer),
        Some(peer) => peer,
    }
}

/// Who begins an answer like this; `None` while too little of it is there to tell.
fn of_answer(bytes: &[u8]) -> Option<Peer> {
    // A TLS record opens with its kind (21 alert, 22 handshake) and the version 3.x.
    if let [21 | 22, 3, 0..=4, ..] = bytes {
        return Some(Peer::Tls);
    }
    if bytes.starts_with(b"HTTP/") {
        return Some(Peer::Http);
    }
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (correlation_id, _) = rest.split_first_chunk::<4>()?;
    let is_length = (4..=ANSWER_LENGTH_MAX).contains(&i32::from_be_bytes(*length));
    if is_length && i32::from_be_bytes(*correlation_id) == CORRELATION_ID {
        Some(Peer::Kafka)
    } else {
        Some(other(bytes))
    }
}

fn other(bytes: &[u8]) -> Peer {
    let first = bytes.get(..bytes.len().min(16)).unwrap_or_default();
    Peer::Other(first.escape_ascii().to_string())
}

// === impl Peer ===

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kafka => formatter.write_str("speaks Kafka"),
            Self::Tls => formatter.write_str("this is a TLS port, and heliostat speaks plain text"),
            Self::Http => formatter.write_str("answers in HTTP: this is no Kafka broker"),
            Self::Other(bytes) => write!(
                formatter,
                "is no Kafka broker: its answer begins with \"{bytes}\""
            ),
            Self::Closed => formatter.write_str(
                "closes the connection without an answer: no Kafka broker (0.10 or later), or one that refuses this host",
            ),
            Self::Silent => {
                formatter.write_str("accepts the connection and does not answer: no Kafka broker, or one that hangs")
            }
        }
    }
}

#[cfg(test)]
mod tests;
