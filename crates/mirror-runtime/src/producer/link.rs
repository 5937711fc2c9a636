//! The connection of the producer to one target broker: requests in order, answers back in order, reconnecting.
//!
//! Each connection has a queue of its own, handed out with [`LinkEvent::Up`] and gone with it: a request given to a
//! connection that ended can never leave on the next one, behind the back of whoever already counts it as failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{CallOptions, ClientError, Cluster, Connection, Gate, InFlight};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_wire::api::produce::{ProduceRequest, ProduceResponse};
use kafka_wire::ids::NodeId;
use kafka_wire::request::Request as _;
use kafka_wire::version::VersionRange;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::events;
use crate::ownership::Ownership;
use crate::throttle;

/// Produce requests on their way to one broker at once. The broker works on one at a time; the others hide the
/// distance. More would only move waiting from our queues into the broker's.
pub(crate) const REQUESTS_IN_FLIGHT_MAX: usize = 6;

/// What a link tells the producer.
#[derive(Debug)]
pub(crate) enum LinkEvent {
    /// A connection is open; requests go into this queue until [`LinkEvent::Down`].
    Up {
        node: NodeId,
        requests: mpsc::Sender<LinkRequest>,
    },
    Answered {
        node: NodeId,
        request_id: u64,
        answer: ProduceResponse,
    },
    /// The connection ended, or could not be made. The outcome of every unanswered request is unknown.
    Down { node: NodeId, error: ClientError },
}

/// A produce request and the name it has with the producer.
#[derive(Debug)]
pub(crate) struct LinkRequest {
    pub(crate) request_id: u64,
    pub(crate) request: ProduceRequest,
    /// The newest version that carries what is in it.
    pub(crate) version_max: i16,
}

/// The task behind one target broker.
pub(crate) struct Link {
    pub(crate) node: NodeId,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) ownership: Arc<Ownership>,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    pub(crate) backoff: BackoffConfig,
    /// One of them a broker must know.
    pub(crate) versions: VersionRange,
    /// How long a broker may take to answer a produce request.
    pub(crate) timeout: Duration,
}

// === impl Link ===

impl Link {
    /// Runs until the producer no longer listens.
    pub(crate) async fn run(self) {
        let seed = u64::from(self.node.0.unsigned_abs());
        let mut backoff = Backoff::new(self.backoff, seed);
        loop {
            let error = match self.open().await {
                Ok(connection) => {
                    let (requests, queue) = mpsc::channel(REQUESTS_IN_FLIGHT_MAX);
                    if self
                        .events
                        .send(LinkEvent::Up {
                            node: self.node,
                            requests,
                        })
                        .await
                        .is_err()
                    {
                        return;
                    }
                    backoff.reset();
                    match self.serve(&connection, queue).await {
                        Some(error) => error,
                        None => return,
                    }
                }
                Err(error) => error,
            };
            if self
                .events
                .send(LinkEvent::Down {
                    node: self.node,
                    error,
                })
                .await
                .is_err()
            {
                return;
            }
            sleep(backoff.next_delay()).await;
        }
    }

    /// Opens a connection to a broker that takes what the producer sends. One that does not was made older, or answered
    /// nothing when the flow began.
    async fn open(&self) -> Result<Connection, ClientError> {
        let connection = self.cluster.open(self.node).await?;
        let theirs = connection.versions().range(ProduceRequest::API);
        if theirs
            .and_then(|theirs| theirs.intersect(self.versions))
            .is_some()
        {
            return Ok(connection);
        }
        let ours = self.versions;
        let theirs = theirs.map_or_else(|| "none".to_owned(), |theirs| theirs.to_string());
        Err(ClientError::Unsupported {
            address: connection.address().to_owned(),
            api: ProduceRequest::API,
            reason: format!(
                "this flow began with brokers that take {ours}, this one takes {theirs}: restart heliostat to have it look \
                 at all brokers again"
            ),
        })
    }

    /// Returns why the connection ended, or `None` if the producer ended first or nothing may be written any more.
    async fn serve(
        &self,
        connection: &Connection,
        mut queue: mpsc::Receiver<LinkRequest>,
    ) -> Option<ClientError> {
        let mut in_flight: VecDeque<(u64, InFlight<ProduceRequest>)> = VecDeque::new();
        let mut muted_until = Instant::now();
        let options = CallOptions {
            timeout: self.timeout,
            // A request may wait for the socket for long after it was handed over.
            gate: Some(Gate::new({
                let ownership = Arc::clone(&self.ownership);
                move || ownership.may_produce().is_ok()
            })),
            ..CallOptions::default()
        };
        loop {
            let muted = !in_flight.is_empty() && muted_until > Instant::now();
            tokio::select! {
                biased;
                answer = first_answer(&mut in_flight), if !in_flight.is_empty() => {
                    let (request_id, answer) = match answer {
                        Ok(answered) => answered,
                        Err(error) => return self.owns().then_some(error),
                    };
                    muted_until = muted_until.max(Instant::now() + throttle::silence(answer.throttle_time_ms));
                    let event = LinkEvent::Answered { node: self.node, request_id, answer };
                    if self.events.send(event).await.is_err() {
                        return None;
                    }
                }
                request = queue.recv(), if in_flight.len() < REQUESTS_IN_FLIGHT_MAX && !muted => {
                    let LinkRequest { request_id, request, version_max } = request?;
                    let options = CallOptions { version_max, ..options.clone() };
                    sleep_until(muted_until).await;
                    if !self.owns() {
                        return None;
                    }
                    match connection.start(&request, options).await {
                        Ok(started) => in_flight.push_back((request_id, started)),
                        Err(error) => return self.owns().then_some(error),
                    }
                }
                () = sleep_until(muted_until), if muted => {}
            }
        }
    }

    /// Are the partitions still ours? If not, others may write them by now: the group tells the flow, which ends us.
    fn owns(&self) -> bool {
        let may_produce = self.ownership.may_produce();
        if let Err(reason) = may_produce {
            events::not_produced(reason);
        }
        may_produce.is_ok()
    }
}

/// The answer of the oldest request. Cancel safe: the request leaves the queue only with its answer.
async fn first_answer(
    in_flight: &mut VecDeque<(u64, InFlight<ProduceRequest>)>,
) -> Result<(u64, ProduceResponse), ClientError> {
    let Some((request_id, waiting)) = in_flight.front_mut() else {
        return std::future::pending().await;
    };
    let (request_id, answer) = (*request_id, waiting.answer().await?);
    in_flight.pop_front();
    Ok((request_id, answer))
}
