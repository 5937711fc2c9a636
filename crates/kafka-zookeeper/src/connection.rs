//! One connection to one server of an ensemble, from its name to a session on it.
//!
//! Frames are read into a buffer that grows with what has arrived, never by what a length announces.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::jute::{Malformed, Reader, Writer};
use crate::operation::framed;

/// Longest answer that is taken: what ZooKeeper's own client took before 3.6, and four times what a server takes from a
/// client by default (`jute.maxbuffer`).
const FRAME_MAX: usize = 4 * 1024 * 1024;
/// Bytes in front of each frame.
const LENGTH_BYTES: usize = 4;
/// Passwords are 16 bytes; the first request of a new session has one of zeros.
const PASSWORD_BYTES: usize = 16;

/// What a session is known by.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// 0 before the ensemble gave one.
    pub(crate) session: i64,
    pub(crate) password: Vec<u8>,
    /// Asked for at first, then what the ensemble allows.
    pub(crate) timeout: Duration,
    /// The last transaction we saw: a server that is behind it lets us go on to another.
    pub(crate) last_zxid: i64,
}

/// Why a server gave us no session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Its name has no address; what the resolver said.
    Unresolvable(String),
    /// It cannot be reached, or speaks something else.
    Failed(String),
    /// The session that we came with is over.
    SessionOver,
}

/// A connection on which a session was made or taken up again.
#[derive(Debug)]
pub(crate) struct Connection {
    /// As it was written.
    pub(crate) server: String,
    pub(crate) reader: FrameReader,
    pub(crate) writer: OwnedWriteHalf,
}

/// Takes frames off a stream.
#[derive(Debug)]
pub(crate) struct FrameReader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
}

// === impl Identity ===

impl Identity {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            session: 0,
            password: vec![0; PASSWORD_BYTES],
            timeout,
            last_zxid: 0,
        }
    }

    fn request(&self) -> Vec<u8> {
        let milliseconds = i32::try_from(self.timeout.as_millis()).unwrap_or(i32::MAX);
        let mut request = Writer::default();
        request
            .i32(0)
            .i64(self.last_zxid)
            .i32(milliseconds)
            .i64(self.session);
        request.buffer(&self.password);
        // A read-only server would answer with what may be old.
        request.boolean(false);
        framed(&request.0)
    }

    /// `None` where the session is over.
    fn with_answer(&self, answer: &[u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(answer);
        let _protocol = reader.i32()?;
        let timeout = reader.i32()?;
        let session = reader.i64()?;
        let password = reader.buffer()?;
        let Some(timeout) = u64::try_from(timeout).ok().filter(|timeout| *timeout > 0) else {
            return Ok(None);
        };
        if session == 0 || password.len() != PASSWORD_BYTES {
            return Err("it names no session");
        }
        Ok(Some(Self {
            session,
            password: password.to_vec(),
            timeout: Duration::from_millis(timeout),
            last_zxid: self.last_zxid,
        }))
    }
}

// === impl Connection ===

impl Connection {
    /// Connects to `server` and makes a session, or takes up the one that `identity` names. Every step may take as long as
    /// `step`.
    pub(crate) async fn open(server: &str, identity: &mut Identity, step: Duration) -> Result<Self, Refused> {
        let stream = connect(server, step).await?;
        // Best effort: without it small requests only go slower.
        drop(stream.set_nodelay(true));
        let (read_half, writer) = stream.into_split();
        let mut connection = Self {
            server: server.to_owned(),
            reader: FrameReader {
                stream: read_half,
                buffer: BytesMut::new(),
            },
            writer,
        };
        let shaken = timeout(step, connection.shake_hands(identity)).await;
        match shaken {
            Ok(Ok(Some(identified))) => {
                *identity = identified;
                Ok(connection)
            }
            Ok(Ok(None)) => Err(Refused::SessionOver),
            Ok(Err(reason)) => Err(Refused::Failed(format!("{server}: {reason}"))),
            Err(_elapsed) => Err(Refused::Failed(format!(
                "{server}: it gave no session within {step:?}"
            ))),
        }
    }

