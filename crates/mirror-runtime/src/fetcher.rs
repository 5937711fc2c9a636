//! The fetcher: one task and one connection per source broker, with one fetch request always on its way.
//!
//! A round: credit is set aside, the session builds the smallest request that says what changed, the answer's batch
//! headers tell where the next request starts, the next request leaves, and only then are the bytes handed to the
//! routing tasks. Nothing is verified here beyond headers; the router checks every batch before it is forwarded.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{CallOptions, ClientError, Cluster, Connection, InFlight};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_client_core::fetch_session::{FetchLimits, FetchSession, FetchTarget, SessionError};
use kafka_wire::api::fetch::{FIRST_BATCH_WHOLE_SINCE, FetchRequest, FetchResponse, ISOLATION_SINCE};
use kafka_wire::ids::{NodeId, TopicPartition};
use kafka_wire::request::Request as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use crate::events;
use crate::fetch_shares::{Round, Shares, Want};
use crate::fetched::{Arrived, Chunk, Trouble, TroubleKind, judge};
use crate::memory::{FetchCredit, Memory};
use crate::partition::{PartitionKey, SourcePartition};
use crate::shared::FlowShared;
use crate::throttle;

/// Commands that may wait for a fetcher.
pub(crate) const COMMANDS: usize = 64;
/// How long a broker may hold an answer back while some partition waits for credit, which may come back any moment.
const WAIT_WHILE_PAUSED: Duration = Duration::from_millis(20);
/// Places a partition's queue must have for it to be asked for: one for the answer that is about to be handed on, one for
/// the answer to this request.
const QUEUE_ROOM: usize = 2;
/// A fetch for less is not worth its round trip; credit is waited for instead.
const FETCH_BYTES_MIN: u64 = 64 * 1024;

/// The last version of Fetch that names topics by name (KIP-516).
const FETCH_VERSION_BY_NAME: i16 = 12;

/// What the flow tells a fetcher.
#[derive(Debug)]
pub(crate) enum FetcherCommand {
    /// Fetch these from now on, each from its cursor.
    Assign(Vec<Assignment>),
    /// Let go of a partition and say so as [`TroubleKind::Released`]; after that, nothing more of it comes from here.
    Release(TopicPartition),
}

/// A partition in a fetcher's hands.
#[derive(Debug, Clone)]
pub(crate) struct Assignment {
    pub(crate) partition: Arc<SourcePartition>,
    pub(crate) leader_epoch: i32,
    /// Where its bytes go.
    pub(crate) chunks: mpsc::Sender<Chunk>,
}

/// Shape of the fetcher's requests.
#[derive(Debug, Clone)]
pub(crate) struct FetcherSettings {
    pub(crate) committed_only: bool,
    pub(crate) wait_max: Duration,
    pub(crate) bytes_min: i32,
    pub(crate) bytes_max: u64,
    pub(crate) partition_bytes_max: i32,
    /// The largest batch that an answer can bring: what a frame may hold, without what stands around the records.
    pub(crate) batch_bytes_max: i32,
    pub(crate) request_timeout: Duration,
    pub(crate) reconnect: BackoffConfig,
}

/// The task of one source broker.
pub(crate) struct Fetcher {
    pub(crate) node: NodeId,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) settings: FetcherSettings,
    pub(crate) shared: Arc<FlowShared>,
    pub(crate) commands: mpsc::Receiver<FetcherCommand>,
    pub(crate) troubles: mpsc::Sender<Trouble>,
    pub(crate) held: BTreeMap<TopicPartition, Held>,
    pub(crate) session: FetchSession,
    /// For brokers that keep no limit for the whole answer.
    pub(crate) shares: Shares<TopicPartition>,
    /// The broker wants silence until then.
    pub(crate) muted_until: Instant,
}

/// A partition and what this fetcher knows of it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) assignment: Assignment,
    /// The last answer held part of a batch only, which is as large as this, in bytes.
    pub(crate) cut: Option<i32>,
    /// Bytes that the last request left to this partition whatever the others got; 0 where they shared one limit.
    pub(crate) promised: i32,
    /// How many answers in a row held less than that, and only part of a batch.
    pub(crate) short_answers: u32,
    /// Part of the request that is being made.
    pub(crate) asked: bool,
}

/// A request on its way, and the credit set aside for its answer.
struct Outstanding {
    in_flight: InFlight<FetchRequest>,
    reservation: FetchCredit,
}

/// Why a connection is no longer used.
enum Ended {
    /// The flow let go of this fetcher.
    Released,
    Lost(ClientError),
}

// === impl Fetcher ===

