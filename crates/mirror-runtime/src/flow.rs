//! A flow from one source cluster to one target cluster: it finds partitions, starts their tasks, moves them between
//! fetchers, looks into trouble, and drains in order at the end.

mod discovery;
mod drain;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use kafka_client::Cluster;
use kafka_client::group::GroupClient;
use kafka_client_core::backoff::BackoffConfig;
use kafka_client_core::fetch_session::FetchSession;
use kafka_wire::ids::{NodeId, TopicId, TopicPartition};
use mirror_config::{Config, IsolationLevel, Positions};
use mirror_core::budget::BudgetLimits;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::committer::{Committed, Committer};
use crate::connect;
use crate::events;
use crate::fetched::{Chunk, Trouble};
use crate::fetcher::{Assignment, COMMANDS, Fetcher, FetcherCommand, FetcherSettings};
use crate::memory::Memory;
use crate::partition::{FetchCursor, PartitionKey, SourcePartition};
use crate::producer::{INBOX_BATCHES, Producer, ProducerSettings, TargetBatch};
use crate::progress_report;
use crate::run_error::RunError;
use crate::shared::FlowShared;
use crate::start_positions::StartPositions;
use crate::target_topics::{TargetShape, TargetTopics};
use crate::tasks::Task;

/// Troubles that may wait for the flow to look into them.
const TROUBLES: usize = 1024;
/// Two refreshes of the source's metadata are at least this far apart, however many brokers complain.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);
/// First and longest pause before a partition that was given up is fetched again.
const TROUBLE_PAUSE_MIN: Duration = Duration::from_millis(50);
const TROUBLE_PAUSE_MAX: Duration = Duration::from_secs(3);
/// A partition that was fetched for this long has left its earlier troubles behind.
const TROUBLE_MEMORY: Duration = Duration::from_secs(2);
/// How long a coordinator that moves or loads is waited for.
const COORDINATOR_PATIENCE: Duration = Duration::from_secs(10);

/// A flow and everything it started.
pub(crate) struct Flow {
    config: Config,
    shared: Arc<FlowShared>,
    source: Arc<Cluster>,
    positions: StartPositions,
    target_topics: Arc<TargetTopics>,
    committed: Arc<Committed>,
    /// What is known of each topic that is mirrored.
    topics: BTreeMap<Arc<str>, KnownTopic>,
    partitions: BTreeMap<TopicPartition, Supervised>,
    fetchers: BTreeMap<NodeId, FetcherHandle>,
    troubles: (mpsc::Sender<Trouble>, mpsc::Receiver<Trouble>),
    to_producer: mpsc::Sender<TargetBatch>,
    draining: watch::Sender<bool>,
    stop_committing: watch::Sender<bool>,
    next_key: PartitionKey,
    /// When the source's metadata is asked for next.
    refresh_due: Instant,
    /// The partitions that existed at the first look. What appears later is new, and read from its beginning.
    at_start: Option<BTreeSet<TopicPartition>>,
    producer: Task<()>,
    committer: Task<Result<(), RunError>>,
    _target_watch: Task<()>,
    _report: Task<()>,
}

/// A mirrored topic.
#[derive(Debug, Clone, Copy)]
struct KnownTopic {
    topic_id: TopicId,
    /// Partitions on the source when its target was last prepared.
    source_partitions: i32,
    target: TargetShape,
}

/// A partition and its routing task.
struct Supervised {
    partition: Arc<SourcePartition>,
    chunks: mpsc::Sender<Chunk>,
    routing: Task<()>,
    leader: Option<(NodeId, i32)>,
    /// The fetcher that has it.
    fetcher: Option<NodeId>,
    /// Not given to a fetcher before this.
    not_before: Instant,
    /// The offset whose bytes could not be used, if it was fetched a second time already.
    suspect: Option<i64>,
    /// After its fetcher let go, fetching goes on here.
    rewind_to: Option<i64>,
    /// When it last had to be given up by a fetcher, and the pause that followed.
    last_trouble: Option<(Instant, Duration)>,
}

struct FetcherHandle {
    commands: mpsc::Sender<FetcherCommand>,
    _task: Task<()>,
}

/// How a flow ended.
pub(crate) enum FlowEnd {
    Shutdown,
    AbortedOnSendFailure,
    Failed(RunError),
}

// === impl Flow ===