    async fn shake_hands(&mut self, identity: &Identity) -> Result<Option<Identity>, String> {
        self.send(&identity.request()).await?;
        let answer = self.reader.next().await.map_err(|reason| {
            format!("{reason}; either this is no client port of ZooKeeper, or the server has no quorum")
        })?;
        identity
            .with_answer(&answer)
            .map_err(|reason| format!("its answer is not ZooKeeper's: {reason}"))
    }

    pub(crate) async fn send(&mut self, frame: &[u8]) -> Result<(), String> {
        self.writer
            .write_all(frame)
            .await
            .map_err(|error| error.to_string())
    }
}

async fn connect(server: &str, step: Duration) -> Result<TcpStream, Refused> {
    let addresses = match timeout(step, lookup_host(server)).await {
        Ok(Ok(addresses)) => addresses.collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(Refused::Unresolvable(format!("{server}: {error}"))),
        Err(_elapsed) => {
            return Err(Refused::Unresolvable(format!(
                "{server}: the name was not resolved within {step:?}"
            )));
        }
    };
    let mut reasons = Vec::new();
    for address in addresses {
        let reason = match timeout(step, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => format!("no answer within {step:?}"),
        };
        // The port is the server's; where the server is an address it stands in front already.
        reasons.push(if address.to_string() == server {
            reason
        } else {
            format!("{}: {reason}", address.ip())
        });
    }
    if reasons.is_empty() {
        return Err(Refused::Unresolvable(format!("{server}: no address found")));
    }
    Err(Refused::Failed(format!("{server}: {}", reasons.join(", "))))
}

// === impl FrameReader ===

impl FrameReader {
    /// The next frame without its length. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<Bytes, String> {
        loop {
            if let Some(frame) = take_frame(&mut self.buffer)? {
                return Ok(frame);
            }
            match self.stream.read_buf(&mut self.buffer).await {
                Ok(0) => return Err("the server closed the connection".to_owned()),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Takes a whole frame off the front, if there is one.
fn take_frame(buffer: &mut BytesMut) -> Result<Option<Bytes>, String> {
    let Some(length) = buffer.first_chunk::<LENGTH_BYTES>() else {
        return Ok(None);
    };
    let length = i32::from_be_bytes(*length);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= FRAME_MAX)
        .ok_or_else(|| format!("it announces a frame of {length} bytes, more than {FRAME_MAX}"))?;
    if buffer.len() - LENGTH_BYTES < length {
        return Ok(None);
    }
    drop(buffer.split_to(LENGTH_BYTES));
    Ok(Some(buffer.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_when_they_are_whole() {
        let mut buffer = BytesMut::from(&[0, 0, 0, 2, 7][..]);
        assert_eq!(take_frame(&mut buffer), Ok(None));
        buffer.extend([8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(take_frame(&mut buffer), Ok(Some(Bytes::from_static(&[7, 8]))));
        assert_eq!(take_frame(&mut buffer), Ok(Some(Bytes::new())));
        assert_eq!(take_frame(&mut buffer), Ok(None));
        assert_eq!(&buffer[..], [0, 0]);
    }

    /// What a web server answers begins with "HTTP".
    #[test]
    fn a_length_beyond_reason_ends_the_connection() {
        for start in [*b"HTTP", [0xff; 4]] {
            let error = take_frame(&mut BytesMut::from(&start[..])).unwrap_err();
            assert!(error.contains("more than 4194304"), "{error}");
        }
    }

    #[test]
    fn a_session_is_given_or_over() {
        let answer = |timeout: i32, session: i64, password: &[u8]| {
            let mut writer = Writer::default();
            writer.i32(0).i32(timeout).i64(session).buffer(password);
            writer.0
        };
        let asked = Identity::new(Duration::from_secs(6));
        assert_eq!(asked.request().len(), 4 + 4 + 8 + 4 + 8 + 4 + 16 + 1);
        let given = asked.with_answer(&answer(4000, 9, &[1; 16])).unwrap().unwrap();
        assert_eq!((given.session, given.timeout), (9, Duration::from_secs(4)));
        assert!(given.with_answer(&answer(0, 0, &[0; 16])).unwrap().is_none());
        assert!(asked.with_answer(&answer(4000, 0, &[1; 16])).is_err());
        assert!(asked.with_answer(&answer(4000, 9, &[1; 3])).is_err());
        assert!(asked.with_answer(&[0; 5]).is_err());
    }
}
