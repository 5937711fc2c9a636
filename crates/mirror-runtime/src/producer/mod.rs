//! The producer: one task that owns every target partition's order, sequences and retries.
//!
//! Batches come from the routing tasks, leave over one [`link`] per target broker, and their acks lower what their
//! source partition waits for. All decisions are [`ProducerState`]'s; this file moves things in and out of it.

mod anchors;
mod dead_letters;
mod link;
mod old_format;
mod record_search;
mod refusal;
mod tails;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use kafka_client::{ClientError, Cluster, admin};
use kafka_client_core::backoff::{Backoff, BackoffConfig};
use kafka_client_core::producer_state::{
    ProduceBatchSet, ProducerConfig, ProducerEvent, ProducerState, StopReason,
};
use kafka_record::{CodecContexts, HeaderPolicy, OutgoingBatch};
use kafka_wire::api::produce::{ProducePartition, ProduceRequest, ProduceResponse, ProduceTopic};
use kafka_wire::error_code::ErrorCode;
use kafka_wire::ids::{NodeId, ProducerIdentity, TopicId, TopicPartition};
use mirror_core::anchor::{SourceAnchor, TargetAnchor};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use self::dead_letters::DeadLetters;
use self::link::{Link, LinkEvent, LinkRequest, REQUESTS_IN_FLIGHT_MAX};
use self::old_format::OldFormatTopics;
use self::record_search::RecordSearches;
use self::tails::Tails;
use crate::abilities::{TargetFormat, TargetFormats};
use crate::anchors::AnchorChecks;
use crate::events;
use crate::memory::Credit;
use crate::ownership::Ownership;
use crate::partition::SourcePartition;
use crate::shared::FlowShared;
use crate::tasks::Task;

/// Batches that may wait between the routing tasks and the producer; beyond it the routing tasks wait.
pub(crate) const INBOX_BATCHES: usize = 256;
/// First pause before a producer id is asked for again: a target that just started needs some tens of milliseconds.
const IDENTITY_PAUSE_MIN: Duration = Duration::from_millis(10);
/// Batches taken in before requests are made of them, so that requests fill up across partitions.
const GATHER_BATCHES_MAX: usize = 128;

/// A routed batch on its way into the producer.
#[derive(Debug)]
pub(crate) struct TargetBatch {
    pub(crate) target: TopicPartition,
    pub(crate) batch: OutgoingBatch,
    pub(crate) token: BatchToken,
}

/// What a batch stands for on the source side. Its credit goes back when the token is dropped.
#[derive(Debug)]
pub(crate) struct BatchToken {
    pub(crate) source: Arc<SourcePartition>,
    pub(crate) entries: RangeInclusive<u64>,
    pub(crate) first_offset: i64,
    pub(crate) last_offset: i64,
    /// The last source batch that went into it, where it is at hand.
    pub(crate) anchor: Option<SourceAnchor>,
    pub(crate) credit: Arc<Credit>,
}

/// Who leads each target partition, as of the newest metadata.
pub(crate) type Leaders = Arc<BTreeMap<TopicPartition, TargetLeader>>;

/// The leader of a target partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TargetLeader {
    pub(crate) node: NodeId,
    /// Its epoch; -1 where metadata does not tell (brokers before 2.1).
    pub(crate) epoch: i32,
    /// The topic's id; zero where there are none.
    pub(crate) topic_id: TopicId,
}

/// The producer task.
pub(crate) struct Producer {
    shared: Arc<FlowShared>,
    cluster: Arc<Cluster>,
    ownership: Arc<Ownership>,
    settings: ProducerSettings,
    state: ProducerState<BatchToken>,
    inbox: mpsc::Receiver<TargetBatch>,
    leaders: watch::Receiver<Leaders>,
    nodes: BTreeMap<NodeId, Node>,
    events: (mpsc::Sender<LinkEvent>, mpsc::Receiver<LinkEvent>),
    identities: (mpsc::Sender<NewIdentity>, mpsc::Receiver<NewIdentity>),
    identity_tasks: Vec<Task<()>>,
    dead_letters: DeadLetters,
    searches: RecordSearches,
    codecs: CodecContexts,
    /// Target partitions that take nothing more, and why.
    stopped: BTreeMap<TopicPartition, StopReason>,
    /// What each target partition's broker last said about an error, in its own words.
    words: BTreeMap<TopicPartition, String>,
    tails: Tails,
    old_formats: OldFormatTopics,
    checks: AnchorChecks,
    /// Source partitions that stand still until it is known why their target partition was stopped.
    suspended: BTreeMap<TopicPartition, Vec<Arc<SourcePartition>>>,
}

