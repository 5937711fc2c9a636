//! One request and its answer, over a connection of its own: looked up, connected, encrypted, asked, read to a bound.

use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, HOST, HeaderValue, LOCATION, USER_AGENT};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::address::{Origin, Place, Scheme};
use crate::answer::Answer;
use crate::{AmbariError, trust};

/// Longest answer, in bytes. A host takes about 300 of them, so this is for the largest clusters there are, tenfold.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Header lines of an answer.
const HEADERS_MAX: usize = 128;
/// Addresses of a name that are tried, one after the other.
const ADDRESSES_MAX: usize = 16;

/// What is mostly waited for.
const WAITING: &str = "it is connected, and was asked";

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// One address, until it is connected.
    pub(crate) connect: Duration,
    /// The whole question, for its words.
    pub(crate) limit: Duration,
    /// When the whole question must be answered.
    pub(crate) deadline: Instant,
}

/// Asks.
///
/// `authorization` is sent as it is: whether `place` may have it is the caller's to decide.
pub(crate) async fn get(
    place: &Place,
    authorization: Option<&HeaderValue>,
    tls: Option<&TlsConnector>,
    times: Times,
) -> Result<Answer, AmbariError> {
    let origin = &place.origin;
    let stream = connect(origin, times).await?;
    let request = request(place, authorization)?;
    match origin.scheme {
        Scheme::Https => {
            let tls = tls.ok_or_else(|| AmbariError::NoRoots {
                reason: "none was read for a plain text URL".to_owned(),
            })?;
            let handshake = tls.connect(server_name(origin)?, stream);
            let stream = within(origin, times, "the TLS handshake went on", handshake).await?;
            let stream = stream.map_err(|error| AmbariError::Tls {
                origin: origin.to_string(),
                reason: trust::explain(&error),
            })?;
            within(origin, times, WAITING, ask(origin, stream, request)).await?
        }
        Scheme::Http => within(origin, times, WAITING, ask(origin, stream, request)).await?,
    }
}

fn request(place: &Place, authorization: Option<&HeaderValue>) -> Result<Request<Empty<Bytes>>, AmbariError> {
    let mut request = Request::builder()
        .method(Method::GET)
        .uri(place.path.as_str())
        .header(HOST, place.origin.authority())
        .header(USER_AGENT, concat!("heliostat/", env!("CARGO_PKG_VERSION")))
        .header(ACCEPT, "application/json, text/plain");
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    // hyper is stricter about a few characters than our own check.
    request
        .body(Empty::new())
        .map_err(|_unfit| AmbariError::Url(crate::UrlProblem::Path))
}

fn server_name(origin: &Origin) -> Result<ServerName<'static>, AmbariError> {
    let name = ServerName::try_from(origin.host.clone());
    name.map_err(|_no_name| AmbariError::Url(crate::UrlProblem::Host))
}

/// Tries each address of the name. An answer of the resolver comes from outside, too, so there is a bound.
async fn connect(origin: &Origin, times: Times) -> Result<TcpStream, AmbariError> {
    let looked_up = lookup_host((origin.host.as_str(), origin.port));
    let looked_up = within(origin, times, "its name was looked up", looked_up).await?;
    let not_found = |reason: String| AmbariError::NameNotFound {
        host: origin.host.clone(),
        reason,
    };
    let addresses: Vec<SocketAddr> = match looked_up {
        Ok(addresses) => addresses.take(ADDRESSES_MAX).collect(),
        Err(error) => return Err(not_found(error.to_string())),
    };
    if addresses.is_empty() {
        return Err(not_found("it has no address".to_owned()));
    }
    let mut tried = Vec::new();
    for address in addresses {
        let attempt = timeout(times.connect, TcpStream::connect(address));
        match within(origin, times, "connections were tried", attempt).await? {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => tried.push(format!("{address}: {error}")),
            Err(_elapsed) => {
                tried.push(format!("{address}: silent for {} s", times.connect.as_secs_f32()));
            }
        }
    }
    Err(AmbariError::Unreachable {
        origin: origin.to_string(),
        tried,
    })
}

/// Sends the request and reads the answer. The connection is driven beside it, and ends with it.
async fn ask<Stream>(
    origin: &Origin,
    stream: Stream,
    request: Request<Empty<Bytes>>,
) -> Result<Answer, AmbariError>
where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let broken = |source| AmbariError::Broken {
        origin: origin.to_string(),
        source,
    };
    let handshake = http1::Builder::new()
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(broken)?;
    let answer = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|value| value.to_str().ok().map(str::to_owned));
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
            Ok(error) => broken(*error),
            Err(other) => {
                debug_assert!(
                    other.is::<LengthLimitError>(),
                    "invariant: there is no third kind"
                );
                AmbariError::TooLarge {
                    origin: origin.to_string(),
                    limit: ANSWER_BYTES_MAX,
                }
            }
        })?;
        Ok(Answer {
            status,
            location,
            body: body.to_bytes(),
        })
    };
    let mut answer = pin!(answer);
    let mut connection = pin!(connection);
    tokio::select! {
        answer = &mut answer => return answer,
        // Whatever ended it, the request knows, too, and has the words; a server may close once it has answered.
        _ended = &mut connection => {}
    }
    answer.await
}

/// Waits for a step no longer than until the deadline of the whole.
async fn within<T>(
    origin: &Origin,
    times: Times,
    during: &'static str,
    step: impl Future<Output = T>,
) -> Result<T, AmbariError> {
    let answer = timeout_at(times.deadline, step).await;
    answer.map_err(|_elapsed| AmbariError::TimedOut {
        origin: origin.to_string(),
        limit: times.limit,
        during,
    })
}