impl Fetcher {
    /// Runs until the flow drops its end of the commands.
    pub(crate) async fn run(mut self) {
        let seed = u64::from(self.node.0.unsigned_abs());
        let mut backoff = Backoff::new(self.settings.reconnect, seed);
        loop {
            let ended = match self.connect().await {
                Ok(Some(connection)) => {
                    backoff.reset();
                    self.fetch_over(&connection).await
                }
                Ok(None) => Ended::Released,
                Err(error) => Ended::Lost(error),
            };
            let error = match ended {
                Ended::Released => return,
                Ended::Lost(error) => error,
            };
            events::source_broker_lost(self.node, backoff.attempts(), &error, self.held.len());
            self.session.reset();
            self.give_back_all().await;
            let pause = sleep(backoff.next_delay());
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    biased;
                    command = self.commands.recv() => match command {
                        Some(command) => self.obey(command).await,
                        None => return,
                    },
                    () = &mut pause => break,
                }
            }
        }
    }

    /// Opens the connection while commands are obeyed; `None` when the flow let go meanwhile.
    async fn connect(&mut self) -> Result<Option<Connection>, ClientError> {
        let (cluster, node) = (Arc::clone(&self.cluster), self.node);
        let opening = cluster.open(node);
        tokio::pin!(opening);
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return Ok(None),
                },
                opened = &mut opening => return opened.map(Some),
            }
        }
    }

    async fn fetch_over(&mut self, connection: &Connection) -> Ended {
        let memory = Arc::clone(&self.shared.memory);
        let mut outstanding: Option<Outstanding> = None;
        loop {
            let ready_at = self.shared.ready_at().max(self.muted_until);
            let braked = ready_at > Instant::now();
            if outstanding.is_none() && !braked {
                outstanding = match self.begin(connection).await {
                    Ok(begun) => begun,
                    Err(error) => break Ended::Lost(error),
                };
            }
            let idle = outstanding.is_none();
            tokio::select! {
                biased;
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => break Ended::Released,
                },
                answer = answer_of(&mut outstanding) => {
                    let begun = outstanding.take().expect("invariant: only an outstanding request is answered");
                    let answer = match answer {
                        Ok(answer) => answer,
                        Err(error) => break Ended::Lost(error),
                    };
                    let taken = self.take(begun.reservation, begun.in_flight.version(), &answer);
                    let (arrived, troubles) = match taken {
                        Ok(taken) => taken,
                        Err(error) => break Ended::Lost(error),
                    };
                    // The next request travels while this answer is routed, unless a brake holds it.
                    let begun = if self.shared.ready_at().max(self.muted_until) > Instant::now() {
                        Ok(None)
                    } else {
                        self.begin(connection).await
                    };
                    outstanding = match begun {
                        Ok(begun) => begun,
                        Err(error) => {
                            self.hand_on(arrived, troubles).await;
                            break Ended::Lost(error);
                        }
                    };
                    self.hand_on(arrived, troubles).await;
                }
                () = memory.wait_until(|memory| may_fetch(&self.held, memory)), if idle && !braked && !self.held.is_empty() => {}
                () = sleep_until(ready_at), if idle && braked => {}
            }
        }
    }

    /// Sends a fetch for every partition that may hold more bytes; `None` if there is none, or no credit.
    async fn begin(&mut self, connection: &Connection) -> Result<Option<Outstanding>, ClientError> {
        self.forget_halted();
        // A topic without an id (its metadata came from a broker before 2.8) cannot be asked for by id.
        let nameless = self
            .held
            .values()
            .any(|held| held.assignment.partition.topic_id.is_zero());
        let version_max = if nameless { FETCH_VERSION_BY_NAME } else { i16::MAX };
        let version = connection.version_of::<FetchRequest>()?.min(version_max);
        let Some((mut reservation, paused)) = self.reserve(version) else {
            return Ok(None);
        };
        let mut wait_max = if paused {
            WAIT_WHILE_PAUSED
        } else {
            self.settings.wait_max
        };
        let mut max_bytes = i32::try_from(reservation.bytes()).unwrap_or(i32::MAX);
        // A broker that keeps a limit for the whole answer has no business to cut a first batch. One that does is helped.
        if version < FIRST_BATCH_WHOLE_SINCE || self.held.values().any(|held| held.cut.is_some()) {
            let round = self.share_out(max_bytes);
            wait_max = round.wait(wait_max, WAIT_WHILE_PAUSED);
            reservation.raise_to(u64::try_from(round.bytes).unwrap_or(0));
            // What the round asks for may be less than the credit, or one batch that is more.
            max_bytes = round.bytes;
        }
        let limits = FetchLimits {
            max_wait_ms: i32::try_from(wait_max.as_millis()).unwrap_or(i32::MAX),
            // More than the limits allow would be waited for in vain.
            min_bytes: self.settings.bytes_min.min(max_bytes),
            max_bytes,
            // A broker that knows no transactions has committed records only.
            isolation_level: i8::from(self.settings.committed_only && version >= ISOLATION_SINCE),
        };
        let request = self.session.build(version, &limits);
        let options = CallOptions {
            timeout: self.settings.request_timeout + wait_max,
            expected_bytes: usize::try_from(reservation.bytes()).unwrap_or(usize::MAX),
            version_max,
            ..CallOptions::default()
        };
        match connection.start(&request, options).await {
            Ok(in_flight) => Ok(Some(Outstanding {
                in_flight,
                reservation,
            })),
            Err(error) => Err(error),
        }
    }

    fn forget_halted(&mut self) {
        self.held.retain(|tp, held| {
            let keep = !held.assignment.partition.is_halted() && !held.assignment.chunks.is_closed();
            if !keep {
                self.session.remove(tp);
            }
            keep
        });
    }

    /// Sets credit aside and tells the session which partitions to ask for: the ordinary credit for those that may
    /// hold more, else the lane for those that hold nothing. Also says whether some partition has to wait for credit.
    fn reserve(&mut self, version: i16) -> Option<(FetchCredit, bool)> {
        let memory = Arc::clone(&self.shared.memory);
        // Looked at before the reservation is made, which takes from what partitions are allowed.
        let wanting = self.ask_for(|key| memory.allowance(key) > 0);
        if wanting > 0 {
            // Where each partition needs a share of its own the brake is paid after the fact only: shares of next to nothing
            // would cut every batch, and one partition in turn would wait for all that have nothing.
            let braked = match version {
                ..FIRST_BATCH_WHOLE_SINCE => None,
                _ => self.shared.answer_bytes(),
            };
            let bytes = self.settings.bytes_max.min(braked.unwrap_or(u64::MAX));
            if let Some(reservation) = memory.reserve(bytes, FETCH_BYTES_MIN.min(bytes)) {
                return Some((reservation, wanting < self.held.len()));
            }
        }
        let empty = self.ask_for(|key| memory.held_by(key) == 0);
        if empty == 0 {
            return None;
        }
        memory.reserve_lane().map(|reservation| (reservation, true))
    }

    /// Asks for the partitions that `allowed` names and that have room in their queue, pauses the others, and returns
    /// how many are asked for.
    fn ask_for(&mut self, allowed: impl Fn(PartitionKey) -> bool) -> usize {
        let mut asked = 0;
        for (tp, held) in &mut self.held {
            let key = held.assignment.partition.key;
            held.asked = allowed(key) && held.assignment.chunks.capacity() >= QUEUE_ROOM;
            if !held.asked {
                self.session.pause(tp);
                continue;
            }
            asked += 1;
            held.promised = 0;
            self.session
                .set(tp.clone(), held.target(self.settings.partition_bytes_max));
        }
        asked
    }

    /// Gives the partitions that are asked for limits that add up to `bytes`, and leaves out those whose turn it is not.
    fn share_out(&mut self, bytes: i32) -> Round {
        let mut asked: Vec<_> = self.held.iter_mut().filter(|(_, held)| held.asked).collect();
        let wants: Vec<_> = asked
            .iter()
            .map(|(tp, held)| Want {
                key: TopicPartition::clone(tp),
                bytes_max: self.settings.partition_bytes_max,
                cut: held.cut,
            })
            .collect();
        for (tp, _) in &asked {
            self.session.pause(tp);
        }
        let limits = self.shares.share_out(&wants, bytes);
        let round = Round::new(&wants, &limits);
        for (index, limit) in limits {
            if let Some((tp, held)) = asked.get_mut(index) {
                held.promised = limit;
                self.session.set((*tp).clone(), held.target(limit));
            }
        }
        round
    }

    /// Moves the cursors by what an answer holds and turns its reservation into credit.
    fn take(
        &mut self,
        reservation: FetchCredit,
        version: i16,
        answer: &FetchResponse,
    ) -> Result<(Vec<Arrived>, Vec<Trouble>), ClientError> {
        self.shared.counters.throttled_by_source(answer.throttle_time_ms);
        self.muted_until = Instant::now() + throttle::silence(answer.throttle_time_ms);
        let partitions = match self.session.handle_response(version, answer) {
            Ok(partitions) => partitions,
            Err(error) => {
                tracing::debug!(node = %self.node, %error, "fetch session starts anew");
                return match error {
                    // The whole request was refused: asking again at once would only be refused again.
                    SessionError::Refused(code) => Err(ClientError::Answered {
                        address: format!("broker {}", self.node),
                        api: FetchRequest::API,
                        code,
                        message: None,
                    }),
                    SessionError::Ended(_) | SessionError::OtherSession { .. } | SessionError::NotAsked => {
                        Ok((Vec::new(), Vec::new()))
                    }
                };
            }
        };
        let mut judged = Vec::new();
        let mut troubles = Vec::new();
        for (tp, fetched) in partitions {
            let Some(held) = self.held.get_mut(&tp) else {
                continue;
            };
            match judge(held, &fetched, &self.settings) {
                Ok(Some(bytes)) => judged.push((held.assignment.clone(), bytes)),
                Ok(None) => {}
                Err(kind) => troubles.push(Trouble {
                    partition: Arc::clone(&held.assignment.partition),
                    kind,
                }),
            }
        }
        for trouble in &troubles {
            self.held.remove(&trouble.partition.tp);
            self.session.remove(&trouble.partition.tp);
        }
        // A slice keeps the whole answer in memory. Copied out, each partition's bytes are charged, and freed, alone.
        let shared_answer = judged.len() > 1;
        let sizes: Vec<_> = judged
            .iter()
            .map(|(assignment, bytes)| {
                (
                    assignment.partition.key,
                    u64::try_from(bytes.records.len()).unwrap_or(u64::MAX),
                )
            })
            .collect();
        let credits = reservation.commit_actual(&sizes);
        self.shared.spend(sizes.iter().map(|(_, bytes)| bytes).sum());
        let arrived = judged
            .into_iter()
            .zip(credits)
            .map(|((assignment, bytes), credit)| bytes.into_arrived(assignment, credit, shared_answer))
            .collect();
        Ok((arrived, troubles))
    }

    async fn hand_on(&mut self, arrived: Vec<Arrived>, troubles: Vec<Trouble>) {
        for Arrived { assignment, chunk } in arrived {
            // There is room: a partition without it is left out of the request, and only we send into this queue.
            if assignment.chunks.try_send(chunk).is_err() && !assignment.chunks.is_closed() {
                unreachable!("invariant: a partition with a full queue is not fetched");
            }
        }
        for trouble in troubles {
            drop(self.troubles.send(trouble).await);
        }
    }

    /// After a lost connection every partition goes back to the flow: another broker may lead it by now.
    async fn give_back_all(&mut self) {
        for (tp, held) in std::mem::take(&mut self.held) {
            self.session.remove(&tp);
            let trouble = Trouble {
                partition: held.assignment.partition,
                kind: TroubleKind::LeaderUnknown,
            };
            drop(self.troubles.send(trouble).await);
        }
    }

    async fn obey(&mut self, command: FetcherCommand) {
        match command {
            FetcherCommand::Assign(assignments) => {
                for assignment in assignments {
                    self.held
                        .insert(assignment.partition.tp.clone(), Held::new(assignment));
                }
            }
            FetcherCommand::Release(tp) => {
                self.session.remove(&tp);
                if let Some(held) = self.held.remove(&tp) {
                    let partition = held.assignment.partition;
                    drop(
                        self.troubles
                            .send(Trouble {
                                partition,
                                kind: TroubleKind::Released,
                            })
                            .await,
                    );
                }
            }
        }
    }
}

