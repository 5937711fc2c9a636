//! One connection to one broker: typed calls, answers in order, a deadline for each request.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kafka_wire::api::api_versions::ApiVersionsRequest;
use kafka_wire::error_code::ErrorCode;
use kafka_wire::frame::encode_frame;
use kafka_wire::request::Request;
use kafka_wire::version::{BrokerVersions, VersionRange};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::error::ClientError;
use crate::frame_reader::{FrameReader, Pending};
use crate::frame_writer::{self, Outgoing};
use crate::gate::Gate;
use crate::handshake::{self, Handshakes};
use crate::task::OwnedTask;
use crate::transport::{Network, ReadHalf, WriteHalf};

/// Requests that may wait in a connection's queue; callers that pipeline keep below it by themselves.
const QUEUE_REQUESTS_MAX: usize = 64;

/// How connections of one client are made.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    pub client_id: Arc<str>,
    pub connect_timeout: Duration,
    /// How long an answer may take, unless a call says otherwise.
    pub request_timeout: Duration,
    /// No answer may be larger, in bytes.
    pub response_bytes_max: usize,
    /// What connections are made of.
    pub network: Network,
}

/// What one call may differ in.
#[derive(Debug, Clone)]
pub struct CallOptions {
    /// How long the answer may take, counted from when the request was queued.
    pub timeout: Duration,
    /// An answer of up to this size, in bytes, was budgeted for and may be received into one allocation.
    pub expected_bytes: usize,
    /// The newest version the caller can use, whatever the broker offers.
    pub version_max: i16,
    /// Whether the request may still leave when its turn comes; `None` if nothing can forbid it.
    pub gate: Option<Gate>,
}

/// An open connection whose broker's versions are known. Dropping it closes the socket.
pub struct Connection {
    address: String,
    settings: ConnectionSettings,
    versions: BrokerVersions,
    link: Link,
}

/// The answer of a started call, to be awaited.
pub struct InFlight<R> {
    address: String,
    version: i16,
    reply: oneshot::Receiver<Result<Bytes, ClientError>>,
    request: PhantomData<fn() -> R>,
}

/// The two tasks behind a connection and the queue into them.
struct Link {
    queue: mpsc::Sender<Outgoing>,
    correlation_ids: AtomicI32,
    _writer: OwnedTask,
    reader: OwnedTask,
}

// === impl CallOptions ===

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            expected_bytes: 0,
            version_max: i16::MAX,
            gate: None,
        }
    }
}

// === impl Connection ===

impl Connection {
    /// Connects to `address` (`host:port`) and asks for its API versions.
    ///
    /// # Errors
    /// The name cannot be resolved, nobody answers, or the peer does not speak Kafka.
    pub async fn open(address: &str, settings: &ConnectionSettings) -> Result<Self, ClientError> {
        Self::open_with(address, settings, &Handshakes::default()).await
    }

    /// As [`Self::open`], with what is remembered of earlier connections.
    pub(crate) async fn open_with(
        address: &str,
        settings: &ConnectionSettings,
        handshakes: &Handshakes,
    ) -> Result<Self, ClientError> {
        let version = handshakes.version_for(address);
        let (link, versions) = match Self::try_open(address, settings, version).await {
            Ok(opened) => opened,
            Err(ClientError::Lost { .. }) => {
                let opened = Self::try_open(address, settings, handshake::OLDEST).await;
                if let Err(ClientError::Lost { reason, .. }) = &opened {
                    return Err(handshake::not_negotiated(address, reason));
                }
                let opened = opened?;
                handshakes.note_oldest_only(address);
                opened
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            address: address.to_owned(),
            settings: settings.clone(),
            versions,
            link,
        })
    }