impl Flow {
    /// Connects to both clusters and reads the positions. Nothing is mirrored yet.
    pub(crate) async fn start(config: Config) -> Result<Self, RunError> {
        let (source, target) =
            tokio::try_join!(connect::cluster(&config.source), connect::cluster(&config.target))
                .map_err(RunError::Client)?;
        if let (Some(id), true) = (source.cluster_id(), source.cluster_id() == target.cluster_id()) {
            return Err(RunError::SameCluster { cluster_id: id });
        }
        let Positions::SourceGroup { group_id } = &config.flow.positions;
        let group = Arc::new(GroupClient::new(
            Arc::clone(&source),
            group_id,
            COORDINATOR_PATIENCE,
        ));
        let committed_only = config.flow.isolation == IsolationLevel::ReadCommitted;
        let positions = StartPositions::read(Arc::clone(&group), config.flow.start, committed_only).await?;

        let memory = Memory::new(budget_limits(&config));
        let shared = FlowShared::new(memory, config.flow.on_refused_record);
        let target_topics = TargetTopics::new(Arc::clone(&target));
        let (to_producer, inbox) = mpsc::channel(INBOX_BATCHES);
        let producer = Producer::new(
            Arc::clone(&shared),
            target,
            producer_settings(&config),
            inbox,
            target_topics.leaders(),
        );
        let watching = Arc::clone(&target_topics).watch(
            Arc::clone(&shared),
            config.flow.topic_refresh,
            backoff(config.target.retry_backoff, config.target.reconnect_backoff_max),
        );
        let committed = Arc::new(Committed::default());
        let committer = Committer {
            group,
            partitions: Arc::clone(&committed),
            // The position that a commit carries was read before the request left: two of them in each interval.
            interval: config.flow.commit_interval / 2,
            recommit: config.flow.recommit_interval,
            published: BTreeMap::new(),
        };
        let stop_committing = watch::Sender::new(false);
        let report = progress_report::run(Arc::clone(&shared), Arc::clone(&committed));
        let tasks = &shared.tasks;
        Ok(Self {
            producer: tasks.start("producer", producer.run()),
            committer: tasks.start("committer", committer.run(stop_committing.subscribe())),
            _target_watch: tasks.start("target metadata", watching),
            _report: tasks.start("progress report", report),
            config,
            shared,
            source,
            positions,
            target_topics,
            committed,
            topics: BTreeMap::new(),
            partitions: BTreeMap::new(),
            fetchers: BTreeMap::new(),
            troubles: mpsc::channel(TROUBLES),
            to_producer,
            draining: watch::Sender::new(false),
            stop_committing,
            next_key: 0,
            refresh_due: Instant::now(),
            at_start: None,
        })
    }

    /// Mirrors until `shutdown`, a refused record that ends the process, or a failure.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) -> FlowEnd {
        let shared = Arc::clone(&self.shared);
        let end = tokio::select! {
            biased;
            () = shutdown => FlowEnd::Shutdown,
            panicked = shared.tasks.panicked() => FlowEnd::Failed(RunError::Panicked(panicked)),
            () = shared.aborted() => FlowEnd::AbortedOnSendFailure,
            error = self.supervise() => FlowEnd::Failed(error),
        };
        self.drain().await;
        end
    }

    /// Ends only by a failure.
    async fn supervise(&mut self) -> RunError {
        loop {
            tokio::select! {
                trouble = self.troubles.1.recv() => {
                    let trouble = trouble.expect("invariant: the flow holds a sender of its own");
                    self.look_into(trouble).await;
                }
                () = sleep_until(self.refresh_due) => {
                    self.refresh_due = Instant::now() + self.config.flow.topic_refresh;
                    match self.refresh().await {
                        Ok(()) => {}
                        Err(RunError::Client(error)) => {
                            events::metadata_unavailable(self.source.alias(), &error);
                            self.refresh_soon();
                        }
                        Err(error) => return error,
                    }
                }
                ended = self.committer.ended() => return match ended {
                    Ok(Err(error)) => error,
                    Ok(Ok(())) => unreachable!("invariant: the committer is told to stop only when draining"),
                    Err(panicked) => RunError::Panicked(panicked),
                },
                ended = self.producer.ended() => return match ended {
                    Ok(()) => unreachable!("invariant: the producer ends only when its last sender is dropped"),
                    Err(panicked) => RunError::Panicked(panicked),
                },
            }
        }
    }

    /// Asks for the source's metadata again as soon as that makes sense.
    fn refresh_soon(&mut self) {
        self.refresh_due = self.refresh_due.min(Instant::now() + REFRESH_PAUSE);
    }

    /// Gives every partition that has a leader and no fetcher to its leader's fetcher.
    fn assign(&mut self) {
        let now = Instant::now();
        let mut assignments: BTreeMap<NodeId, Vec<Assignment>> = BTreeMap::new();
        let mut next_due = None;
        for supervised in self.partitions.values_mut() {
            if supervised.fetcher.is_some() || supervised.partition.is_halted() {
                continue;
            }
            let Some((node, leader_epoch)) = supervised.leader else {
                continue;
            };
            if supervised.not_before > now {
                next_due = Some(
                    next_due
                        .unwrap_or(supervised.not_before)
                        .min(supervised.not_before),
                );
                continue;
            }
            supervised.fetcher = Some(node);
            assignments.entry(node).or_default().push(Assignment {
                partition: Arc::clone(&supervised.partition),
                leader_epoch,
                chunks: supervised.chunks.clone(),
            });
        }
        if let Some(due) = next_due {
            self.refresh_due = self.refresh_due.min(due);
        }
        for (node, assigned) in assignments {
            let given: Vec<_> = assigned
                .iter()
                .map(|assignment| assignment.partition.tp.clone())
                .collect();
            if self
                .fetcher(node)
                .try_send(FetcherCommand::Assign(assigned))
                .is_err()
            {
                for tp in given {
                    self.set_free(&tp);
                }
            }
        }
    }

    /// The partition has no fetcher any more. It gets one again after a pause that grows while it is given up again
    /// and again.
    fn set_free(&mut self, tp: &TopicPartition) {
        let Some(supervised) = self.partitions.get_mut(tp) else {
            return;
        };
        if let Some(offset) = supervised.rewind_to.take() {
            supervised.partition.set_cursor(FetchCursor {
                offset,
                last_fetched_epoch: -1,
            });
        }
        let now = Instant::now();
        let pause = match supervised.last_trouble {
            Some((at, pause)) if now < at + pause + TROUBLE_MEMORY => (pause * 2).min(TROUBLE_PAUSE_MAX),
            _ => TROUBLE_PAUSE_MIN,
        };
        if pause >= TROUBLE_PAUSE_MAX {
            events::partition_waits(tp);
        }
        supervised.fetcher = None;
        supervised.not_before = now + pause;
        supervised.last_trouble = Some((now, pause));
        self.refresh_due = self.refresh_due.min(now + pause.max(REFRESH_PAUSE));
    }

    /// Was the partition given up so often that its pauses are at their longest?
    fn has_waited_long(&self, tp: &TopicPartition) -> bool {
        let trouble = self
            .partitions
            .get(tp)
            .and_then(|supervised| supervised.last_trouble);
        trouble.is_some_and(|(_, pause)| pause >= TROUBLE_PAUSE_MAX)
    }

    fn fetcher(&mut self, node: NodeId) -> &mpsc::Sender<FetcherCommand> {
        let handle = self.fetchers.entry(node).or_insert_with(|| {
            let (commands, receiver) = mpsc::channel(COMMANDS);
            let fetcher = Fetcher {
                node,
                cluster: Arc::clone(&self.source),
                settings: fetcher_settings(&self.config, self.source.brokers().len()),
                shared: Arc::clone(&self.shared),
                commands: receiver,
                troubles: self.troubles.0.clone(),
                held: BTreeMap::new(),
                session: FetchSession::new(),
            };
            FetcherHandle {
                commands,
                _task: self.shared.tasks.start("fetcher", fetcher.run()),
            }
        });
        &handle.commands
    }
}