/// How the producer sends.
#[derive(Debug, Clone)]
pub(crate) struct ProducerSettings {
    pub(crate) idempotent: bool,
    /// What the target takes. Every broker of it has to take what is usual there.
    pub(crate) target_formats: TargetFormats,
    /// All brokers of the target would take message sets.
    pub(crate) message_sets: bool,
    /// What becomes of headers in a topic that is found out to have no place for them.
    pub(crate) headers: HeaderPolicy,
    pub(crate) in_flight_per_partition: usize,
    pub(crate) request_bytes_max: usize,
    /// Level of batches that are compressed anew because they were split.
    pub(crate) level: Option<i32>,
    /// What a refused batch may decompress to when it is split.
    pub(crate) decompressed_bytes_max: usize,
    /// How long the target may wait for its replicas.
    pub(crate) timeout: Duration,
    /// How long an answer may take in all.
    pub(crate) request_timeout: Duration,
    pub(crate) reconnect: BackoffConfig,
    pub(crate) retry: BackoffConfig,
}

/// One target broker.
struct Node {
    _link: Task<()>,
    requests: Option<mpsc::Sender<LinkRequest>>,
    unanswered: Vec<u64>,
}

/// A producer id that was asked for: for one partition, or for all.
struct NewIdentity {
    tp: Option<TopicPartition>,
    identity: ProducerIdentity,
}

/// Where records come from and where they go.
pub(crate) struct Clusters {
    pub(crate) source: Arc<Cluster>,
    pub(crate) target: Arc<Cluster>,
}

// === impl Producer ===

impl Producer {
    pub(crate) fn new(
        shared: Arc<FlowShared>,
        clusters: Clusters,
        ownership: Arc<Ownership>,
        settings: ProducerSettings,
        inbox: mpsc::Receiver<TargetBatch>,
        leaders: watch::Receiver<Leaders>,
    ) -> Self {
        let state = ProducerState::new(ProducerConfig {
            idempotent: settings.idempotent,
            message_sets_are_taken: settings.message_sets,
            in_flight_per_partition_max: settings.in_flight_per_partition,
            retry_backoff: settings.retry,
            ..ProducerConfig::default()
        });
        Self {
            dead_letters: DeadLetters::new(settings.target_formats),
            searches: RecordSearches::new(clusters.source, settings.decompressed_bytes_max),
            shared,
            cluster: clusters.target,
            ownership,
            settings,
            state,
            inbox,
            leaders,
            nodes: BTreeMap::new(),
            events: mpsc::channel(64),
            identities: mpsc::channel(16),
            identity_tasks: Vec::new(),
            codecs: CodecContexts::new(),
            stopped: BTreeMap::new(),
            words: BTreeMap::new(),
            tails: Tails::default(),
            old_formats: OldFormatTopics::default(),
            checks: AnchorChecks::new(),
            suspended: BTreeMap::new(),
        }
    }

    /// Runs until every routing task has ended and all they sent is acknowledged, refused or withdrawn.
    pub(crate) async fn run(mut self) {
        self.apply_leaders();
        if self.settings.idempotent {
            // The first batch would ask for it; a cold target takes a while to answer, so ask beside the discovery.
            self.ask_identity(None);
        }
        let mut open = true;
        while open || !self.state.is_idle() || !self.dead_letters.is_idle() {
            let wake = self.state.next_timeout();
            tokio::select! {
                biased;
                event = self.events.1.recv() => {
                    let event = event.expect("invariant: the producer holds a sender of its own");
                    self.handle_link(event);
                }
                new = self.identities.1.recv() => {
                    let new = new.expect("invariant: the producer holds a sender of its own");
                    self.set_identity(new);
                }
                checked = self.checks.next() => self.handle_checked(checked),
                searched = self.searches.next() => self.handle_searched(searched),
                written = self.dead_letters.next() => self.handle_dead_letter(written),
                changed = self.leaders.changed() => match changed {
                    Ok(()) => self.apply_leaders(),
                    Err(_closed) => return, // the flow is gone, and with it all that could be acknowledged to
                },
                batch = self.inbox.recv(), if open => match batch {
                    Some(batch) => self.take_in(batch),
                    None => open = false,
                },
                () = sleep_until(wake.map_or_else(Instant::now, Instant::from_std)), if wake.is_some() => {}
            }
            self.gather();
            self.pump();
        }
    }