// === impl Held ===

impl Held {
    pub(crate) fn new(assignment: Assignment) -> Self {
        Self {
            assignment,
            cut: None,
            promised: 0,
            short_answers: 0,
            asked: false,
        }
    }

    fn target(&self, partition_max_bytes: i32) -> FetchTarget {
        let partition = &self.assignment.partition;
        let cursor = partition.cursor();
        FetchTarget {
            topic_id: partition.topic_id,
            fetch_offset: cursor.offset,
            current_leader_epoch: self.assignment.leader_epoch,
            last_fetched_epoch: cursor.last_fetched_epoch,
            partition_max_bytes,
        }
    }
}

/// Could [`Fetcher::begin`] send something now?
fn may_fetch(held: &BTreeMap<TopicPartition, Held>, memory: &Memory) -> bool {
    let room = |held: &&Held| held.assignment.chunks.capacity() >= QUEUE_ROOM;
    let key = |held: &Held| held.assignment.partition.key;
    let enough = FETCH_BYTES_MIN.min(memory.share());
    held.values()
        .filter(room)
        .any(|held| memory.allowance(key(held)) >= enough)
        || (held
            .values()
            .filter(room)
            .any(|held| memory.held_by(key(held)) == 0)
            && memory.lane_is_free())
}

/// The answer of the outstanding request; never ready without one. Cancel safe.
async fn answer_of(outstanding: &mut Option<Outstanding>) -> Result<FetchResponse, ClientError> {
    match outstanding {
        Some(outstanding) => outstanding.in_flight.answer().await,
        None => std::future::pending().await,
    }
}