    async fn try_open(
        address: &str,
        settings: &ConnectionSettings,
        newest: i16,
    ) -> Result<(Link, BrokerVersions), ClientError> {
        let halves = settings
            .network
            .connect(address, settings.connect_timeout)
            .await?;
        let link = Link::start(address, halves, settings.response_bytes_max);
        let options = CallOptions {
            timeout: settings.request_timeout,
            ..CallOptions::default()
        };
        let mut version = newest;
        loop {
            let request = ApiVersionsRequest {
                client_software_name: "heliostat".to_owned(),
                client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let client_id = &settings.client_id;
            let answer = link
                .start_call(address, &request, version, client_id, options.clone())
                .await?
                .answer()
                .await?;
            if answer.error_code == ErrorCode::UNSUPPORTED_VERSION && version > handshake::OLDEST {
                version = handshake::OLDEST; // KIP-511: the broker answered in version 0 and is to be asked in it.
                continue;
            }
            if !answer.error_code.is_ok() {
                return Err(ClientError::Answered {
                    address: address.to_owned(),
                    api: ApiVersionsRequest::API,
                    code: answer.error_code,
                    message: None,
                });
            }
            return Ok((link, answer.broker_versions()));
        }
    }

    /// `host:port` of the broker.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the broker speaks.
    pub fn versions(&self) -> &BrokerVersions {
        &self.versions
    }

    /// The version a request of this type is sent in.
    ///
    /// # Errors
    /// [`ClientError::Unsupported`] if the broker and we share none.
    pub fn version_of<R: Request>(&self) -> Result<i16, ClientError> {
        self.version_up_to::<R>(i16::MAX)
    }

    fn version_up_to<R: Request>(&self, version_max: i16) -> Result<i16, ClientError> {
        let ours = VersionRange::new(R::VERSIONS.min, R::VERSIONS.max.min(version_max));
        self.versions
            .negotiate(R::API, ours)
            .map_err(|error| ClientError::Unsupported {
                address: self.address.clone(),
                api: R::API,
                reason: error.to_string(),
            })
    }

    /// The options a plain call uses.
    pub fn default_options(&self) -> CallOptions {
        CallOptions {
            timeout: self.settings.request_timeout,
            ..CallOptions::default()
        }
    }

    /// Sends a request and waits for its answer.
    pub async fn call<R: Request>(&self, request: &R) -> Result<R::Response, ClientError> {
        self.start(request, self.default_options()).await?.answer().await
    }

    /// Queues a request behind those queued before it and returns as soon as it is queued.
    pub async fn start<R: Request>(
        &self,
        request: &R,
        options: CallOptions,
    ) -> Result<InFlight<R>, ClientError> {
        let version = self.version_up_to::<R>(options.version_max)?;
        self.link
            .start_call(&self.address, request, version, &self.settings.client_id, options)
            .await
    }

    /// Has the connection ended?
    pub fn is_closed(&self) -> bool {
        self.link.queue.is_closed() || self.link.reader.has_ended()
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

// === impl Link ===

impl Link {
    fn start(address: &str, (read_half, write_half): (ReadHalf, WriteHalf), frame_bytes_max: usize) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let (announce, announced) = mpsc::channel(QUEUE_REQUESTS_MAX);
        let reader = FrameReader {
            address: address.to_owned(),
            half: read_half,
            announced,
            frame_bytes_max,
            pending: std::collections::VecDeque::new(),
            buffer: BytesMut::new(),
        };
        Self {
            queue,
            correlation_ids: AtomicI32::new(0),
            _writer: OwnedTask::start(frame_writer::run(write_half, queued, announce)),
            reader: OwnedTask::start(reader.run()),
        }
    }

    async fn start_call<R: Request>(
        &self,
        address: &str,
        request: &R,
        version: i16,
        client_id: &str,
        options: CallOptions,
    ) -> Result<InFlight<R>, ClientError> {
        let correlation_id = self.correlation_ids.fetch_add(1, Ordering::Relaxed) & i32::MAX;
        let parts = encode_frame(request, version, correlation_id, client_id).map_err(|reason| {
            ClientError::Encode {
                address: address.to_owned(),
                api: R::API,
                reason,
            }
        })?;
        let (reply, answer) = oneshot::channel();
        let pending = Pending {
            api: R::API,
            version,
            correlation_id,
            deadline: Instant::now() + options.timeout,
            timeout: options.timeout,
            expected_bytes: options.expected_bytes,
            reply,
        };
        let lost = || ClientError::Lost {
            address: address.to_owned(),
            reason: "already closed".to_owned(),
        };
        self.queue
            .send(Outgoing {
                parts,
                gate: options.gate,
                pending,
            })
            .await
            .map_err(|_closed| lost())?;
        Ok(InFlight {
            address: address.to_owned(),
            version,
            reply: answer,
            request: PhantomData,
        })
    }
}

// === impl InFlight ===

impl<R: Request> InFlight<R> {
    /// Waits for the answer, its deadline or the end of the connection. Cancel safe; answers once.
    pub async fn answer(&mut self) -> Result<R::Response, ClientError> {
        let body = (&mut self.reply).await.unwrap_or_else(|_dropped| {
            Err(ClientError::Lost {
                address: self.address.clone(),
                reason: "already closed".to_owned(),
            })
        })?;
        R::decode_response(self.version, body).map_err(|reason| ClientError::Malformed {
            address: self.address.clone(),
            api: R::API,
            reason,
        })
    }

    /// The version the request was sent in.
    pub fn version(&self) -> i16 {
        self.version
    }
}
