//! A server that answers as Ambari behind its gateway does: TLS with a CA of its own, basic authentication, two components of one cluster,
//! and Ambari's words for what is wrong. What the network does to such a server is a [`Manner`].

mod answers;
mod base64;
mod certificates;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio_rustls::TlsAcceptor;

use answers::answer;
pub use certificates::Certificate;

/// How the server behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    Ready,
    /// Every request gets this status and this page, as from a gateway without Ambari.
    Page(u16, &'static str),
    /// Every request of the first kind is redirected; a redirect to a path that begins with `/moved` is answered as if it had not been.
    Redirect(String),
    /// Requests are read and never answered.
    Silent,
    /// The answer begins and does not end.
    Stuck,
    /// The answer has no end.
    Endless,
    /// Bytes that are no HTTP.
    Garbage,
}

/// What the server is.
#[derive(Debug, Clone)]
pub struct AmbariOptions {
    pub cluster: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    /// 403 is Ambari's answer to a wrong password, 401 the gateway's.
    pub wrong_password: u16,
    pub zookeeper: Vec<&'static str>,
    /// `None`: the cluster has no service KAFKA.
    pub brokers: Option<Vec<&'static str>>,
    pub certificate: Certificate,
    pub manner: Manner,
}

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The `Host` header.
    pub host: String,
    /// With its query.
    pub path: String,
    pub authorization: Option<String>,
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct Ambari {
    address: SocketAddr,
    options: Arc<AmbariOptions>,
    seen: Arc<Mutex<Vec<Seen>>>,
    folder: TempDir,
    _runtime: Runtime,
}

/// What is sent in place of an answer without end: one piece of it.
const PIECE_BYTES: usize = 8 * 1024;

// === impl AmbariOptions ===

impl Default for AmbariOptions {
    fn default() -> Self {
        Self {
            cluster: "source-hdi",
            user: "admin",
            password: "correct horse",
            wrong_password: 403,
            zookeeper: vec!["zk0-source.x", "zk1-source.x", "zk6-source.x"],
            brokers: Some(vec!["wn0-source.x", "wn1-source.x", "wn2-source.x"]),
            certificate: Certificate::Good,
            manner: Manner::Ready,
        }
    }
}

// === impl Ambari ===

impl Ambari {
    /// Listens at a port of this host.
    pub fn start(options: AmbariOptions) -> Result<Self> {
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let folder = tempfile::tempdir()?;
        let acceptor = certificates::acceptor(options.certificate, &folder.path().join("ca.pem"))?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let address = listener.local_addr()?;
        let options = Arc::new(options);
        let seen = Arc::default();
        let service = Service {
            authority: format!("localhost:{}", address.port()),
            options: Arc::clone(&options),
            seen: Arc::clone(&seen),
        };
        runtime.spawn(serve(listener, acceptor, service));
        Ok(Self {
            address,
            options,
            seen,
            folder,
            _runtime: runtime,
        })
    }

    /// Starts one that only differs in its manner.
    pub fn with_manner(manner: Manner) -> Result<Self> {
        Self::start(AmbariOptions {
            manner,
            ..AmbariOptions::default()
        })
    }

    /// The URL that its certificate is made for.
    pub fn url(&self) -> String {
        let scheme = match self.options.certificate {
            Certificate::None => "http",
            Certificate::Good | Certificate::OtherName | Certificate::Expired => "https",
        };
        format!("{scheme}://localhost:{}", self.port())
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The certificate of the CA that signed the server's.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A file with this password in it, as a user writes one.
    pub fn password_file(&self, password: &str) -> Result<PathBuf> {
        let file = self.folder.path().join("password");
        write_for_the_owner_alone(&file, &format!("{password}\n"))?;
        Ok(file)
    }

    /// A folder for files that go with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn write_for_the_owner_alone(file: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600))?;
    Ok(())
}

#[derive(Clone)]
struct Service {
    /// What the `Host` header must say.
    authority: String,
    options: Arc<AmbariOptions>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

async fn serve(listener: TcpListener, acceptor: Option<TlsAcceptor>, service: Service) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _peer)) = listener.accept().await {
        connections.spawn(connection(stream, acceptor.clone(), service.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, service: Service) {
    match acceptor {
        Some(acceptor) => {
            // A client that does not believe us goes away here.
            if let Ok(stream) = acceptor.accept(stream).await {
                speak(stream, service).await;
            }
        }
        None => speak(stream, service).await,
    }
}

async fn speak<Stream>(mut stream: Stream, service: Service)
where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Whatever breaks here is what the test is about; the client's side tells it.
    if matches!(
        service.options.manner,
        Manner::Garbage | Manner::Endless | Manner::Stuck
    ) && read_head(&mut stream).await.is_err()
    {
        return;
    }
    let _ended = match service.options.manner {
        Manner::Garbage => stream.write_all(b"220 mail.example ESMTP\r\n").await,
        Manner::Endless => endless(&mut stream).await,
        Manner::Stuck => stuck(&mut stream).await,
        Manner::Ready | Manner::Page(..) | Manner::Redirect(_) | Manner::Silent => {
            let serving = service_fn(|request| {
                let service = service.clone();
                async move {
                    Ok::<_, Infallible>(
                        answer(&request, &service.authority, &service.options, &service.seen).await,
                    )
                }
            });
            let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), serving);
            serving.await.map_err(std::io::Error::other)
        }
    };
}

/// Reads a request up to its blank line.
async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(())
}

async fn endless(stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        .await?;
    loop {
        stream.write_all(&[b' '; PIECE_BYTES]).await?;
    }
}

async fn stuck(stream: &mut (impl AsyncWrite + Unpin)) -> std::io::Result<()> {
    stream
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"host_components\":[")
        .await?;
    stream.flush().await?;
    std::future::pending().await
}