fn budget_limits(config: &Config) -> BudgetLimits {
    let total = u64::try_from(config.memory.in_flight_bytes_max).unwrap_or(u64::MAX);
    let lane = u64::try_from(config.flow.fetch.partition_bytes_max)
        .unwrap_or(0)
        .min(total / 8);
    BudgetLimits {
        total,
        share: (total / 8).max(lane),
        lane,
    }
}

fn fetcher_settings(config: &Config, brokers: usize) -> FetcherSettings {
    let fetch = config.flow.fetch;
    let total = u64::try_from(config.memory.in_flight_bytes_max).unwrap_or(u64::MAX);
    FetcherSettings {
        committed_only: config.flow.isolation == IsolationLevel::ReadCommitted,
        wait_max: fetch.wait_max,
        bytes_min: fetch.bytes_min,
        // An idle request reserves what its answer may hold: all brokers' together no more than half of the budget.
        bytes_max: u64::try_from(fetch.bytes_max)
            .unwrap_or(0)
            .min(total / (2 * u64::try_from(brokers.max(1)).unwrap_or(1))),
        partition_bytes_max: fetch.partition_bytes_max,
        request_timeout: config.source.request_timeout,
        reconnect: backoff(
            config.source.reconnect_backoff,
            config.source.reconnect_backoff_max,
        ),
    }
}

fn producer_settings(config: &Config) -> ProducerSettings {
    let (produce, target) = (config.flow.produce, &config.target);
    ProducerSettings {
        idempotent: produce.idempotent,
        in_flight_per_partition: produce.in_flight_per_partition,
        request_bytes_max: produce.request_bytes_max,
        level: config.flow.compression.and_then(|compression| compression.level),
        decompressed_bytes_max: config.memory.decompressed_batch_bytes_max,
        timeout: produce.timeout,
        // The broker's own time-out comes first, so that its answer is heard.
        request_timeout: target
            .request_timeout
            .max(produce.timeout + Duration::from_secs(5)),
        reconnect: backoff(target.reconnect_backoff, target.reconnect_backoff_max),
        retry: backoff(target.retry_backoff, target.reconnect_backoff_max),
    }
}

fn backoff(initial: Duration, max: Duration) -> BackoffConfig {
    BackoffConfig {
        initial,
        max: max.max(initial),
    }
}
