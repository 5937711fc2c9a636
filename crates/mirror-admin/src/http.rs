//! The HTTP server for whoever watches: read-only, bounded, and of no consequence for the mirror.
//!
//! | path | answer |
//! |---|---|
//! | `/metrics` | Prometheus's text |
//! | `/healthz` | 200 while the process's event loop runs, whatever the clusters do |
//! | `/readyz` | 200 when every flow is at work, else 503; the reasons as JSON |
//! | `/status` | everything, as JSON |
//!
//! One request per connection: a scrape every few seconds needs no more, and a connection has one deadline.

mod answer;
mod heart;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use mirror_core::status::StatusSource;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::AdminError;
use answer::answer;
use heart::Heart;

/// Connections served at a time; further ones wait to be accepted. A scraper, a prober and a person need three.
const CONNECTIONS_MAX: usize = 32;
/// Bytes of a request's head. There is no body that anybody would read.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Header lines of a request.
const HEADERS_MAX: usize = 64;
/// For the request to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// For the whole connection, the answer to a slow reader included.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(30);
/// After the system had no connection to give (no file descriptors left, as a rule).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An address that is ours.
#[derive(Debug)]
pub struct Listener {
    listener: TcpListener,
}

/// Takes the address; a name is looked up. A port that is taken is an error here, at the start, and nowhere later.
pub async fn bind(host: &str, port: u16) -> Result<Listener, AdminError> {
    match TcpListener::bind((host, port)).await {
        Ok(listener) => Ok(Listener { listener }),
        Err(source) => Err(AdminError::Bind {
            address: if host.contains(':') {
                format!("[{host}]:{port}")
            } else {
                format!("{host}:{port}")
            },
            source,
        }),
    }
}

/// Answers requests until it is dropped.
pub async fn serve_http(listener: Listener, source: Arc<dyn StatusSource>) -> Infallible {
    let heart = Arc::new(Heart::new());
    let mut tasks = JoinSet::new();
    let beating = Arc::clone(&heart);
    tasks.spawn(async move { match beating.beat().await {} });
    loop {
        // The heart is one of the tasks.
        if tasks.len() > CONNECTIONS_MAX {
            tasks.join_next().await;
            continue;
        }
        tokio::select! {
            accepted = listener.listener.accept() => match accepted {
                Ok((stream, _peer)) => {
                    tasks.spawn(connection(stream, Arc::clone(&source), Arc::clone(&heart)));
                }
                Err(error) => {
                    tracing::debug!("no admin connection accepted: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            _ended = tasks.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, source: Arc<dyn StatusSource>, heart: Arc<Heart>) {
    let service = service_fn(|request| {
        let answer = answer(&request, source.as_ref(), &heart);
        async { Ok::<_, Infallible>(answer) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .keep_alive(false)
        .max_headers(HEADERS_MAX)
        .max_buf_size(REQUEST_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIMEOUT, serving).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!("admin connection broke: {error}"),
        Err(_elapsed) => tracing::debug!("admin connection took too long"),
    }
}

// === impl Listener ===

impl Listener {
    /// The address in numbers: where the port was given as 0, the one that the system chose.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}