    /// Takes in what else is waiting, so that one request carries many partitions.
    fn gather(&mut self) {
        for _ in 0..GATHER_BATCHES_MAX {
            let Ok(event) = self.events.1.try_recv() else {
                break;
            };
            self.handle_link(event);
        }
        for _ in 0..GATHER_BATCHES_MAX {
            let Ok(batch) = self.inbox.try_recv() else { break };
            self.take_in(batch);
        }
    }

    fn take_in(&mut self, TargetBatch { target, batch, token }: TargetBatch) {
        if token.source.is_withdrawn() {
            return; // never sent, so its position stays in front of it
        }
        if let Some(&reason) = self.stopped.get(&target) {
            let reason = refusal::stopped(&token.source, &target, reason);
            self.halt_source(&token.source, reason);
            return;
        }
        if let Some(batch) = self.as_topic_takes_it(&target, batch, &token) {
            self.state.enqueue(&target, batch, token);
        }
    }

    /// Handles what happened, then sends what may be sent, until neither makes the other possible.
    fn pump(&mut self) {
        loop {
            while let Some(event) = self.state.poll_event() {
                self.handle_event(event);
            }
            if !self.send_all() {
                return;
            }
        }
    }

    fn send_all(&mut self) -> bool {
        let now = Instant::now().into_std();
        // Takes the timers that are due off the clock, also when no broker is connected and nothing can be sent.
        self.state.nodes_with_work(now);
        let mut sent = false;
        for (&node, link) in &mut self.nodes {
            let Some(requests) = &link.requests else { continue };
            while link.unanswered.len() < REQUESTS_IN_FLIGHT_MAX {
                let Some(set) = self
                    .state
                    .poll_request(node, now, self.settings.request_bytes_max)
                else {
                    break;
                };
                sent = true;
                link.unanswered.push(set.request_id);
                let request_id = set.request_id;
                let request = LinkRequest {
                    request_id,
                    version_max: TargetFormat::of_batch(set.is_message_sets).produce_versions().max,
                    request: produce_request(set, self.settings.timeout),
                };
                if requests.try_send(request).is_err() {
                    break; // the connection just ended: its Down event is on the way and names every unanswered request
                }
            }
        }
        sent
    }

    fn handle_link(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Up { node, requests } => {
                if let Some(link) = self.nodes.get_mut(&node) {
                    link.requests = Some(requests);
                }
            }
            LinkEvent::Answered {
                node,
                request_id,
                answer,
            } => {
                if let Some(link) = self.nodes.get_mut(&node) {
                    link.unanswered.retain(|unanswered| *unanswered != request_id);
                }
                self.handle_answer(request_id, &answer);
            }
            LinkEvent::Down { node, error } => self.handle_down(node, &error),
        }
    }

    fn handle_answer(&mut self, request_id: u64, answer: &ProduceResponse) {
        let now = Instant::now().into_std();
        self.shared.counters.throttled_by_target(answer.throttle_time_ms);
        for topic in &answer.topics {
            let Some(name) = &topic.topic else { continue }; // only versions with topic ids leave the name out
            for partition in &topic.partitions {
                let tp = TopicPartition {
                    topic: Arc::clone(name),
                    partition: partition.partition,
                };
                if let Some(words) = &partition.error_message {
                    self.words.insert(tp.clone(), words.clone());
                }
                self.state
                    .handle_result(request_id, &tp, partition.error_code, partition.base_offset, now);
            }
        }
        // An answer that leaves a partition out says nothing about it: unknown, like a lost answer. Partitions that
        // were answered are no longer part of the request.
        self.state.handle_disconnect(request_id, now);
    }

    fn handle_down(&mut self, node: NodeId, error: &ClientError) {
        let Some(link) = self.nodes.get_mut(&node) else {
            return;
        };
        link.requests = None;
        events::target_broker_lost(node, error, link.unanswered.len());
        let now = Instant::now().into_std();
        for request_id in std::mem::take(&mut link.unanswered) {
            self.state.handle_disconnect(request_id, now);
        }
        self.shared.refresh_target.notify_one();
    }

    fn handle_event(&mut self, event: ProducerEvent<BatchToken>) {
        match event {
            ProducerEvent::Acked {
                tp,
                token,
                base_offset,
                record_count,
                crc,
                is_message_set,
                bytes,
            } => {
                if let Some(base_offset) = base_offset {
                    // The entries of a message set are known by the offset of their last record.
                    let (base_offset, in_anchor) = if is_message_set {
                        (base_offset + i64::from(record_count) - 1, 1)
                    } else {
                        (base_offset, record_count)
                    };
                    let target = TargetAnchor {
                        partition: tp.partition,
                        base_offset,
                        record_count: in_anchor,
                        crc,
                        topic_id: TopicId::ZERO, // filled in where it is known
                    };
                    self.note_anchor(tp, target, &token);
                }
                token.source.handle_acked(&token.entries);
                self.shared.counters.acked(record_count, bytes);
                self.shared.recovered();
            }
            ProducerEvent::Refused {
                tp,
                batch,
                token,
                error,
                may_be_stored,
            } => self.handle_refused(&tp, &batch, &token, error, may_be_stored),
            ProducerEvent::LeaderStale { tp, error } => {
                tracing::debug!(%tp, %error, "target partition moved");
                self.shared.refresh_target.notify_one();
            }
            ProducerEvent::Retrying {
                tp,
                error,
                attempt,
                may_be_doubled,
            } => {
                self.shared.counters.retried();
                if may_be_doubled {
                    self.shared.counters.possibly_duplicated(1);
                }
                if matches!(
                    error,
                    ErrorCode::NOT_ENOUGH_REPLICAS | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
                ) {
                    self.shared.back_off();
                }
                events::produce_retried(&tp, error, attempt);
            }
            ProducerEvent::Stopped { tp, reason } => self.handle_stopped(&tp, reason),
            ProducerEvent::IdentityNeeded { tp: None } => {} // asked for at the start
            ProducerEvent::IdentityNeeded { tp } => self.ask_identity(tp),
        }
    }

    fn ask_identity(&mut self, tp: Option<TopicPartition>) {
        let (cluster, answers) = (Arc::clone(&self.cluster), self.identities.0.clone());
        let pauses = BackoffConfig {
            initial: IDENTITY_PAUSE_MIN.min(self.settings.retry.max),
            max: self.settings.retry.max,
        };
        let mut backoff = Backoff::new(pauses, 0);
        let asking = async move {
            loop {
                match admin::init_producer_id(&cluster).await {
                    Ok(identity) => {
                        drop(answers.send(NewIdentity { tp, identity }).await);
                        return;
                    }
                    Err(error) => events::identity_unavailable(backoff.attempts(), &error),
                }
                sleep(backoff.next_delay()).await;
            }
        };
        let task = self.shared.tasks.start("producer identity", asking);
        self.identity_tasks.push(task);
    }

    fn set_identity(&mut self, NewIdentity { tp, identity }: NewIdentity) {
        match tp {
            None => self.state.set_identity(identity),
            Some(tp) => {
                if let Err(error) = self.state.set_partition_identity(&tp, identity) {
                    tracing::debug!(%tp, %error, "new producer id not needed any more");
                }
            }
        }
    }

    fn apply_leaders(&mut self) {
        let leaders = Arc::clone(&self.leaders.borrow_and_update());
        for (tp, &TargetLeader { node, .. }) in leaders.iter() {
            self.state.set_leader(tp, Some(node));
            self.nodes.entry(node).or_insert_with(|| {
                let link = Link {
                    node,
                    cluster: Arc::clone(&self.cluster),
                    ownership: Arc::clone(&self.ownership),
                    events: self.events.0.clone(),
                    backoff: self.settings.reconnect,
                    versions: self.settings.target_formats.usual().produce_versions(),
                    timeout: self.settings.request_timeout,
                };
                Node {
                    _link: self.shared.tasks.start("target broker link", link.run()),
                    requests: None,
                    unanswered: Vec::new(),
                }
            });
        }
        self.check_tails();
    }
}

// === impl Drop for Producer ===

impl Drop for Producer {
    /// Whoever owns the partitions next sends again what is in no acknowledged position. Only what may have arrived can
    /// come twice by that.
    fn drop(&mut self) {
        self.shared
            .counters
            .possibly_duplicated(self.state.unsettled_batches());
    }
}

/// One request of all its batches. The broker takes one batch per partition and request.
fn produce_request(set: ProduceBatchSet, timeout: Duration) -> ProduceRequest {
    let mut topics: Vec<ProduceTopic> = Vec::new();
    for sent in set.batches {
        let partition = ProducePartition {
            partition: sent.tp.partition,
            header: sent.header,
            payload: sent.payload,
        };
        match topics.iter_mut().find(|topic| topic.topic == sent.tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(ProduceTopic {
                topic: sent.tp.topic,
                topic_id: TopicId::ZERO,
                partitions: vec![partition],
            }),
        }
    }
    ProduceRequest {
        transactional_id: None,
        acks: -1,
        timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        topics,
    }
}
